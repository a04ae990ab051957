"""Tells the cluster which projects are archived: propeller keeps their namespaces accordingly."""

import asyncio
import logging

from flytelike.cluster.namespaces import Namespaces
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Refusal
from flytelike_idl.admin import project_pb2
from propeller.kube.errors import KubernetesError

_LOG = logging.getLogger(__name__)

EVERY_S = 60.0

_ARCHIVED = {project_pb2.Project.ARCHIVED, project_pb2.Project.SYSTEM_ARCHIVED}


async def mark_archived(plane: ControlPlane, namespaces: Namespaces) -> None:
    """Keep the labels of namespaces in step with projects, without end. What does not work now works later."""
    failing = False
    while True:
        try:
            await mark_once(plane, namespaces)
            failing = False
        except (KubernetesError, Refusal) as error:
            if not failing:
                _LOG.warning("namespaces of archived projects cannot be marked: %s", error)
            failing = True
        await asyncio.sleep(EVERY_S)


async def mark_once(plane: ControlPlane, namespaces: Namespaces) -> None:
    """Bring the labels of all namespaces up to date. Raises `KubernetesError` and `Refusal`."""
    archived: dict[str, bool] = {}
    for project in await namespaces.projects():
        try:
            archived[project] = (await plane.projects.get(project)).state in _ARCHIVED
        except Refusal:
            continue  # somebody else's, who uses our label
    await namespaces.mark(archived)
