"""Executions: create, read, watch, end, and what their attempts print."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from google.protobuf import wrappers_pb2

from flytelike.codec.ids import execution_id_from_proto, execution_id_to_proto, identifier_to_proto
from flytelike.codec.literals import literal_map_from_proto, literal_map_to_proto
from flytelike.codec.priority import fill_priority
from flytelike.model.caching import CacheUse
from flytelike.model.ids import ExecutionId, Identifier
from flytelike.model.literals import LiteralMap
from flytelike.remote.client import Client
from flytelike_idl.admin import common_pb2, execution_pb2, node_execution_pb2, task_execution_pb2
from flytelike_idl.core import identifier_pb2, literals_pb2
from flytelike_idl.service import watch_pb2


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """What a caller may choose beside the inputs; empty values leave the choice to the server."""

    name: str = ""
    max_parallelism: int = 0
    interruptible: bool | None = None
    envs: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    raw_output_prefix: str = ""
    cache: CacheUse = CacheUse.USE
    priority: int | None = None


async def create(
    client: Client,
    project: str,
    domain: str,
    target: Identifier,
    inputs: LiteralMap,
    options: ExecutionOptions = ExecutionOptions(),
) -> ExecutionId:
    """Start an execution of a launch plan or a task and return its id."""
    spec = execution_pb2.ExecutionSpec(
        launch_plan=identifier_to_proto(target),
        metadata=execution_pb2.ExecutionMetadata(mode=execution_pb2.ExecutionMetadata.MANUAL),
        max_parallelism=options.max_parallelism,
        overwrite_cache=options.cache is CacheUse.OVERWRITE,
        skip_cache=options.cache is CacheUse.OFF,
        labels=common_pb2.Labels(values=options.labels),
        raw_output_data_config=common_pb2.RawOutputDataConfig(output_location_prefix=options.raw_output_prefix),
        envs=common_pb2.Envs(
            values=[literals_pb2.KeyValuePair(key=key, value=value) for key, value in options.envs.items()]
        ),
    )
    if options.priority is not None:
        fill_priority(options.priority, spec.quality_of_service)
    if options.interruptible is not None:
        spec.interruptible.CopyFrom(wrappers_pb2.BoolValue(value=options.interruptible))
    response = await client.call(
        client.admin.CreateExecution(
            execution_pb2.ExecutionCreateRequest(
                project=project,
                domain=domain,
                name=options.name,
                spec=spec,
                inputs=literal_map_to_proto(inputs),
            )
        )
    )
    return execution_id_from_proto(response.id)


async def relaunch(client: Client, execution: ExecutionId, name: str = "") -> ExecutionId:
    """Start a new execution with the same launch plan and inputs."""
    response = await client.call(
        client.admin.RelaunchExecution(
            execution_pb2.ExecutionRelaunchRequest(id=execution_id_to_proto(execution), name=name)
        )
    )
    return execution_id_from_proto(response.id)


async def recover(client: Client, execution: ExecutionId, name: str = "") -> ExecutionId:
    """Start a new execution of the same version and inputs that takes over what succeeded."""
    response = await client.call(
        client.admin.RecoverExecution(
            execution_pb2.ExecutionRecoverRequest(id=execution_id_to_proto(execution), name=name)
        )
    )
    return execution_id_from_proto(response.id)


async def get(client: Client, execution: ExecutionId) -> execution_pb2.Execution:
    """Return the execution's record."""
    request = execution_pb2.WorkflowExecutionGetRequest(id=execution_id_to_proto(execution))
    return await client.call(client.admin.GetExecution(request))


async def data(client: Client, execution: ExecutionId) -> tuple[LiteralMap, LiteralMap]:
    """Return the execution's inputs and outputs (empty while it runs, and when it failed)."""
    request = execution_pb2.WorkflowExecutionGetDataRequest(id=execution_id_to_proto(execution))
    response = await client.call(client.admin.GetExecutionData(request))
    return literal_map_from_proto(response.full_inputs), literal_map_from_proto(response.full_outputs)


async def watch(
    client: Client, execution: ExecutionId, *, attempts: bool = False
) -> AsyncIterator[watch_pb2.WatchExecutionResponse]:
    """Yield the execution's state and each change until it ends."""
    request = watch_pb2.WatchExecutionRequest(id=execution_id_to_proto(execution), include_task_executions=attempts)
    async for update in client.stream(client.watch.WatchExecution(request)):
        yield update


async def terminate(client: Client, execution: ExecutionId, cause: str) -> None:
    """Ask that the execution ends."""
    request = execution_pb2.ExecutionTerminateRequest(id=execution_id_to_proto(execution), cause=cause)
    await client.call(client.admin.TerminateExecution(request))


async def nodes(client: Client, execution: ExecutionId) -> list[node_execution_pb2.NodeExecution]:
    """Return all node executions, nested ones included, oldest first."""
    found: list[node_execution_pb2.NodeExecution] = []
    token = ""
    while True:
        page = await client.call(
            client.admin.ListNodeExecutions(
                node_execution_pb2.NodeExecutionListRequest(
                    workflow_execution_id=execution_id_to_proto(execution),
                    limit=1_000,
                    token=token,
                    unique_parent_id="*",
                    sort_by=common_pb2.Sort(key="created_at", direction=common_pb2.Sort.ASCENDING),
                )
            )
        )
        found.extend(page.node_executions)
        token = page.token
        if not token:
            return found


async def node(client: Client, node: identifier_pb2.NodeExecutionIdentifier) -> node_execution_pb2.NodeExecution:
    """Return a node of an execution. Raises RemoteError `unknown-node-execution`."""
    return await client.call(client.admin.GetNodeExecution(node_execution_pb2.NodeExecutionGetRequest(id=node)))


async def attempts(
    client: Client, node: identifier_pb2.NodeExecutionIdentifier
) -> list[task_execution_pb2.TaskExecution]:
    """Return the attempts of a node, oldest first."""
    page = await client.call(
        client.admin.ListTaskExecutions(task_execution_pb2.TaskExecutionListRequest(node_execution_id=node, limit=100))
    )
    return sorted(page.task_executions, key=lambda attempt: attempt.id.retry_attempt)


async def logs(
    client: Client, attempt: identifier_pb2.TaskExecutionIdentifier, *, follow: bool
) -> AsyncIterator[bytes]:
    """Yield what the attempt printed; with `follow`, until it ends."""
    request = watch_pb2.StreamTaskLogsRequest(id=attempt, follow=follow)
    async for chunk in client.stream(client.watch.StreamTaskLogs(request)):
        yield chunk.data


async def recent(
    client: Client, project: str, domain: str, *, limit: int, filters: str = ""
) -> list[execution_pb2.Execution]:
    """Return the newest executions, newest first."""
    page = await client.call(
        client.admin.ListExecutions(
            common_pb2.ResourceListRequest(
                id=common_pb2.NamedEntityIdentifier(project=project, domain=domain),
                limit=limit,
                filters=filters,
                sort_by=common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING),
            )
        )
    )
    return list(page.executions)


async def elements(
    client: Client, node: identifier_pb2.NodeExecutionIdentifier, *, first: int = 0, only_failed: bool = False
) -> AsyncIterator[watch_pb2.Element]:
    """Yield the elements of an array by index, from `first` on."""
    while True:
        request = watch_pb2.ListElementsRequest(id=node, first=first, only_failed=only_failed)
        page = await client.call(client.watch.ListElements(request))
        for element in page.elements:
            yield element
        first = page.next
        if not first:
            return
