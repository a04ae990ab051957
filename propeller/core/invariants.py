"""What is true of every state between two decisions. For tests and simulations: it looks at all nodes."""

from collections.abc import Callable, Mapping

from flytelike.model.ids import ROOT, NodeId, NodePath
from flytelike.model.policies import FailurePolicy
from propeller.core import array_invariants
from propeller.core.elements import element_of
from propeller.core.header import (
    Accepted,
    ExecutionFailed,
    ExecutionSucceeded,
    HandlingFailure,
    InProgress,
    Succeeding,
)
from propeller.core.node_state import (
    DONE_STATES,
    END_STATES,
    SLOT_STATES,
    Aborted,
    AtGate,
    BackingOff,
    ChildRunning,
    Collecting,
    Decided,
    Deciding,
    Expanded,
    Failed,
    Gathering,
    HandlingScopeFailure,
    Held,
    LeftOut,
    LookingUp,
    Mapped,
    Measuring,
    NodeState,
    Running,
    Skipped,
    Started,
    Succeeded,
    TakingOver,
    WaitingForCache,
)
from propeller.core.plan import (
    ArrayWork,
    BranchWork,
    LaunchPlanWork,
    NodePlan,
    Plan,
    SignalWork,
    SleepWork,
    SubWorkflowWork,
    TaskWork,
    WorkflowPlan,
    attempt_of,
    parent_of,
    path_in,
    scope_of,
    split,
)
from propeller.core.reuse import Reuse
from propeller.core.state import ExecutionState

_KINDS: Mapping[type, tuple[type, ...]] = {
    TaskWork: (Held, LookingUp, WaitingForCache, Started, Running, BackingOff, Expanded, Collecting),
    LaunchPlanWork: (Held, ChildRunning),
    SubWorkflowWork: (Expanded, Collecting, HandlingScopeFailure),
    BranchWork: (Deciding, Decided),
    SignalWork: (AtGate,),
    SleepWork: (AtGate,),
    ArrayWork: (Held, Measuring, Mapped, Gathering),
}


def check(plan: Plan, state: ExecutionState) -> None:
    """Look at the whole state.

    Raises:
        AssertionError: Something is not as it must be; the message names the place and the rule.
    """
    scopes: dict[NodePath, dict[NodeId, NodeState]] = {ROOT: {}}
    for path, node in state.nodes.items():
        scope, node_id = split(path)
        scopes.setdefault(scope, {})[node_id] = node
        _check_node(plan, state, path, node)
        if isinstance(node, Expanded | Collecting | HandlingScopeFailure | Mapped):
            scopes.setdefault(NodePath(f"{path}.{node.attempt}"), {})
    for scope, nodes in scopes.items():
        _check_scope(plan, state, scope, nodes)
    _check_limits(state)
    _check_end(state)
    _check_index(plan, state)


def _must(condition: bool, where: str, rule: str) -> None:
    if not condition:
        raise AssertionError(f"{where or 'execution'}: {rule}")


def _check_node(plan: Plan, state: ExecutionState, path: NodePath, node: NodeState) -> None:
    place = plan.place(path)
    allowed = _KINDS[type(place.node.work)]
    of_any_kind = type(node) in END_STATES or isinstance(node, TakingOver)
    _must(of_any_kind or type(node) in allowed, path, f"its kind cannot be {node}")
    reuse = state.reuse.get(path)
    _must(reuse is Reuse.TAKE or not isinstance(node, TakingOver), path, "takes over what is not listed")
    _must((reuse is Reuse.LEAVE) == isinstance(node, LeftOut) or isinstance(node, Skipped), path, f"{node}, {reuse}")
    match node:
        case Started() | Running() | BackingOff():
            _must(0 <= node.user_failures <= place.node.retries, path, f"too many retries: {node}")
            _must(0 <= node.system_failures <= place.node.system_retries, path, f"too many restarts: {node}")
        case ChildRunning() | HandlingScopeFailure():
            _must(0 <= node.user_failures <= place.node.retries, path, f"too many retries: {node}")
        case Expanded() | Collecting():
            _must(0 <= node.user_failures <= place.node.retries, path, f"too many retries: {node}")
            of_task = isinstance(place.node.work, TaskWork)
            restarts = place.node.system_retries if of_task else 0
            _must(0 <= node.system_failures <= restarts, path, f"too many restarts: {node}")
            given = scope_of(path, node.attempt) in state.graphs
            _must(given == of_task, path, "a dynamic node has given a graph, and only such a node")
        case _:
            pass


def _check_scope(plan: Plan, state: ExecutionState, scope: NodePath, nodes: Mapping[NodeId, NodeState]) -> None:
    workflow = plan.workflow_in(scope)
    if workflow.of_elements:
        array_invariants.check(plan, state, scope, nodes)
        return
    owner = state.header.status if scope == ROOT else state.get(parent_of(scope))
    plans = workflow.nodes
    mine = {node: its for node, its in nodes.items() if not plans[node].aside}
    active = [node for node, its in mine.items() if type(its) not in END_STATES]
    failed = [node for node, its in mine.items() if isinstance(its, Failed) and plans[node].branch is None]
    owners = Expanded | Collecting | HandlingScopeFailure | Succeeded | Failed
    current = scope == ROOT or (isinstance(owner, owners) and owner.attempt == attempt_of(scope))
    for node_id, its in mine.items():
        _check_edges(workflow, scope, node_id, its, nodes.get)
    cleaning = [node for node, its in nodes.items() if plans[node].aside and type(its) not in END_STATES]
    handling = current and isinstance(owner, HandlingFailure | HandlingScopeFailure)
    _must(handling == bool(cleaning), scope, f"cleaning up are {cleaning}, its owner is {owner}")
    if current and isinstance(owner, InProgress | Expanded):
        _must(bool(active), scope, "nodes may run in this scope, and none does")
        _must((owner.failure is not None) == bool(failed), scope, f"keeps {owner.failure}, failed are {failed}")
        keeps_going = workflow.on_failure is FailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE
        _must(keeps_going or not failed, scope, f"goes on although {failed} failed")
        _check_waiting(workflow, scope, nodes)
    else:
        _must(not active, scope, f"is closed, and {active} are active")
    if current and isinstance(owner, Collecting | Succeeded | Succeeding | ExecutionSucceeded):
        left = [it.id for it in plans.values() if _counts(it) and type(nodes.get(it.id)) not in DONE_STATES]
        _must(not left, scope, f"succeeded, but {left} did not")
        _must(len(mine) == len(nodes), scope, "succeeded, and its failure node began")


def _counts(node: NodePlan) -> bool:
    """Whether a workflow succeeds only if the node does."""
    return not node.aside and node.branch is None


def _check_edges(
    workflow: WorkflowPlan,
    scope: NodePath,
    node_id: NodeId,
    node: NodeState,
    get: Callable[[NodeId], NodeState | None],
) -> None:
    """A node has begun only if all above it succeeded, and is skipped only if one cannot."""
    path = path_in(scope, node_id)
    plan = workflow.nodes[node_id]
    above = [get(other) for other in plan.upstream]
    around = get(plan.branch) if plan.branch is not None else None
    if isinstance(node, Skipped):
        lost = any(isinstance(its, Failed | Skipped) for its in above)
        passed_over = plan.branch is not None and not (
            isinstance(around, Deciding | TakingOver | None) or (isinstance(around, Decided) and around.case == node_id)
        )
        inside = isinstance(plan.work, BranchWork) and any(isinstance(get(case), Skipped) for case in plan.work.cases)
        _must(lost or passed_over or inside, path, "is skipped without a reason")
    else:
        taken = isinstance(around, Decided) and around.case == node_id
        _must(plan.branch is None or taken or type(around) in END_STATES, path, f"is {node}, its branch is {around}")
        _must(all(type(its) in DONE_STATES for its in above), path, f"is {node}, above it are {above}")


def _check_waiting(workflow: WorkflowPlan, scope: NodePath, nodes: Mapping[NodeId, NodeState]) -> None:
    for node_id, node in workflow.nodes.items():
        if node_id in nodes or node.aside:
            continue
        above = [nodes.get(other) for other in node.upstream]
        path = path_in(scope, node_id)
        around = nodes.get(node.branch) if node.branch is not None else None
        if node.branch is not None and not isinstance(around, Decided):
            _must(isinstance(around, Deciding | TakingOver | None), path, f"waits, its branch is {around}")
            _must(not any(isinstance(its, Failed | Skipped) for its in above), path, "waits for what never comes")
            continue
        _must(not isinstance(around, Decided) or around.case == node_id, path, "waits, another case was chosen")
        _must(not all(type(its) in DONE_STATES for its in above), path, "is ready and was not started")
        _must(not any(isinstance(its, Failed | Skipped) for its in above), path, "waits for what never comes")


def _check_limits(state: ExecutionState) -> None:
    limit = state.header.limits.max_parallelism
    slots = sum(type(node) in SLOT_STATES and not element_of(path) for path, node in state.nodes.items())
    held = sum(isinstance(node, Held) for node in state.nodes.values())
    _must(limit == 0 or slots <= limit, "", f"{slots} nodes run, {limit} may")
    _must(held == 0 or 0 < limit <= slots, "", f"{held} nodes are held while {slots} of {limit} slots are taken")
    orders = sorted(node.order for node in state.nodes.values() if isinstance(node, Held))
    for path, node in state.nodes.items():
        wrong = isinstance(node, Held) and node.priority != state.plan.priority(path)
        _must(not wrong, path, "is held with another priority than the plan's")
    _must(len(set(orders)) == len(orders), "", f"two held nodes have one place in the line: {orders}")
    _must(not orders or orders[-1] < state.header.next_order, "", "the next place in the line is taken")


def _check_end(state: ExecutionState) -> None:
    status, nodes = state.header.status, state.nodes
    if isinstance(status, Accepted):
        _must(not nodes, "", "nodes began before the execution")
    if isinstance(status, ExecutionSucceeded | Succeeding):
        plans = state.plan.primary.nodes
        top = {path: node for path, node in nodes.items() if "." not in path and _counts(plans[NodeId(path)])}
        unlucky = [path for path, node in top.items() if isinstance(node, Skipped | Aborted)]
        _must(not unlucky, "", f"succeeded with {unlucky}")
    if isinstance(status, ExecutionFailed):
        failures = [node.failure for node in nodes.values() if isinstance(node, Failed)]
        plans = state.plan.primary.nodes
        mine = [node for path, node in nodes.items() if "." not in path and _counts(plans[NodeId(path)])]
        done = all(type(node) in DONE_STATES for node in mine)
        # Without a failed node it is the collecting of the outputs that failed.
        _must(status.failure in failures or done, "", f"failed with {status.failure}, which no node has")


def _check_index(plan: Plan, state: ExecutionState) -> None:
    """What is derived equals what is derived anew."""
    fresh = ExecutionState(plan, state.header, state.nodes, state.reuse, state.graphs, state.chunks).index
    kept = state.index
    for what in ("missing", "open", "slots", "held"):
        old, new = getattr(kept.tally, what), getattr(fresh.tally, what)
        _must(old == new, "", f"index {what} is {old}, should be {new}")
    old_active = {scope: set(paths) for scope, paths in kept.active.items()}
    new_active = {scope: set(paths) for scope, paths in fresh.active.items()}
    _must(old_active == new_active, "", f"index active is {old_active}, should be {new_active}")
    inside, new_inside = kept.inside, fresh.inside
    _must(inside == new_inside, "", f"index inside is {inside}, should be {new_inside}")
    lines, should = ({level: list(line) for level, line in it.lines.items()} for it in (kept, fresh))
    _must(lines == should, "", f"lines are {lines}, should be {should}")
