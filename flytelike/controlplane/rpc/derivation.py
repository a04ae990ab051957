"""DerivationService: executions made from earlier ones."""

from collections.abc import Mapping

from flytelike.codec.ids import execution_id_to_proto
from flytelike.codec.literals import literal_map_from_proto
from flytelike.controlplane.access.caller import caller
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.choosing import Choice
from flytelike.controlplane.errors import invalid
from flytelike.controlplane.recovery import Overrides, Runs, Wish
from flytelike.controlplane.rpc.requests import entity_kind, execution_of, identifier_of
from flytelike.model.ids import Identifier, ResourceKind
from flytelike.model.recovery import Action, PlannedNode
from flytelike_idl.service import derivation_pb2 as pb

_ACTIONS: Mapping[Action, pb.DerivedNode.Action.ValueType] = {
    Action.REUSE: pb.DerivedNode.ACTION_REUSE,
    Action.PARTLY: pb.DerivedNode.ACTION_PARTLY,
    Action.RUN: pb.DerivedNode.ACTION_RUN,
    Action.NEW: pb.DerivedNode.ACTION_NEW,
    Action.GONE: pb.DerivedNode.ACTION_GONE,
    Action.LEFT_OUT: pb.DerivedNode.ACTION_LEFT_OUT,
}
_RUNS = {runs.value: runs for runs in Runs}


class DerivationServicer:
    """The RPC of derived executions."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._recovery = plane.recovery

    async def derive(self, request: pb.DeriveRequest) -> pb.DeriveResponse:
        """Plan an execution, and create it."""
        derived = await self._recovery.derive(wish_of(request), caller().user)
        return pb.DeriveResponse(
            id=None if derived.execution is None else execution_id_to_proto(derived.execution),
            earlier=execution_id_to_proto(derived.earlier),
            nodes=[_node(node) for node in derived.plan.nodes],
            missing_outputs=derived.plan.missing_outputs,
        )


def wish_of(request: pb.DeriveRequest) -> Wish:
    """Return what a request asks for; raises Refusal INVALID_ARGUMENT."""
    runs = _RUNS.get(request.runs)
    if runs is None:
        raise invalid("missing-field", "the request does not say which nodes run")
    chosen = request.chosen
    return Wish(
        execution_of(request.id) if request.id.name else None,
        request.name,
        _target(request),
        literal_map_from_proto(request.inputs),
        runs,
        Choice(tuple(chosen.only), tuple(chosen.since), tuple(chosen.until)),
        _overrides(request.overrides),
        request.dry_run,
        request.id.project,
        request.id.domain,
    )


def _target(request: pb.DeriveRequest) -> Identifier | None:
    if not request.HasField("launch_plan"):
        return None
    task = entity_kind(request.launch_plan.resource_type) is ResourceKind.TASK
    return identifier_of(request.launch_plan, ResourceKind.TASK if task else ResourceKind.LAUNCH_PLAN)


def _overrides(message: pb.Overrides) -> Overrides:
    return Overrides(
        dict(message.labels),
        dict(message.envs),
        message.max_parallelism if message.HasField("max_parallelism") else None,
        message.overwrite_cache if message.HasField("overwrite_cache") else None,
        message.interruptible if message.HasField("interruptible") else None,
        message.priority if message.HasField("priority") else None,
    )


def _node(node: PlannedNode) -> pb.DerivedNode:
    return pb.DerivedNode(
        path=node.path,
        earlier=node.earlier,
        called=node.called,
        action=_ACTIONS[node.action],
        reason=node.reason.value,
        detail=node.detail,
    )
