"""The audit log: added to, read, and shortened from its old end."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, delete, insert, select

from flytelike.controlplane.schema import audit_log


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One change, or the attempt at one; `at` is nanoseconds since 1970."""

    at: int
    actor: str
    via: str
    credential: str
    method: str
    project: str
    domain: str
    target: str
    peer: str
    request_id: str
    outcome: str
    detail: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; what is empty or 0 says nothing. `since_ns` counts, `until_ns` does not any more."""

    actor: str = ""
    method: str = ""
    project: str = ""
    domain: str = ""
    target: str = ""
    outcome: str = ""
    request_id: str = ""
    since_ns: int = 0
    until_ns: int = 0


_ENTRY = select(*[audit_log.c[field.name] for field in fields(AuditRow)])
_EQUAL = ("actor", "project", "domain", "target", "outcome", "request_id")


def add_entry(connection: Connection, row: AuditRow) -> None:
    """Append an entry."""
    values = asdict(row)
    del values["id"]
    connection.execute(insert(audit_log), values)


def list_entries(connection: Connection, wanted: AuditFilter, before: int, limit: int) -> Sequence[AuditRow]:
    """Return a page of entries, the newest first: those with ids less than `before` (0: from the newest on)."""
    table = audit_log.c
    where = [table[name] == getattr(wanted, name) for name in _EQUAL if getattr(wanted, name)]
    if wanted.method:
        where.append(table.method.endswith(wanted.method, autoescape=True))
    if wanted.since_ns:
        where.append(table.at >= wanted.since_ns)
    if wanted.until_ns:
        where.append(table.at < wanted.until_ns)
    if before:
        where.append(table.id < before)
    return [AuditRow(*row) for row in connection.execute(_ENTRY.where(*where).order_by(table.id.desc()).limit(limit))]


def drop_entries(connection: Connection, before_ns: int) -> int:
    """Delete the entries from before an instant; return how many there were."""
    return connection.execute(delete(audit_log).where(audit_log.c.at < before_ns)).rowcount
