"""What is true of the elements of every array between two decisions. For tests and simulations: it looks at all."""

from collections import Counter
from collections.abc import Mapping

from flytelike.model.ids import NodeId, NodePath
from propeller.core.elements import ElementPhase, Elements, element_of
from propeller.core.node_state import END_STATES, Mapped, NodeState
from propeller.core.plan import ArrayWork, Plan, TaskWork, parent_of
from propeller.core.state import ExecutionState


def check(plan: Plan, state: ExecutionState, scope: NodePath, nodes: Mapping[NodeId, NodeState]) -> None:
    """Look at the elements that lie in a scope; `nodes` are those with states of their own.

    Raises:
        AssertionError: Something is not as it must be.
    """
    array = state.get(parent_of(scope))
    work = plan.place(parent_of(scope)).node.work
    active = [node for node, its in nodes.items() if type(its) not in END_STATES]
    if not isinstance(array, Mapped) or not isinstance(work, ArrayWork):
        _must(not active, scope, f"the array is over, and {active} are active")
        return
    elements = Elements(scope, array.length, state.chunks.get)
    phases = Counter(elements.phase(index) for index in range(array.length))
    running = phases[ElementPhase.OPEN] + phases[ElementPhase.PAUSED]
    _must(array.open == running, scope, f"{running} elements are open, {array.open} are counted")
    _must(array.succeeded == phases[ElementPhase.SUCCEEDED], scope, f"{phases}, counted are {array}")
    _must(array.failed == phases[ElementPhase.FAILED], scope, f"{phases}, counted are {array}")
    _must(running <= work.window, scope, f"{running} elements are open, {work.window} may")
    begun = array.length - phases[ElementPhase.WAITING]
    _must(array.begun == begun, scope, f"{begun} elements have begun, {array.begun} are counted")
    _must(running == min(work.window, array.length - array.succeeded - array.failed), scope, f"there is room: {array}")
    _must(array.succeeded + array.failed < array.length, scope, "all elements ended, and the array goes on")
    hopeless = array.length - array.failed < work.needed(array.length)
    _must(work.run_all or not hopeless, scope, f"goes on without hope: {array}")
    _must((array.failure is not None) == (array.failed > 0), scope, f"keeps {array.failure}, {array.failed} failed")
    for index in range(array.length):
        _check_element(work, elements, index, scope)
    if not isinstance(work.element.work, TaskWork):
        expected = {str(index) for index in range(array.length) if elements.phase(index) is ElementPhase.OPEN}
        # What lies in an element of another array goes with that one.
        kept = set(nodes) if not element_of(scope) else set(active)
        _must(kept == expected, scope, f"{sorted(kept)} have states, {sorted(expected)} are open")


def _check_element(work: ArrayWork, elements: Elements, index: int, scope: NodePath) -> None:
    users, systems = elements.failures(index)
    retries = work.element.retries
    _must(0 <= users <= retries, scope, f"{index} had {users} of {retries} retries")
    _must(0 <= systems <= work.element.system_retries, scope, f"{index} had {systems} restarts")
    waiting = elements.phase(index) is ElementPhase.WAITING
    _must(not waiting or users + systems == 0, scope, f"{index} failed before it began")


def _must(condition: bool, scope: NodePath, rule: str) -> None:
    if not condition:
        raise AssertionError(f"{scope}: {rule}")
