"""How an execution goes, read from what is stored of it: for those who missed its history."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from flytelike.model.failure import Failure
from flytelike.model.ids import ROOT, ExecutionId, NodeId
from flytelike.model.phases import NodePhase, WorkflowPhase
from propeller.core.header import (
    ExecutionAborted,
    ExecutionFailed,
    ExecutionTimedOut,
    HandlingFailure,
    Header,
    InProgress,
    Succeeding,
)
from propeller.core.node_state import Aborted, Failed, Held, LeftOut, NodeState, Skipped, Succeeded
from propeller.engine import places
from propeller.engine.encoding import decode
from propeller.ports import Snapshot


@dataclass(frozen=True, slots=True)
class Overview:
    """An execution as of the record `sequence` of its history. `nodes` are those asked for that have begun."""

    phase: WorkflowPhase
    sequence: int
    failure: Failure | None = None
    cause: str = ""
    started_ns: int = 0
    output_uri: str = ""
    nodes: Mapping[NodeId, NodePhase] = field(default_factory=dict)


def overview_of(snapshot: Snapshot, execution: ExecutionId, nodes: Collection[NodeId], prefix: str) -> Overview:
    """Return how an execution goes, with the phases of some nodes of its own workflow.

    `prefix` is `EngineSettings.metadata_prefix`. Costs as much as there are `nodes`. Raises `StoreTooNew` or
    `StoreCorrupt`.
    """
    header: Header
    header, sequence = decode(snapshot.header)
    failure, cause, started_ns = None, "", 0
    match header.status:
        case InProgress(started_ns=started, failure=found):
            started_ns, failure = started, found
        case HandlingFailure(started_ns=started, failure=found):
            started_ns, failure = started, found
        case Succeeding(started_ns=started):
            started_ns = started
        case ExecutionFailed(failure=found) | ExecutionTimedOut(failure=found):
            failure = found
        case ExecutionAborted(cause=why):
            cause = why
        case _:
            pass
    done = header.phase is WorkflowPhase.SUCCEEDED
    output_uri = places.outputs_uri(prefix, execution, ROOT, 0) if done else ""
    cells = ((node, snapshot.cells.get(node)) for node in nodes)
    phases = {node: phase for node, cell in cells if cell is not None and (phase := _phase(decode(cell)))}
    return Overview(header.phase, sequence, failure, cause, started_ns, output_uri, phases)


def _phase(state: NodeState) -> NodePhase:
    """Return a node's phase as far as counters tell them apart; UNDEFINED for one that has not begun."""
    match state:
        case Succeeded():
            return NodePhase.SUCCEEDED
        case Failed():
            return NodePhase.FAILED
        case Aborted():
            return NodePhase.ABORTED
        case Skipped() | LeftOut():
            return NodePhase.SKIPPED
        case Held():
            return NodePhase.UNDEFINED
        case _:
            return NodePhase.RUNNING
