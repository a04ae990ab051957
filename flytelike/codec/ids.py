"""Identifiers of entities and executions, and places in source."""

from flytelike.codec.faults import MalformedError, inside, known, required
from flytelike.model.ids import (
    ExecutionId,
    Identifier,
    NodeExecutionId,
    NodePath,
    ResourceKind,
    TaskExecutionId,
)
from flytelike.model.span import SourceSpan
from flytelike_idl.core import identifier_pb2 as pb
from flytelike_idl.core import source_pb2

_KINDS = {int(kind): kind for kind in ResourceKind}


def identifier_to_proto(identifier: Identifier) -> pb.Identifier:
    """Return the message of an entity's name."""
    out = pb.Identifier()
    fill_identifier(identifier, out)
    return out


def fill_identifier(identifier: Identifier, out: pb.Identifier) -> None:
    """Write an entity's name into `out`."""
    out.resource_type = int(identifier.kind)  # type: ignore[assignment]  # the stub wants its own enum
    out.project = identifier.project
    out.domain = identifier.domain
    out.name = identifier.name
    out.version = identifier.version
    if identifier.org:
        out.org = identifier.org


def identifier_from_proto(message: pb.Identifier) -> Identifier:
    """Return an entity's name; the name itself must not be empty."""
    if not message.name:
        raise MalformedError("name required")
    kind = known(_KINDS, message.resource_type, "resource type")
    return Identifier(kind, message.project, message.domain, message.name, message.version, message.org)


def execution_id_to_proto(execution: ExecutionId) -> pb.WorkflowExecutionIdentifier:
    """Return the message of an execution's name."""
    return pb.WorkflowExecutionIdentifier(
        project=execution.project, domain=execution.domain, name=execution.name, org=execution.org
    )


def execution_id_from_proto(message: pb.WorkflowExecutionIdentifier) -> ExecutionId:
    """Return an execution's name; project, domain and name must not be empty."""
    for field in ("project", "domain", "name"):
        if not getattr(message, field):
            raise MalformedError(f"{field} required")
    return ExecutionId(message.project, message.domain, message.name, message.org)


def node_execution_id_to_proto(node: NodeExecutionId) -> pb.NodeExecutionIdentifier:
    """Return the message of a node execution's name."""
    return pb.NodeExecutionIdentifier(node_id=node.path, execution_id=execution_id_to_proto(node.execution))


def node_execution_id_from_proto(message: pb.NodeExecutionIdentifier) -> NodeExecutionId:
    """Return a node execution's name."""
    if not message.node_id:
        raise MalformedError("node_id required")
    required(message, "execution_id")
    execution = inside("execution_id", execution_id_from_proto, message.execution_id)
    return NodeExecutionId(execution, NodePath(message.node_id))


def task_execution_id_to_proto(attempt: TaskExecutionId) -> pb.TaskExecutionIdentifier:
    """Return the message of an attempt's name."""
    return pb.TaskExecutionIdentifier(
        task_id=identifier_to_proto(attempt.task),
        node_execution_id=node_execution_id_to_proto(attempt.node),
        retry_attempt=attempt.attempt,
    )


def task_execution_id_from_proto(message: pb.TaskExecutionIdentifier) -> TaskExecutionId:
    """Return an attempt's name."""
    required(message, "task_id")
    required(message, "node_execution_id")
    return TaskExecutionId(
        inside("task_id", identifier_from_proto, message.task_id),
        inside("node_execution_id", node_execution_id_from_proto, message.node_execution_id),
        message.retry_attempt,
    )


def fill_span(span: SourceSpan, out: source_pb2.SourceSpan) -> None:
    """Write a place in source into `out`."""
    out.file = span.file
    out.line = span.line
    out.column = span.column
    out.end_line = span.end_line
    out.end_column = span.end_column


def span_from_proto(message: source_pb2.SourceSpan) -> SourceSpan:
    """Return a place in source."""
    return SourceSpan(message.file, message.line, message.column, message.end_line, message.end_column)
