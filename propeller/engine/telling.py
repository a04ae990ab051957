"""From a decision's records to history entries: where the values and logs they speak of lie.

The uris follow from the record and a few notes, so that only those are stored.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, assert_never, cast

from flytelike.model.history import AttemptChanged, ElementsChanged, ExecutionChanged, HistoryEntry, NodeChanged, Record
from flytelike.model.ids import ROOT, ExecutionId, NodePath
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from propeller.core.decision import Decision
from propeller.core.node_state import NodeState, Succeeded
from propeller.engine import places
from propeller.engine.encoding import decode, encode
from propeller.engine.run import Run
from propeller.engine.values import giver
from propeller.ports import AttemptKey, HistoryBatch

Giver: TypeAlias = tuple[NodePath, int]
"""A node and the attempt that gave outputs."""


class Telling(NamedTuple):
    """The records of one commit, numbered from `first`, and what their entries are made of."""

    execution: ExecutionId
    prefix: str
    inputs_uri: str
    first: int
    records: Sequence[Record]
    outputs: "Sequence[Giver | int | None]"
    """The attempt whose outputs a record speaks of, with its path where it is another's; None for none."""
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

    def _entry(
        self, sequence: int, record: Record, gave: Giver | int | None, child: ExecutionId | None
    ) -> HistoryEntry:
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
        match gave:
            case None:
                output = ""
            case int():
                output = places.outputs_uri(prefix, execution, path, gave)
            case _:
                output = places.outputs_uri(prefix, execution, *gave)
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
        "tuple[str, str, Sequence[Record], Sequence[Giver | int | None], Sequence[ExecutionId | None]]",
        decode(batch.payload),
    )
    return Telling(execution, prefix, inputs_uri, batch.first, records, outputs, children)


def log_uri(key: AttemptKey) -> str:
    """Return where an attempt's output is kept, as the control plane's log reader knows it."""
    return f"{key.execution}/{key.path}/{key.attempt}"


def _gave(run: Run, decision: Decision, record: Record) -> Giver | int | None:
    """Return the attempt whose outputs a record speaks of."""
    match record:
        case ExecutionChanged(phase=phase):
            return 0 if phase is WorkflowPhase.SUCCEEDED and run.program.plan.primary.has_outputs else None
        case NodeChanged(path=path, phase=node_phase):
            gave = node_phase in {NodePhase.SUCCEEDED, NodePhase.RECOVERED}
            return _of_success(run, decision, path) if gave else None
        case AttemptChanged(path=path, phase=task_phase):
            return _of_success(run, decision, path) if task_phase is TaskPhase.SUCCEEDED else None
        case ElementsChanged():
            return None
        case unreachable:
            assert_never(unreachable)


def _of_success(run: Run, decision: Decision, path: NodePath) -> Giver | int | None:
    state = decision.nodes.get(path)
    if not isinstance(state, Succeeded):
        return None

    def get(other: NodePath) -> NodeState | None:
        return decision.nodes.get(other) or run.state.get(other)

    gave, attempt = giver(run.program.plan, get, path, state.attempt)
    if not run.program.gives(gave):
        return None
    return attempt if gave == path else (gave, attempt)
