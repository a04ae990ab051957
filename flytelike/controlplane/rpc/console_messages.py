"""Rows as the messages of the console's pages: short, so that long lists are small."""

from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp

from flytelike.codec.ids import fill_identifier
from flytelike.controlplane.messages import fill_resources, launched, timestamp
from flytelike.controlplane.repository.rows import AttemptRow, ExecutionRow, GateRow, NodeRow
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike_idl.core import execution_pb2, identifier_pb2
from flytelike_idl.service import console_pb2 as pb

LINE_MAX = 240
ARCHIVED = 1


def run_message(row: ExecutionRow) -> pb.RunRow:
    """Return an execution in a list."""
    out = pb.RunRow(
        name=row.name,
        phase=row.phase,  # type: ignore[arg-type] # the values are the same
        user=row.user,
        error_code=row.error_code,
        message=row.abort_cause[:LINE_MAX] or headline(row.error),
        parent=row.parent_name,
        reference=row.reference.rpartition("/")[2],
        archived=row.state == ARCHIVED,
        mode=row.mode,
    )
    fill_identifier(launched(row), out.launched)
    _fill_times(out, row, ended=WorkflowPhase(row.phase).terminal)
    return out


def run_node(row: NodeRow, ran_ns: int) -> pb.RunNode:
    """Return a node in a list, of which the first attempt began its work at `ran_ns`; 0 if none has."""
    out = pb.RunNode(
        path=row.path,
        parent=row.parent,
        id=row.spec_node_id,
        name=row.name,
        phase=row.phase,  # type: ignore[arg-type] # the values are the same
        is_parent=row.is_parent,
        is_dynamic=bool(row.graph),
        cache_status=row.cache_status,  # type: ignore[arg-type] # the values are the same
        waits=row.waits,
        note=row.note,
        message=headline(row.error),
        child=row.child,
        sequence=row.sequence,
    )
    if row.is_array:
        counts = out.elements
        counts.length, counts.open = row.elements, row.elements_open
        counts.succeeded, counts.failed = row.elements_succeeded, row.elements_failed
        counts.cached, counts.recovered = row.elements_cached, row.elements_recovered
    _fill_times(out, row, ended=NodePhase(row.phase).terminal)
    if ran_ns:
        out.ran_at.CopyFrom(instant(ran_ns))
    return out


def attempt_of(row: AttemptRow) -> pb.RunAttempt:
    """Return an attempt."""
    out = pb.RunAttempt(
        number=row.attempt,
        phase=row.phase,  # type: ignore[arg-type] # the values are the same
        task=identifier_pb2.Identifier(
            resource_type=identifier_pb2.TASK,
            project=row.task_project,
            domain=row.task_domain,
            name=row.task_name,
            version=row.task_version,
        ),
    )
    _fill_times(out, row, ended=TaskPhase(row.phase).terminal)
    if row.error is not None:
        out.error.ParseFromString(row.error)
    fill_resources(out, row)
    return out


def waiting_node(execution: str, row: GateRow) -> pb.WaitingNode:
    """Return a gate that waits."""
    return pb.WaitingNode(
        execution=execution,
        path=row.path,
        name=row.name,
        signal=row.signal,
        approval=row.approval,
        since=timestamp(row.since),
    )


def node_counts(counts: Iterable[tuple[int, int]]) -> list[pb.NodePhaseCount]:
    """Return how many nodes are in which phase."""
    return [pb.NodePhaseCount(phase=phase, count=count) for phase, count in counts]  # type: ignore[arg-type] # as above


def run_counts(counts: Iterable[tuple[int, int]]) -> list[pb.PhaseCount]:
    """Return how many executions are in which phase."""
    return [pb.PhaseCount(phase=phase, count=count) for phase, count in counts]  # type: ignore[arg-type] # as above


def headline(error: bytes | None) -> str:
    """Return the line of an error that tells most: the last one of a trace."""
    if error is None:
        return ""
    lines = execution_pb2.ExecutionError.FromString(error).message.strip().splitlines()
    told = next((line for line in reversed(lines) if line and not line.startswith((" ", "\t"))), "")
    return told[:LINE_MAX]


def _fill_times(
    out: pb.RunRow | pb.RunNode | pb.RunAttempt, row: ExecutionRow | NodeRow | AttemptRow, *, ended: bool
) -> None:
    out.created_at.CopyFrom(instant(row.created_at))
    if row.started_at:
        out.started_at.CopyFrom(instant(row.started_at))
    if ended:
        out.ended_at.CopyFrom(instant(row.updated_at))


def instant(ns: int) -> Timestamp:
    """Return an instant to the millisecond: a page shows no more, and each digit is sent."""
    return timestamp(ns - ns % 1_000_000)
