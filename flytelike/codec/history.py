"""History as propeller tells it to a control plane in another process."""

from typing import assert_never

from flytelike.codec.cached_results import note_from_proto, note_to_proto
from flytelike.codec.failures import whole_failure_from_proto, whole_failure_to_proto
from flytelike.codec.faults import MalformedError, inside, known, required
from flytelike.codec.ids import (
    execution_id_from_proto,
    execution_id_to_proto,
    identifier_from_proto,
    identifier_to_proto,
)
from flytelike.codec.usage import asked_from_proto, asked_to_proto, used_from_proto, used_to_proto
from flytelike.model.caching import CacheStatus
from flytelike.model.failure import Failure
from flytelike.model.history import (
    AttemptChanged,
    ElementFailure,
    ElementsChanged,
    ElementSpan,
    ExecutionChanged,
    Gap,
    HistoryEntry,
    NodeChanged,
    Record,
)
from flytelike.model.ids import Digest, NodeId, NodePath
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike_idl.service import propeller_pb2 as pb

_WORKFLOW = {int(phase): phase for phase in WorkflowPhase}
_NODE = {int(phase): phase for phase in NodePhase}
_TASK = {int(phase): phase for phase in TaskPhase}
_CACHE = {int(status): status for status in CacheStatus}


def entry_to_proto(entry: HistoryEntry) -> pb.HistoryEntry:
    """Return the message of an entry."""
    out = pb.HistoryEntry(
        execution=execution_id_to_proto(entry.execution),
        sequence=entry.sequence,
        inputs_uri=entry.inputs_uri,
        output_uri=entry.output_uri,
        log_uri=entry.log_uri,
        child=None if entry.child is None else execution_id_to_proto(entry.child),
    )
    match entry.record:
        case ExecutionChanged() as changed:
            out.execution_changed.CopyFrom(_execution_to_proto(changed))
        case NodeChanged() as changed:
            out.node_changed.CopyFrom(_node_to_proto(changed))
        case AttemptChanged() as changed:
            out.attempt_changed.CopyFrom(_attempt_to_proto(changed))
        case ElementsChanged() as changed:
            out.elements_changed.CopyFrom(_elements_to_proto(changed))
        case unreachable:
            assert_never(unreachable)
    return out


def entry_from_proto(message: pb.HistoryEntry) -> HistoryEntry:
    """Return an entry. Raises MalformedError."""
    required(message, "execution")
    return HistoryEntry(
        inside("execution", execution_id_from_proto, message.execution),
        message.sequence,
        _record(message),
        message.inputs_uri,
        message.output_uri,
        message.log_uri,
        inside("child", execution_id_from_proto, message.child) if message.HasField("child") else None,
    )


def _record(message: pb.HistoryEntry) -> Record:
    match message.WhichOneof("record"):
        case "execution_changed":
            return inside("execution_changed", _execution, message.execution_changed)
        case "node_changed":
            return inside("node_changed", _node, message.node_changed)
        case "attempt_changed":
            return inside("attempt_changed", _attempt, message.attempt_changed)
        case "elements_changed":
            return inside("elements_changed", _elements, message.elements_changed)
        case _:
            raise MalformedError("record required")


def _failure_to_proto(failure: Failure | None) -> pb.PropellerFailure | None:
    return None if failure is None else whole_failure_to_proto(failure)


def _failure(message: "_Failing") -> Failure | None:
    return whole_failure_from_proto(message.failure) if message.HasField("failure") else None


_Failing = pb.ExecutionChanged | pb.NodeChanged | pb.AttemptChanged


def _execution_to_proto(changed: ExecutionChanged) -> pb.ExecutionChanged:
    return pb.ExecutionChanged(
        phase=int(changed.phase),  # type: ignore[arg-type]  # the stub wants its own enum
        at_ns=changed.at_ns,
        failure=_failure_to_proto(changed.failure),
        cause=changed.cause,
    )


def _execution(message: pb.ExecutionChanged) -> ExecutionChanged:
    phase = known(_WORKFLOW, message.phase, "phase")
    return ExecutionChanged(phase, message.at_ns, _failure(message), message.cause)


def _node_to_proto(changed: NodeChanged) -> pb.NodeChanged:
    return pb.NodeChanged(
        path=changed.path,
        parent=changed.parent,
        spec_node_id=changed.spec_node_id,
        phase=int(changed.phase),  # type: ignore[arg-type]  # the stub wants its own enum
        at_ns=changed.at_ns,
        failure=_failure_to_proto(changed.failure),
        is_parent=changed.is_parent,
        is_child_execution=changed.is_child_execution,
        name=changed.name,
        note=changed.note,
        cache=None if changed.cache is None else note_to_proto(changed.cache),
        graph=changed.graph,
        waits=changed.waits,
        waits_until_ns=changed.waits_until_ns,
        priority=changed.priority,
    )


def _node(message: pb.NodeChanged) -> NodeChanged:
    return NodeChanged(
        NodePath(message.path),
        NodePath(message.parent),
        NodeId(message.spec_node_id),
        known(_NODE, message.phase, "phase"),
        message.at_ns,
        _failure(message),
        message.is_parent,
        message.is_child_execution,
        message.name,
        message.note,
        inside("cache", note_from_proto, message.cache) if message.HasField("cache") else None,
        Digest(message.graph),
        message.waits,
        message.waits_until_ns,
        message.priority,
    )


def _attempt_to_proto(changed: AttemptChanged) -> pb.AttemptChanged:
    return pb.AttemptChanged(
        path=changed.path,
        attempt=changed.attempt,
        task=identifier_to_proto(changed.task),
        phase=int(changed.phase),  # type: ignore[arg-type]  # the stub wants its own enum
        at_ns=changed.at_ns,
        failure=_failure_to_proto(changed.failure),
        next_ns=changed.next_ns,
        asked=asked_to_proto(changed.asked),
        used=used_to_proto(changed.used),
    )


def _attempt(message: pb.AttemptChanged) -> AttemptChanged:
    required(message, "task")
    return AttemptChanged(
        NodePath(message.path),
        message.attempt,
        inside("task", identifier_from_proto, message.task),
        known(_TASK, message.phase, "phase"),
        message.at_ns,
        _failure(message),
        message.next_ns,
        asked_from_proto(message.asked) if message.HasField("asked") else None,
        used_from_proto(message.used) if message.HasField("used") else None,
    )


def _elements_to_proto(changed: ElementsChanged) -> pb.ElementsChanged:
    return pb.ElementsChanged(
        path=changed.path,
        attempt=changed.attempt,
        at_ns=changed.at_ns,
        length=changed.length,
        open=changed.open,
        succeeded=changed.succeeded,
        failed=changed.failed,
        changes=[
            pb.ElementSpan(first=span.first, length=span.length, phase=int(span.phase))  # type: ignore[arg-type]
            for span in changed.changes
        ],
        failures=[
            pb.ElementFailure(element=one.element, attempt=one.attempt, failure=whole_failure_to_proto(one.failure))
            for one in changed.failures
        ],
        cache=int(changed.cache),  # type: ignore[arg-type]  # the stub wants its own enum
        recovered=changed.recovered,
    )


def _elements(message: pb.ElementsChanged) -> ElementsChanged:
    return ElementsChanged(
        NodePath(message.path),
        message.attempt,
        message.at_ns,
        message.length,
        message.open,
        message.succeeded,
        message.failed,
        tuple(ElementSpan(span.first, span.length, known(_TASK, span.phase, "phase")) for span in message.changes),
        tuple(
            ElementFailure(one.element, one.attempt, whole_failure_from_proto(one.failure)) for one in message.failures
        ),
        known(_CACHE, message.cache, "cache status"),
        message.recovered,
    )


def gap_to_proto(gap: Gap) -> pb.HistoryGap:
    """Return the message of a gap."""
    return pb.HistoryGap(execution=execution_id_to_proto(gap.execution), due=gap.due, came=gap.came)


def gap_from_proto(message: pb.HistoryGap) -> Gap:
    """Return the gap of a message. Raises MalformedError."""
    required(message, "execution")
    return Gap(inside("execution", execution_id_from_proto, message.execution), message.due, message.came)
