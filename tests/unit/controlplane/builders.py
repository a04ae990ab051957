"""What the control plane's tests are about, in a word each."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from grpc import aio

from flytelike.codec.ids import execution_id_to_proto, identifier_to_proto
from flytelike.codec.launch_plans import launch_plan_to_proto
from flytelike.codec.literals import literal_map_to_proto
from flytelike.codec.tasks import task_template_to_proto
from flytelike.codec.workflows import workflow_template_to_proto
from flytelike.controlplane.access.ports import AttemptTokens
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.ports import Clock, LogReader
from flytelike.controlplane.server import Addresses, serve
from flytelike.controlplane.settings import Limits, Settings
from flytelike.model.failure import Failure
from flytelike.model.graph import (
    Binding,
    BoundPromise,
    Container,
    LaunchPlanTemplate,
    Node,
    Promise,
    TaskTarget,
    TaskTemplate,
    WorkflowTemplate,
)
from flytelike.model.history import AttemptChanged, ExecutionChanged, HistoryEntry, NodeChanged
from flytelike.model.ids import WORKFLOW_INPUTS, ExecutionId, Identifier, NodeId, NodePath, ResourceKind
from flytelike.model.interface import Parameter, TypedInterface, Variable
from flytelike.model.launch import LaunchRequest
from flytelike.model.literals import Literal, Primitive
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike.model.policies import TaskMetadata
from flytelike.model.queued import Queued
from flytelike.model.trouble import Trouble
from flytelike.model.types import INTEGER, LiteralType
from flytelike.model.usage import AskedResources, AttemptUse
from flytelike.storage import Store
from flytelike_idl.admin import common_pb2, execution_pb2, launch_plan_pb2, task_pb2, workflow_pb2
from flytelike_idl.service import (
    admin_pb2_grpc,
    dataproxy_pb2_grpc,
    registration_pb2,
    registration_pb2_grpc,
    signal_pb2_grpc,
    watch_pb2_grpc,
)

PROJECT, DOMAIN = "default", "development"
SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS


# --- what is registered ---------------------------------------------------------------------


def identifier(kind: ResourceKind, name: str, version: str = "v1") -> Identifier:
    return Identifier(kind, PROJECT, DOMAIN, name, version)


def task_id(name: str = "double", version: str = "v1") -> Identifier:
    return identifier(ResourceKind.TASK, name, version)


def workflow_id(name: str = "flow", version: str = "v1") -> Identifier:
    return identifier(ResourceKind.WORKFLOW, name, version)


def plan_id(name: str = "flow", version: str = "v1") -> Identifier:
    return identifier(ResourceKind.LAUNCH_PLAN, name, version)


def interface(inputs: Mapping[str, LiteralType], outputs: Mapping[str, LiteralType]) -> TypedInterface:
    return TypedInterface(
        {name: Variable(kind) for name, kind in inputs.items()},
        {name: Variable(kind) for name, kind in outputs.items()},
    )


NUMBER_TO_NUMBER = interface({"x": INTEGER}, {"o0": INTEGER})


def a_task(name: str = "double", version: str = "v1", *, image: str = "python", retries: int = 0) -> TaskTemplate:
    container = Container(image, args=("flytelike-execute",))
    metadata = TaskMetadata(retries=retries, runtime_version="0.1")
    return TaskTemplate(task_id(name, version), "python-task", metadata, NUMBER_TO_NUMBER, container)


def a_workflow(
    name: str = "flow", version: str = "v1", *, task: str = "double", of: LiteralType = INTEGER
) -> WorkflowTemplate:
    """Return a workflow of one node, `n0`, that runs `task` on the input `x`."""
    node = NodeId("n0")
    bound = (Binding("x", BoundPromise(Promise(WORKFLOW_INPUTS, "x"))),)
    outputs = (Binding("o0", BoundPromise(Promise(node, "o0"))),)
    return WorkflowTemplate(
        workflow_id(name, version),
        interface({"x": of}, {"o0": INTEGER}),
        (Node(node, TaskTarget(task_id(task, version)), bound),),
        outputs,
    )


def a_plan(
    name: str = "flow",
    version: str = "v1",
    *,
    workflow: str = "flow",
    default: int | None = None,
    fixed: int | None = None,
) -> LaunchPlanTemplate:
    inputs = {} if default is None else {"x": Parameter(Variable(INTEGER), number(default), required=False)}
    return LaunchPlanTemplate(
        plan_id(name, version), workflow_id(workflow, version), inputs, {} if fixed is None else {"x": number(fixed)}
    )


def number(value: int) -> Literal:
    return Literal(Primitive(value))


def text(value: str) -> Literal:
    return Literal(Primitive(value))


def create_task(task: TaskTemplate) -> task_pb2.TaskCreateRequest:
    return task_pb2.TaskCreateRequest(
        id=identifier_to_proto(task.id), spec=task_pb2.TaskSpec(template=task_template_to_proto(task))
    )


def create_workflow(workflow: WorkflowTemplate) -> workflow_pb2.WorkflowCreateRequest:
    return workflow_pb2.WorkflowCreateRequest(
        id=identifier_to_proto(workflow.id),
        spec=workflow_pb2.WorkflowSpec(template=workflow_template_to_proto(workflow)),
    )


def create_plan(plan: LaunchPlanTemplate) -> launch_plan_pb2.LaunchPlanCreateRequest:
    return launch_plan_pb2.LaunchPlanCreateRequest(id=identifier_to_proto(plan.id), spec=launch_plan_to_proto(plan))


def register_request(
    *entities: TaskTemplate | WorkflowTemplate | LaunchPlanTemplate, dry_run: bool = False
) -> registration_pb2.RegisterRequest:
    return registration_pb2.RegisterRequest(
        tasks=[create_task(entity) for entity in entities if isinstance(entity, TaskTemplate)],
        workflows=[create_workflow(entity) for entity in entities if isinstance(entity, WorkflowTemplate)],
        launch_plans=[create_plan(entity) for entity in entities if isinstance(entity, LaunchPlanTemplate)],
        dry_run=dry_run,
    )


def module(version: str = "v1") -> registration_pb2.RegisterRequest:
    """Return a request with a task, a workflow of it, and its launch plan."""
    return register_request(a_task(version=version), a_workflow(version=version), a_plan(version=version))


def object_get(wanted: Identifier) -> common_pb2.ObjectGetRequest:
    return common_pb2.ObjectGetRequest(id=identifier_to_proto(wanted))


def list_of(name: str = "", **options: object) -> common_pb2.ResourceListRequest:
    place = common_pb2.NamedEntityIdentifier(project=PROJECT, domain=DOMAIN, name=name)
    return common_pb2.ResourceListRequest(id=place, **options)  # type: ignore[arg-type]


# --- what is run ----------------------------------------------------------------------------


def create_execution(
    name: str = "run", inputs: Mapping[str, Literal] | None = None, target: Identifier | None = None
) -> execution_pb2.ExecutionCreateRequest:
    return execution_pb2.ExecutionCreateRequest(
        project=PROJECT,
        domain=DOMAIN,
        name=name,
        spec=execution_pb2.ExecutionSpec(launch_plan=identifier_to_proto(target or plan_id())),
        inputs=literal_map_to_proto({"x": number(1)} if inputs is None else inputs),
    )


def execution_id(name: str = "run") -> ExecutionId:
    return ExecutionId(PROJECT, DOMAIN, name)


def get_execution(name: str = "run") -> execution_pb2.WorkflowExecutionGetRequest:
    return execution_pb2.WorkflowExecutionGetRequest(id=execution_id_to_proto(execution_id(name)))


@dataclass
class Story:
    """The history of one execution, written entry by entry; each happens a second after the one before."""

    execution: ExecutionId = field(default_factory=execution_id)
    entries: list[HistoryEntry] = field(default_factory=list)

    def run(self, phase: WorkflowPhase, failure: Failure | None = None, output_uri: str = "") -> "Story":
        return self._add(ExecutionChanged(phase, self.at_ns, failure), output_uri=output_uri)

    def node(
        self,
        path: str,
        phase: NodePhase,
        *,
        parent: str = "",
        failure: Failure | None = None,
        is_parent: bool = False,
        inputs_uri: str = "",
        output_uri: str = "",
        child: ExecutionId | None = None,
        waits: str = "",
    ) -> "Story":
        record = NodeChanged(
            NodePath(path),
            NodePath(parent),
            NodeId(path.rpartition(".")[2]),
            phase,
            self.at_ns,
            failure,
            is_parent,
            child is not None,
            waits=waits,
        )
        return self._add(record, inputs_uri=inputs_uri, output_uri=output_uri, child=child)

    def attempt(
        self,
        path: str,
        phase: TaskPhase,
        attempt: int = 0,
        failure: Failure | None = None,
        next_ns: int = 0,
        asked: AskedResources | None = None,
        used: AttemptUse | None = None,
    ) -> "Story":
        record = AttemptChanged(NodePath(path), attempt, task_id(), phase, self.at_ns, failure, next_ns, asked, used)
        return self._add(record, log_uri=f"file:///logs/{path}/{attempt}")

    @property
    def at_ns(self) -> int:
        return START_NS + len(self.entries) * SECOND_NS

    def _add(self, record: ExecutionChanged | NodeChanged | AttemptChanged, **uris: object) -> "Story":
        self.entries.append(HistoryEntry(self.execution, len(self.entries) + 1, record, **uris))  # type: ignore[arg-type]
        return self


def succeeded(name: str = "run", output_uri: str = "") -> list[HistoryEntry]:
    """Return the history of an execution of `a_workflow` that went well."""
    story = Story(execution_id(name)).run(WorkflowPhase.RUNNING).node("n0", NodePhase.QUEUED)
    story.attempt("n0", TaskPhase.QUEUED).node("n0", NodePhase.RUNNING).attempt("n0", TaskPhase.RUNNING)
    story.attempt("n0", TaskPhase.SUCCEEDED).node("n0", NodePhase.SUCCEEDED)
    return story.run(WorkflowPhase.SUCCEEDED, output_uri=output_uri).entries


# --- the world around -----------------------------------------------------------------------


class FakeLauncher:
    """Remembers what it was told; fails as long as it is told to."""

    def __init__(self) -> None:
        self.launched: list[LaunchRequest] = []
        self.aborted: list[tuple[ExecutionId, str, str]] = []
        self.signals: list[tuple[ExecutionId, str]] = []
        self.failing = False
        self.waits_for: list[Trouble] = []
        self.in_line: dict[ExecutionId, list[Queued]] = {}
        self.told = asyncio.Event()

    async def queued(self, execution: ExecutionId) -> Sequence[Queued]:
        return self.in_line.get(execution, ())

    def troubles(self) -> Sequence[Trouble]:
        return self.waits_for

    async def launch(self, request: LaunchRequest) -> None:
        if self.failing:
            raise ConnectionError("the engine is away")
        self.launched.append(request)
        self.told.set()

    async def signalled(self, execution: ExecutionId, signal: str) -> None:
        if self.failing:
            raise ConnectionError("the engine is away")
        self.signals.append((execution, signal))

    async def abort(self, execution: ExecutionId, cause: str, principal: str) -> None:
        self.aborted.append((execution, cause, principal))


class SteppingClock:
    """A clock that moves on by a second each time it is read."""

    def __init__(self) -> None:
        self.seconds = count()

    def now_ns(self) -> int:
        return START_NS + next(self.seconds) * SECOND_NS


@dataclass
class Running:
    """A control plane that answers on loopback, with stubs for all its services."""

    plane: ControlPlane
    launcher: FakeLauncher
    addresses: Addresses
    channel: aio.Channel

    def __post_init__(self) -> None:
        self.admin = admin_pb2_grpc.AdminServiceStub(self.channel)
        self.data = dataproxy_pb2_grpc.DataProxyServiceStub(self.channel)
        self.registration = registration_pb2_grpc.RegistrationServiceStub(self.channel)
        self.signal = signal_pb2_grpc.SignalServiceStub(self.channel)
        self.watch = watch_pb2_grpc.WatchServiceStub(self.channel)


def settings_for(folder: Path, url: str = "", limits: Limits | None = None, projects: Sequence[str] = ()) -> Settings:
    return Settings(
        database_url=url or f"sqlite:///{folder}/controlplane.db",
        store_base=f"file://{folder}/store",
        grpc_port=0,
        http_port=0,
        projects=tuple(projects) or ("default", "flytesnacks"),
        shutdown_grace_s=1.0,
        limits=limits or Limits(),
    )


@asynccontextmanager
async def started(
    settings: Settings,
    *,
    launcher: FakeLauncher | None = None,
    logs: LogReader | None = None,
    store: Store | None = None,
    clock: Clock | None = None,
    attempt_tokens: AttemptTokens | None = None,
) -> AsyncIterator[ControlPlane]:
    """Yield a control plane without servers."""
    launcher, clock = launcher or FakeLauncher(), clock or SteppingClock()
    plane = ControlPlane(settings, store or Store(), launcher, logs=logs, clock=clock, attempt_tokens=attempt_tokens)
    await plane.start()
    try:
        yield plane
    finally:
        await plane.close()


@asynccontextmanager
async def served(
    settings: Settings,
    *,
    logs: LogReader | None = None,
    store: Store | None = None,
    attempt_tokens: AttemptTokens | None = None,
) -> AsyncIterator[Running]:
    """Yield a control plane behind its servers."""
    launcher = FakeLauncher()
    async with (
        started(settings, launcher=launcher, logs=logs, store=store, attempt_tokens=attempt_tokens) as plane,
        serve(plane) as addresses,
        aio.insecure_channel(addresses.grpc, options=[("grpc.enable_http_proxy", 0)]) as channel,
    ):
        yield Running(plane, launcher, addresses, channel)
