"""Giving up history that is lost: of executions that go on although this database forgot what it had taken over."""

from sqlalchemy import Connection, select, update

from flytelike.controlplane.errors import Status, not_found, refusal
from flytelike.controlplane.schema import executions
from flytelike.model.ids import ExecutionId


def accept_gap(connection: Connection, execution: ExecutionId, entry: int) -> int:
    """Have an execution's history go on with an entry; return how many before it are given up.

    Raises:
        Refusal: NOT_FOUND for an unknown execution, FAILED_PRECONDITION (`no-history-gap`) when nothing is missing.
    """
    table = executions.c
    where = (table.project == execution.project, table.domain == execution.domain, table.name == execution.name)
    found = connection.execute(select(table.id, table.sequence).where(*where).with_for_update()).first()
    if found is None:
        raise not_found("execution", execution)
    missing = entry - 1 - int(found.sequence)
    if missing <= 0:
        told = f"entry {entry} of {execution} has been taken, or is due: nothing is missing before it"
        raise refusal(Status.FAILED_PRECONDITION, "no-history-gap", told, "take the entry that `history-gap` says came")
    connection.execute(update(executions).where(table.id == found.id).values(sequence=entry - 1))
    return missing
