"""From a decision's records to history entries: where the values and logs they speak of lie."""

from collections.abc import Sequence
from typing import assert_never

from flytelike.model.history import AttemptChanged, ExecutionChanged, HistoryEntry, NodeChanged, Record
from flytelike.model.ids import ROOT
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from propeller.core.decision import Decision
from propeller.core.node_state import Succeeded
from propeller.engine import places
from propeller.engine.run import Run
from propeller.ports import AttemptKey


def entries_of(run: Run, decision: Decision, prefix: str) -> Sequence[HistoryEntry]:
    """Return the entries that tell a decision's records; `prefix` is where metadata lies."""
    return [
        _entry_of(run, decision, sequence, record, prefix)
        for sequence, record in enumerate(decision.records, run.sequence + 1)
    ]


def log_uri(key: AttemptKey) -> str:
    """Return where an attempt's output is kept, as the control plane's log reader knows it."""
    return f"{key.execution}/{key.path}/{key.attempt}"


def _entry_of(run: Run, decision: Decision, sequence: int, record: Record, prefix: str) -> HistoryEntry:
    match record:
        case ExecutionChanged(phase=phase):
            has_outputs = phase is WorkflowPhase.SUCCEEDED and run.program.plan.primary.has_outputs
            output = places.outputs_uri(prefix, run.id, ROOT, 0) if has_outputs else ""
            return HistoryEntry(run.id, sequence, record, run.request.inputs_uri, output)
        case NodeChanged(path=path, phase=node_phase):
            output = ""
            now = decision.nodes.get(path)
            if node_phase is NodePhase.SUCCEEDED and isinstance(now, Succeeded):
                output = places.outputs_uri(prefix, run.id, path, now.attempt)
            child = run.child_of(path)
            return HistoryEntry(run.id, sequence, record, places.inputs_uri(prefix, run.id, path), output, child=child)
        case AttemptChanged(path=path, attempt=attempt, phase=task_phase):
            succeeded = task_phase is TaskPhase.SUCCEEDED
            output = places.outputs_uri(prefix, run.id, path, attempt) if succeeded else ""
            log = log_uri(AttemptKey(run.id, path, attempt))
            return HistoryEntry(run.id, sequence, record, places.inputs_uri(prefix, run.id, path), output, log)
        case unreachable:
            assert_never(unreachable)
