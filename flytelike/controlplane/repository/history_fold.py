"""Folding history entries into the rows they lead to: pure.

Of several entries about one thing the last says its phase; instants, uris and failures are
gathered. What a row already holds is merged by the statement that writes it.
"""

from collections.abc import Mapping
from typing import assert_never

from flytelike.codec.caching import key_to_json, source_to_json
from flytelike.codec.failures import failure_to_proto
from flytelike.codec.usage import asked_to_proto
from flytelike.controlplane.repository.elements import ArrayFold
from flytelike.model.caching import CacheNote
from flytelike.model.failure import Failure
from flytelike.model.history import (
    NEXT_ATTEMPT,
    AttemptChanged,
    ElementsChanged,
    ExecutionChanged,
    HistoryEntry,
    NodeChanged,
)
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase

Params = dict[str, str | int | bool | bytes | None]
"""A row's values by column."""

_RANK: Mapping[WorkflowPhase, int] = {
    WorkflowPhase.UNDEFINED: 0,
    WorkflowPhase.QUEUED: 1,
    WorkflowPhase.RUNNING: 2,
    WorkflowPhase.SUCCEEDING: 3,
    WorkflowPhase.FAILING: 4,
    WorkflowPhase.ABORTING: 5,
}
"""Phases that are not terminal only move up: an abort that was asked for is not forgotten for a late RUNNING."""


class ExecutionFold:
    """What the entries of one execution lead to, starting from its row's phase."""

    def __init__(self, row_id: int, phase: WorkflowPhase, sequence: int) -> None:
        """Start from what the row holds."""
        self.row_id = row_id
        self.phase = phase
        self.sequence = sequence
        self.ended = False
        self.nodes: dict[str, Params] = {}
        self.attempts: dict[tuple[str, int], Params] = {}
        self.arrays: dict[str, ArrayFold] = {}
        self.waits: dict[str, Params] = {}
        """What nodes without a row here wait for now, since an attempt of theirs failed or the next one began."""
        self._was_terminal = phase.terminal
        self._changes: Params = {"started_at": 0, "error": None, "error_code": "", "outputs_uri": "", "abort_cause": ""}
        self._updated_at = 0

    def take(self, entry: HistoryEntry) -> None:
        """Add the next entry."""
        self.sequence = entry.sequence
        match entry.record:
            case ExecutionChanged():
                self._execution(entry, entry.record)
            case NodeChanged():
                self._node(entry, entry.record)
            case AttemptChanged():
                self._attempt(entry, entry.record)
            case ElementsChanged() as record:
                self._elements(record, entry.sequence)
            case _ as unreachable:
                assert_never(unreachable)

    def execution_params(self) -> Params:
        """Return the values for the execution's row."""
        return {
            **self._changes,
            "row_id": self.row_id,
            "phase": int(self.phase),
            "sequence": self.sequence,
            "updated_at": self._updated_at,
        }

    def _execution(self, entry: HistoryEntry, record: ExecutionChanged) -> None:
        if self.phase.terminal:
            return
        if not record.phase.terminal and _RANK[record.phase] < _RANK[self.phase]:
            return
        self.phase = record.phase
        self.ended = record.phase.terminal
        self._updated_at = record.at_ns
        if record.phase is WorkflowPhase.RUNNING:
            self._changes["started_at"] = self._changes["started_at"] or record.at_ns
        if record.failure is not None:
            self._changes["error"] = encoded(record.failure)
            self._changes["error_code"] = record.failure.code
        if entry.output_uri:
            self._changes["outputs_uri"] = entry.output_uri
        if record.cause:
            self._changes["abort_cause"] = record.cause

    def _node(self, entry: HistoryEntry, record: NodeChanged) -> None:
        row = self.nodes.get(record.path)
        if row is None:
            row = self.nodes[record.path] = {
                "execution": self.row_id,
                "path": record.path,
                "parent": record.parent,
                "spec_node_id": record.spec_node_id,
                "name": record.name,
                "is_parent": False,
                "is_child": False,
                "inputs_uri": "",
                "output_uri": "",
                "child": "",
                "note": "",
                "waits": "",
                "waits_until": 0,
                "priority": record.priority,
                "cache_status": 0,
                "cache_why": "",
                "cache_key": "",
                "cache_source": "",
                "graph": "",
                "error": None,
                "created_at": record.at_ns,
                "started_at": 0,
                # What `write_arrays` writes afterwards.
                "is_array": False,
                "elements": 0,
                "elements_open": 0,
                "elements_succeeded": 0,
                "elements_failed": 0,
                "elements_cached": 0,
                "elements_recovered": 0,
            }
        elif NodePhase(int(row["phase"] or 0)).terminal:
            row["sequence"] = entry.sequence
            return
        row["phase"] = int(record.phase)
        row["is_parent"] = row["is_parent"] or record.is_parent
        row["is_child"] = row["is_child"] or record.is_child_execution
        if entry.child is not None:
            row["child"] = entry.child.name
        row["waits"], row["waits_until"] = record.waits, record.waits_until_ns
        self.waits.pop(record.path, None)
        if record.note:
            row["note"] = record.note
        if record.cache is not None:
            _note(row, record.cache)
        if record.graph:
            row["graph"] = record.graph
        running = record.phase in {NodePhase.RUNNING, NodePhase.DYNAMIC_RUNNING}
        _gather(row, entry, record.at_ns, record.failure, running=running)

    def _elements(self, record: ElementsChanged, sequence: int) -> None:
        fold = self.arrays.get(record.path)
        if fold is None:
            fold = self.arrays[record.path] = ArrayFold(self.row_id, record.path, record, sequence)
        fold.take(record, sequence)

    def _attempt(self, entry: HistoryEntry, record: AttemptChanged) -> None:
        key = (record.path, record.attempt)
        row = self.attempts.get(key)
        if row is None:
            row = self.attempts[key] = {
                "execution": self.row_id,
                "path": record.path,
                "attempt": record.attempt,
                "task_project": record.task.project,
                "task_domain": record.task.domain,
                "task_name": record.task.name,
                "task_version": record.task.version,
                "inputs_uri": "",
                "output_uri": "",
                "log_uri": "",
                "error": None,
                "created_at": record.at_ns,
                "started_at": 0,
                "asked": None,
                "memory_peak_bytes": 0,
                "processor_ns": 0,
            }
        elif TaskPhase(int(row["phase"] or 0)).terminal:
            row["sequence"] = entry.sequence
            return
        row["phase"] = int(record.phase)
        if record.next_ns or record.attempt:
            self._wait(entry, record)
        if entry.log_uri:
            row["log_uri"] = entry.log_uri
        if (asked := asked_to_proto(record.asked)) is not None:
            row["asked"] = asked.SerializeToString()
        if (used := record.used) is not None:
            row["memory_peak_bytes"], row["processor_ns"] = used.memory_peak_bytes, used.processor_ns
        _gather(row, entry, record.at_ns, record.failure, running=record.phase is TaskPhase.RUNNING)

    def _wait(self, entry: HistoryEntry, record: AttemptChanged) -> None:
        """Say that the attempt's node waits for the next one, or does not any more."""
        waits: Params = {
            "waits": NEXT_ATTEMPT if record.next_ns else "",
            "waits_until": record.next_ns,
            "updated_at": record.at_ns,
            "sequence": entry.sequence,
        }
        row = self.nodes.get(record.path)
        if row is None:
            new = {f"new_{column}": value for column, value in waits.items()}
            self.waits[record.path] = {"of_execution": self.row_id, "of_path": record.path, **new}
        elif not NodePhase(int(row["phase"] or 0)).terminal:
            row.update(waits)


def _note(row: Params, note: CacheNote) -> None:
    """Put what is told of the cache into a row; what was said before and is not said now stays."""
    row["cache_status"] = int(note.status)
    row["cache_why"] = note.why or row["cache_why"]
    row["cache_key"] = key_to_json(note.key) if note.key is not None else row["cache_key"]
    row["cache_source"] = source_to_json(note.source) if note.source is not None else row["cache_source"]


def _gather(row: Params, entry: HistoryEntry, at_ns: int, failure: Failure | None, *, running: bool) -> None:
    """Put what nodes and attempts have in common into a row."""
    if running and not row["started_at"]:
        row["started_at"] = at_ns
    if entry.inputs_uri:
        row["inputs_uri"] = entry.inputs_uri
    if entry.output_uri:
        row["output_uri"] = entry.output_uri
    if failure is not None:
        row["error"] = encoded(failure)
    row["updated_at"] = at_ns
    row["sequence"] = entry.sequence


def encoded(failure: Failure) -> bytes:
    """Return the failure as a serialised `core.ExecutionError`."""
    return failure_to_proto(failure).SerializeToString()
