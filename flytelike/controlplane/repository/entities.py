"""Tasks, workflows, launch plans, their names and descriptions: kept and found."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    insert,
    literal_column,
    null,
    select,
    update,
)

from flytelike.controlplane.listing import ListQuery
from flytelike.controlplane.repository.pages import Field, Fields, instant, member, paged
from flytelike.controlplane.repository.prepared import Prepared, upsert
from flytelike.controlplane.repository.rows import EntityRow
from flytelike.controlplane.schema import descriptions, launch_plans, named_entities, tasks, workflows
from flytelike.model.ids import Identifier, ResourceKind

TABLES = {ResourceKind.TASK: tasks, ResourceKind.WORKFLOW: workflows, ResourceKind.LAUNCH_PLAN: launch_plans}
ACTIVE = 1
INACTIVE = 0
SYSTEM_GENERATED = 2

_NAME_STATES = {"NAMED_ENTITY_ACTIVE": 0, "NAMED_ENTITY_ARCHIVED": 1, "SYSTEM_GENERATED": 2}
_PLAN_STATES = {"INACTIVE": INACTIVE, "ACTIVE": ACTIVE}


@dataclass(frozen=True, slots=True)
class NewEntity:
    """A version to keep. `type` is a task's; `closure_uri` and `priority` a workflow's; `workflow` a launch plan's."""

    id: Identifier
    digest: str
    body: bytes
    short_description: str = ""
    type: str = ""
    closure_uri: str = ""
    workflow: Identifier | None = None
    system_generated: bool = False
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class NamedRow:
    """A name under which versions of an entity are kept."""

    kind: int
    project: str
    domain: str
    name: str
    description: str
    state: int


def _fields(table: Table) -> Fields:
    fields = {name: Field(table.c[name]) for name in ("project", "domain", "name", "version", "digest")}
    fields |= {name: Field(table.c[name], instant) for name in ("created_at", "updated_at")}
    if table is tasks:
        fields["type"] = Field(tasks.c.type)
    if table is launch_plans:
        fields["state"] = Field(launch_plans.c.state, member(_PLAN_STATES))
        fields["workflow_name"] = Field(launch_plans.c.workflow_name)
        fields["workflow_version"] = Field(launch_plans.c.workflow_version)
    return fields


ENTITY_FIELDS = {kind: _fields(table) for kind, table in TABLES.items()}
NAME_FIELDS: Fields = {
    "project": Field(named_entities.c.project),
    "domain": Field(named_entities.c.domain),
    "name": Field(named_entities.c.name),
    "description": Field(named_entities.c.description),
    "state": Field(named_entities.c.state, member(_NAME_STATES)),
    "created_at": Field(named_entities.c.created_at, instant),
    "updated_at": Field(named_entities.c.updated_at, instant),
}
DESCRIPTION_FIELDS: Fields = {
    "name": Field(descriptions.c.name),
    "version": Field(descriptions.c.version),
    "created_at": Field(descriptions.c.created_at, instant),
}

_COMMON = ("project", "domain", "name", "version", "digest", "body", "short_description", "created_at", "updated_at")


def _select(table: Table) -> Select[*tuple[Any, ...]]:
    columns: list[ColumnElement[Any]] = [table.c[name] for name in _COMMON]
    columns.append(table.c.closure_uri if table is workflows else literal_column("''"))
    columns.append(table.c.state if table is launch_plans else literal_column("0"))
    columns.append(table.c.priority if table is workflows else null())
    return select(*columns)


_SELECTS = {kind: _select(table) for kind, table in TABLES.items()}
_IDENTITY = ("project", "domain", "name", "version")


def _finding(table: Table) -> Prepared:
    return Prepared(lambda _: _select(table).where(*(table.c[name] == bindparam(name) for name in _IDENTITY)))


_FIND = {kind: _finding(table) for kind, table in TABLES.items()}


def find_entity(connection: Connection, identifier: Identifier) -> EntityRow | None:
    """Return a version."""
    row = _FIND[identifier.kind].first(connection, {name: getattr(identifier, name) for name in _IDENTITY})
    return None if row is None else _entity(row)


def newest_entity(connection: Connection, identifier: Identifier) -> EntityRow | None:
    """Return the version of a name that was registered last; whatever version `identifier` names."""
    table = TABLES[identifier.kind]
    place = (identifier.project, identifier.domain, identifier.name)
    newest = _SELECTS[identifier.kind].where(*_in(table, place)).order_by(table.c.created_at.desc(), table.c.id.desc())
    row = connection.execute(newest.limit(1)).first()
    return None if row is None else _entity(row)


def add_entities(connection: Connection, new: Iterable[NewEntity], now_ns: int) -> None:
    """Keep new versions and their names; a version that exists is the database's IntegrityError."""
    for entity in new:
        values: dict[str, object] = {
            "project": entity.id.project,
            "domain": entity.id.domain,
            "name": entity.id.name,
            "version": entity.id.version,
            "digest": entity.digest,
            "body": entity.body,
            "short_description": entity.short_description,
            "created_at": now_ns,
            "updated_at": now_ns,
        }
        if entity.id.kind is ResourceKind.TASK:
            values["type"] = entity.type
        if entity.id.kind is ResourceKind.WORKFLOW:
            values |= {"closure_uri": entity.closure_uri, "priority": entity.priority}
        if entity.workflow is not None:
            values |= {"workflow_name": entity.workflow.name, "workflow_version": entity.workflow.version}
        connection.execute(insert(TABLES[entity.id.kind]), values)
        state = SYSTEM_GENERATED if entity.system_generated else 0
        name = {"kind": int(entity.id.kind), **{key: values[key] for key in ("project", "domain", "name")}}
        connection.execute(
            upsert(connection.dialect, named_entities).on_conflict_do_nothing(),
            {**name, "state": state, "created_at": now_ns, "updated_at": now_ns},
        )


def list_entities(
    connection: Connection, kind: ResourceKind, place: tuple[str, str, str], query: ListQuery
) -> list[EntityRow]:
    """Return a page of versions; `place` is project, domain and name, of which the last may be empty."""
    table = TABLES[kind]
    statement = paged(_SELECTS[kind].where(*_in(table, place)), ENTITY_FIELDS[kind], query, "created_at", (table.c.id,))
    return [_entity(row) for row in connection.execute(statement)]


def list_active_launch_plans(connection: Connection, place: tuple[str, str, str], query: ListQuery) -> list[EntityRow]:
    """Return a page of the launch plans that are active."""
    select_active = _SELECTS[ResourceKind.LAUNCH_PLAN].where(*_in(launch_plans, place), launch_plans.c.state == ACTIVE)
    statement = paged(select_active, ENTITY_FIELDS[ResourceKind.LAUNCH_PLAN], query, "created_at", (launch_plans.c.id,))
    return [_entity(row) for row in connection.execute(statement)]


def set_launch_plan_state(connection: Connection, identifier: Identifier, *, active: bool, now_ns: int) -> bool:
    """Make a version active or not; tell whether there is one. Of all versions of a name one is active at most."""
    same_name = _in(launch_plans, (identifier.project, identifier.domain, identifier.name))
    if active:
        connection.execute(
            update(launch_plans)
            .where(*same_name, launch_plans.c.state == ACTIVE, launch_plans.c.version != identifier.version)
            .values(state=INACTIVE, updated_at=now_ns)
        )
    statement = update(launch_plans).where(_is(launch_plans, identifier))
    return connection.execute(statement.values(state=int(active), updated_at=now_ns)).rowcount > 0


def list_names(
    connection: Connection, kind: ResourceKind, project: str, domain: str, query: ListQuery
) -> list[NamedRow]:
    """Return a page of names; what the platform made and what is archived only if filters speak of states."""
    table = named_entities.c
    statement = select(table.kind, table.project, table.domain, table.name, table.description, table.state).where(
        table.kind == int(kind), table.project == project, table.domain == domain
    )
    if not any(item.field == "state" for item in query.filters):
        statement = statement.where(table.state == 0)
    return [NamedRow(*row) for row in connection.execute(paged(statement, NAME_FIELDS, query, "name", (table.name,)))]


def find_name(connection: Connection, kind: ResourceKind, place: tuple[str, str, str]) -> NamedRow | None:
    """Return a name."""
    table = named_entities.c
    statement = select(table.kind, table.project, table.domain, table.name, table.description, table.state)
    row = connection.execute(statement.where(table.kind == int(kind), *_in(named_entities, place))).first()
    return None if row is None else NamedRow(*row)


def update_name(connection: Connection, row: NamedRow, now_ns: int) -> None:
    """Change a name's description and state."""
    connection.execute(
        update(named_entities)
        .where(named_entities.c.kind == row.kind, *_in(named_entities, (row.project, row.domain, row.name)))
        .values(description=row.description, state=row.state, updated_at=now_ns)
    )


def add_description(connection: Connection, identifier: Identifier, body: bytes, now_ns: int) -> None:
    """Keep a version's description."""
    connection.execute(
        insert(descriptions),
        {
            "kind": int(identifier.kind),
            "project": identifier.project,
            "domain": identifier.domain,
            "name": identifier.name,
            "version": identifier.version,
            "body": body,
            "created_at": now_ns,
        },
    )


def find_description(connection: Connection, identifier: Identifier) -> bytes | None:
    """Return the serialised `admin.DescriptionEntity` of a version."""
    statement = select(descriptions.c.body).where(
        descriptions.c.kind == int(identifier.kind), _is(descriptions, identifier)
    )
    return connection.execute(statement).scalar()


def list_descriptions(
    connection: Connection, kind: ResourceKind, place: tuple[str, str, str], query: ListQuery
) -> list[bytes]:
    """Return a page of descriptions."""
    statement = select(descriptions.c.body).where(descriptions.c.kind == int(kind), *_in(descriptions, place))
    page = paged(statement, DESCRIPTION_FIELDS, query, "created_at", (descriptions.c.id,))
    return list(connection.execute(page).scalars())


def _entity(row: Iterable[object]) -> EntityRow:
    return EntityRow(*row)  # type: ignore[arg-type] # the columns are selected in the dataclass's order


def _in(table: Table, place: tuple[str, str, str]) -> list[ColumnElement[bool]]:
    project, domain, name = place
    conditions = [table.c.project == project, table.c.domain == domain]
    return [*conditions, table.c.name == name] if name else conditions


def _is(table: Table, identifier: Identifier) -> ColumnElement[bool]:
    return and_(
        *_in(table, (identifier.project, identifier.domain, identifier.name)),
        table.c.name == identifier.name,
        table.c.version == identifier.version,
    )
