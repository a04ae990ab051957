"""How it is with an attempt just now: whether it may still be running, and in whose name it does."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection

from flytelike.controlplane.repository.elements import list_elements
from flytelike.controlplane.repository.executions import count_attempts, find_attempt, find_execution, find_node
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase


class State(Enum):
    """Whether an attempt runs, by the history."""

    RUNS = "it has begun, and its end is not recorded"
    OVER = "it has ended, or another one came after it"
    UNRECORDED = "nothing is recorded of it, or not yet"


@dataclass(frozen=True, slots=True)
class Standing:
    """An attempt as the history has it.

    Attributes:
        state: Whether it runs.
        user: Who launched its execution.
        places: Projects and domains that it belongs to: its execution's, its task's, and those of what was launched.
    """

    state: State
    user: str
    places: frozenset[tuple[str, str]]


def standing_of(connection: Connection, node: NodeExecutionId, attempt: int) -> Standing | None:
    """Return how it is with an attempt of a node; None where there is no such execution."""
    row = find_execution(connection, node.execution)
    if row is None:
        return None
    places = {
        (row.project, row.domain),
        (row.launched_project, row.launched_domain),
        (row.workflow_project, row.workflow_domain),
    }
    found = find_attempt(connection, row.id, node.path, attempt)
    if found is not None:
        places.add((found.task_project, found.task_domain))
    phase = WorkflowPhase(row.phase)
    ending = phase.terminal or phase is WorkflowPhase.ABORTING
    if ending or any(_node_over(connection, row.id, path) for path in _around(node.path)):
        state = State.OVER
    elif (element := _element_in(node.path)) is not None:
        state = _state_of_element(connection, row.id, *element, attempt)
    elif count_attempts(connection, row.id, node.path) > attempt + 1:
        state = State.OVER
    elif found is None:
        state = State.UNRECORDED
    else:
        state = State.OVER if TaskPhase(found.phase).terminal else State.RUNS
    return Standing(state, row.user, frozenset(places))


def caller_of(connection: Connection, call: ExecutionId) -> NodeExecutionId | None:
    """Return the node whose eager task called an execution; None if none did."""
    row = find_execution(connection, call)
    if row is None or not row.eager:
        return None
    return NodeExecutionId(ExecutionId(row.project, row.domain, row.parent_name), NodePath(row.parent_path))


def _around(path: str) -> Iterator[str]:
    """Yield the paths of a node and of those in which it lies: every other part is a node's id."""
    parts = path.split(".")
    for length in range(1, len(parts) + 1, 2):
        yield ".".join(parts[:length])


def _node_over(connection: Connection, execution: int, path: str) -> bool:
    row = find_node(connection, execution, path)
    return row is not None and NodePhase(row.phase).terminal


def _element_in(path: str) -> tuple[str, int] | None:
    """Return the array of which a path names an element, and the element's index; None if it names a node."""
    parts = path.split(".")
    return (".".join(parts[:-2]), int(parts[-1])) if len(parts) > 2 and parts[-1].isdecimal() else None


def _state_of_element(connection: Connection, execution: int, array: str, index: int, attempt: int) -> State:
    """Return whether an attempt of an element runs: of elements, not all that begins and fails is recorded."""
    if find_node(connection, execution, array) is None:
        return State.UNRECORDED
    rows = list_elements(connection, execution, array, index, 1, only_failed=False)
    if not rows or rows[0].element != index:
        return State.RUNS
    row = rows[0]
    again = row.phase is TaskPhase.RETRYABLE_FAILED
    over = attempt < row.attempt + again or (row.phase.terminal and not again)
    return State.OVER if over else State.RUNS
