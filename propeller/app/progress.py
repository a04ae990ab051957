"""How an execution goes, kept up from its history: what the status of its object is made of."""

from collections.abc import Collection
from dataclasses import replace
from typing import assert_never

from flytelike.model.history import AttemptChanged, ElementsChanged, ExecutionChanged, HistoryEntry, NodeChanged
from flytelike.model.ids import ROOT, NodeId
from flytelike.model.phases import NodePhase, WorkflowPhase
from propeller.engine.overview import Overview
from propeller.kube.status import NodeCounts, WorkflowStatus

_SUCCEEDED = frozenset({NodePhase.SUCCEEDED, NodePhase.RECOVERED})
_FAILED = frozenset({NodePhase.FAILED, NodePhase.ABORTED, NodePhase.TIMED_OUT})


class Progress:
    """One execution's progress. The cost of a record does not grow with the workflow."""

    def __init__(self, status: WorkflowStatus, nodes: Collection[NodeId]) -> None:
        """Begin with nothing but what `status` says of times; `nodes` are those of the workflow itself."""
        self._nodes = frozenset(nodes)
        self._phases: dict[NodeId, NodePhase] = {}
        self.status = replace(status, phase=WorkflowPhase.QUEUED, nodes=NodeCounts(total=len(self._nodes)), sequence=0)

    def catch_up(self, overview: Overview, now_ns: int) -> None:
        """Take over what is stored, instead of all that was told before."""
        for node, phase in overview.nodes.items():
            self._count(node, phase)
        before = self.status
        self.status = replace(
            before,
            phase=overview.phase,
            sequence=overview.sequence,
            failure=overview.failure,
            message=_message(overview.failure.message if overview.failure else overview.cause),
            started_ns=overview.started_ns or before.started_ns,
            ended_ns=(before.ended_ns or now_ns) if overview.phase.terminal else 0,
            output_uri=overview.output_uri,
        )

    def take(self, entry: HistoryEntry) -> bool:
        """Take a record; whether it was news. Records come in order, some of them again."""
        if entry.sequence <= self.status.sequence:
            return False
        before = self.status
        self.status = replace(before, sequence=entry.sequence)
        match entry.record:
            case ExecutionChanged() as changed:
                self._take_phase(changed, entry.output_uri)
            case NodeChanged(parent=parent, spec_node_id=node, phase=phase):
                if parent == ROOT and node in self._nodes:
                    self._count(node, phase)
            case AttemptChanged() | ElementsChanged():
                pass
            case unreachable:
                assert_never(unreachable)
        return replace(self.status, sequence=0) != replace(before, sequence=0)

    def _take_phase(self, changed: ExecutionChanged, output_uri: str) -> None:
        before = self.status
        self.status = replace(
            before,
            phase=changed.phase,
            failure=changed.failure or before.failure,
            message=_message(changed.failure.message if changed.failure else changed.cause) or before.message,
            started_ns=before.started_ns or (changed.at_ns if changed.phase is WorkflowPhase.RUNNING else 0),
            ended_ns=changed.at_ns if changed.phase.terminal else 0,
            output_uri=output_uri,
        )

    def _count(self, node: NodeId, phase: NodePhase) -> None:
        """Move a node from the counter of its former phase to that of its phase now."""
        counts = dict.fromkeys(("running", "succeeded", "failed", "skipped"), 0)
        for counted, by in ((self._phases.get(node), -1), (phase, 1)):
            if counted is not None:
                counts[_counter(counted)] += by
        self._phases[node] = phase
        now = self.status.nodes
        self.status = replace(
            self.status,
            nodes=NodeCounts(
                now.total,
                now.running + counts["running"],
                now.succeeded + counts["succeeded"],
                now.failed + counts["failed"],
                now.skipped + counts["skipped"],
            ),
        )


def _counter(phase: NodePhase) -> str:
    if phase in _SUCCEEDED:
        return "succeeded"
    if phase in _FAILED:
        return "failed"
    return "skipped" if phase is NodePhase.SKIPPED else "running"


def _message(text: str) -> str:
    """Return a text as one line, as lists show it."""
    return " ".join(text.split())
