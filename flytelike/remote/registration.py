"""Registering entities, all or none."""

from dataclasses import dataclass

from flytelike.codec.diagnostics import diagnostic_from_proto
from flytelike.codec.ids import identifier_from_proto
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.ids import Identifier
from flytelike.remote.client import Client
from flytelike_idl.service import registration_pb2

Outcome = registration_pb2.RegisteredEntity.Outcome


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of one entity; `difference` tells why a known version was refused."""

    id: Identifier
    outcome: str
    digest: str
    difference: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Registration:
    """What became of a whole registration."""

    entities: tuple[Registered, ...]
    diagnostics: tuple[Diagnostic, ...]


async def register(client: Client, request: registration_pb2.RegisterRequest) -> Registration:
    """Register everything in one transaction; raises RemoteError when the call itself fails."""
    response = await client.call(client.registration.Register(request))
    return Registration(
        tuple(registered(entity) for entity in response.entities),
        tuple(diagnostic_from_proto(message) for message in response.diagnostics),
    )


def registered(message: registration_pb2.RegisteredEntity) -> Registered:
    """Return the entity's outcome as a value."""
    return Registered(
        identifier_from_proto(message.id),
        Outcome.Name(message.outcome).removeprefix("OUTCOME_"),
        message.digest,
        tuple(message.difference),
    )
