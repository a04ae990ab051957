"""What Flyte's messages can say and this version cannot run is refused when it is registered."""

from dataclasses import replace

import pytest

from flytelike.compiler import Rejected
from flytelike.compiler import compile as compile_entities
from flytelike.model.graph import Node, TaskTarget, UnsupportedTarget
from flytelike.model.ids import NodeId
from tests.unit.controlplane.builders import a_task, a_workflow, task_id


@pytest.mark.parametrize("kind", ["branch", "gate", "array"])
def test_a_node_of_an_unknown_kind(kind: str) -> None:
    template = a_workflow()
    (node,) = template.nodes
    outcome = compile_entities([a_task(), replace(template, nodes=(replace(node, target=UnsupportedTarget(kind)),))])
    assert isinstance(outcome, Rejected)
    (fault,) = outcome.diagnostics
    assert fault.code == "unsupported-node-kind"
    assert f"`{kind}`" in fault.headline


@pytest.mark.parametrize("task", ["double", "nobody-registered-this"])
def test_a_node_to_run_on_failure(task: str) -> None:
    node = Node(NodeId("fn0"), TaskTarget(task_id(task)))
    outcome = compile_entities([a_task(), replace(a_workflow(), failure_node=node)])
    assert isinstance(outcome, Rejected)
    assert [fault.code for fault in outcome.diagnostics] == ["unsupported-node-kind"]
