"""AdminService: projects, domains, the version of the server."""

from importlib.metadata import version

from flytelike.controlplane.access.caller import caller
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Faults, not_found
from flytelike.controlplane.listing import next_token
from flytelike.controlplane.naming import check_org
from flytelike.controlplane.rpc.requests import list_query
from flytelike_idl.admin import project_pb2, version_pb2


class ProjectServicer:
    """The RPCs of projects."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._projects = plane.projects
        self._domains = plane.settings.domains
        self._rows_max = plane.settings.limits.list_rows

    async def register_project(
        self, request: project_pb2.ProjectRegisterRequest
    ) -> project_pb2.ProjectRegisterResponse:
        """Create a project."""
        await self._projects.register(request.project)
        return project_pb2.ProjectRegisterResponse()

    async def update_project(self, request: project_pb2.Project) -> project_pb2.ProjectUpdateResponse:
        """Change a project."""
        await self._projects.update(request)
        return project_pb2.ProjectUpdateResponse()

    async def get_project(self, request: project_pb2.ProjectGetRequest) -> project_pb2.Project:
        """Return a project."""
        _no_org(request.org)
        if not caller().rights.sees(request.id):
            raise not_found("project", repr(request.id))
        return await self._projects.get(request.id)

    async def list_projects(self, request: project_pb2.ProjectListRequest) -> project_pb2.Projects:
        """Return a page of the projects that the caller may know of."""
        _no_org(request.org)
        query = list_query(request, self._rows_max)
        found = await self._projects.list(query, caller().rights)
        return project_pb2.Projects(projects=found, token=next_token(query, len(found)))

    async def get_domains(self, _request: project_pb2.GetDomainRequest) -> project_pb2.GetDomainsResponse:
        """Return the domains that every project has."""
        return project_pb2.GetDomainsResponse(
            domains=[project_pb2.Domain(id=domain, name=name) for domain, name in self._domains]
        )

    async def get_version(self, _request: version_pb2.GetVersionRequest) -> version_pb2.GetVersionResponse:
        """Return the server's version."""
        return version_pb2.GetVersionResponse(control_plane_version=version_pb2.Version(Version=version("flytelike")))


def _no_org(org: str) -> None:
    faults = Faults()
    check_org(org, faults)
    faults.check()
