"""Results that stood in the catalog where another stands now: kept for a while, so that their hits can be explained."""

from collections.abc import Collection
from dataclasses import dataclass, fields

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Dialect,
    Insert,
    Text,
    and_,
    bindparam,
    case,
    delete,
    literal_column,
    select,
)

from flytelike.codec.caching import source_to_json
from flytelike.controlplane.repository.prepared import Params, Prepared, upsert
from flytelike.controlplane.schema import catalog_entries, catalog_past
from flytelike.model.caching import CacheEntry

OVERWRITTEN = "overwritten"
PAST_MAX = 10
"""How many replaced results of one key are remembered."""


@dataclass(frozen=True, slots=True)
class PastRow:
    """A result that was replaced; see `schema.catalog_past`."""

    digest: str
    created_at: int
    source: str
    size_bytes: int
    duration_ns: int
    hits: int
    gone: str
    gone_at: int
    replaced_by: str


def remember(connection: Connection, entries: Collection[CacheEntry]) -> None:
    """Remember what `entries`, which are about to be put, replace. What an attempt puts again replaces nothing."""
    rows: list[Params] = [
        {"of": digest, "by": source_to_json(entry.source), "now_ns": entry.created_ns}
        for digest, entry in sorted((entry.key.digest, entry) for entry in entries)
    ]
    _REMEMBER.run(connection, rows)
    _FORGET.run(connection, [{"of": row["of"]} for row in rows])


def past_of(connection: Connection, digest: str) -> list[PastRow]:
    """Return what once stood at a key, newest first."""
    table = catalog_past.c
    statement = _PAST.where(table.digest == digest).order_by(table.created_at.desc())
    return [PastRow(*row) for row in connection.execute(statement)]


def earlier_past(
    connection: Connection, task: tuple[str, str, str], before_ns: int, limit: int
) -> list[tuple[PastRow, str]]:
    """Return replaced results of a task that were computed before an instant, newest first, and their keys as JSON."""
    past, now = catalog_past.c, catalog_entries.c
    statement = (
        select(*[past[name] for name in _COLUMNS], now.cache_key)
        .join_from(catalog_entries, catalog_past, now.digest == past.digest)
        .where(now.project == task[0], now.domain == task[1], now.task == task[2], past.created_at < before_ns)
        .order_by(past.created_at.desc())
        .limit(limit)
    )
    return [(PastRow(*row[:-1]), row[-1]) for row in connection.execute(statement)]


def forget(connection: Connection, before_ns: int) -> None:
    """Forget what was replaced before an instant."""
    connection.execute(delete(catalog_past).where(catalog_past.c.gone_at < before_ns))


def _remember(dialect: Dialect) -> Insert:
    old, now = catalog_entries.c, bindparam("now_ns", type_=BigInteger)
    none: ColumnElement[str] = literal_column("''")
    expired = and_(old.expires_at > literal_column("0"), old.expires_at <= now)
    found = (
        select(
            *[old[name] for name in _COLUMNS[:6]],
            case((old.gone != none, old.gone), (expired, literal_column("'expired'")), else_=_OVERWRITTEN),
            case((old.gone != none, old.gone_at), (expired, old.expires_at), else_=now),
            bindparam("by", type_=Text),
        )
        .where(old.digest == bindparam("of"), old.source != bindparam("by"))
        # Locked, so that who replaces the same result meanwhile waits, and sees what we put.
        .with_for_update()
    )
    statement: Insert = upsert(dialect, catalog_past).from_select(_COLUMNS, found).on_conflict_do_nothing()
    return statement


_COLUMNS = tuple(field.name for field in fields(PastRow))
_PAST = select(*[catalog_past.c[name] for name in _COLUMNS])
_OVERWRITTEN: ColumnElement[str] = literal_column(f"'{OVERWRITTEN}'")
_REMEMBER = Prepared(_remember)
_BEYOND = (
    select(catalog_past.c.created_at)
    .where(catalog_past.c.digest == bindparam("of"))
    .order_by(catalog_past.c.created_at.desc())
    .limit(literal_column("1"))
    .offset(literal_column(str(PAST_MAX)))
    .scalar_subquery()
)
_FORGET = Prepared(
    lambda _: delete(catalog_past).where(catalog_past.c.digest == bindparam("of"), catalog_past.c.created_at <= _BEYOND)
)
