"""Phases of executions, nodes and attempts; values are those of Flyte's `core/execution.proto`."""

from enum import IntEnum


class WorkflowPhase(IntEnum):
    """The phase of an execution."""

    UNDEFINED = 0
    QUEUED = 1
    RUNNING = 2
    SUCCEEDING = 3
    SUCCEEDED = 4
    FAILING = 5
    FAILED = 6
    ABORTED = 7
    TIMED_OUT = 8
    ABORTING = 9

    @property
    def terminal(self) -> bool:
        """Whether the phase never changes again."""
        return self in _TERMINAL_WORKFLOW


class NodePhase(IntEnum):
    """The phase of a node execution."""

    UNDEFINED = 0
    QUEUED = 1
    RUNNING = 2
    SUCCEEDED = 3
    FAILING = 4
    FAILED = 5
    ABORTED = 6
    SKIPPED = 7
    TIMED_OUT = 8
    DYNAMIC_RUNNING = 9
    RECOVERED = 10

    @property
    def terminal(self) -> bool:
        """Whether the phase never changes again."""
        return self in _TERMINAL_NODE


class TaskPhase(IntEnum):
    """The phase of one attempt of a task."""

    UNDEFINED = 0
    QUEUED = 1
    RUNNING = 2
    SUCCEEDED = 3
    ABORTED = 4
    FAILED = 5
    INITIALIZING = 6
    WAITING_FOR_RESOURCES = 7
    RETRYABLE_FAILED = 8

    @property
    def terminal(self) -> bool:
        """Whether the phase never changes again."""
        return self in _TERMINAL_TASK


_TERMINAL_WORKFLOW = frozenset(
    {WorkflowPhase.SUCCEEDED, WorkflowPhase.FAILED, WorkflowPhase.ABORTED, WorkflowPhase.TIMED_OUT}
)
_TERMINAL_NODE = frozenset(
    {
        NodePhase.SUCCEEDED,
        NodePhase.FAILED,
        NodePhase.ABORTED,
        NodePhase.SKIPPED,
        NodePhase.TIMED_OUT,
        NodePhase.RECOVERED,
    }
)
_TERMINAL_TASK = frozenset({TaskPhase.SUCCEEDED, TaskPhase.ABORTED, TaskPhase.FAILED, TaskPhase.RETRYABLE_FAILED})
