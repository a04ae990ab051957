"""Parts that many requests share, as values."""

from typing import Protocol

from flytelike.codec.ids import identifier_from_proto
from flytelike.controlplane.errors import Faults, invalid
from flytelike.controlplane.listing import ListQuery, ListRequest, parse_query
from flytelike.controlplane.naming import KIND_NAMES, check_org
from flytelike.model.ids import (
    ExecutionId,
    Identifier,
    NodeExecutionId,
    NodePath,
    ResourceKind,
    TaskExecutionId,
)
from flytelike_idl.admin import common_pb2
from flytelike_idl.core import identifier_pb2


class Listed(Protocol):
    """A list request of any kind."""

    @property
    def limit(self) -> int:
        """The most rows to return."""

    @property
    def token(self) -> str:
        """Where the page begins."""

    @property
    def filters(self) -> str:
        """Which rows."""

    @property
    def sort_by(self) -> common_pb2.Sort:
        """In which order."""


def list_query(request: Listed, rows_max: int) -> ListQuery:
    """Return what a list request asks for; raises Refusal."""
    return parse_query(ListRequest(request.limit, request.token, request.filters, request.sort_by), rows_max)


def identifier_of(message: identifier_pb2.Identifier, kind: ResourceKind) -> Identifier:
    """Return the complete identifier of an entity of this kind; raises Refusal INVALID_ARGUMENT."""
    faults = Faults()
    what = KIND_NAMES[kind]
    if message.resource_type not in {kind.value, ResourceKind.UNSPECIFIED.value}:
        faults.add("wrong-resource-type", f"a {what} is wanted")
    for field in ("project", "domain", "name", "version"):
        if not getattr(message, field):
            faults.add("missing-field", f"the {what}'s identifier has no {field}")
    check_org(message.org, faults)
    faults.check()
    return Identifier(kind, message.project, message.domain, message.name, message.version)


def entity_kind(value: int) -> ResourceKind:
    """Return the kind of entity a request speaks of; raises Refusal INVALID_ARGUMENT."""
    for kind in KIND_NAMES:
        if kind.value == value:
            return kind
    raise invalid("wrong-resource-type", "a task, workflow or launch plan is wanted as resource type")


def any_identifier_of(message: identifier_pb2.Identifier) -> Identifier:
    """Return the complete identifier of an entity of the kind it names; raises Refusal."""
    return identifier_of(message, entity_kind(identifier_from_proto(message).kind))


def place_of(message: common_pb2.NamedEntityIdentifier, *, named: bool = False) -> tuple[str, str, str]:
    """Return project, domain and name; with `named` the name is required. Raises Refusal INVALID_ARGUMENT."""
    faults = Faults()
    for field in ("project", "domain", *(("name",) if named else ())):
        if not getattr(message, field):
            faults.add("missing-field", f"the request names no {field}")
    check_org(message.org, faults)
    faults.check()
    return message.project, message.domain, message.name


def execution_of(message: identifier_pb2.WorkflowExecutionIdentifier) -> ExecutionId:
    """Return an execution's id; raises Refusal INVALID_ARGUMENT."""
    faults = Faults()
    for field in ("project", "domain", "name"):
        if not getattr(message, field):
            faults.add("missing-field", f"the execution's id has no {field}")
    check_org(message.org, faults)
    faults.check()
    return ExecutionId(message.project, message.domain, message.name)


def node_of(message: identifier_pb2.NodeExecutionIdentifier) -> NodeExecutionId:
    """Return a node execution's id; raises Refusal INVALID_ARGUMENT."""
    execution = execution_of(message.execution_id)
    if not message.node_id:
        raise invalid("missing-field", "the node execution's id has no node_id")
    return NodeExecutionId(execution, NodePath(message.node_id))


def attempt_of(message: identifier_pb2.TaskExecutionIdentifier) -> TaskExecutionId:
    """Return a task execution's id; which task it is may be left out. Raises Refusal INVALID_ARGUMENT."""
    node = node_of(message.node_execution_id)
    task = message.task_id
    identifier = Identifier(ResourceKind.TASK, task.project, task.domain, task.name, task.version)
    return TaskExecutionId(identifier, node, message.retry_attempt)
