"""The control plane's launcher in a cluster: an execution is a `FlyteWorkflow` object, which an operator executes."""

from collections.abc import Sequence

from typing_extensions import override

from flytelike.controlplane.ports import Launcher
from flytelike.model.ids import ExecutionId
from flytelike.model.launch import LaunchRequest
from flytelike.model.trouble import Trouble
from propeller.kube.errors import ObjectExists, ObjectNotFound, Refused
from propeller.kube.ports import FLYTE_WORKFLOWS, Objects
from propeller.kube.resource import resource_from_json, resource_of, resource_to_json, signal_note

CAUSE_MAX = 1024
PRINCIPAL_MAX = 255


class AnotherExecution(Exception):
    """An object of this name is there, and stands for something else."""


class LaunchedByObjects(Launcher):
    """Creates and changes objects. Each call may be made again: objects are named by their execution."""

    def __init__(self, objects: Objects) -> None:
        """Create through `objects`."""
        self._objects = objects

    @override
    async def launch(self, request: LaunchRequest) -> None:
        """Create the object. Raises DiagnosticError when it would be too large, AnotherExecution, KubernetesError."""
        namespace = namespace_of(request.id)
        try:
            await self._objects.create(FLYTE_WORKFLOWS, namespace, resource_to_json(resource_of(request, namespace)))
        except ObjectExists:
            there = resource_from_json(await self._objects.get(FLYTE_WORKFLOWS, namespace, request.id.name))
            if there.request != request:
                raise AnotherExecution(f"{namespace}/{request.id.name} stands for another execution") from None

    @override
    async def abort(self, execution: ExecutionId, cause: str, principal: str) -> None:
        """Write the wish into the object."""
        wish = {"cause": cause[:CAUSE_MAX], "principal": principal[:PRINCIPAL_MAX]}
        try:
            await self._objects.merge(
                FLYTE_WORKFLOWS, namespace_of(execution), execution.name, {"spec": {"abort": wish}}
            )
        except ObjectNotFound:
            return
        except Refused as error:
            if "abort cannot be changed" not in error.message:
                raise  # Another wish, made before, counts.

    @override
    def troubles(self) -> Sequence[Trouble]:
        """Return none: in a cluster, the objects tell what executions wait for."""
        return ()

    @override
    async def signalled(self, execution: ExecutionId, signal: str) -> None:
        """Note the signal on the object, so that its operator looks for the value."""
        note = {"metadata": {"annotations": signal_note(signal)}}
        try:
            await self._objects.merge(FLYTE_WORKFLOWS, namespace_of(execution), execution.name, note)
        except ObjectNotFound:
            return


def namespace_of(execution: ExecutionId) -> str:
    """Return the namespace of a project's domain, as Flyte names it."""
    return f"{execution.project}-{execution.domain}"
