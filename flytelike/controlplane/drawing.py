"""A compiled workflow as a graph for people: its nodes, what comes after what, and large groups of like nodes folded.

Nodes are alike when they call the same thing after alike nodes. Ten thousand calls of a task become one node that
stands for them, so that a graph of any size can be drawn and read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from flytelike_idl.core import compiler_pb2, condition_pb2, identifier_pb2, literals_pb2, workflow_pb2

ENDS = frozenset({"start-node", "end-node"})
FOLD_ABOVE = 120
"""Graphs of more nodes than this are folded."""
GROUP_MIN = 4
DRAWN_MAX = 400
"""A graph that is folded has no more nodes than this."""
BRANCH_DEPTH_MAX = 32

_SIGNS = {0: "==", 1: "!=", 2: ">", 3: ">=", 4: "<", 5: "<="}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A node of the graph, or a group of like ones; `members` are the ids of the nodes it stands for."""

    id: str
    name: str
    kind: str
    target: identifier_pb2.Identifier | None
    members: tuple[str, ...]
    branch: str = ""
    condition: str = ""
    file: str = ""
    line: int = 0
    nested: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph: each node stands behind those it comes after. `total` counts nodes, unfolded."""

    nodes: tuple[Drawn, ...]
    edges: tuple[tuple[str, str], ...]
    total: int


def draw(workflow: compiler_pb2.CompiledWorkflow) -> Drawing:
    """Return a workflow's graph, folded where it is large."""
    nodes = [drawn for node in workflow.template.nodes if node.id not in ENDS for drawn in drawn_nodes(node)]
    above = upstream(workflow)
    for drawn in nodes:
        if drawn.branch:
            above[drawn.id] = (drawn.branch,)
    ordered = in_order(nodes, above)
    if len(ordered) > FOLD_ABOVE:
        ordered, above = folded(ordered, above)
    edges = tuple((source, node.id) for node in ordered for source in above.get(node.id, ()) if source != node.id)
    return Drawing(tuple(ordered), edges, len(nodes))


def drawn_nodes(node: workflow_pb2.Node, branch: str = "", condition: str = "", depth: int = 0) -> Iterator[Drawn]:
    """Yield a node, and of a branch the nodes in it."""
    kind, target, nested = called(node)
    short = target.name.rpartition(".")[2] if target is not None else ""
    yield Drawn(
        node.id,
        node.metadata.name or short or node.id,
        kind,
        target,
        (node.id,),
        branch,
        condition,
        node.span.file,
        node.span.line,
        nested,
    )
    if kind != "branch" or depth >= BRANCH_DEPTH_MAX:
        return
    block = node.branch_node.if_else
    for case in (block.case, *block.other):
        yield from drawn_nodes(case.then_node, node.id, condition_text(case.condition), depth + 1)
    if block.HasField("else_node"):
        yield from drawn_nodes(block.else_node, node.id, "else", depth + 1)


def called(node: workflow_pb2.Node) -> tuple[str, identifier_pb2.Identifier | None, bool]:
    """Return what kind a node is, what it calls, and whether it has a graph of its own."""
    match node.WhichOneof("target"):
        case "task_node":
            return "task", node.task_node.reference_id, False
        case "workflow_node":
            if node.workflow_node.HasField("launchplan_ref"):
                return "launch plan", node.workflow_node.launchplan_ref, False
            return "workflow", node.workflow_node.sub_workflow_ref, True
        case "branch_node":
            return "branch", None, False
        case "gate_node":
            return "gate", None, False
        case "array_node":
            _, target, _ = called(node.array_node.node)
            return "array", target, False
        case _:
            return "task", None, False


def upstream(workflow: compiler_pb2.CompiledWorkflow) -> dict[str, tuple[str, ...]]:
    """Return for each node those it comes after."""
    return {node: tuple(sorted(set(found.ids) - ENDS)) for node, found in workflow.connections.upstream.items()}


def in_order(nodes: Sequence[Drawn], above: Mapping[str, Sequence[str]]) -> list[Drawn]:
    """Return nodes so that each stands behind those it comes after."""
    by_id = {node.id: node for node in nodes}
    left = {node.id: sum(source in by_id for source in above.get(node.id, ())) for node in nodes}
    below: dict[str, list[str]] = {}
    for node in nodes:
        for source in above.get(node.id, ()):
            below.setdefault(source, []).append(node.id)
    ready = [node.id for node in nodes if not left[node.id]]
    out: list[Drawn] = []
    for one in ready:
        out.append(by_id[one])
        for follower in below.get(one, ()):
            left[follower] -= 1
            if not left[follower]:
                ready.append(follower)
    return out


def folded(
    ordered: Sequence[Drawn], above: Mapping[str, Sequence[str]]
) -> tuple[list[Drawn], dict[str, tuple[str, ...]]]:
    """Return the graph with groups of like nodes folded: those after alike nodes, else whatever is called alike."""
    groups: dict[str, str] = {}
    signs: dict[tuple[object, ...], str] = {}
    for node in ordered:
        after = frozenset(groups[source] for source in above.get(node.id, ()) if source in groups)
        groups[node.id] = signs.setdefault((*_calls(node), after), node.id)
    if len(signs) > DRAWN_MAX:
        by_call: dict[tuple[object, ...], str] = {}
        groups = {node.id: by_call.setdefault(_calls(node), node.id) for node in ordered}
    if len(set(groups.values())) > DRAWN_MAX:
        share = -(-len(ordered) // (DRAWN_MAX // 2))
        groups = {node.id: ordered[place - place % share].id for place, node in enumerate(ordered)}
    members: dict[str, list[Drawn]] = {}
    for node in ordered:
        members.setdefault(groups[node.id], []).append(node)
    names = {
        node.id: f"group-{first}" if len(grouped) >= GROUP_MIN else node.id
        for first, grouped in members.items()
        for node in grouped
    }
    nodes: dict[str, Drawn] = {}
    edges: dict[str, set[str]] = {}
    for node in ordered:
        name = names[node.id]
        if name not in nodes:
            grouped = members[groups[node.id]]
            nodes[name] = node if name == node.id else _group(name, grouped)
        edges.setdefault(name, set()).update(names[it] for it in above.get(node.id, ()) if it in names)
    return list(nodes.values()), {name: tuple(sorted(found - {name})) for name, found in edges.items()}


def condition_text(condition: condition_pb2.BooleanExpression) -> str:
    """Return a condition as its author might have written it."""
    match condition.WhichOneof("expr"):
        case "comparison":
            found = condition.comparison
            sign = _SIGNS.get(found.operator, "?")
            return f"{_operand(found.left_value)} {sign} {_operand(found.right_value)}"
        case "conjunction":
            both = condition.conjunction
            word = "or" if both.operator else "and"
            return f"({condition_text(both.left_expression)} {word} {condition_text(both.right_expression)})"
        case _:
            return "?"


def _operand(operand: condition_pb2.Operand) -> str:
    match operand.WhichOneof("val"):
        case "var":
            return operand.var.removeprefix(".")
        case "primitive":
            return _primitive(operand.primitive)
        case "scalar":
            return _primitive(operand.scalar.primitive)
        case _:
            return "?"


def _primitive(value: literals_pb2.Primitive) -> str:
    kind = value.WhichOneof("value")
    return "None" if kind is None else repr(getattr(value, kind))


def _calls(node: Drawn) -> tuple[object, ...]:
    target = "" if node.target is None else f"{node.target.project}/{node.target.domain}/{node.target.name}"
    return node.kind, target or node.name, node.branch


def _group(name: str, nodes: Iterable[Drawn]) -> Drawn:
    grouped = list(nodes)
    first = grouped[0]
    alike = len({_calls(node) for node in grouped}) == 1
    called_ = first.target.name.rpartition(".")[2] if first.target is not None else first.name
    return replace(
        first,
        id=name,
        name=called_ if alike else "nodes",
        kind="group",
        members=tuple(node.id for node in grouped),
        nested=False,
    )
