"""Whether a new version of a launch plan breaks those who start it as its newest version wants to be started."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from sqlalchemy import Connection

from flytelike.codec.interface import parameter_map_from_proto, variable_map_from_proto
from flytelike.codec.parse import parse
from flytelike.compiler.changes import output_changes, parameter_changes
from flytelike.controlplane.compiling import Prepared
from flytelike.controlplane.repository.entities import newest_entity
from flytelike.model.diagnostic import Diagnostic, Severity
from flytelike.model.ids import Identifier, ResourceKind
from flytelike_idl.admin import launch_plan_pb2


def broken_callers(
    connection: Connection, new: Iterable[Identifier], prepared: Mapping[Identifier, Prepared]
) -> Iterator[Diagnostic]:
    """Yield a warning for each new launch plan that refuses what its newest registered version takes."""
    for identifier in new:
        if identifier.kind is not ResourceKind.LAUNCH_PLAN:
            continue
        row = newest_entity(connection, identifier)
        broken = breaking(row.body, prepared[identifier].entity.body) if row is not None else []
        if row is not None and broken:
            yield Diagnostic(
                "callers-break",
                f"the launch plan `{identifier.name}` breaks those who start its version {row.version}",
                help=(*broken, "give new inputs a default, or register under another name"),
                severity=Severity.WARNING,
            )


def breaking(old: bytes, new: bytes) -> list[str]:
    """Return the breaking changes between two launch plans as they are kept."""
    before = parse(launch_plan_pb2.LaunchPlan, old).closure
    after = parse(launch_plan_pb2.LaunchPlan, new).closure
    found = chain(
        parameter_changes(
            parameter_map_from_proto(before.expected_inputs), parameter_map_from_proto(after.expected_inputs)
        ),
        output_changes(
            variable_map_from_proto(before.expected_outputs), variable_map_from_proto(after.expected_outputs)
        ),
    )
    return [text for _, text, breaks in found if breaks]
