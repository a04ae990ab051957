"""Teams, the projects they own, and quotas: kept and found."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, text, update

from flytelike.codec.parse import serialise
from flytelike.controlplane.repository.prepared import upsert
from flytelike.controlplane.repository.projects import ProjectRow, add_project
from flytelike.controlplane.schema import projects, quotas, teams
from flytelike.model.quota import DEFAULT_TEAM, QuotaPlace, QuotaTerms
from flytelike.model.tenancy import OwnedProject, Team, Tenancy
from flytelike_idl.admin import common_pb2, project_pb2

ARCHIVED = (project_pb2.Project.ARCHIVED, project_pb2.Project.SYSTEM_ARCHIVED)
_ONE_AT_A_TIME = 7_461_922
"""The number of PostgreSQL's lock that whoever changes tenancy holds."""


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team with how many active projects it has."""

    team: Team
    projects: int
    created_at: int


def hold_tenancy(connection: Connection) -> None:
    """Let nobody else change teams, projects' owners or quotas until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ONE_AT_A_TIME})


def read_tenancy(connection: Connection) -> Tenancy:
    """Return all there is."""
    found = connection.execute(select(teams.c.name, teams.c.description, teams.c.labels, teams.c.archived))
    columns = projects.c.id, projects.c.description, projects.c.labels, projects.c.team, projects.c.state
    owned = [
        OwnedProject(row.id, row.description, _labels(row.labels), row.team, row.state in ARCHIVED)
        for row in connection.execute(select(*columns))
    ]
    return Tenancy(
        {row.name: Team(row.name, row.description, json.loads(row.labels), row.archived) for row in found},
        {project.id: project for project in owned},
        read_quotas(connection),
    )


def read_quotas(connection: Connection) -> dict[QuotaPlace, QuotaTerms]:
    """Return all quotas."""
    columns = quotas.c.team, quotas.c.project, quotas.c.domain, quotas.c.terms
    return {
        QuotaPlace(row.team, row.project, row.domain): _terms(row.terms) for row in connection.execute(select(*columns))
    }


def read_owners(connection: Connection) -> dict[str, str]:
    """Return the teams of the projects that belong to another one than the default team."""
    statement = select(projects.c.id, projects.c.team).where(projects.c.team != DEFAULT_TEAM)
    return {row.id: row.team for row in connection.execute(statement)}


def list_teams(
    connection: Connection,
    limit: int,
    offset: int,
    name: str,
    *,
    archived: bool,
    among: Collection[str] | None = None,
) -> list[TeamRow]:
    """Return a page of teams, by name.

    Args:
        connection: The transaction.
        limit: How many at most.
        offset: How many to pass over.
        name: Only this one; empty for all.
        archived: Whether archived ones are there.
        among: Those of them that are told of; None for all.
    """
    counted = (
        select(projects.c.team, func.count().label("number"))
        .where(projects.c.state.not_in(ARCHIVED))
        .group_by(projects.c.team)
        .subquery()
    )
    statement = select(teams, func.coalesce(counted.c.number, 0).label("number")).outerjoin(
        counted, counted.c.team == teams.c.name
    )
    if among is not None:
        statement = statement.where(teams.c.name.in_(among))
    if name:
        statement = statement.where(teams.c.name == name)
    elif not archived:
        statement = statement.where(teams.c.archived.is_(False))
    return [
        TeamRow(Team(row.name, row.description, json.loads(row.labels), row.archived), row.number, row.created_at)
        for row in connection.execute(statement.order_by(teams.c.name).limit(limit).offset(offset))
    ]


def find_team(connection: Connection, name: str) -> Team | None:
    """Return a team."""
    rows = list_teams(connection, 1, 0, name, archived=True)
    return rows[0].team if rows else None


def write_tenancy(connection: Connection, before: Tenancy, after: Tenancy, now_ns: int) -> None:
    """Keep what differs."""
    for name, team in after.teams.items():
        if before.teams.get(name) != team:
            _write_team(connection, team, now_ns, new=name not in before.teams)
    for identifier, project in after.projects.items():
        if before.projects.get(identifier) != project:
            _write_project(connection, project, now_ns, new=identifier not in before.projects)
    for place in before.quotas.keys() - after.quotas.keys():
        connection.execute(delete(quotas).where(*(quotas.c[name] == value for name, value in _key(place).items())))
    for place, terms in after.quotas.items():
        if before.quotas.get(place) != terms:
            document = {"limits": dict(terms.limits), "guaranteed": dict(terms.guaranteed), "weight": terms.weight}
            values = {"terms": json.dumps(document), "updated_at": now_ns}
            statement = upsert(connection.dialect, quotas).values(**_key(place), **values)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["team", "project", "domain"], set_=values)
            )


def add_default_team(connection: Connection, now_ns: int) -> None:
    """Make the team of projects that belong to no other, if it is not there."""
    if find_team(connection, DEFAULT_TEAM) is None:
        _write_team(connection, Team(DEFAULT_TEAM, "Projects that no other team owns."), now_ns, new=True)


def _write_team(connection: Connection, team: Team, now_ns: int, *, new: bool) -> None:
    values = {
        "description": team.description,
        "labels": json.dumps(dict(team.labels)),
        "archived": team.archived,
        "updated_at": now_ns,
    }
    if new:
        connection.execute(insert(teams).values(name=team.name, created_at=now_ns, **values))
    else:
        connection.execute(update(teams).where(teams.c.name == team.name).values(**values))


def _write_project(connection: Connection, project: OwnedProject, now_ns: int, *, new: bool) -> None:
    labels = serialise(common_pb2.Labels(values=project.labels))
    state = project_pb2.Project.ARCHIVED if project.archived else project_pb2.Project.ACTIVE
    if new:
        description, team = project.description, project.team
        add_project(connection, ProjectRow(project.id, project.id, description, labels, state, now_ns, now_ns, team))
        return
    values = {
        "description": project.description,
        "labels": labels,
        "team": project.team,
        "state": state,
        "updated_at": now_ns,
    }
    connection.execute(update(projects).where(projects.c.id == project.id).values(**values))


def _key(place: QuotaPlace) -> dict[str, str]:
    return {"team": place.team, "project": place.project, "domain": place.domain}


def _terms(document: str) -> QuotaTerms:
    found = json.loads(document)
    return QuotaTerms(found["limits"], found["guaranteed"], found["weight"])


def _labels(data: bytes) -> dict[str, str]:
    return dict(common_pb2.Labels.FromString(data).values)
