"""MaintenanceService: collecting what nobody needs any more."""

from collections.abc import AsyncIterator

from google.protobuf.duration_pb2 import Duration

from flytelike.codec.literals import duration_to_ns, span_to_duration
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.collecting.policy import ANY, STATES, CacheRule, Rule
from flytelike.controlplane.collecting.report import Heap, Kept, Report
from flytelike.controlplane.collecting.wish import Step, Wish
from flytelike.controlplane.errors import Faults
from flytelike.controlplane.rpc.requests import execution_of
from flytelike_idl.service import maintenance_pb2 as pb

RULES_MAX = 100
EXECUTIONS_MAX = 1_000


class MaintenanceServicer:
    """The RPCs of maintenance."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._maintenance = plane.maintenance
        self._launcher = plane.launcher

    async def collect_garbage(self, request: pb.CollectGarbageRequest) -> AsyncIterator[pb.CollectGarbageResponse]:
        """Collect, telling how far it is."""
        async for told in self._maintenance.collect(wish_of(request)):
            match told:
                case Step(name, done):
                    yield pb.CollectGarbageResponse(step=name, done=done)
                case Report():
                    yield pb.CollectGarbageResponse(report=report_message(told))

    async def get_retention(self, _request: pb.GetRetentionRequest) -> pb.GetRetentionResponse:
        """Tell the owner's rules."""
        policies = self._maintenance.policies
        out = pb.GetRetentionResponse(
            rules=[rule_message(rule) for rule in policies.rules],
            cache=[cache_message(rule) for rule in policies.cache],
        )
        if policies:
            out.every.CopyFrom(span_to_duration(policies.every_ns))
        if policies.engine_states_ns is not None:
            out.engine_states.CopyFrom(span_to_duration(policies.engine_states_ns))
        return out

    async def list_troubles(self, request: pb.ListTroublesRequest) -> pb.ListTroublesResponse:
        """Tell what the platform waits for. Asks no database: that may be what is in trouble."""
        only = execution_of(request.id) if request.HasField("id") else None
        out = pb.ListTroublesResponse()
        for trouble in self._launcher.troubles():
            if only is None or only in trouble.executions or not trouble.executions:
                told = out.troubles.add(code=trouble.code, message=trouble.message, executions=len(trouble.executions))
                told.since.FromNanoseconds(trouble.since_ns)
        return out

    async def list_queued(self, request: pb.ListQueuedRequest) -> pb.ListQueuedResponse:
        """Tell what of an execution waits for a worker; one that is not known has nothing that waits."""
        queued = await self._launcher.queued(execution_of(request.id))
        return pb.ListQueuedResponse(
            attempts=[
                pb.QueuedAttempt(node_id=it.path, attempt=it.attempt, place=it.place, of=it.of, what=it.what)
                for it in queued[:QUEUED_MAX]
            ]
        )


QUEUED_MAX = 1_000
"""How many that wait one answer tells."""


def wish_of(request: pb.CollectGarbageRequest) -> Wish:
    """Return what a request asks for; raises Refusal INVALID_ARGUMENT with every fault."""
    faults = Faults()
    if len(request.rules) > RULES_MAX or len(request.executions) > EXECUTIONS_MAX:
        told = f"at most {RULES_MAX} rules and {EXECUTIONS_MAX} executions are taken at once"
        faults.add("too-many-values", told, "ask in parts")
        faults.check()
    rules = tuple(rule_of(rule, faults) for rule in request.rules)
    faults.check()
    only = tuple(execution_of(message) for message in request.executions)
    return Wish(rules, only=only, dry_run=request.dry_run)


def rule_of(message: pb.RetentionRule, faults: Faults) -> Rule:
    """Return a rule, noting what is wrong with it."""
    for state in message.states:
        if state not in STATES:
            faults.add(
                "unknown-state", f"executions do not end as {state[:40]!r}", f"choose from {', '.join(sorted(STATES))}"
            )
    age_ns = span_ns(message.older_than, faults) if message.HasField("older_than") else None
    return Rule(
        age_ns,
        message.project or ANY,
        message.domain or ANY,
        message.workflow or ANY,
        frozenset(STATES[state] for state in message.states if state in STATES),
        dict(message.labels),
        message.keep_latest,
    )


def span_ns(message: Duration, faults: Faults) -> int:
    """Return a duration in nanoseconds, noting one that is negative."""
    found = duration_to_ns(message)
    if found < 0:
        faults.add("invalid-duration", "an age cannot be negative")
    return found


def rule_message(rule: Rule) -> pb.RetentionRule:
    """Return the message of a rule."""
    names = {phase: name for name, phase in STATES.items()}
    out = pb.RetentionRule(
        project=rule.project,
        domain=rule.domain,
        workflow=rule.workflow,
        states=sorted(names[phase] for phase in rule.phases),
        labels=rule.labels,
        keep_latest=rule.keep_latest,
    )
    if rule.older_than_ns is not None:
        out.older_than.CopyFrom(span_to_duration(rule.older_than_ns))
    return out


def cache_message(rule: CacheRule) -> pb.CacheRetentionRule:
    """Return the message of a rule for cached results."""
    out = pb.CacheRetentionRule(project=rule.project, domain=rule.domain, max_bytes=rule.max_bytes)
    if rule.unused_ns:
        out.unused_for.CopyFrom(span_to_duration(rule.unused_ns))
    return out


def report_message(report: Report) -> pb.CollectionReport:
    """Return the message of a report."""
    return pb.CollectionReport(
        dry_run=report.dry_run,
        executions=report.executions,
        nodes=report.nodes,
        data=_heap(report.data),
        documents=_heap(report.documents),
        log_bytes=report.log_bytes,
        cache=_heap(report.cache),
        orphans=_heap(report.orphans),
        kept=_heap(report.kept),
        kept_examples=[_kept(kept) for kept in report.kept_examples],
        held=report.held,
        held_examples=[_kept(kept) for kept in report.held_examples],
        waiting=report.waiting,
        database_bytes=report.database_bytes,
    )


def _heap(heap: Heap) -> pb.CollectedHeap:
    return pb.CollectedHeap(count=heap.count, size_bytes=heap.size_bytes)


def _kept(kept: Kept) -> pb.KeptThing:
    return pb.KeptThing(place=kept.place, by=kept.by)
