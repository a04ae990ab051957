"""Workflow templates."""

from flytelike.codec.bindings import binding_from_proto, fill_binding
from flytelike.codec.faults import each, inside, known, required
from flytelike.codec.ids import fill_identifier, fill_span, identifier_from_proto, span_from_proto
from flytelike.codec.interface import fill_interface, interface_from_proto
from flytelike.codec.nodes import fill_node, node_from_proto
from flytelike.codec.priority import fill_priority, said_priority
from flytelike.model.graph import Node, WorkflowTemplate
from flytelike.model.ids import END_NODE, START_NODE
from flytelike.model.policies import FailurePolicy, WorkflowMetadata
from flytelike_idl.core import workflow_pb2 as pb

_POLICIES = {int(policy): policy for policy in FailurePolicy}


def workflow_template_to_proto(workflow: WorkflowTemplate) -> pb.WorkflowTemplate:
    """Return the message of a workflow."""
    out = pb.WorkflowTemplate()
    fill_workflow_template(workflow, out)
    return out


def fill_workflow_template(workflow: WorkflowTemplate, out: pb.WorkflowTemplate) -> None:
    """Write a workflow into `out`."""
    fill_identifier(workflow.id, out.id)
    metadata = workflow.metadata
    out.metadata.on_failure = int(metadata.on_failure)  # type: ignore[assignment]  # the stub's own enum
    out.metadata.tags.update(metadata.tags)
    if metadata.priority is not None:
        fill_priority(metadata.priority, out.metadata.quality_of_service)
    out.metadata_defaults.interruptible = metadata.interruptible
    inside("interface", lambda it: fill_interface(it, out.interface), workflow.interface)
    each("nodes", lambda node: fill_node(node, out.nodes.add()), workflow.nodes)
    each("outputs", lambda binding: fill_binding(binding, out.outputs.add()), workflow.outputs)
    if workflow.failure_node is not None:
        inside("failure_node", lambda node: fill_node(node, out.failure_node), workflow.failure_node)
    if workflow.span is not None:
        fill_span(workflow.span, out.span)


def workflow_template_from_proto(message: pb.WorkflowTemplate) -> WorkflowTemplate:
    """Return the workflow of a message.

    `start-node` and `end-node`, which Flyte's compiler adds to what it compiled, are left out.
    """
    required(message, "id")
    has_failure_node = message.HasField("failure_node")
    nodes = each("nodes", _node_or_marker, message.nodes)
    return WorkflowTemplate(
        id=inside("id", identifier_from_proto, message.id),
        interface=inside("interface", interface_from_proto, message.interface),
        nodes=tuple(node for node in nodes if node is not None),
        outputs=each("outputs", binding_from_proto, message.outputs),
        metadata=WorkflowMetadata(
            known(_POLICIES, message.metadata.on_failure, "failure policy"),
            message.metadata_defaults.interruptible,
            dict(message.metadata.tags),
            said_priority(message.metadata.quality_of_service),
        ),
        failure_node=(inside("failure_node", node_from_proto, message.failure_node) if has_failure_node else None),
        span=span_from_proto(message.span) if message.HasField("span") else None,
    )


def _node_or_marker(message: pb.Node) -> Node | None:
    if message.id in (START_NODE, END_NODE) and message.WhichOneof("target") is None:
        return None
    return node_from_proto(message)
