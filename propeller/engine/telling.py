"""From a decision's records to history entries: where the values and logs they speak of lie.

The uris follow from the record and a few notes, so that only those are stored.
"""

from collections.abc import Sequence
from typing import NamedTuple, assert_never, cast

from flytelike.model.history import AttemptChanged, ElementsChanged, ExecutionChanged, HistoryEntry, NodeChanged, Record
from flytelike.model.ids import ROOT, ExecutionId, NodePath
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from propeller.core.decision import Decision
from propeller.core.node_state import Succeeded
from propeller.engine import places
from propeller.engine.encoding import decode, encode
from propeller.engine.run import Run
from propeller.ports import AttemptKey, HistoryBatch


class Telling(NamedTuple):
    """The records of one commit, numbered from `first`, and what their entries are made of."""

    execution: ExecutionId
    prefix: str
    inputs_uri: str
    first: int
    records: Sequence[Record]
    outputs: Sequence[int | None]
    """The attempt whose outputs a record speaks of; None for none."""
    children: Sequence[ExecutionId | None]

    @property
    def last(self) -> int:
        """The number of the last record; one less than `first` if there is none."""
        return self.first + len(self.records) - 1

    def entries(self) -> list[HistoryEntry]:
        """Return the entries for the sink."""
        told = zip(self.records, self.outputs, self.children, strict=True)
        return [self._entry(sequence, *one) for sequence, one in enumerate(told, self.first)]

    def batch(self) -> HistoryBatch | None:
        """Return what is stored; None if there is nothing to tell."""
        if not self.records:
            return None
        payload = encode([self.prefix, self.inputs_uri, self.records, self.outputs, self.children])
        return HistoryBatch(self.first, self.last, payload)

    def _entry(self, sequence: int, record: Record, attempt: int | None, child: ExecutionId | None) -> HistoryEntry:
        execution, prefix = self.execution, self.prefix
        match record:
            case ExecutionChanged():
                path, inputs, log = ROOT, self.inputs_uri, ""
            case NodeChanged(path=path):
                inputs, log = places.inputs_uri(prefix, execution, path), ""
            case ElementsChanged(path=path):
                inputs, log = places.inputs_uri(prefix, execution, path), ""
            case AttemptChanged(path=path):
                inputs = places.inputs_uri(prefix, execution, path)
                log = log_uri(AttemptKey(execution, path, record.attempt))
            case unreachable:
                assert_never(unreachable)
        output = "" if attempt is None else places.outputs_uri(prefix, execution, path, attempt)
        return HistoryEntry(execution, sequence, record, inputs, output, log, child)


def telling_of(run: Run, decision: Decision, prefix: str) -> Telling:
    """Return how a decision is told; `prefix` is where metadata lies."""
    records = decision.records
    outputs = [_gave(run, decision, record) for record in records]
    children = [run.child_of(record.path) if isinstance(record, NodeChanged) else None for record in records]
    return Telling(run.id, prefix, run.request.inputs_uri, run.sequence + 1, records, outputs, children)


def telling_in(execution: ExecutionId, batch: HistoryBatch) -> Telling:
    """Return what `Telling.batch` stored. Raises `StoreCorrupt` or `StoreTooNew`."""
    prefix, inputs_uri, records, outputs, children = cast(
        "tuple[str, str, Sequence[Record], Sequence[int | None], Sequence[ExecutionId | None]]",
        decode(batch.payload),
    )
    return Telling(execution, prefix, inputs_uri, batch.first, records, outputs, children)


def log_uri(key: AttemptKey) -> str:
    """Return where an attempt's output is kept, as the control plane's log reader knows it."""
    return f"{key.execution}/{key.path}/{key.attempt}"


def _gave(run: Run, decision: Decision, record: Record) -> int | None:
    """Return the attempt whose outputs a record speaks of."""
    match record:
        case ExecutionChanged(phase=phase):
            return 0 if phase is WorkflowPhase.SUCCEEDED and run.program.plan.primary.has_outputs else None
        case NodeChanged(path=path, phase=node_phase):
            return _of_success(run, decision, path) if node_phase is NodePhase.SUCCEEDED else None
        case AttemptChanged(path=path, phase=task_phase):
            return _of_success(run, decision, path) if task_phase is TaskPhase.SUCCEEDED else None
        case ElementsChanged():
            return None
        case unreachable:
            assert_never(unreachable)


def _of_success(run: Run, decision: Decision, path: NodePath) -> int | None:
    state = decision.nodes.get(path)
    return state.attempt if isinstance(state, Succeeded) and run.program.interface(path).outputs else None
