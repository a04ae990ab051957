"""What changed between two versions of a workflow's graph, for people.

Nodes have no names of their own unless the author gives them: `n2` becomes `n3` when a call is put
before it. Nodes are therefore matched by what they call and in which order, not by id.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import SequenceMatcher

from flytelike.model.condition import Comparison, Condition, Conjunction, InputOperand, Operand
from flytelike.model.graph import (
    ArrayTarget,
    Binding,
    BindingData,
    BoundCollection,
    BoundMap,
    BoundOffloaded,
    BoundPromise,
    BoundScalar,
    BranchTarget,
    GateTarget,
    LaunchPlanTarget,
    Node,
    Promise,
    SubWorkflowTarget,
    TaskOverrides,
    TaskTarget,
    WorkflowTemplate,
    inner_nodes,
)
from flytelike.model.ids import NodeId
from flytelike.model.literals import ErrorValue


def graph_changes(old: WorkflowTemplate, new: WorkflowTemplate) -> Iterator[str]:
    """Yield calls that were added, removed or are fed in another way, and other outputs."""
    pairs = matched(old.nodes, new.nodes)
    renamed = {one.id: other.id for one, other in pairs if one is not None and other is not None}
    yield from pair_changes(pairs, renamed)
    yield from binding_changes("output", old.outputs, new.outputs, renamed)
    failing = [(node,) if node is not None else () for node in (old.failure_node, new.failure_node)]
    for text in pair_changes(matched(*failing), renamed):
        yield f"when it fails: {text}"


def pair_changes(pairs: Iterable[tuple[Node | None, Node | None]], renamed: Mapping[NodeId, NodeId]) -> Iterator[str]:
    """Yield what changed between nodes side by side."""
    for one, other in pairs:
        if one is None and other is not None:
            yield f"calls {called(other)} as `{other.id}`"
        elif other is None and one is not None:
            yield f"does not call {called(one)} (was `{one.id}`)"
        elif one is not None and other is not None:
            yield from node_changes(one, other, renamed)


def matched(old: tuple[Node, ...], new: tuple[Node, ...]) -> list[tuple[Node | None, Node | None]]:
    """Return nodes of both versions side by side, each with its counterpart or None."""
    before, after = [called(node) for node in old], [called(node) for node in new]
    pairs: list[tuple[Node | None, Node | None]] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            pairs.extend(zip(old[i1:i2], new[j1:j2], strict=True))
        else:
            pairs.extend((node, None) for node in old[i1:i2])
            pairs.extend((None, node) for node in new[j1:j2])
    return pairs


def node_changes(old: Node, new: Node, renamed: Mapping[NodeId, NodeId]) -> Iterator[str]:
    """Yield what changed in a call that is in both versions."""
    # A branch names its inputs by the nodes they come from: its conditions say more.
    if not isinstance(new.target, BranchTarget):
        for text in binding_changes("input", old.bindings, new.bindings, renamed):
            yield f"`{new.id}` ({called(new)}): {text}"
    before = {renamed.get(node, node) for node in old.upstream}
    if before != set(new.upstream):
        yield f"`{new.id}` ({called(new)}): waits for {', '.join(new.upstream) or 'nothing'} beside its inputs"
    if old.metadata != new.metadata:
        yield f"`{new.id}` ({called(new)}): other overrides or another name"
    if overrides(old) != overrides(new):
        yield f"`{new.id}` ({called(new)}): other resources, image or settings"
    if settings(old, renamed) != settings(new, {}):
        yield f"`{new.id}` ({called(new)}): {SETTINGS[type(new.target)]}"
    for text in pair_changes(matched(own_nodes(old), own_nodes(new)), renamed):
        yield f"in `{new.id}`: {text}"


NO_NODE = Node(NodeId(""), GateTarget(None))
"""Stands for the node of an array, which is compared by itself."""

SETTINGS: Mapping[type, str] = {
    BranchTarget: "other conditions, or another failure when none holds",
    GateTarget: "waits for something else",
    ArrayTarget: "other concurrency, successes or shared inputs",
}
"""What the settings are of the kinds of nodes that have some."""


def settings(node: Node, renamed: Mapping[NodeId, NodeId]) -> object:
    """Return what a node says of itself beside its bindings and the nodes it holds."""
    match node.target:
        case BranchTarget(cases, otherwise):
            inputs = {binding.var: data(binding.data, renamed) for binding in node.bindings}
            conditions = [case.condition and condition(case.condition, inputs) for case in cases]
            return conditions, otherwise.message if isinstance(otherwise, ErrorValue) else None
        case GateTarget(gate):
            return gate
        case ArrayTarget() as array:
            return replace(array, node=NO_NODE)
        case TaskTarget() | SubWorkflowTarget() | LaunchPlanTarget():
            return None


def condition(found: Condition, inputs: Mapping[str, str]) -> tuple[object, ...]:
    """Return a condition with the sources of what it compares; `inputs` says where each comes from."""
    match found:
        case Comparison(comparator, left, right):
            return comparator, operand(left, inputs), operand(right, inputs)
        case Conjunction(junction, one, other):
            return junction, condition(one, inputs), condition(other, inputs)


def operand(found: Operand, inputs: Mapping[str, str]) -> Operand | str:
    """Return where an operand's value comes from, or the constant."""
    return inputs.get(found.var, found.var) if isinstance(found, InputOperand) else found


def own_nodes(node: Node) -> tuple[Node, ...]:
    """Return the nodes that a node holds; that of an array without its bindings, which are the array's own."""
    found = inner_nodes(node)
    return tuple(replace(inner, bindings=()) for inner in found) if isinstance(node.target, ArrayTarget) else found


def overrides(node: Node) -> TaskOverrides | None:
    """Return what a node changes of its task; None when it runs no task."""
    return node.target.overrides if isinstance(node.target, TaskTarget) else None


def binding_changes(
    noun: str, old: tuple[Binding, ...], new: tuple[Binding, ...], renamed: Mapping[NodeId, NodeId]
) -> Iterator[str]:
    """Yield inputs or outputs that come from elsewhere."""
    before = {binding.var: data(binding.data, renamed) for binding in old}
    after = {binding.var: data(binding.data, {}) for binding in new}
    for name in [*after, *(name for name in before if name not in after)]:
        one, other = before.get(name), after.get(name)
        if one != other:
            yield f"{noun} `{name}` comes from {other or 'nowhere'}, was {one or 'nowhere'}"


def data(bound: BindingData, renamed: Mapping[NodeId, NodeId]) -> str:
    """Return where a value comes from, in words that are equal for equal sources."""
    match bound:
        case BoundPromise(promise):
            return source(promise, renamed)
        case BoundCollection(items):
            return f"[{', '.join(data(item, renamed) for item in items)}]"
        case BoundMap(items):
            return "{" + ", ".join(f"{key}: {data(item, renamed)}" for key, item in sorted(items.items())) + "}"
        case BoundScalar(value):
            return f"the constant {shown(getattr(value, 'value', value))}"
        case BoundOffloaded(value):
            return f"the stored constant {value.uri}"


def source(promise: Promise, renamed: Mapping[NodeId, NodeId]) -> str:
    """Return a promise as `n1.o0.field`, or as the workflow's input."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in promise.path)
    if not promise.node_id or promise.node_id == "start-node":
        return f"the input `{promise.var}{path}`"
    return f"`{renamed.get(promise.node_id, promise.node_id)}.{promise.var}{path}`"


def shown(value: object) -> str:
    """Return a constant on one short line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def called(node: Node) -> str:
    """Return what a node runs, without its version."""
    match node.target:
        case TaskTarget(identifier):
            return f"task `{identifier.name}`"
        case SubWorkflowTarget(identifier):
            return f"workflow `{identifier.name}`"
        case LaunchPlanTarget(identifier):
            return f"launch plan `{identifier.name}`"
        case BranchTarget():
            return "a branch"
        case GateTarget():
            return "a gate"
        case ArrayTarget(inner):
            return f"{called(inner)} for each element"
