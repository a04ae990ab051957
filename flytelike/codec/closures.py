"""Compiled workflows and tasks."""

from collections.abc import Iterable, Mapping

from flytelike.codec.faults import each, inside, required
from flytelike.codec.ids import fill_identifier, identifier_from_proto
from flytelike.codec.interface import fill_interface, interface_from_proto
from flytelike.codec.tasks import task_template_from_proto, task_template_to_proto
from flytelike.codec.workflows import fill_workflow_template, workflow_template_from_proto
from flytelike.model.closure import CompiledWorkflow, WorkflowClosure
from flytelike.model.graph import TaskTemplate
from flytelike.model.ids import Identifier, NodeId
from flytelike.model.interface import TypedInterface
from flytelike_idl.core import compiler_pb2 as pb


def closure_to_proto(closure: WorkflowClosure) -> pb.CompiledWorkflowClosure:
    """Return the message of a compiled workflow; what it needs is sorted by id."""
    out = pb.CompiledWorkflowClosure()
    _fill_workflow(closure.primary, out.primary)
    for workflow in sorted(closure.sub_workflows):
        _fill_workflow(closure.sub_workflows[workflow], out.sub_workflows.add())
    for task in sorted(closure.tasks):
        out.tasks.add(template=task_template_to_proto(closure.tasks[task]))
    for launch_plan in sorted(closure.launch_plans):
        template = out.launch_plans.add().template
        fill_identifier(launch_plan, template.id)
        fill_interface(closure.launch_plans[launch_plan], template.interface)
    return out


def closure_from_proto(message: pb.CompiledWorkflowClosure) -> WorkflowClosure:
    """Return the compiled workflow of a message."""
    required(message, "primary")
    workflows = each("sub_workflows", _workflow, message.sub_workflows)
    tasks = each("tasks", task_closure_from_proto, message.tasks)
    return WorkflowClosure(
        primary=inside("primary", _workflow, message.primary),
        sub_workflows={workflow.template.id: workflow for workflow in workflows},
        tasks={task.id: task for task in tasks},
        launch_plans=dict(each("launch_plans", _launch_plan, message.launch_plans)),
    )


def task_closure_to_proto(task: TaskTemplate) -> pb.CompiledTask:
    """Return the message of a compiled task."""
    return pb.CompiledTask(template=task_template_to_proto(task))


def task_closure_from_proto(message: pb.CompiledTask) -> TaskTemplate:
    """Return the task of a message."""
    required(message, "template")
    return inside("template", task_template_from_proto, message.template)


def _fill_workflow(workflow: CompiledWorkflow, out: pb.CompiledWorkflow) -> None:
    fill_workflow_template(workflow.template, out.template)
    upstream, downstream = out.connections.upstream, out.connections.downstream
    for edges, side in ((workflow.upstream, upstream), (workflow.downstream, downstream)):
        for node, others in edges.items():
            side[node].ids.extend(others)


def _workflow(message: pb.CompiledWorkflow) -> CompiledWorkflow:
    required(message, "template")
    return CompiledWorkflow(
        inside("template", workflow_template_from_proto, message.template),
        _edges(message.connections.upstream),
        _edges(message.connections.downstream),
    )


def _edges(message: Mapping[str, pb.ConnectionSet.IdList]) -> dict[NodeId, tuple[NodeId, ...]]:
    return {NodeId(node): _ids(message[node].ids) for node in sorted(message)}


def _ids(ids: Iterable[str]) -> tuple[NodeId, ...]:
    return tuple(NodeId(node) for node in ids)


def _launch_plan(message: pb.CompiledLaunchPlan) -> tuple[Identifier, TypedInterface]:
    required(message, "template")
    template = message.template
    return (
        inside("template.id", identifier_from_proto, template.id),
        inside("template.interface", interface_from_proto, template.interface),
    )
