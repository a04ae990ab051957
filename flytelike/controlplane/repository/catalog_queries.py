"""Looking into the catalog: which results are there, how they serve, and which are to go."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update

from flytelike.controlplane.repository.catalog import EntryRow
from flytelike.controlplane.repository.catalog_past import forget
from flytelike.controlplane.repository.datasets import forget_artifacts
from flytelike.controlplane.schema import catalog_entries, catalog_reservations, catalog_uses

_ENTRY = select(*[catalog_entries.c[field.name] for field in fields(EntryRow)])


@dataclass(frozen=True, slots=True)
class Selection:
    """Which results are meant; what is empty does not narrow."""

    project: str = ""
    domain: str = ""
    task: str = ""
    used_before_ns: int = 0
    larger_than_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Statistics:
    """How the cache served one task, and what it holds for it."""

    project: str
    domain: str
    task: str
    hits: int
    misses: int
    saved_ns: int
    entries: int
    size_bytes: int


def list_entries(connection: Connection, selection: Selection, limit: int, offset: int) -> list[EntryRow]:
    """Return a page of the results that are there, newest first."""
    newest = (catalog_entries.c.created_at.desc(), catalog_entries.c.digest)
    statement = _ENTRY.where(_meant(selection)).order_by(*newest).limit(limit).offset(offset)
    return [EntryRow(*row) for row in connection.execute(statement)]


def find_entry(connection: Connection, digest: str) -> EntryRow | None:
    """Return the row of a key, also if its result is gone."""
    row = connection.execute(_ENTRY.where(catalog_entries.c.digest == digest)).first()
    return None if row is None else EntryRow(*row)


def earlier_entries(connection: Connection, task: tuple[str, str, str], before_ns: int, limit: int) -> list[EntryRow]:
    """Return the results of a task that were computed before an instant, newest first, gone ones too."""
    table = catalog_entries.c
    statement = (
        _ENTRY.where(table.project == task[0], table.domain == task[1], table.task == task[2])
        .where(table.created_at < before_ns)
        .order_by(table.created_at.desc())
        .limit(limit)
    )
    return [EntryRow(*row) for row in connection.execute(statement)]


def statistics(connection: Connection, selection: Selection) -> list[Statistics]:
    """Return how the cache served each task."""
    entries, uses = catalog_entries.c, catalog_uses.c
    held = (
        select(entries.project, entries.domain, entries.task, func.count(), func.sum(entries.size_bytes))
        .where(_meant(selection))
        .group_by(entries.project, entries.domain, entries.task)
    )
    found = {(row[0], row[1], row[2]): (int(row[3]), int(row[4])) for row in connection.execute(held)}
    counted = select(uses.project, uses.domain, uses.task, uses.hits, uses.misses, uses.saved_ns)
    for name, column in (("project", uses.project), ("domain", uses.domain), ("task", uses.task)):
        if getattr(selection, name):
            counted = counted.where(column == getattr(selection, name))
    used = {(row[0], row[1], row[2]): (row[3], row[4], row[5]) for row in connection.execute(counted)}
    return [Statistics(*name, *used.get(name, (0, 0, 0)), *found.get(name, (0, 0))) for name in sorted({*found, *used})]


def to_evict(connection: Connection, selection: Selection, keep_bytes: int) -> tuple[list[str], int]:
    """Return the digests of results that are to go, and their bytes: those unused for longest go first."""
    table = catalog_entries.c
    newest = (table.used_at.desc(), table.digest)
    rows = connection.execute(select(table.digest, table.size_bytes).where(_meant(selection)).order_by(*newest))
    kept, going, freed = 0, [], 0
    for digest, size in rows:
        if keep_bytes and kept + size <= keep_bytes:
            kept += size
        else:
            going.append(digest)
            freed += size
    return going, freed


def projects_with_entries(connection: Connection) -> Sequence[str]:
    """Return the projects that have results."""
    statement = select(catalog_entries.c.project).where(catalog_entries.c.gone == "").distinct()
    return [row[0] for row in connection.execute(statement)]


def sweep(connection: Connection, now_ns: int, forget_before_ns: int) -> None:
    """Mark what has expired, and forget what has been gone for long."""
    table = catalog_entries.c
    expired = (table.gone == "", table.expires_at > 0, table.expires_at <= now_ns)
    connection.execute(update(catalog_entries).where(*expired).values(gone="expired", gone_at=now_ns, outputs=b""))
    connection.execute(delete(catalog_entries).where(table.gone != "", table.gone_at < forget_before_ns))
    forget(connection, forget_before_ns)
    forget_artifacts(connection)
    connection.execute(delete(catalog_reservations).where(catalog_reservations.c.until < forget_before_ns))


def _meant(selection: Selection) -> ColumnElement[bool]:
    table = catalog_entries.c
    conditions = [table.gone == ""]
    for value, column in (
        (selection.project, table.project),
        (selection.domain, table.domain),
        (selection.task, table.task),
    ):
        if value:
            conditions.append(column == value)
    if selection.used_before_ns:
        conditions.append(table.used_at < selection.used_before_ns)
    if selection.larger_than_bytes:
        conditions.append(table.size_bytes > selection.larger_than_bytes)
    return and_(*conditions)
