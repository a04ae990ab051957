"""The nodes of an execution as a tree, kept up to date from the watch stream."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flytelike.model.phases import NodePhase, WorkflowPhase
from flytelike_idl.admin import execution_pb2, node_execution_pb2
from flytelike_idl.core import catalog_pb2
from flytelike_idl.service import maintenance_pb2, watch_pb2


@dataclass(slots=True)
class NodeRow:
    """What the tree shows of one node."""

    path: str
    name: str
    parent: str
    phase: NodePhase
    is_parent: bool = False
    started_s: float = 0.0
    seconds: float = 0.0
    message: str = ""
    elements: str = ""
    cached: bool = False
    note: str = ""
    waits: str = ""
    answer: str = ""
    priority: int = 0
    """What the node and those around it add to the execution's."""
    in_line: bool = False
    """Whether its work has not begun, since others are before it."""

    @property
    def word(self) -> str:
        """How it is with the node, in a word."""
        return "queued" if self.in_line else self.phase.name.lower()

    @property
    def remark(self) -> str:
        """What is to be said beside the phase: what it waits for and how to answer; else the note."""
        answer = f", answer with: {self.answer}" if self.answer else ""
        return f"{self.waits}{answer}" if self.waits else self.note

    @property
    def elapsed_s(self) -> float:
        """Return how long the node took, or has been running."""
        if self.phase.terminal or not self.started_s:
            return self.seconds
        return max(0.0, time.time() - self.started_s)


@dataclass(slots=True)
class Tree:
    """The nodes of an execution, in the order in which they appeared."""

    title: str
    phase: WorkflowPhase = WorkflowPhase.UNDEFINED
    rows: dict[str, NodeRow] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    execution: execution_pb2.Execution | None = None

    def take(self, update: watch_pb2.WatchExecutionResponse) -> list[NodeRow]:
        """Bring the tree up to date and return the rows whose phase changed."""
        if update.HasField("execution"):
            self.execution = update.execution
            self.phase = WorkflowPhase(update.execution.closure.phase)
        return [row for node in update.node_executions if (row := self.take_node(node)) is not None]

    def take_node(self, node: node_execution_pb2.NodeExecution) -> NodeRow | None:
        """Bring one node up to date; return its row when the phase changed."""
        path = node.id.node_id
        if node.metadata.spec_node_id in {"start-node", "end-node"}:
            return None
        phase = NodePhase(node.closure.phase)
        known = self.rows.get(path)
        row = known or self.added(path, f"{node.metadata.spec_node_id} {node.metadata.name}".strip())
        row.is_parent = node.metadata.is_parent_node
        waits = wait_words(node)
        changed = known is None or row.phase is not phase or row.waits != waits
        row.note, row.waits, row.answer = node.metadata.note, waits, answer_words(node)
        row.priority = node.metadata.priority
        row.phase = phase
        row.started_s = node.closure.started_at.ToMicroseconds() / 1e6
        row.seconds = node.closure.duration.ToMilliseconds() / 1e3
        row.message = node.closure.error.message
        row.elements = counted_elements(node)
        row.cached = node.closure.task_node_metadata.cache_status == catalog_pb2.CACHE_HIT
        return row if changed else None

    def added(self, path: str, name: str) -> NodeRow:
        """Add a row below its parent: a sub-workflow (`<parent>.<attempt>.<id>`), or a branch (`<parent>-<id>`)."""
        parent = self.branch_of(path) or (path.rsplit(".", 2)[0] if path.count(".") >= 2 else "")
        row = NodeRow(path, name or path, parent, NodePhase.UNDEFINED)
        self.rows[path] = row
        self.children.setdefault(parent, []).append(path)
        return row

    def branch_of(self, path: str) -> str:
        """Return the branch that a node lies in; empty for none."""
        around = path
        while "-" in around.rpartition(".")[2]:
            around = around.rpartition("-")[0]
            if around in self.rows and self.rows[around].is_parent:
                return around
        return ""

    def line_up(self, queued: Sequence[maintenance_pb2.QueuedAttempt]) -> None:
        """Say of the nodes whose work waits for a worker where it stands in line; of an array what comes next."""
        placed: set[str] = set()
        for one in sorted(queued, key=lambda it: it.place):
            path = one.node_id
            while path and path not in self.rows:
                path = path.rpartition(".")[0]
            row = self.rows.get(path)
            if row is not None and path not in placed and not row.phase.terminal:
                placed.add(path)  # what the history says of it is older
                row.waits = f"waits for {one.what or 'a worker'}, place {one.place} of {one.of} in line"
                row.in_line = not row.elements

    def counts(self) -> str:
        """Return `3 succeeded, 1 running` over all nodes without nodes below them."""
        leaves = [row for path, row in self.rows.items() if path not in self.children]
        tally: dict[str, int] = {}
        for row in leaves:
            tally[row.phase.name.lower()] = tally.get(row.phase.name.lower(), 0) + 1
        return ", ".join(f"{number} {word}" for word, number in tally.items())

    def ordered(self, parent: str = "", depth: int = 0) -> list[tuple[int, NodeRow]]:
        """Return the rows as they are shown, with their depth."""
        found: list[tuple[int, NodeRow]] = []
        for path in self.children.get(parent, ()):
            found.append((depth, self.rows[path]))
            found.extend(self.ordered(path, depth + 1))
        return found


def wait_words(node: node_execution_pb2.NodeExecution) -> str:
    """Return `waits for ...`; nothing for a node that does not wait."""
    closure = node.closure
    if not closure.waits:
        return ""
    until = f" until {shown_time(closure.waits_until.ToDatetime(UTC))}" if closure.HasField("waits_until") else ""
    return f"waits for {closure.waits}{until}"


def answer_words(node: node_execution_pb2.NodeExecution) -> str:
    """Return the command that answers a gate; nothing for other nodes."""
    kind, _, quoted = node.closure.waits.partition(" ")
    how = {"approval": "--approve (or --reject)", "signal": "--value ..."}.get(kind)
    if how is None:
        return ""
    return f"flytelike signal {node.id.execution_id.name} {shlex.quote(quoted[1:-1])} {how}"


def shown_time(at: datetime) -> str:
    """Return a time people read at a glance: of today by the clock, else with its date; in UTC."""
    today = at.date() == datetime.now(UTC).date()
    return f"{at:%H:%M:%S} UTC" if today else f"{at:%Y-%m-%d %H:%M} UTC"


def counted_elements(node: node_execution_pb2.NodeExecution) -> str:
    """Return how far an array is, such as `73,000 of 100,000, 12 failed`; nothing for other nodes."""
    if not node.metadata.is_array:
        return ""
    counts = node.closure.elements
    told = ((counts.cached, "cached"), (counts.recovered, "reused"), (counts.failed, "failed"))
    more = "".join(f", {count:,} {word}" for count, word in told if count)
    return f"{counts.succeeded:,} of {counts.length:,}{more}"


def shown_seconds(seconds: float) -> str:
    """Return a duration people read at a glance."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"
