"""A task run on its own: the workflow of one node that is made for it, as Flyte does.

The workflow is named `.flytegen.<task>`, has the task's version and interface, and is marked as
made by the system. The task's own retries hold.
"""

import re

from flytelike.codec.closures import task_closure_from_proto
from flytelike.codec.parse import parse
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.naming import GENERATED_PREFIX
from flytelike.controlplane.registry import Registry
from flytelike.controlplane.repository.rows import EntityRow
from flytelike.controlplane.submitted import Submitted
from flytelike.model.graph import Binding, BoundPromise, Node, Promise, TaskTarget, TaskTemplate, WorkflowTemplate
from flytelike.model.ids import WORKFLOW_INPUTS, Identifier, NodeId, ResourceKind
from flytelike_idl.core import compiler_pb2

NODE_ID_MAX = 63


async def workflow_for(registry: Registry, task: Identifier) -> EntityRow:
    """Return the workflow made for a task, making it when there is none yet.

    Raises Refusal NOT_FOUND when the task is not registered.
    """
    workflow = generated_id(task)
    try:
        return await registry.find(workflow)
    except Refusal:
        row = await registry.find(task)
    template = generated_workflow(task_closure_from_proto(parse(compiler_pb2.CompiledTask, row.body)))
    await registry.keep(Submitted(order=[workflow], workflows={workflow: template}))
    return await registry.find(workflow)


def generated_id(task: Identifier) -> Identifier:
    """Return the identifier of the workflow made for a task."""
    return Identifier(ResourceKind.WORKFLOW, task.project, task.domain, GENERATED_PREFIX + task.name, task.version)


def generated_workflow(task: TaskTemplate) -> WorkflowTemplate:
    """Return a workflow that does nothing but run the task."""
    node_id = single_node_id(task.id.name)
    inputs = tuple(Binding(name, BoundPromise(Promise(WORKFLOW_INPUTS, name))) for name in task.interface.inputs)
    outputs = tuple(Binding(name, BoundPromise(Promise(node_id, name))) for name in task.interface.outputs)
    return WorkflowTemplate(
        generated_id(task.id), task.interface, (Node(node_id, TaskTarget(task.id), inputs),), outputs
    )


def single_node_id(task_name: str) -> NodeId:
    """Return the id of the one node: the task's name without special characters, its last 63."""
    stripped = re.sub(r"[^A-Za-z0-9-]", "", task_name)[-NODE_ID_MAX:]
    return NodeId(stripped or "task")
