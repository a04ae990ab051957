"""What an execution's row says to the launcher."""

from flytelike.codec.priority import priority_from_proto
from flytelike.controlplane.messages import execution_id, launched, workflow_of
from flytelike.controlplane.repository.rows import ExecutionRow
from flytelike.controlplane.settings import Settings
from flytelike.model.caching import CacheUse
from flytelike.model.ids import Digest, ExecutionId, Identifier, NodeExecutionId, NodePath, ResourceKind
from flytelike.model.launch import LaunchRequest
from flytelike_idl.admin import execution_pb2


def launch_request(row: ExecutionRow, settings: Settings) -> LaunchRequest:
    """Return the request for an execution; it says the same whenever it is made."""
    spec = execution_pb2.ExecutionSpec.FromString(row.spec)
    return LaunchRequest(
        id=execution_id(row),
        launch_plan=_launch_plan(row),
        workflow=workflow_of(row),
        closure_uri=row.closure_uri,
        closure_digest=Digest(row.closure_digest),
        inputs_uri=row.inputs_uri,
        max_parallelism=spec.max_parallelism or settings.max_parallelism,
        interruptible=spec.interruptible.value if spec.HasField("interruptible") else None,
        envs={pair.key: pair.value for pair in spec.envs.values},
        raw_output_prefix=spec.raw_output_data_config.output_location_prefix or settings.raw_prefix,
        labels=dict(spec.labels.values),
        parent=parent_of(row),
        depth=row.depth,
        reuse_uri=row.reuse_uri,
        reuse_digest=row.reuse_digest,
        cache=cache_use(spec),
        priority=priority_from_proto(spec.quality_of_service),
    )


def cache_use(spec: execution_pb2.ExecutionSpec) -> CacheUse:
    """Return what an execution does with cached results; to leave them alone goes before overwriting them."""
    if spec.skip_cache:
        return CacheUse.OFF
    return CacheUse.OVERWRITE if spec.overwrite_cache else CacheUse.USE


def parent_of(row: ExecutionRow) -> NodeExecutionId | None:
    """Return the launch-plan node that started the execution."""
    if not row.parent_name:
        return None
    return NodeExecutionId(ExecutionId(row.project, row.domain, row.parent_name), NodePath(row.parent_path))


def _launch_plan(row: ExecutionRow) -> Identifier:
    what = launched(row)
    if what.kind is ResourceKind.LAUNCH_PLAN:
        return what
    # A task run on its own has the launch plan of the workflow made for it, in name only.
    workflow = workflow_of(row)
    return Identifier(ResourceKind.LAUNCH_PLAN, workflow.project, workflow.domain, workflow.name, workflow.version)
