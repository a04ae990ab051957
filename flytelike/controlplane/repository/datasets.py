"""Datasets, artifacts and tags: the catalog's entries as DataCatalog names them."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, literal, select, union_all

from flytelike.controlplane.repository.catalog import EntryRow
from flytelike.controlplane.repository.prepared import upsert
from flytelike.controlplane.schema import catalog_artifacts, catalog_datasets, catalog_entries, catalog_tags


@dataclass(frozen=True, slots=True, order=True)
class Dataset:
    """The name of a dataset: results of one task, or of whatever a client calls so, under one version."""

    project: str
    domain: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows of a list are wanted."""

    limit: int
    offset: int = 0
    ascending: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which artifacts of a dataset are wanted; what is empty does not narrow."""

    digests: Collection[str] = ()
    tags: Collection[str] = ()
    partitions: Mapping[str, str] = field(default_factory=dict)


def partition_lines(partitions: Mapping[str, str]) -> str:
    """Return partitions as they are searched for: a line each, none of which is a part of another."""
    return "".join(f"\n{json.dumps([key, partitions[key]])}\n" for key in sorted(partitions))


def add_dataset(connection: Connection, dataset: Dataset, about: bytes, now_ns: int) -> bool:
    """Keep a dataset; False when it is there."""
    insert = upsert(connection.dialect, catalog_datasets)
    values = {"about": about, "created_at": now_ns, **_names(dataset)}
    kept = insert.values(**values).on_conflict_do_nothing().returning(catalog_datasets.c.name)
    return connection.execute(kept).first() is not None


def find_dataset(connection: Connection, dataset: Dataset) -> bytes | None:
    """Return what a client said of a dataset; empty for one that only has results of tasks, None for none."""
    table = catalog_datasets
    row = connection.execute(select(table.c.about).where(*_is(table, dataset))).first()
    if row is not None:
        return bytes(row[0])
    found = connection.execute(select(catalog_entries.c.digest).where(*_of(dataset)).limit(1)).first()
    return None if found is None else b""


def list_datasets(connection: Connection, wanted: Mapping[str, str], page: Page) -> list[tuple[Dataset, bytes]]:
    """Return a page of datasets, those of tasks with results too, by the time of their beginning."""
    made, held = catalog_datasets.c, catalog_entries.c
    every = union_all(
        select(made.project, made.domain, made.name, made.version, made.created_at),
        select(held.project, held.domain, held.task.label("name"), held.version, held.created_at).where(
            held.gone == ""
        ),
    ).subquery()
    names = (every.c.project, every.c.domain, every.c.name, every.c.version)
    begun = func.min(every.c.created_at)
    statement = (
        select(*names)
        .where(*[every.c[name] == value for name, value in wanted.items()])
        .group_by(*names)
        .order_by(begun.asc() if page.ascending else begun.desc(), *names)
        .limit(page.limit)
        .offset(page.offset)
    )
    found = [Dataset(*row) for row in connection.execute(statement)]
    return [(dataset, find_dataset(connection, dataset) or b"") for dataset in found]


def describe_artifact(connection: Connection, digest: str, about: bytes, partitions: Mapping[str, str]) -> None:
    """Keep what a client says of a result."""
    insert = upsert(connection.dialect, catalog_artifacts).values(
        digest=digest, about=about, partitions=partition_lines(partitions)
    )
    fresh = {name: insert.excluded[name] for name in ("about", "partitions")}
    connection.execute(insert.on_conflict_do_update(index_elements=["digest"], set_=fresh))


def about_artifact(connection: Connection, digest: str) -> bytes:
    """Return what a client says of a result; nothing for a task's."""
    found = connection.execute(select(catalog_artifacts.c.about).where(catalog_artifacts.c.digest == digest)).scalar()
    return bytes(found or b"")


def artifacts(
    connection: Connection, dataset: Dataset, wanted: Wanted, page: Page, now_ns: int
) -> list[tuple[EntryRow, bytes]]:
    """Return a page of the results that a dataset has, and what clients say of them."""
    entries, told = catalog_entries.c, catalog_artifacts.c
    conditions = [*_of(dataset), (entries.expires_at == 0) | (entries.expires_at > now_ns)]
    if wanted.digests:
        conditions.append(entries.digest.in_(wanted.digests))
    for tag in wanted.tags:
        tagged = select(catalog_tags.c.digest).where(*_is(catalog_tags, dataset), catalog_tags.c.tag == tag)
        conditions.append(entries.digest.in_(tagged))
    for key, value in wanted.partitions.items():
        conditions.append(told.partitions.contains(partition_lines({key: value}), autoescape=True))
    order = entries.created_at.asc() if page.ascending else entries.created_at.desc()
    statement = (
        select(*[entries[field.name] for field in fields(EntryRow)], func.coalesce(told.about, literal(b"")))
        .select_from(catalog_entries.outerjoin(catalog_artifacts, entries.digest == told.digest))
        .where(*conditions)
        .order_by(order, entries.digest)
        .limit(page.limit)
        .offset(page.offset)
    )
    return [(EntryRow(*row[:-1]), bytes(row[-1])) for row in connection.execute(statement)]


def tags_of(connection: Connection, digests: Collection[str]) -> Mapping[str, Sequence[str]]:
    """Return the tags that clients gave results, by digest."""
    table, found = catalog_tags.c, dict[str, list[str]]()
    statement = select(table.digest, table.tag).where(table.digest.in_(digests)).order_by(table.tag)
    for digest, tag in connection.execute(statement):
        found.setdefault(digest, []).append(tag)
    return found


def find_tag(connection: Connection, dataset: Dataset, tag: str) -> str | None:
    """Return the digest of the result that has a tag."""
    table = catalog_tags
    row = connection.execute(select(table.c.digest).where(*_is(table, dataset), table.c.tag == tag)).first()
    return None if row is None else str(row[0])


def set_tag(connection: Connection, dataset: Dataset, tag: str, digest: str) -> None:
    """Give a result a tag, whoever had it."""
    insert = upsert(connection.dialect, catalog_tags).values(tag=tag, digest=digest, **_names(dataset))
    keys = ["project", "domain", "name", "version", "tag"]
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_={"digest": digest}))


def forget_artifacts(connection: Connection) -> None:
    """Forget what was said of results that nothing is known of any more."""
    for table in (catalog_artifacts, catalog_tags):
        connection.execute(delete(table).where(table.c.digest.not_in(select(catalog_entries.c.digest))))


def _names(dataset: Dataset) -> Mapping[str, str]:
    return {field.name: getattr(dataset, field.name) for field in fields(Dataset)}


def _is(table: Table, dataset: Dataset) -> "list[ColumnElement[bool]]":
    return [table.c[name] == value for name, value in _names(dataset).items()]


def _of(dataset: Dataset) -> "list[ColumnElement[bool]]":
    table = catalog_entries.c
    return [
        and_(table.project == dataset.project, table.domain == dataset.domain, table.task == dataset.name),
        table.version == dataset.version,
        table.gone == "",
    ]
