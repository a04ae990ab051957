"""Tells namespaces whether their projects are archived, and their values for templates: propeller keeps them so."""

import asyncio
import logging
from collections.abc import Mapping

from flytelike.cluster.namespaces import Namespaces
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Refusal
from flytelike_idl.admin import project_pb2
from propeller.kube.errors import KubernetesError

_LOG = logging.getLogger(__name__)

EVERY_S = 60.0

_ARCHIVED = {project_pb2.Project.ARCHIVED, project_pb2.Project.SYSTEM_ARCHIVED}


async def mark_archived(plane: ControlPlane, namespaces: Namespaces) -> None:
    """Keep namespaces in step with projects and their settings, without end. What does not work now works later."""
    failing = False
    while True:
        try:
            await mark_once(plane, namespaces)
            failing = False
        except (KubernetesError, Refusal) as error:
            if not failing:
                _LOG.warning("namespaces cannot be told of their projects: %s", error)
            failing = True
        await asyncio.sleep(EVERY_S)


async def mark_once(plane: ControlPlane, namespaces: Namespaces) -> None:
    """Bring the labels and values of all namespaces up to date. Raises `KubernetesError` and `Refusal`."""
    archived: dict[str, bool] = {}
    for project in await namespaces.projects():
        try:
            archived[project] = (await plane.projects.get(project)).state in _ARCHIVED
        except Refusal:
            continue  # somebody else's, who uses our label
    await namespaces.mark(archived)
    known = archived.keys()

    async def values_of(project: str, domain: str) -> Mapping[str, str]:
        return await plane.attributes.cluster_resources(project, domain) if project in known else {}

    await namespaces.note(values_of)
