"""Nodes inside branches: their ids, and what they wait for."""

from collections.abc import Iterator
from dataclasses import replace

from flytelike.model.graph import (
    ArrayTarget,
    BranchCase,
    BranchTarget,
    Node,
    WorkflowTemplate,
    inner_nodes,
    nested_nodes,
)
from flytelike.model.ids import NodeId


def renamed(workflow: WorkflowTemplate) -> WorkflowTemplate:
    """Return a workflow in which the nodes of branches have ids of their own: `<branch>-<node>`.

    Flyte's SDK counts them from `n0` again inside each branch; its compiler gives them these ids.
    """
    failing = workflow.failure_node
    if not any(isinstance(node.target, BranchTarget) for node in (*workflow.nodes, failing) if node is not None):
        return workflow
    nodes = tuple(renamed_inside(node) for node in workflow.nodes)
    return replace(workflow, nodes=nodes, failure_node=None if failing is None else renamed_inside(failing))


def renamed_inside(node: Node) -> Node:
    """Return a node with new ids for the nodes of its cases, at any depth."""
    if not isinstance(node.target, BranchTarget):
        return node

    def child(inner: Node) -> Node:
        return renamed_inside(replace(inner, id=NodeId(f"{node.id}-{inner.id}")))

    cases = tuple(
        BranchCase(case.condition, child(case.then) if case.then is not None else None) for case in node.target.cases
    )
    otherwise = node.target.otherwise
    target = BranchTarget(cases, child(otherwise) if isinstance(otherwise, Node) else otherwise)
    return replace(node, target=target)


def branch_nodes(node: Node) -> Iterator[Node]:
    """Yield the nodes inside a branch, at any depth; none for nodes of other kinds."""
    if isinstance(node.target, BranchTarget):
        for inner in inner_nodes(node):
            yield inner
            yield from branch_nodes(inner)


def all_nodes(workflow: WorkflowTemplate) -> Iterator[Node]:
    """Yield a workflow's nodes with its failure node, and all that they hold."""
    for node in workflow.nodes:
        if isinstance(node.target, BranchTarget | ArrayTarget):
            yield from nested_nodes(node)
        else:  # Most nodes hold none, and a generator for each takes its time.
            yield node
    if workflow.failure_node is not None:
        yield from nested_nodes(workflow.failure_node)
