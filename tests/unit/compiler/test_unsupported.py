"""What Flyte's messages can say and this version cannot run is refused when it is registered, after all else."""

from dataclasses import replace

import pytest

from flytelike.compiler import Rejected
from flytelike.compiler import compile as compile_entities
from flytelike.model.graph import ArrayTarget, BranchTarget, Node, NodeTarget, TaskTarget
from flytelike.model.ids import NodeId
from flytelike.model.span import SourceSpan
from tests.unit.controlplane.builders import a_task, a_workflow, task_id

ELEMENT = Node(NodeId("e"), TaskTarget(task_id()))
KINDS: dict[str, NodeTarget] = {
    "array": ArrayTarget(ELEMENT, original_interface=True),
}


def refusals(*nodes: Node, failing: Node | None = None) -> list[tuple[str, str]]:
    outcome = compile_entities([a_task(), replace(a_workflow(), nodes=nodes, outputs=(), failure_node=failing)])
    assert isinstance(outcome, Rejected)
    return [(fault.code, fault.headline) for fault in outcome.diagnostics]


@pytest.mark.parametrize("kind", KINDS)
def test_a_node_of_a_kind_that_cannot_run_is_told_last(kind: str) -> None:
    *others, (code, headline) = refusals(Node(NodeId("n0"), KINDS[kind], span=SourceSpan("flow.py", 3)))
    assert code == "unsupported-node-kind"
    assert f"`{kind}`" in headline
    assert "unsupported-node-kind" not in dict(others)


@pytest.mark.parametrize("where", ["in a branch", "as failure node"])
def test_it_is_told_wherever_it_lies(where: str) -> None:
    array = Node(NodeId("a0"), KINDS["array"])
    branch = Node(NodeId("n0"), BranchTarget((), array))
    found = refusals(branch) if where == "in a branch" else refusals(failing=array)
    assert [code for code, _ in found].count("unsupported-node-kind") == 1
