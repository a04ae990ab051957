"""What one server at a time may do."""

from sqlalchemy import Connection, or_, select, update

from flytelike.controlplane.repository.prepared import upsert
from flytelike.controlplane.schema import leases


def take_lease(connection: Connection, name: str, holder: str, now_ns: int, until_ns: int) -> bool:
    """Take a lease that is free, has lapsed or is the holder's own; tell whether the holder has it now."""
    connection.execute(upsert(connection.dialect, leases).values(name=name).on_conflict_do_nothing())
    table = leases.c
    free = or_(table.holder == holder, table.until <= now_ns)
    statement = update(leases).where(table.name == name, free).values(holder=holder, until=until_ns)
    return connection.execute(statement).rowcount > 0


def end_lease(connection: Connection, name: str, holder: str, done_ns: int) -> None:
    """Give a lease back; with `done_ns`, note when the thing was done."""
    values = {"holder": "", "until": 0} | ({"done_at": done_ns} if done_ns else {})
    connection.execute(update(leases).where(leases.c.name == name, leases.c.holder == holder).values(**values))


def done_last(connection: Connection, name: str) -> int:
    """Return when a thing was done last; 0 for never."""
    return int(connection.execute(select(leases.c.done_at).where(leases.c.name == name)).scalar() or 0)
