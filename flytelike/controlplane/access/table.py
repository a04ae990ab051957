"""Of each RPC: what it does, and where. A call of an RPC that does not stand here is refused to everybody."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from typing import Any

from flytelike.controlplane.access.places import places_in
from flytelike.controlplane.access.roles import PLATFORM, Action, Place
from flytelike.controlplane.data_url import parse_data_url

Request = Any
"""A message of the RPC's type."""
Where = Callable[[Request], Iterable[Place]]


class Door(Enum):
    """Who may come in without a role."""

    OPEN = "anybody"
    KNOWN = "whoever says who they are; what they are told is theirs"
    ROLES = "who has the role"


class ByAttempt(Enum):
    """Whether an attempt may make a call with its own token, and which node it must be of."""

    NEVER = "attempts do not make it"
    AS_CALLER = "of the node that the request names as its caller"
    OF_CALL = "of the node that called the execution which the request names"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a call does and where; everything else that it names is read, which takes a right, too.

    `where` names the places of the action; where there is none, it is the platform. With `refers`, all other places in
    the request must be readable. `by_attempt` says what attempts may do without any role.
    """

    action: Action = Action.READ
    where: Where = places_in
    refers: bool = True
    door: Door = Door.ROLES
    audited: bool = True
    by_attempt: ByAttempt = ByAttempt.NEVER

    def needs(self, request: Request) -> Mapping[Place, Action]:
        """Return what a request needs, by place."""
        needed = dict.fromkeys(self.where(request), self.action)
        if not needed:
            needed[PLATFORM] = self.action
        if self.refers and self.where is not places_in:
            for place in places_in(request):
                needed.setdefault(place, Action.READ)
        return needed


def at(*paths: str) -> Where:
    """Return a rule's `where`: what the messages at paths, such as `id.node_execution_id`, name themselves."""
    steps = [path.split(".") for path in paths]

    def where(request: Request) -> Iterator[Place]:
        for path in steps:
            found = reduce(getattr, path, request)
            yield Place(found.project, found.domain) if found.project else PLATFORM

    return where


def own(request: Request) -> Iterator[Place]:
    """Yield the place that the request itself names."""
    yield Place(request.project, request.domain) if request.project else PLATFORM


def project_at(path: str) -> Where:
    """Return a rule's `where`: the project whose id stands at a path."""
    steps = path.split(".")

    def where(request: Request) -> Iterator[Place]:
        yield Place(reduce(getattr, steps, request))

    return where


def everywhere(_request: Request) -> Iterator[Place]:
    """Yield the platform."""
    yield PLATFORM


def registered(request: Request) -> Iterator[Place]:
    """Yield where a request to register registers."""
    for entity in (*request.tasks, *request.workflows, *request.launch_plans):
        yield Place(entity.id.project, entity.id.domain) if entity.id.project else PLATFORM


def derived(request: Request) -> Iterator[Place]:
    """Yield where a derived execution runs."""
    yield Place(request.id.project, request.id.domain) if request.id.project else PLATFORM


def data_named(request: Request) -> Iterator[Place]:
    """Yield where the execution of a `flyte://` url ran; raises Refusal INVALID_ARGUMENT."""
    execution = parse_data_url(request.flyte_url).node.execution
    yield Place(execution.project, execution.domain)


def collected(request: Request) -> Iterator[Place]:
    """Yield where executions are deleted: rules go over all that there is, and name what others keep."""
    if request.rules or not request.executions:
        yield PLATFORM
    for execution in request.executions:
        yield Place(execution.project, execution.domain) if execution.project else PLATFORM


def scope(path: str) -> Where:
    """Return a rule's `where`: the scope of a grant at a path."""

    def where(request: Request) -> Iterator[Place]:
        found = reduce(getattr, path.split("."), request)
        yield Place(found.project, found.domain, found.team)

    return where


def _of(service: str, rules: Mapping[str, Rule]) -> dict[str, Rule]:
    return {f"{service}/{name}": rule for name, rule in rules.items()}


_READ, _LAUNCH, _REGISTER, _ADMINISTER = Action.READ, Action.LAUNCH, Action.REGISTER, Action.ADMINISTER
_ID = at("id")
READ = Rule()
PLATFORM_ADMIN = Rule(_ADMINISTER, everywhere)
OPEN = Rule(door=Door.OPEN)
KNOWN = Rule(door=Door.KNOWN)
KNOWN_CHANGE = Rule(_ADMINISTER, door=Door.KNOWN)
NODE = Rule(where=at("id.node_execution_id.execution_id"), refers=False)

_READING = (
    "GetTask",
    "ListTaskIds",
    "ListTasks",
    "GetWorkflow",
    "ListWorkflowIds",
    "ListWorkflows",
    "GetLaunchPlan",
    "GetActiveLaunchPlan",
    "ListActiveLaunchPlans",
    "ListLaunchPlanIds",
    "ListLaunchPlans",
    "GetExecution",
    "GetExecutionData",
    "ListExecutions",
    "GetNodeExecution",
    "GetNodeExecutionData",
    "GetDynamicNodeWorkflow",
    "ListNodeExecutions",
    "ListTaskExecutions",
    "GetProjectDomainAttributes",
    "GetProjectAttributes",
    "GetWorkflowAttributes",
    "ListNamedEntities",
    "GetNamedEntity",
    "GetDescriptionEntity",
    "ListDescriptionEntities",
    "GetExecutionMetrics",
)

_ADMIN = {
    **dict.fromkeys(_READING, READ),
    "GetTaskExecution": NODE,
    "GetTaskExecutionData": NODE,
    "ListNodeExecutionsForTask": Rule(where=at("task_execution_id.node_execution_id.execution_id"), refers=False),
    **dict.fromkeys(["CreateTask", "CreateWorkflow", "CreateLaunchPlan"], Rule(_REGISTER, _ID)),
    **dict.fromkeys(["UpdateLaunchPlan", "UpdateNamedEntity"], Rule(_REGISTER)),
    "CreateExecution": Rule(_LAUNCH, own),
    **dict.fromkeys(["RelaunchExecution", "RecoverExecution"], Rule(_LAUNCH, _ID)),
    "UpdateExecution": Rule(_LAUNCH),
    "TerminateExecution": Rule(_LAUNCH, by_attempt=ByAttempt.OF_CALL),
    **dict.fromkeys(["CreateWorkflowEvent", "CreateNodeEvent", "CreateTaskEvent"], PLATFORM_ADMIN),
    "RegisterProject": PLATFORM_ADMIN,
    "UpdateProject": Rule(_ADMINISTER, project_at("id")),
    **dict.fromkeys(["GetProject", "ListProjects", "GetDomains", "GetVersion"], KNOWN),
    "ListMatchableAttributes": Rule(where=everywhere),
    **{
        f"{verb}{kind}Attributes": Rule(_ADMINISTER)
        for verb in ("Update", "Delete")
        for kind in ("Project", "ProjectDomain", "Workflow")
    },
}

_CATALOG = {
    **dict.fromkeys(["GetDataset", "GetArtifact", "ListArtifacts", "ListDatasets"], READ),
    **dict.fromkeys(
        ["CreateDataset", "CreateArtifact", "AddTag", "UpdateArtifact", "GetOrExtendReservation", "ReleaseReservation"],
        Rule(_REGISTER),
    ),
}

RULES: Mapping[str, Rule] = {
    **_of("AdminService", _ADMIN),
    **_of("DataCatalog", _CATALOG),
    # Its keys name no project.
    **_of(
        "CacheService",
        dict.fromkeys(["Get", "Put", "Delete", "GetOrExtendReservation", "ReleaseReservation"], PLATFORM_ADMIN),
    ),
    **_of(
        "CachingService",
        {
            "ExplainCache": READ,
            "ListCacheEntries": Rule(where=at("selection")),
            "GetCacheStatistics": Rule(where=at("selection")),
            "EvictCache": Rule(_REGISTER, at("selection")),
        },
    ),
    **_of(
        "CallService",
        {
            "StartCall": Rule(_LAUNCH, at("caller.execution_id"), by_attempt=ByAttempt.AS_CALLER),
            "WatchCalls": Rule(by_attempt=ByAttempt.AS_CALLER),
        },
    ),
    **_of(
        "DataProxyService",
        {
            "CreateUploadLocation": Rule(_LAUNCH, own),
            # An address names no project that could be trusted: whose data it is, only nodes say.
            "CreateDownloadLocation": Rule(where=everywhere, refers=False),
            "CreateDownloadLink": READ,
            "GetData": Rule(where=data_named),
        },
    ),
    **_of("DerivationService", {"Derive": Rule(_LAUNCH, derived)}),
    **_of("RegistrationService", {"Register": Rule(_REGISTER, registered)}),
    **_of(
        "ScheduleService",
        {
            **dict.fromkeys(["ListSchedules", "GetSchedule", "ListBackfills", "GetBackfill"], READ),
            **dict.fromkeys(["CreateBackfill", "CancelBackfill"], Rule(_LAUNCH)),
        },
    ),
    **_of("SignalService", {"ListSignals": READ, "SetSignal": Rule(_LAUNCH), "GetOrCreateSignal": Rule(_LAUNCH)}),
    **_of("WatchService", {"WatchExecution": READ, "StreamTaskLogs": NODE, "ListElements": READ}),
    **_of(
        "MaintenanceService",
        {
            "CollectGarbage": Rule(_ADMINISTER, collected),
            "GetRetention": Rule(where=everywhere),
            "ListTroubles": READ,
            "ListQueued": READ,
        },
    ),
    **_of(
        "ConsoleService",
        {
            **dict.fromkeys(["GetHome", "Search"], KNOWN),
            **dict.fromkeys(
                [
                    "GetDashboard",
                    "ListRuns",
                    "GetRun",
                    "ListRunNodes",
                    "GetRunNode",
                    "GetElementStates",
                    "DrawGraph",
                    "PreviewValues",
                    "PreviewStored",
                    "ListEntities",
                    "CompareVersions",
                    "GetSource",
                    "WatchRun",
                    "WatchDomain",
                ],
                READ,
            ),
        },
    ),
    **_of(
        "TenancyService",
        # Who owns what, and what they may use, is above teams; each sees what is theirs.
        {
            "ApplyTenancy": PLATFORM_ADMIN,
            "ListTeams": KNOWN,
            "ListQuotas": KNOWN,
            "ListQuotaSamples": Rule(where=scope("place")),
            "ExplainQuotaWait": READ,
            "ExplainTenancyConfig": READ,
        },
    ),
    **_of("AuthMetadataService", dict.fromkeys(["GetOAuth2Metadata", "GetPublicClientConfig"], OPEN)),
    **_of("IdentityService", {"UserInfo": KNOWN}),
    **_of(
        "AccessService",
        {
            "GetAccess": KNOWN,
            "CreateToken": KNOWN_CHANGE,
            "ListTokens": KNOWN,
            "RevokeToken": KNOWN_CHANGE,
            "CreateGrant": Rule(_ADMINISTER, scope("grant.scope")),
            "DeleteGrant": Rule(_ADMINISTER, scope("grant.scope")),
            "ListGrants": KNOWN,
            "ListAuditEntries": Rule(_ADMINISTER, own, audited=False),
        },
    ),
}
"""By service and RPC, without the package: both names of a service are one."""
