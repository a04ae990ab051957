"""Nodes that run a task with other resources or another image than it declares."""

from dataclasses import replace

from flytelike.compiler import Compiled
from flytelike.compiler import compile as compile_entities
from flytelike.model.graph import TaskOverrides, TaskTarget
from flytelike.model.ids import NodeId
from flytelike.model.policies import ResourceName, Resources
from tests.unit.controlplane.builders import a_task, a_workflow, task_id, workflow_id


def test_a_task_is_linked_once_however_its_nodes_override_it() -> None:
    template = a_workflow()
    (node,) = template.nodes
    overrides = [
        TaskOverrides(),
        TaskOverrides(resources=Resources(requests={ResourceName.CPU: "1"})),
        TaskOverrides(resources=Resources(limits={ResourceName.MEMORY: "1Gi"}), container_image="other"),
    ]
    nodes = [
        replace(node, id=NodeId(f"n{index}"), target=TaskTarget(task_id(), override))
        for index, override in enumerate(overrides)
    ]
    outcome = compile_entities([a_task(), replace(template, nodes=tuple(nodes))])
    assert isinstance(outcome, Compiled)
    closure = outcome.workflows[workflow_id()]
    assert list(closure.tasks) == [task_id()]
    assert [compiled.target for compiled in closure.primary.template.nodes] == [node.target for node in nodes]
