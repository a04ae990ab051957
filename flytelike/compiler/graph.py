"""Edges of a workflow, from explicit order and from promises; cycles."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flytelike.compiler.faults import entity_fault, within
from flytelike.compiler.nesting import branch_nodes
from flytelike.model.diagnostic import Diagnostic, Label
from flytelike.model.graph import (
    BindingData,
    BoundCollection,
    BoundMap,
    BoundPromise,
    BranchTarget,
    Node,
    Promise,
    WorkflowTemplate,
)
from flytelike.model.ids import END_NODE, START_NODE, NodeId

PLACES_SHOWN = 5
"""How many of the places of a circle are shown."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Neighbours of every node, sorted, `start-node` and `end-node` included.

    Nodes inside branches and the failure node are no part of the order: they have entries in `upstream` only.
    """

    upstream: Mapping[NodeId, tuple[NodeId, ...]]
    downstream: Mapping[NodeId, tuple[NodeId, ...]]
    faults: tuple[Diagnostic, ...] = ()


def linked(workflow: WorkflowTemplate) -> Edges:
    """Return the edges of a workflow; references to nodes that do not exist are left out.

    Nodes inside branches must have ids of their own (`nesting.renamed`).
    """
    up: dict[NodeId, set[NodeId]] = {node.id: set() for node in workflow.nodes}
    down: dict[NodeId, set[NodeId]] = {node.id: set() for node in workflow.nodes}
    for node in workflow.nodes:
        for other in sources(node):
            if other in down and other != node.id:
                up[node.id].add(other)
                down[other].add(node.id)
    faults = tuple(cycle_faults(workflow, *with_branches(workflow, up, down)))
    up[END_NODE] = {
        promise.node_id for binding in workflow.outputs for promise in promises(binding.data) if promise.node_id in down
    }
    for node in workflow.nodes:
        if not up[node.id]:
            up[node.id].add(START_NODE)
        if not down[node.id]:
            up[END_NODE].add(node.id)
    if not up[END_NODE]:
        up[END_NODE].add(START_NODE)
    up[START_NODE] = set()
    down = {node: set() for node in up}
    for name, others in up.items():
        for other in others:
            down[other].add(name)
    for node in aside(workflow):
        up[node.id] = {other for other in sources(node) if other in down} or {START_NODE}
    return Edges(
        {node: tuple(sorted(others)) for node, others in up.items()},
        {node: tuple(sorted(others)) for node, others in down.items()},
        faults,
    )


def sources(node: Node) -> set[NodeId]:
    """Return the nodes that a node waits for itself, beside what nodes inside it wait for."""
    before = {promise.node_id for binding in node.bindings for promise in promises(binding.data)}
    before.update(node.upstream)
    return before


def aside(workflow: WorkflowTemplate) -> Iterator[Node]:
    """Yield the nodes that wait for others while none waits for them: those inside branches, and the failure node."""
    for node in workflow.nodes:
        if isinstance(node.target, BranchTarget):
            yield from branch_nodes(node)
    if workflow.failure_node is not None:
        yield workflow.failure_node
        yield from branch_nodes(workflow.failure_node)


def with_branches(
    workflow: WorkflowTemplate, up: dict[NodeId, set[NodeId]], down: dict[NodeId, set[NodeId]]
) -> tuple[dict[NodeId, set[NodeId]], dict[NodeId, set[NodeId]]]:
    """Return edges in which branches wait for all that the nodes inside them wait for."""
    branches = [node for node in workflow.nodes if isinstance(node.target, BranchTarget)]
    if not branches:
        return up, down
    before = {node: set(others) for node, others in up.items()}
    after = {node: set(others) for node, others in down.items()}
    for branch in branches:
        for inner in branch_nodes(branch):
            for other in sources(inner):
                if other in after:
                    before[branch.id].add(other)
                    after[other].add(branch.id)
    return before, after


def promises(data: BindingData) -> Iterator[Promise]:
    """Yield the promises in a binding, at any depth."""
    match data:
        case BoundPromise(promise):
            yield promise
        case BoundCollection(items):
            for item in items:
                yield from promises(item)
        case BoundMap(entries):
            for item in entries.values():
                yield from promises(item)
        case _:
            return


def cycle_faults(
    workflow: WorkflowTemplate, up: Mapping[NodeId, set[NodeId]], down: Mapping[NodeId, set[NodeId]]
) -> Iterator[Diagnostic]:
    """Find a cycle, and tell its nodes in order."""
    waiting = {node: len(others) for node, others in up.items()}
    ready = deque(node for node, count in waiting.items() if count == 0)
    done = 0
    while ready:
        node = ready.popleft()
        done += 1
        for other in down[node]:
            waiting[other] -= 1
            if waiting[other] == 0:
                ready.append(other)
    if done == len(up):
        return
    stuck = {node for node, count in waiting.items() if count}
    circle = walk(next(node.id for node in workflow.nodes if node.id in stuck), up, stuck)
    nodes = {node.id: node for node in workflow.nodes}
    order = list(nodes)
    first = circle.index(min(circle, key=order.index))
    circle = [*circle[first:], *circle[:first]]
    names = {name: f"`{nodes[name].metadata.name or name}`" for name in circle}
    listed = " → ".join(
        f"{names[name]} ({name})" if nodes[name].metadata.name else names[name] for name in [*circle, circle[0]]
    )
    before = dict(zip(circle, [circle[-1], *circle[:-1]], strict=True))
    yield entity_fault(
        "cyclic-nodes",
        f"these calls wait for each other: {listed}",
        nodes[circle[0]].span,
        f"waits for {names[before[circle[0]]]}",
        "remove one of the `>>` or arguments that close the circle",
        *(Label(nodes[name].span, f"waits for {names[before[name]]}") for name in circle[1:PLACES_SHOWN]),
        where=within(workflow),
    )


def walk(start: NodeId, up: Mapping[NodeId, set[NodeId]], stuck: set[NodeId]) -> list[NodeId]:
    """Return a cycle, following predecessors that are stuck from `start` on."""
    path: list[NodeId] = []
    node = start
    while node not in path:
        path.append(node)
        node = min(up[node] & stuck)
    return list(reversed(path[path.index(node) :]))
