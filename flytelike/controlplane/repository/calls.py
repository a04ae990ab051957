"""Executions that eager tasks called: found, and ended with their caller."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, select, update

from flytelike.controlplane.repository.executions import TERMINAL
from flytelike.controlplane.schema import executions
from flytelike.model.ids import ExecutionId, NodeExecutionId
from flytelike.model.phases import WorkflowPhase


@dataclass(frozen=True, slots=True)
class CallRow:
    """How a call goes."""

    name: str
    phase: int
    outputs_uri: str
    error: bytes | None
    abort_cause: str


_CALL = select(*[executions.c[field.name] for field in fields(CallRow)])


def list_calls(connection: Connection, caller: NodeExecutionId) -> list[CallRow]:
    """Return the calls of a node, in the order in which they were made."""
    statement = _CALL.where(*_of(caller.execution), executions.c.parent_path == caller.path).order_by(executions.c.id)
    return [CallRow(*row) for row in connection.execute(statement)]


def end_calls(
    connection: Connection, caller: ExecutionId, paths: Iterable[str] | None, at_ns: int
) -> list[ExecutionId]:
    """Have the unfinished calls of nodes end, or with None those of a whole execution; return which they are."""
    where = [*_of(caller), executions.c.phase.not_in([*TERMINAL, WorkflowPhase.ABORTING.value])]
    if paths is not None:
        where.append(executions.c.parent_path.in_(list(paths)))
    statement = (
        update(executions)
        .where(*where)
        .values(
            phase=WorkflowPhase.ABORTING.value,
            abort_cause=f"its caller in {caller.name} has ended",
            abort_principal="propeller",
            updated_at=at_ns,
        )
        .returning(executions.c.name)
    )
    names = [row.name for row in connection.execute(statement)]
    return [ExecutionId(caller.project, caller.domain, name) for name in names]


def _of(caller: ExecutionId) -> tuple[ColumnElement[bool], ...]:
    table = executions.c
    return (
        table.project == caller.project,
        table.domain == caller.domain,
        table.parent_name == caller.name,
        table.eager.is_(True),
    )
