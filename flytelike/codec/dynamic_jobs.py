"""What dynamic tasks give: `core.DynamicJobSpec`, the contents of `futures.pb`."""

from flytelike.codec.bindings import binding_from_proto, fill_binding
from flytelike.codec.faults import each
from flytelike.codec.nodes import fill_node, node_from_proto
from flytelike.codec.tasks import task_template_from_proto, task_template_to_proto
from flytelike.codec.workflows import fill_workflow_template, workflow_template_from_proto
from flytelike.model.dynamic_job import DynamicJob
from flytelike.model.graph import WorkflowTemplate
from flytelike.model.ids import Identifier
from flytelike.model.interface import TypedInterface
from flytelike_idl.core import dynamic_job_pb2 as pb


def dynamic_job_to_proto(job: DynamicJob) -> pb.DynamicJobSpec:
    """Return the message of what a dynamic task gives. All its nodes must succeed."""
    out = pb.DynamicJobSpec(min_successes=len(job.workflow.nodes))
    each("nodes", lambda node: fill_node(node, out.nodes.add()), job.workflow.nodes)
    each("outputs", lambda binding: fill_binding(binding, out.outputs.add()), job.workflow.outputs)
    out.tasks.extend(task_template_to_proto(task) for task in job.tasks)
    each("subworkflows", lambda it: fill_workflow_template(it, out.subworkflows.add()), job.sub_workflows)
    return out


def dynamic_job_from_proto(message: pb.DynamicJobSpec, workflow: Identifier, interface: TypedInterface) -> DynamicJob:
    """Return what a message gives.

    Args:
        message: The message.
        workflow: The name that the graph gets.
        interface: What the graph gives: the outputs of the task.
    """
    nodes = each("nodes", node_from_proto, message.nodes)
    outputs = each("outputs", binding_from_proto, message.outputs)
    return DynamicJob(
        WorkflowTemplate(workflow, interface, nodes, outputs),
        each("tasks", task_template_from_proto, message.tasks),
        each("subworkflows", workflow_template_from_proto, message.subworkflows),
    )
