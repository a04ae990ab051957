"""AdminService: settings of projects, their domains and workflows, as stock clients make and ask for them."""

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Faults, invalid
from flytelike.controlplane.naming import check_org
from flytelike.controlplane.repository.attributes import Setting, Target
from flytelike_idl.admin import matchable_resource_pb2 as pb
from flytelike_idl.admin import project_attributes_pb2 as project_pb
from flytelike_idl.admin import project_domain_attributes_pb2 as domain_pb
from flytelike_idl.admin import workflow_attributes_pb2 as workflow_pb


class AttributeServicer:
    """The RPCs of attributes."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._attributes = plane.attributes

    async def update_project_attributes(
        self, request: project_pb.ProjectAttributesUpdateRequest
    ) -> project_pb.ProjectAttributesUpdateResponse:
        """Make a setting for a project."""
        said = request.attributes
        await self._attributes.put(Setting(_target(said.org, said.project), said.matching_attributes))
        return project_pb.ProjectAttributesUpdateResponse()

    async def get_project_attributes(
        self, request: project_pb.ProjectAttributesGetRequest
    ) -> project_pb.ProjectAttributesGetResponse:
        """Return the setting of a project."""
        found = await self._attributes.get(_target(request.org, request.project), _kind(request.resource_type))
        attributes = project_pb.ProjectAttributes(project=request.project, matching_attributes=found.attributes)
        return project_pb.ProjectAttributesGetResponse(attributes=attributes)

    async def delete_project_attributes(
        self, request: project_pb.ProjectAttributesDeleteRequest
    ) -> project_pb.ProjectAttributesDeleteResponse:
        """Take the setting of a project back."""
        await self._attributes.drop(_target(request.org, request.project), _kind(request.resource_type))
        return project_pb.ProjectAttributesDeleteResponse()

    async def update_project_domain_attributes(
        self, request: domain_pb.ProjectDomainAttributesUpdateRequest
    ) -> domain_pb.ProjectDomainAttributesUpdateResponse:
        """Make a setting for a domain of a project."""
        said = request.attributes
        target = _target(said.org, said.project, domain=said.domain)
        await self._attributes.put(Setting(target, said.matching_attributes))
        return domain_pb.ProjectDomainAttributesUpdateResponse()

    async def get_project_domain_attributes(
        self, request: domain_pb.ProjectDomainAttributesGetRequest
    ) -> domain_pb.ProjectDomainAttributesGetResponse:
        """Return the setting that holds for a domain of a project."""
        target = _target(request.org, request.project, domain=request.domain)
        found = await self._attributes.get(target, _kind(request.resource_type))
        attributes = domain_pb.ProjectDomainAttributes(
            project=request.project, domain=request.domain, matching_attributes=found.attributes
        )
        return domain_pb.ProjectDomainAttributesGetResponse(attributes=attributes)

    async def delete_project_domain_attributes(
        self, request: domain_pb.ProjectDomainAttributesDeleteRequest
    ) -> domain_pb.ProjectDomainAttributesDeleteResponse:
        """Take the setting of a domain of a project back."""
        target = _target(request.org, request.project, domain=request.domain)
        await self._attributes.drop(target, _kind(request.resource_type))
        return domain_pb.ProjectDomainAttributesDeleteResponse()

    async def update_workflow_attributes(
        self, request: workflow_pb.WorkflowAttributesUpdateRequest
    ) -> workflow_pb.WorkflowAttributesUpdateResponse:
        """Make a setting for a workflow."""
        said = request.attributes
        target = _target(said.org, said.project, domain=said.domain, workflow=said.workflow)
        await self._attributes.put(Setting(target, said.matching_attributes))
        return workflow_pb.WorkflowAttributesUpdateResponse()

    async def get_workflow_attributes(
        self, request: workflow_pb.WorkflowAttributesGetRequest
    ) -> workflow_pb.WorkflowAttributesGetResponse:
        """Return the setting that holds for a workflow."""
        target = _target(request.org, request.project, domain=request.domain, workflow=request.workflow)
        found = await self._attributes.get(target, _kind(request.resource_type))
        attributes = workflow_pb.WorkflowAttributes(
            project=request.project,
            domain=request.domain,
            workflow=request.workflow,
            matching_attributes=found.attributes,
        )
        return workflow_pb.WorkflowAttributesGetResponse(attributes=attributes)

    async def delete_workflow_attributes(
        self, request: workflow_pb.WorkflowAttributesDeleteRequest
    ) -> workflow_pb.WorkflowAttributesDeleteResponse:
        """Take the setting of a workflow back."""
        target = _target(request.org, request.project, domain=request.domain, workflow=request.workflow)
        await self._attributes.drop(target, _kind(request.resource_type))
        return workflow_pb.WorkflowAttributesDeleteResponse()

    async def list_matchable_attributes(
        self, request: pb.ListMatchableAttributesRequest
    ) -> pb.ListMatchableAttributesResponse:
        """Return all settings of a kind."""
        _no_org(request.org)
        out = pb.ListMatchableAttributesResponse()
        for one in await self._attributes.all(_kind(request.resource_type)):
            out.configurations.add(
                attributes=one.attributes,
                project=one.target.project,
                domain=one.target.domain,
                workflow=one.target.workflow,
            )
        return out


def _target(org: str, project: str, **below: str) -> Target:
    """Return what a request is about; raises Refusal INVALID_ARGUMENT where a name is missing."""
    faults = Faults()
    check_org(org, faults)
    for field, value in {"project": project, **below}.items():
        if not value:
            faults.add("missing-field", f"the request names no {field}")
    faults.check()
    return Target(project, **below)


def _kind(value: int) -> int:
    if value not in pb.MatchableResource.values():
        raise invalid("invalid-attributes", f"there is no kind {value} of attributes")
    return value


def _no_org(org: str) -> None:
    faults = Faults()
    check_org(org, faults)
    faults.check()
