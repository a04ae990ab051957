"""Projects and domains: who may keep things where."""

from sqlalchemy import Connection

from flytelike.codec.parse import serialise
from flytelike.controlplane.access.roles import EVERYTHING, PLATFORM, Action, Rights
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Faults, Status, not_found, refusal
from flytelike.controlplane.listing import ListQuery
from flytelike.controlplane.messages import project_message
from flytelike.controlplane.naming import check_org, check_project_id
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository.projects import (
    ProjectRow,
    add_project,
    find_project,
    list_projects,
    project_ids,
    update_project,
)
from flytelike.controlplane.repository.tenancy import find_team, hold_tenancy
from flytelike.controlplane.settings import Settings
from flytelike.controlplane.tenancy.planning import check_owner
from flytelike.controlplane.tenancy.tenancy import TenancyCases
from flytelike.model.quota import DEFAULT_TEAM
from flytelike_idl.admin import common_pb2, project_pb2

NAME_MAX = 64
DESCRIPTION_MAX = 300
LABELS_MAX = 16


def check_place(connection: Connection, settings: Settings, project: str, domain: str, faults: Faults) -> None:
    """Note a project that is unknown or archived, and an unknown domain."""
    row = find_project(connection, project)
    if row is None:
        faults.add("unknown-project", f"there is no project {project!r}", "create it with `flytelike project create`")
    elif not row.active:
        faults.add("archived-project", f"the project {project!r} is archived", "make it active again")
    domains = [known for known, _ in settings.domains]
    if domain not in domains:
        faults.add("unknown-domain", f"there is no domain {domain!r}", f"choose from {', '.join(domains)}")


class Projects:
    """The use cases of projects."""

    def __init__(self, database: Database, settings: Settings, clock: Clock, tenancy: TenancyCases) -> None:
        """Keep projects in `database`; `tenancy` hears whose they are."""
        self._tenancy = tenancy
        self._database = database
        self._settings = settings
        self._clock = clock

    def add_defaults(self, connection: Connection) -> None:
        """Create the projects that are there from the start."""
        for project in self._settings.projects:
            if find_project(connection, project) is None:
                now = self._clock.now_ns()
                add_project(connection, ProjectRow(project, project, "", b"", project_pb2.Project.ACTIVE, now, now))

    async def register(self, project: project_pb2.Project) -> None:
        """Create a project; raises Refusal INVALID_ARGUMENT or ALREADY_EXISTS."""
        faults = Faults()
        check_project_id(project.id, faults)
        _check_texts(project, faults)
        faults.check()
        now = self._clock.now_ns()
        labels = serialise(project.labels)
        team = project.team or DEFAULT_TEAM
        row = ProjectRow(project.id, project.name or project.id, project.description, labels, 0, now, now, team)

        def add(connection: Connection) -> None:
            self._given(connection, team)
            if find_project(connection, row.id) is not None:
                raise refusal(Status.ALREADY_EXISTS, "project-exists", f"there is a project {row.id!r} already")
            add_project(connection, row)

        await self._database.write(add)
        await self._tell_owners(project.team)

    async def update(self, project: project_pb2.Project) -> None:
        """Change a project's name, description, labels and state; raises Refusal NOT_FOUND."""
        faults = Faults()
        _check_texts(project, faults)
        faults.check()
        values: dict[str, str | int | bytes] = {
            "description": project.description,
            "labels": serialise(project.labels),
            "state": project.state,
            "updated_at": self._clock.now_ns(),
        }
        if project.name:
            values["name"] = project.name
        if project.team:
            values["team"] = project.team

        def change(connection: Connection) -> bool:
            if project.team:
                self._given(connection, project.team)
            return update_project(connection, project.id, values)

        if not await self._database.write(change):
            raise not_found("project", repr(project.id))
        await self._tell_owners(project.team)

    async def get(self, project: str) -> project_pb2.Project:
        """Return a project; raises Refusal NOT_FOUND."""
        row = await self._database.read(lambda connection: find_project(connection, project))
        if row is None:
            raise not_found("project", repr(project))
        return project_message(row, self._settings.domains)

    async def list(self, query: ListQuery, rights: Rights = EVERYTHING) -> list[project_pb2.Project]:
        """Return a page of the projects that somebody may know of."""

        def look(connection: Connection) -> list[ProjectRow]:
            if rights.allows(Action.READ, PLATFORM):
                return list_projects(connection, query)
            seen = [project for project in project_ids(connection) if rights.sees(project)]
            return list_projects(connection, query, seen)

        rows = await self._database.read(look)
        return [project_message(row, self._settings.domains) for row in rows]

    def _given(self, connection: Connection, team: str) -> None:
        """Refuse a team that cannot be given projects, and tell other servers."""
        faults = Faults()
        hold_tenancy(connection)
        check_owner(find_team(connection, team), team, faults)
        faults.check()
        self._tenancy.tell(connection)

    async def _tell_owners(self, team: str) -> None:
        if team:
            await self._tenancy.refresh()


def _check_texts(project: project_pb2.Project, faults: Faults) -> None:
    check_org(project.org, faults)
    if len(project.name) > NAME_MAX:
        faults.add("name-too-long", f"a project's name has at most {NAME_MAX} characters")
    if len(project.description) > DESCRIPTION_MAX:
        faults.add("description-too-long", f"a project's description has at most {DESCRIPTION_MAX} characters")
    labels: common_pb2.Labels = project.labels
    if len(labels.values) > LABELS_MAX:
        faults.add("too-many-labels", f"a project has at most {LABELS_MAX} labels")
