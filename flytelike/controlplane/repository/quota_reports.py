"""What operators said last of what they grant: kept and found."""

from sqlalchemy import Connection, select, update

from flytelike.controlplane.repository.prepared import upsert
from flytelike.controlplane.schema import quota_reports

_ID = 1


def put_report(connection: Connection, at_ms: int, heard_ns: int, body: bytes) -> None:
    """Keep a report in place of an earlier one; one that is older than what is kept is forgotten."""
    columns = quota_reports.c
    first = upsert(connection.dialect, quota_reports).values(id=_ID, at=0, heard_at=0, body=b"")
    connection.execute(first.on_conflict_do_nothing())
    values = {"at": at_ms, "heard_at": heard_ns, "body": body}
    connection.execute(update(quota_reports).where(columns.id == _ID, columns.at <= at_ms).values(values))


def read_report(connection: Connection, since_ns: int) -> bytes | None:
    """Return the report, if there is one that was heard at an instant or since."""
    columns = quota_reports.c
    statement = select(columns.body).where(columns.id == _ID, columns.heard_at >= since_ns)
    return connection.execute(statement).scalar()
