"""AdminService: executions, their nodes and attempts."""

from flytelike.codec.ids import execution_id_to_proto
from flytelike.controlplane.access.caller import caller
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import not_found
from flytelike.controlplane.listing import next_token
from flytelike.controlplane.messages import closure_message
from flytelike.controlplane.repository.rows import NodeRow
from flytelike.controlplane.rpc.requests import attempt_of, execution_of, list_query, node_of, place_of
from flytelike.model.ids import Digest
from flytelike_idl.admin import common_pb2, execution_pb2, node_execution_pb2, task_execution_pb2


class ExecutionServicer:
    """The RPCs of executions."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._executions = plane.executions
        self._recovery = plane.recovery
        self._reading = plane.reading
        self._graphs = plane.graphs
        self._rows_max = plane.settings.limits.list_rows

    async def create_execution(
        self, request: execution_pb2.ExecutionCreateRequest
    ) -> execution_pb2.ExecutionCreateResponse:
        """Create an execution."""
        execution = await self._executions.create(request, caller().user)
        return execution_pb2.ExecutionCreateResponse(id=execution_id_to_proto(execution))

    async def relaunch_execution(
        self, request: execution_pb2.ExecutionRelaunchRequest
    ) -> execution_pb2.ExecutionCreateResponse:
        """Create an execution like an earlier one."""
        execution_of(request.id)
        execution = await self._executions.relaunch(request, caller().user)
        return execution_pb2.ExecutionCreateResponse(id=execution_id_to_proto(execution))

    async def recover_execution(
        self, request: execution_pb2.ExecutionRecoverRequest
    ) -> execution_pb2.ExecutionCreateResponse:
        """Create an execution that takes over what succeeded in an earlier one."""
        execution_of(request.id)
        execution = await self._recovery.recover(request, caller().user)
        return execution_pb2.ExecutionCreateResponse(id=execution_id_to_proto(execution))

    async def get_execution(self, request: execution_pb2.WorkflowExecutionGetRequest) -> execution_pb2.Execution:
        """Return an execution."""
        return await self._reading.execution(execution_of(request.id))

    async def update_execution(
        self, request: execution_pb2.ExecutionUpdateRequest
    ) -> execution_pb2.ExecutionUpdateResponse:
        """Archive an execution, or bring it back."""
        await self._executions.set_state(execution_of(request.id), request.state, caller().user)
        return execution_pb2.ExecutionUpdateResponse()

    async def get_execution_data(
        self, request: execution_pb2.WorkflowExecutionGetDataRequest
    ) -> execution_pb2.WorkflowExecutionGetDataResponse:
        """Return an execution's inputs and outputs."""
        row = await self._reading.execution_row(execution_of(request.id))
        inputs, outputs = await self._reading.data(row.inputs_uri), await self._reading.data(row.outputs_uri)
        return execution_pb2.WorkflowExecutionGetDataResponse(
            inputs=inputs.blob, outputs=outputs.blob, full_inputs=inputs.literals, full_outputs=outputs.literals
        )

    async def list_executions(self, request: common_pb2.ResourceListRequest) -> execution_pb2.ExecutionList:
        """Return a page of executions."""
        query = list_query(request, self._rows_max)
        found = await self._reading.executions(*place_of(request.id), query)
        return execution_pb2.ExecutionList(executions=found, token=next_token(query, len(found)))

    async def terminate_execution(
        self, request: execution_pb2.ExecutionTerminateRequest
    ) -> execution_pb2.ExecutionTerminateResponse:
        """Ask that an execution ends."""
        await self._executions.terminate(execution_of(request.id), request.cause, caller().user)
        return execution_pb2.ExecutionTerminateResponse()

    async def get_node_execution(
        self, request: node_execution_pb2.NodeExecutionGetRequest
    ) -> node_execution_pb2.NodeExecution:
        """Return a node of an execution."""
        return await self._reading.node(node_of(request.id))

    async def list_node_executions(
        self, request: node_execution_pb2.NodeExecutionListRequest
    ) -> node_execution_pb2.NodeExecutionList:
        """Return a page of nodes: those at the top, or in the parent named; `*` stands for any depth."""
        query = list_query(request, self._rows_max)
        execution = execution_of(request.workflow_execution_id)
        found = await self._reading.nodes(execution, request.unique_parent_id, query)
        return node_execution_pb2.NodeExecutionList(node_executions=found, token=next_token(query, len(found)))

    async def get_node_execution_data(
        self, request: node_execution_pb2.NodeExecutionGetDataRequest
    ) -> node_execution_pb2.NodeExecutionGetDataResponse:
        """Return a node's inputs and outputs."""
        node = node_of(request.id)
        row = await self._reading.node_row(node)
        inputs, outputs = await self._reading.data(row.inputs_uri), await self._reading.data(row.output_uri)
        return node_execution_pb2.NodeExecutionGetDataResponse(
            dynamic_workflow=await self._dynamic(row) if row.graph else None,
            inputs=inputs.blob,
            outputs=outputs.blob,
            full_inputs=inputs.literals,
            full_outputs=outputs.literals,
            flyte_urls=flyte_urls(f"{node.execution}/{node.path}", ended=bool(row.output_uri)),
        )

    async def get_dynamic_node_workflow(
        self, request: node_execution_pb2.GetDynamicNodeWorkflowRequest
    ) -> node_execution_pb2.DynamicNodeWorkflowResponse:
        """Return the graph that a dynamic task gave."""
        node = node_of(request.id)
        row = await self._reading.node_row(node)
        if not row.graph:
            raise not_found("graph", f"of {node.execution}/{node.path}", "only dynamic tasks give one")
        found = await self._dynamic(row)
        return node_execution_pb2.DynamicNodeWorkflowResponse(compiled_workflow=found.compiled_workflow)

    async def _dynamic(self, row: NodeRow) -> node_execution_pb2.DynamicWorkflowNodeMetadata:
        closure = closure_message(await self._graphs.closure(Digest(row.graph)))
        return node_execution_pb2.DynamicWorkflowNodeMetadata(id=closure.primary.template.id, compiled_workflow=closure)

    async def get_task_execution(
        self, request: task_execution_pb2.TaskExecutionGetRequest
    ) -> task_execution_pb2.TaskExecution:
        """Return an attempt of a task node."""
        return await self._reading.attempt(attempt_of(request.id))

    async def list_task_executions(
        self, request: task_execution_pb2.TaskExecutionListRequest
    ) -> task_execution_pb2.TaskExecutionList:
        """Return a page of a node's attempts."""
        query = list_query(request, self._rows_max)
        found = await self._reading.attempts(node_of(request.node_execution_id), query)
        return task_execution_pb2.TaskExecutionList(task_executions=found, token=next_token(query, len(found)))

    async def get_task_execution_data(
        self, request: task_execution_pb2.TaskExecutionGetDataRequest
    ) -> task_execution_pb2.TaskExecutionGetDataResponse:
        """Return an attempt's inputs and outputs."""
        attempt = attempt_of(request.id)
        row = await self._reading.attempt_row(attempt.node, attempt.attempt)
        inputs, outputs = await self._reading.data(row.inputs_uri), await self._reading.data(row.output_uri)
        name = f"{attempt.node.execution}/{attempt.node.path}/{attempt.attempt}"
        return task_execution_pb2.TaskExecutionGetDataResponse(
            inputs=inputs.blob,
            outputs=outputs.blob,
            full_inputs=inputs.literals,
            full_outputs=outputs.literals,
            flyte_urls=flyte_urls(name, ended=bool(row.output_uri)),
        )


def flyte_urls(name: str, *, ended: bool) -> common_pb2.FlyteURLs:
    """Return the names under which `GetData` gives a node's or an attempt's data."""
    base = f"flyte://v1/{name}"
    return common_pb2.FlyteURLs(inputs=f"{base}/i", outputs=f"{base}/o" if ended else "")
