"""From records to history entries: where the inputs, outputs and logs they speak of lie."""

from collections.abc import Callable

from flytelike.model.history import AttemptChanged, ExecutionChanged, HistoryEntry, NodeChanged, Record
from flytelike.model.ids import ROOT
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from propeller.core.node_state import Succeeded
from propeller.core.plan import TaskWork
from propeller.engine import places
from propeller.engine.run import Run
from propeller.engine.settings import EngineSettings
from propeller.ports import AttemptKey

LogUri = Callable[[AttemptKey], str]


def entry_of(run: Run, sequence: int, record: Record, settings: EngineSettings, log_uri: LogUri) -> HistoryEntry:
    """Return the entry that tells a record."""
    prefix = settings.metadata_prefix
    match record:
        case ExecutionChanged(phase):
            output = places.outputs_uri(prefix, run.id, ROOT, 0) if phase is WorkflowPhase.SUCCEEDED else ""
            return HistoryEntry(run.id, sequence, record, run.request.inputs_uri, output)
        case NodeChanged(path, phase=phase):
            is_task = isinstance(run.plan.place(path).node.work, TaskWork)
            inputs = places.inputs_uri(prefix, run.id, path) if is_task or record.is_child_execution else ""
            output = ""
            if phase is NodePhase.SUCCEEDED:
                output = places.outputs_uri(prefix, run.id, path, attempt_of(run, record))
            return HistoryEntry(run.id, sequence, record, inputs, output, child=run.children.get(path))
        case AttemptChanged(path, attempt, phase=phase):
            uri = places.outputs_uri(prefix, run.id, path, attempt) if phase is TaskPhase.SUCCEEDED else ""
            log = log_uri(AttemptKey(run.id, path, attempt))
            return HistoryEntry(run.id, sequence, record, places.inputs_uri(prefix, run.id, path), uri, log)


def attempt_of(run: Run, record: NodeChanged) -> int:
    """Return the attempt whose outputs a node that succeeds has: the one that is current before the change."""
    state = run.state.get(record.path)
    return state.attempt if isinstance(state, Succeeded) else int(getattr(state, "attempt", 0))
