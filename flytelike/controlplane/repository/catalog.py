"""Cached results and reservations: kept and found."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Insert,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)

from flytelike.codec.caching import key_from_json, key_to_json, source_from_json, source_to_json
from flytelike.controlplane.repository.catalog_past import remember
from flytelike.controlplane.repository.prepared import Params, Prepared, upsert
from flytelike.controlplane.schema import catalog_entries, catalog_reservations, catalog_uses
from flytelike.model.caching import CacheEntry, CacheKey

DIGESTS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class EntryRow:
    """A cached result; see `schema.catalog_entries`."""

    digest: str
    project: str
    domain: str
    task: str
    cache_key: str
    source: str
    outputs: bytes
    outputs_uri: str
    uris: str
    size_bytes: int
    duration_ns: int
    created_at: int
    used_at: int
    expires_at: int
    hits: int
    gone: str
    gone_at: int
    replaced: str

    def entry(self, key: CacheKey | None = None) -> CacheEntry:
        """Return what the row says; `key` is its key where that is known already."""
        return CacheEntry(
            key or key_from_json(self.cache_key),
            source_from_json(self.source),
            self.outputs,
            self.outputs_uri,
            tuple(json.loads(self.uris)) if self.uris else (),
            self.size_bytes,
            self.duration_ns,
            self.created_at,
            self.expires_at,
        )


@dataclass(frozen=True, slots=True)
class Use:
    """Hits and misses of one task since they were last written."""

    hits: int = 0
    misses: int = 0
    saved_ns: int = 0


def find_entries(connection: Connection, digests: Collection[str], now_ns: int) -> dict[str, EntryRow]:
    """Return the entries that are there and have not expired, by digest."""
    found: dict[str, EntryRow] = {}
    for some in _batches(sorted(digests)):
        statement = _ENTRY.where(
            catalog_entries.c.digest.in_(some),
            catalog_entries.c.gone == "",
            or_(catalog_entries.c.expires_at == 0, catalog_entries.c.expires_at > now_ns),
        )
        found.update((row.digest, EntryRow(*row)) for row in connection.execute(statement))
    return found


def put_entries(connection: Connection, entries: Sequence[CacheEntry]) -> None:
    """Keep results instead of older ones, and free their keys."""
    remember(connection, entries)
    rows = [_values(entry) for entry in sorted(entries, key=lambda entry: entry.key.digest)]
    _UPSERT_ENTRIES.run(connection, rows)
    _FREE.run(connection, [{"free": row["digest"]} for row in rows])


def drop_entries(connection: Connection, digests: Collection[str], why: str, now_ns: int) -> int:
    """Mark entries as gone, and return how many there were. Their small outputs are deleted at once."""
    dropped = 0
    for some in _batches(sorted(digests)):
        where = (catalog_entries.c.digest.in_(some), catalog_entries.c.gone == "")
        dropped += connection.execute(
            update(catalog_entries).where(*where).values(gone=why, gone_at=now_ns, outputs=b"")
        ).rowcount
    return dropped


def reserve(
    connection: Connection, claims: Sequence[tuple[str, str]], now_ns: int, until_ns: int
) -> dict[str, tuple[str, int]]:
    """Give each digest to who claims it first, unless another's lease lasts; return who has each, until when."""
    for digest, holder in sorted(claims):
        _RESERVE.run(connection, [{"digest": digest, "holder": holder, "until": until_ns, "now_ns": now_ns}])
    table = catalog_reservations.c
    found: dict[str, tuple[str, int]] = {}
    for some in _batches(sorted({digest for digest, _ in claims})):
        rows = connection.execute(select(table.digest, table.holder, table.until).where(table.digest.in_(some)))
        found.update((digest, (holder, until)) for digest, holder, until in rows)
    return found


def release(connection: Connection, claims: Sequence[tuple[str, str]]) -> None:
    """Free what these holders have."""
    table = catalog_reservations
    for digest, holder in sorted(claims):
        connection.execute(delete(table).where(table.c.digest == digest, table.c.holder == holder))


def count_uses(
    connection: Connection, uses: Mapping[tuple[str, str, str], Use], hits: Mapping[str, int], now_ns: int
) -> None:
    """Add to the statistics of tasks, and tell entries that they were used."""
    rows: list[Params] = [
        {"project": project, "domain": domain, "task": task, "hits": use.hits, "misses": use.misses,
         "saved_ns": use.saved_ns}
        for (project, domain, task), use in sorted(uses.items())
    ]  # fmt: skip
    _COUNT.run(connection, rows)
    _TOUCH.run(connection, [{"entry": digest, "more": more, "now_ns": now_ns} for digest, more in sorted(hits.items())])


def _values(entry: CacheEntry) -> Params:
    key = entry.key
    return {
        "digest": key.digest,
        "project": key.project,
        "domain": key.domain,
        "task": key.task,
        "version": key.version,
        "cache_key": key_to_json(key),
        "source": source_to_json(entry.source),
        "outputs": entry.outputs,
        "outputs_uri": entry.outputs_uri,
        "uris": json.dumps(entry.uris) if entry.uris else "",
        "size_bytes": entry.size_bytes,
        "duration_ns": entry.duration_ns,
        "created_at": entry.created_ns,
        "used_at": entry.created_ns,
        "expires_at": entry.expires_ns,
        "hits": 0,
        "gone": "",
        "gone_at": 0,
        "replaced": "",
    }


def _batches(digests: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(digests), DIGESTS_AT_ONCE):
        yield digests[first : first + DIGESTS_AT_ONCE]


def _upsert_entry(dialect: Dialect) -> Insert:
    insert = upsert(dialect, catalog_entries)
    old, new = catalog_entries.c, insert.excluded
    fresh: dict[str, ColumnElement[Any]] = {
        column.name: new[column.name] for column in catalog_entries.columns if not column.primary_key
    }
    expired = and_(old.expires_at > literal_column("0"), old.expires_at <= new.created_at)
    fresh["replaced"] = case(
        (old.gone != literal_column("''"), old.gone),
        (expired, literal_column("'expired'")),
        else_=literal_column("''"),
    )
    statement: Insert = insert.on_conflict_do_update(index_elements=["digest"], set_=fresh)
    return statement


def _reserve(dialect: Dialect) -> Insert:
    insert, old = upsert(dialect, catalog_reservations), catalog_reservations.c
    ours: ColumnElement[bool] = or_(old.holder == insert.excluded.holder, old.until <= bindparam("now_ns"))
    statement: Insert = insert.on_conflict_do_update(
        index_elements=["digest"],
        set_={
            "holder": case((ours, insert.excluded.holder), else_=old.holder),
            "until": case((ours, insert.excluded.until), else_=old.until),
        },
    )
    return statement


def _count(dialect: Dialect) -> Insert:
    insert, old = upsert(dialect, catalog_uses), catalog_uses.c
    more = {name: old[name] + insert.excluded[name] for name in ("hits", "misses", "saved_ns")}
    statement: Insert = insert.on_conflict_do_update(index_elements=["project", "domain", "task"], set_=more)
    return statement


_ENTRY = select(*[catalog_entries.c[field.name] for field in fields(EntryRow)])
_UPSERT_ENTRIES = Prepared(_upsert_entry)
_RESERVE = Prepared(_reserve)
_COUNT = Prepared(_count)
_FREE = Prepared(lambda _: delete(catalog_reservations).where(catalog_reservations.c.digest == bindparam("free")))
_TOUCH = Prepared(
    lambda _: (
        update(catalog_entries)
        .where(catalog_entries.c.digest == bindparam("entry"))
        .values(
            hits=catalog_entries.c.hits + bindparam("more"),
            used_at=func.coalesce(bindparam("now_ns"), literal_column("0")),
        )
    )
)
