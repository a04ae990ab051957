"""A task run on its own: the workflow of one node that is made for it, as Flyte does.

The workflow is named `.flytegen.<task>`, has the task's version and interface, and is marked as
made by the system. The task's own retries hold.
"""

import re
from dataclasses import replace
from hashlib import sha256

from flytelike.codec.closures import task_closure_from_proto
from flytelike.codec.nodes import node_to_proto
from flytelike.codec.parse import parse, serialise
from flytelike.controlplane.errors import Refusal, Status
from flytelike.controlplane.naming import GENERATED_PREFIX
from flytelike.controlplane.registry import Registry
from flytelike.controlplane.repository.rows import EntityRow
from flytelike.controlplane.submitted import Submitted
from flytelike.model.diagnostic import Severity
from flytelike.model.graph import (
    Binding,
    BoundPromise,
    Node,
    Promise,
    TaskOverrides,
    TaskTarget,
    TaskTemplate,
    WorkflowTemplate,
)
from flytelike.model.ids import WORKFLOW_INPUTS, Identifier, NodeId, ResourceKind
from flytelike.model.policies import NodeMetadata
from flytelike_idl.core import compiler_pb2

NODE_ID_MAX = 63


async def workflow_for(registry: Registry, task: Identifier, changes: Node | None = None) -> EntityRow:
    """Return the workflow made for a task, making it when there is none yet.

    `changes` are the policies of a node that calls the task, where they are not the task's own: such a
    workflow has a version of its own, named by them.

    Raises Refusal NOT_FOUND when the task is not registered.
    """
    workflow = generated_id(task, changes)
    try:
        return await registry.find(workflow)
    except Refusal:
        row = await registry.find(task)
    template = generated_workflow(task_closure_from_proto(parse(compiler_pb2.CompiledTask, row.body)), changes)
    registration = await registry.keep(Submitted(order=[workflow], workflows={workflow: template}))
    errors = [found for found in registration.diagnostics if found.severity is Severity.ERROR]
    if errors:
        raise Refusal(Status.INVALID_ARGUMENT, errors)
    return await registry.find(workflow)


def generated_id(task: Identifier, changes: Node | None = None) -> Identifier:
    """Return the identifier of the workflow made for a task."""
    version = task.version
    if changes is not None:
        message = node_to_proto(replace(changes, id=NodeId("n"), bindings=()))
        version = f"{version}.{sha256(serialise(message)).hexdigest()[:16]}"
    return Identifier(ResourceKind.WORKFLOW, task.project, task.domain, GENERATED_PREFIX + task.name, version)


def generated_workflow(task: TaskTemplate, changes: Node | None = None) -> WorkflowTemplate:
    """Return a workflow that does nothing but run the task."""
    metadata, overrides = NodeMetadata(), TaskOverrides()
    if changes is not None and isinstance(changes.target, TaskTarget):
        metadata, overrides = changes.metadata, changes.target.overrides
    node_id = single_node_id(task.id.name)
    inputs = tuple(Binding(name, BoundPromise(Promise(WORKFLOW_INPUTS, name))) for name in task.interface.inputs)
    outputs = tuple(Binding(name, BoundPromise(Promise(node_id, name))) for name in task.interface.outputs)
    return WorkflowTemplate(
        generated_id(task.id, changes),
        task.interface,
        (Node(node_id, TaskTarget(task.id, overrides), inputs, metadata=metadata),),
        outputs,
    )


def single_node_id(task_name: str) -> NodeId:
    """Return the id of the one node: the task's name without special characters, its last 63."""
    stripped = re.sub(r"[^A-Za-z0-9-]", "", task_name)[-NODE_ID_MAX:]
    return NodeId(stripped or "task")
