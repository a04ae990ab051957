"""The control plane's launcher in a cluster: an execution is a `FlyteWorkflow` object, which an operator executes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from typing_extensions import override

from flytelike.cluster.namespaces import Namespaces
from flytelike.controlplane.errors import Refusal, Status, refusal
from flytelike.controlplane.ports import Launcher
from flytelike.model.ids import ExecutionId
from flytelike.model.launch import LaunchRequest
from flytelike.model.queued import Queued
from flytelike.model.trouble import Trouble
from propeller.kube.errors import KubernetesError, ObjectExists, ObjectNotFound
from propeller.kube.ports import FLYTE_WORKFLOWS, Json, Objects
from propeller.kube.project_domain import namespace_name
from propeller.kube.resource import resource_from_json, resource_of, resource_to_json, signal_note

CAUSE_MAX = 1024
PRINCIPAL_MAX = 255


class AnotherExecution(Exception):
    """An object of this name is there, and stands for something else."""


class LaunchedByObjects(Launcher):
    """Creates and changes objects. Each call may be made again: objects are named by their execution."""

    def __init__(self, objects: Objects, *, makes_namespaces: bool = True) -> None:
        """Create through `objects`; also the namespace of the first execution of a project's domain."""
        self._objects = objects
        self._namespaces = Namespaces(objects) if makes_namespaces else None

    @override
    async def launch(self, request: LaunchRequest) -> None:
        """Create the object.

        Raises:
            DiagnosticError: It would be too large.
            AnotherExecution: An object of its name stands for something else.
            Refusal: The API server does not do it (`cluster-unavailable`).
        """
        with answering():
            try:
                await self._create(request)
            except ObjectNotFound:
                if self._namespaces is None:
                    raise
                await self._namespaces.ensure(request.id.project, request.id.domain)
                await self._create(request)

    async def _create(self, request: LaunchRequest) -> None:
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
            with answering():
                await self._merge(execution, {"spec": {"abort": wish}})
        except Refusal as error:
            if "abort cannot be changed" not in str(error):
                raise  # Another wish, made before, counts.

    @override
    def troubles(self) -> Sequence[Trouble]:
        """Return none: in a cluster, the objects tell what executions wait for."""
        return ()

    @override
    async def queued(self, execution: ExecutionId) -> Sequence[Queued]:
        """Return none: in a cluster, its scheduler lines the pods up."""
        return ()

    @override
    async def signalled(self, execution: ExecutionId, signal: str) -> None:
        """Note the signal on the object, so that its operator looks for the value."""
        with answering():
            await self._merge(execution, {"metadata": {"annotations": signal_note(signal)}})

    async def _merge(self, execution: ExecutionId, patch: Json) -> None:
        """Change an execution's object, if there is one."""
        try:
            await self._objects.merge(FLYTE_WORKFLOWS, namespace_of(execution), execution.name, patch)
        except ObjectNotFound:
            return


@contextmanager
def answering() -> Iterator[None]:
    """Turn what the API server did not do into a refusal; the control plane tries again."""
    try:
        yield
    except KubernetesError as error:
        raise refusal(Status.UNAVAILABLE, "cluster-unavailable", f"the cluster does not take it: {error}") from error


def namespace_of(execution: ExecutionId) -> str:
    """Return the namespace of an execution's object."""
    return namespace_name(execution.project, execution.domain)
