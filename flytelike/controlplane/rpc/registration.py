"""RegistrationService: all of a module's entities at once, or none."""

from flytelike.codec.diagnostics import diagnostic_to_proto
from flytelike.codec.ids import identifier_to_proto
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.registry import Verdict
from flytelike_idl.service import registration_pb2


class RegistrationServicer:
    """The RPC of registration."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._registry = plane.registry

    async def register(self, request: registration_pb2.RegisterRequest) -> registration_pb2.RegisterResponse:
        """Register everything, or tell what is wrong."""
        registration = await self._registry.register(request)
        return registration_pb2.RegisterResponse(
            entities=[_entity(verdict) for verdict in registration.verdicts],
            diagnostics=[diagnostic_to_proto(diagnostic) for diagnostic in registration.diagnostics],
        )


def _entity(verdict: Verdict) -> registration_pb2.RegisteredEntity:
    return registration_pb2.RegisteredEntity(
        id=identifier_to_proto(verdict.id),
        outcome=verdict.outcome,
        digest=verdict.digest,
        difference=verdict.difference,
    )
