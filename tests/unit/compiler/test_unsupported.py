"""What Flyte's messages can say and this version cannot run is refused when it is registered, after all else."""

from dataclasses import replace

import pytest

from flytelike.compiler import Rejected
from flytelike.compiler import compile as compile_entities
from flytelike.model.gate import Sleep
from flytelike.model.graph import BranchTarget, GateTarget, Node, NodeTarget, TaskTarget
from flytelike.model.ids import NodeId
from flytelike.model.literals import ErrorValue
from flytelike.model.span import SourceSpan
from tests.unit.controlplane.builders import a_task, a_workflow, task_id

KINDS: dict[str, NodeTarget] = {
    "branch": BranchTarget((), ErrorValue("n0", "no case")),
    "gate": GateTarget(Sleep(1)),
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


@pytest.mark.parametrize(
    ("task", "before"), [("double", "missing-input"), ("nobody-registered-this", "task-not-found")]
)
def test_a_node_to_run_on_failure(task: str, before: str) -> None:
    (node,) = a_workflow().nodes
    found = refusals(node, failing=Node(NodeId("fn0"), TaskTarget(task_id(task))))
    ours = [code for code, _ in found if code not in {"missing-output", "unused-output"}]
    assert ours == [before, "unsupported-node-kind"]
