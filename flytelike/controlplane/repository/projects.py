"""Projects: kept and found."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import Connection, bindparam, insert, select, update

from flytelike.controlplane.listing import ListQuery
from flytelike.controlplane.repository.pages import Field, Fields, instant, member, paged
from flytelike.controlplane.repository.prepared import Prepared
from flytelike.controlplane.schema import projects
from flytelike.model.quota import DEFAULT_TEAM

_STATES = {"ACTIVE": 0, "ARCHIVED": 1, "SYSTEM_GENERATED": 2, "SYSTEM_ARCHIVED": 3}

PROJECT_FIELDS: Fields = {
    "identifier": Field(projects.c.id),
    "id": Field(projects.c.id),
    "name": Field(projects.c.name),
    "description": Field(projects.c.description),
    "state": Field(projects.c.state, member(_STATES)),
    "team": Field(projects.c.team),
    "created_at": Field(projects.c.created_at, instant),
    "updated_at": Field(projects.c.updated_at, instant),
    "project_created_at": Field(projects.c.created_at, instant),
    "project_updated_at": Field(projects.c.updated_at, instant),
}


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project; `labels` is a serialised `admin.Labels`."""

    id: str
    name: str
    description: str
    labels: bytes
    state: int
    created_at: int
    updated_at: int
    team: str = DEFAULT_TEAM

    @property
    def active(self) -> bool:
        """Whether entities and executions may be added to it."""
        return self.state == _STATES["ACTIVE"]


_PROJECT = select(*[projects.c[field.name] for field in fields(ProjectRow)])
_FIND = Prepared(lambda _: _PROJECT.where(projects.c.id == bindparam("project")))


def find_project(connection: Connection, project: str) -> ProjectRow | None:
    """Return a project."""
    row = _FIND.first(connection, {"project": project})
    return None if row is None else ProjectRow(*row)


def add_project(connection: Connection, row: ProjectRow) -> None:
    """Keep a new project; an existing id is the database's IntegrityError."""
    connection.execute(insert(projects), {field.name: getattr(row, field.name) for field in fields(row)})


def update_project(connection: Connection, project: str, values: dict[str, str | int | bytes]) -> bool:
    """Change a project; tell whether there was one."""
    return connection.execute(update(projects).where(projects.c.id == project).values(**values)).rowcount > 0


def project_ids(connection: Connection) -> list[str]:
    """Return the ids of all projects."""
    return [str(row[0]) for row in connection.execute(select(projects.c.id))]


def list_projects(connection: Connection, query: ListQuery, among: Sequence[str] | None = None) -> list[ProjectRow]:
    """Return a page of projects, of all or `among` some: the active ones, unless the filters speak of states."""
    statement = _PROJECT if among is None else _PROJECT.where(projects.c.id.in_(among))
    if not any(item.field == "state" for item in query.filters):
        statement = statement.where(projects.c.state.not_in([_STATES["ARCHIVED"], _STATES["SYSTEM_ARCHIVED"]]))
    return [
        ProjectRow(*row)
        for row in connection.execute(paged(statement, PROJECT_FIELDS, query, "created_at", (projects.c.id,)))
    ]
