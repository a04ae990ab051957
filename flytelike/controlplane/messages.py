"""Rows as the messages that clients get."""

from collections.abc import Iterable, Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from flytelike.codec.caching import key_from_json, source_from_json
from flytelike.codec.literals import fill_duration, fill_timestamp
from flytelike.controlplane.repository.elements import ElementRow
from flytelike.controlplane.repository.entities import NamedRow
from flytelike.controlplane.repository.projects import ProjectRow
from flytelike.controlplane.repository.rows import AttemptRow, EntityRow, ExecutionRow, GateRow, NodeRow, SignalRow
from flytelike.model.ids import ExecutionId, Identifier, ResourceKind
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike_idl.admin import (
    common_pb2,
    execution_pb2,
    gate_pb2,
    launch_plan_pb2,
    node_execution_pb2,
    project_pb2,
    signal_pb2,
    task_execution_pb2,
    task_pb2,
    workflow_pb2,
)
from flytelike_idl.core import compiler_pb2, identifier_pb2, literals_pb2, types_pb2
from flytelike_idl.core import execution_pb2 as core_execution_pb2
from flytelike_idl.service import console_pb2, watch_pb2

HELD = "others to end: as many executions run as may"
"""What an execution waits for that is held back."""


def timestamp(ns: int) -> Timestamp:
    """Return the message of an instant."""
    out = Timestamp()
    fill_timestamp(ns, out)
    return out


def execution_id(row: ExecutionRow) -> ExecutionId:
    """Return the id of a row's execution."""
    return ExecutionId(row.project, row.domain, row.name)


def launched(row: ExecutionRow) -> Identifier:
    """Return what was run: a launch plan or a task."""
    return Identifier(
        ResourceKind(row.launched_kind),
        row.launched_project,
        row.launched_domain,
        row.launched_name,
        row.launched_version,
    )


def workflow_of(row: ExecutionRow) -> Identifier:
    """Return the workflow that an execution runs."""
    return Identifier(
        ResourceKind.WORKFLOW, row.workflow_project, row.workflow_domain, row.workflow_name, row.workflow_version
    )


def signal_message(execution: ExecutionId, row: SignalRow, waiting: Iterable[GateRow]) -> signal_pb2.Signal:
    """Return the message of a signal, with those of the gates that wait for it."""
    out = signal_pb2.Signal(type=types_pb2.LiteralType.FromString(row.type), set_by=row.set_by)
    out.id.signal_id = row.signal
    out.id.execution_id.CopyFrom(_execution_id(execution.project, execution.domain, execution.name))
    if row.value is not None:
        out.value.CopyFrom(literals_pb2.Literal.FromString(row.value))
        fill_timestamp(row.set_at, out.set_at)
    out.gates.extend(_gate_message(gate) for gate in waiting if gate.signal == row.signal)
    return out


def _gate_message(row: GateRow) -> gate_pb2.WaitingGate:
    out = gate_pb2.WaitingGate(node_id=row.path, name=row.name, approval=row.approval)
    fill_timestamp(row.since, out.since)
    if row.until:
        fill_timestamp(row.until, out.until)
    return out


def execution_message(row: ExecutionRow) -> execution_pb2.Execution:
    """Return the message of an execution."""
    out = execution_pb2.Execution(
        id=_execution_id(row.project, row.domain, row.name),
        spec=execution_pb2.ExecutionSpec.FromString(row.spec),
    )
    closure = out.closure
    phase = WorkflowPhase(row.phase)
    closure.phase = row.phase  # type: ignore[assignment] # the values are the same
    closure.workflow_id.CopyFrom(
        identifier_pb2.Identifier(
            resource_type=identifier_pb2.WORKFLOW,
            project=row.workflow_project,
            domain=row.workflow_domain,
            name=row.workflow_name,
            version=row.workflow_version,
        )
    )
    _fill_times(closure, row, ended=phase.terminal)
    if phase in {WorkflowPhase.ABORTED, WorkflowPhase.ABORTING}:
        closure.abort_metadata.cause = row.abort_cause
        closure.abort_metadata.principal = row.abort_principal
    elif row.error is not None:
        closure.error.ParseFromString(row.error)
    elif row.outputs_uri:
        closure.outputs.uri = row.outputs_uri
    if row.held_since:
        closure.waits = HELD
    if row.state_at:
        closure.state_change_details.state = row.state  # type: ignore[assignment] # the values are the same
        closure.state_change_details.principal = row.state_principal
        closure.state_change_details.occurred_at.CopyFrom(timestamp(row.state_at))
    return out


def node_message(execution: ExecutionId, row: NodeRow, *, brief: bool = False) -> node_execution_pb2.NodeExecution:
    """Return the message of a node of `execution`; a brief one says of the cache only whether it served."""
    out = node_execution_pb2.NodeExecution(id=node_id(execution, row.path), input_uri=row.inputs_uri)
    out.metadata.spec_node_id = row.spec_node_id
    out.metadata.name = row.name
    out.metadata.note = row.note
    out.metadata.priority = row.priority
    out.metadata.is_parent_node = row.is_parent
    out.metadata.is_dynamic = bool(row.graph)
    out.metadata.is_array = row.is_array
    closure = out.closure
    closure.phase = row.phase  # type: ignore[assignment] # the values are the same
    if row.is_array:
        closure.elements.length, closure.elements.open = row.elements, row.elements_open
        closure.elements.succeeded, closure.elements.failed = row.elements_succeeded, row.elements_failed
        closure.elements.cached, closure.elements.recovered = row.elements_cached, row.elements_recovered
    closure.waits = row.waits
    if row.waits_until:
        closure.waits_until.CopyFrom(timestamp(row.waits_until))
    _fill_times(closure, row, ended=NodePhase(row.phase).terminal)
    _fill_result(closure, row)
    if row.cache_status:
        closure.task_node_metadata.cache_status = row.cache_status  # type: ignore[assignment] # the values are the same
        if not brief:
            _fill_cache(closure.task_node_metadata, row)
    if row.child:
        child = _execution_id(execution.project, execution.domain, row.child)
        closure.workflow_node_metadata.executionId.CopyFrom(child)
    return out


def _fill_cache(out: node_execution_pb2.TaskNodeMetadata, row: NodeRow) -> None:
    """Tell what the catalog had to say, as stock clients know it."""
    out.cache_why = row.cache_why
    if not row.cache_key:
        return
    key, catalog = key_from_json(row.cache_key), out.catalog_key
    catalog.dataset_id.CopyFrom(
        identifier_pb2.Identifier(
            resource_type=identifier_pb2.DATASET,
            project=key.project,
            domain=key.domain,
            name=f"flyte_task-{key.task}",
            version=key.version,
        )
    )
    catalog.artifact_tag.name = f"flyte_cached-{key.digest}"
    catalog.artifact_tag.artifact_id = key.digest
    if row.cache_source:
        source = source_from_json(row.cache_source)
        done = catalog.source_task_execution
        done.node_execution_id.CopyFrom(node_id(source.execution, source.path))
        done.retry_attempt = source.attempt
        done.task_id.CopyFrom(
            identifier_pb2.Identifier(
                resource_type=identifier_pb2.TASK,
                project=key.project,
                domain=key.domain,
                name=key.task,
                version=source.task_version,
            )
        )


def attempt_message(execution: ExecutionId, row: AttemptRow, waits: str = "") -> task_execution_pb2.TaskExecution:
    """Return the message of an attempt in `execution`, whose node waits for `waits` now."""
    out = task_execution_pb2.TaskExecution(input_uri=row.inputs_uri)
    out.id.node_execution_id.CopyFrom(node_id(execution, row.path))
    out.id.retry_attempt = row.attempt
    out.id.task_id.CopyFrom(
        identifier_pb2.Identifier(
            resource_type=identifier_pb2.TASK,
            project=row.task_project,
            domain=row.task_domain,
            name=row.task_name,
            version=row.task_version,
        )
    )
    closure = out.closure
    closure.phase = row.phase  # type: ignore[assignment] # the values are the same
    _fill_times(closure, row, ended=TaskPhase(row.phase).terminal)
    _fill_result(closure, row)
    if row.phase == TaskPhase.WAITING_FOR_RESOURCES and waits:
        closure.reason = f"waits for {waits}"
    if row.log_uri:
        closure.logs.append(core_execution_pb2.TaskLog(uri=row.log_uri, name="output"))
    fill_resources(closure, row)
    return out


def fill_resources(out: task_execution_pb2.TaskExecutionClosure | console_pb2.RunAttempt, row: AttemptRow) -> None:
    """Tell what an attempt asked of its machine and what it used, as far as it is known."""
    if row.asked is not None:
        out.asked.ParseFromString(row.asked)
    if row.memory_peak_bytes or row.processor_ns:
        out.used.memory_peak_bytes, out.used.processor_ns = row.memory_peak_bytes, row.processor_ns


def fill_elements(attempt: task_execution_pb2.TaskExecution, elements: Sequence[ElementRow]) -> None:
    """Tell of an array's elements as Flyte does: as what its task uses outside."""
    resources = attempt.closure.metadata.external_resources
    for row in elements:
        resources.add(
            external_id=f"{attempt.id.node_execution_id.node_id}.0.{row.element}",
            index=row.element,
            retry_attempt=row.attempt,
            phase=row.phase.value,
            cache_status=row.cache.value,
        )


def element_message(row: ElementRow) -> watch_pb2.Element:
    """Return the message of an element of an array."""
    out = watch_pb2.Element(index=row.element, attempt=row.attempt)
    out.phase = row.phase.value  # type: ignore[assignment] # the values are the same
    out.cache_status = row.cache.value  # type: ignore[assignment] # the values are the same
    out.recovered = row.recovered
    if row.error is not None:
        out.error.ParseFromString(row.error)
    return out


def task_message(row: EntityRow) -> task_pb2.Task:
    """Return the message of a task."""
    out = task_pb2.Task(id=_identifier(identifier_pb2.TASK, row), short_description=row.short_description)
    out.closure.compiled_task.ParseFromString(row.body)
    out.closure.created_at.CopyFrom(timestamp(row.created_at))
    return out


def workflow_message(row: EntityRow, closure: bytes | None) -> workflow_pb2.Workflow:
    """Return the message of a workflow; without its closure it tells the interface only."""
    identifier = _identifier(identifier_pb2.WORKFLOW, row)
    out = workflow_pb2.Workflow(id=identifier, short_description=row.short_description)
    out.closure.created_at.CopyFrom(timestamp(row.created_at))
    if closure is not None:
        out.closure.compiled_workflow.ParseFromString(closure)
        return out
    template = out.closure.compiled_workflow.primary.template
    template.id.CopyFrom(identifier)
    template.interface.ParseFromString(row.body)
    return out


def closure_message(data: bytes) -> compiler_pb2.CompiledWorkflowClosure:
    """Return a compiled closure."""
    return compiler_pb2.CompiledWorkflowClosure.FromString(data)


def launch_plan_message(row: EntityRow) -> launch_plan_pb2.LaunchPlan:
    """Return the message of a launch plan."""
    out = launch_plan_pb2.LaunchPlan.FromString(row.body)
    out.closure.state = row.state  # type: ignore[assignment] # the values are the same
    out.closure.created_at.CopyFrom(timestamp(row.created_at))
    out.closure.updated_at.CopyFrom(timestamp(row.updated_at))
    return out


def named_message(row: NamedRow) -> common_pb2.NamedEntity:
    """Return the message of a name."""
    return common_pb2.NamedEntity(
        resource_type=row.kind,  # type: ignore[arg-type] # the values are the same
        id=common_pb2.NamedEntityIdentifier(project=row.project, domain=row.domain, name=row.name),
        metadata=common_pb2.NamedEntityMetadata(
            description=row.description,
            state=row.state,  # type: ignore[arg-type] # the values are the same
        ),
    )


def project_message(row: ProjectRow, domains: tuple[tuple[str, str], ...]) -> project_pb2.Project:
    """Return the message of a project, which has all domains."""
    return project_pb2.Project(
        id=row.id,
        name=row.name,
        description=row.description,
        labels=common_pb2.Labels.FromString(row.labels),
        state=row.state,  # type: ignore[arg-type] # the values are the same
        team=row.team,
        domains=[project_pb2.Domain(id=domain, name=name) for domain, name in domains],
    )


def node_id(execution: ExecutionId, path: str) -> identifier_pb2.NodeExecutionIdentifier:
    """Return the message of a node's id."""
    return identifier_pb2.NodeExecutionIdentifier(
        node_id=path, execution_id=_execution_id(execution.project, execution.domain, execution.name)
    )


def _execution_id(project: str, domain: str, name: str) -> identifier_pb2.WorkflowExecutionIdentifier:
    return identifier_pb2.WorkflowExecutionIdentifier(project=project, domain=domain, name=name)


def _identifier(kind: identifier_pb2.ResourceType.ValueType, row: EntityRow) -> identifier_pb2.Identifier:
    return identifier_pb2.Identifier(
        resource_type=kind, project=row.project, domain=row.domain, name=row.name, version=row.version
    )


_Closure = (
    execution_pb2.ExecutionClosure | node_execution_pb2.NodeExecutionClosure | task_execution_pb2.TaskExecutionClosure
)


def _fill_times(closure: _Closure, row: ExecutionRow | NodeRow | AttemptRow, *, ended: bool) -> None:
    fill_timestamp(row.created_at, closure.created_at)
    fill_timestamp(row.updated_at, closure.updated_at)
    if row.started_at:
        fill_timestamp(row.started_at, closure.started_at)
        if ended:
            fill_duration(row.updated_at - row.started_at, closure.duration)


def _fill_result(
    closure: node_execution_pb2.NodeExecutionClosure | task_execution_pb2.TaskExecutionClosure,
    row: NodeRow | AttemptRow,
) -> None:
    if row.error is not None:
        closure.error.ParseFromString(row.error)
    elif row.output_uri:
        closure.output_uri = row.output_uri
