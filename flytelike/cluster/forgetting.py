"""What an operator keeps of executions that are deleted goes by the way of their objects, as all that it is told."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from flytelike.cluster.launching import answering, namespace_of
from flytelike.cluster.logs import LogsInStore
from flytelike.controlplane.collecting.policy import Policies
from flytelike.controlplane.collecting.ports import Keepers, Stranger
from flytelike.embedded.keepers import EngineLayout
from flytelike.embedded.retention import fault, policies_in
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.ids import ExecutionId
from propeller.kube.errors import ObjectChanged, ObjectNotFound
from propeller.kube.fields import MalformedResource
from propeller.kube.ports import FLYTE_WORKFLOWS, Objects, Selection
from propeller.kube.resource import FORGET_ANNOTATION, resource_from_json, stands_for

AT_ONCE = 10
"""So many objects are asked for at once."""

PAGE = 500
"""So many objects are read at once."""

LOOKS, LOOK_S = 20, 0.5
"""How often it is looked whether operators are through, and the pause before each time."""


class StatesOfOperators:
    """The states that operators keep of executions: an object is deleted by its operator, which forgets before."""

    def __init__(self, objects: Objects) -> None:
        """Ask through `objects`."""
        self._objects = objects
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def forget(self, executions: Sequence[ExecutionId]) -> Collection[ExecutionId]:
        """Ask operators to forget executions; return those whose objects are still there.

        An object that is gone already was let go of by its operator, which forgets what has no object.

        Raises:
            Refusal: UNAVAILABLE (`cluster-unavailable`) while the API server does not answer.
        """
        with answering():
            gone = await asyncio.gather(*(self._gone(execution) for execution in executions))
        return [execution for execution, is_gone in zip(executions, gone, strict=True) if not is_gone]

    async def _gone(self, execution: ExecutionId) -> bool:
        """Ask for one, unless it was asked for before; tell whether there is no object of it."""
        namespace, name = namespace_of(execution), execution.name
        async with self._turns:
            try:
                found = await self._objects.get(FLYTE_WORKFLOWS, namespace, name)
                if not stands_for(found, execution):
                    return True
                metadata = found["metadata"]
                if FORGET_ANNOTATION not in metadata.get("annotations", {}):
                    wish = {
                        "resourceVersion": metadata["resourceVersion"],
                        "annotations": {FORGET_ANNOTATION: "deleted"},
                    }
                    await self._objects.merge(FLYTE_WORKFLOWS, namespace, name, {"metadata": wish})
            except ObjectNotFound:
                return True
            except ObjectChanged:
                pass
            return False


class StrangersInCluster:
    """Executions whose objects somebody else made, from a manifest."""

    def __init__(self, objects: Objects) -> None:
        """Look for them through `objects`."""
        self._objects = objects

    async def strangers(self) -> Sequence[Stranger]:
        """Return the executions of all objects.

        Raises:
            Refusal: UNAVAILABLE (`cluster-unavailable`) while the API server does not answer.
        """
        found, more = [], ""
        with answering():
            while True:
                page = await self._objects.page(Selection(FLYTE_WORKFLOWS), PAGE, more)
                for document in page.items:
                    with suppress(MalformedResource):
                        request = resource_from_json(document).request
                        found.append(Stranger(request.id, request.inputs_uri))
                more = page.more
                if not more:
                    return found


def keepers_of(base: str, objects: Objects, logs: LogsInStore, policies: Policies) -> Keepers:
    """Return who keeps what belongs to executions in a cluster, below `base` in the object store."""
    layout = EngineLayout(f"{base}/metadata/propeller")
    return Keepers(
        layout, logs, StatesOfOperators(objects), policies, StrangersInCluster(objects), looks=LOOKS, look_s=LOOK_S
    )


def rules_in(file: Path | None) -> Policies:
    """Return the rules of a file; none without one.

    Raises:
        DiagnosticError: `invalid-retention` for each thing in it that cannot be meant so in a cluster.
    """
    if file is None:
        return Policies()
    if not file.exists():
        raise DiagnosticError([fault(file, "", "there is no such file")])
    found = policies_in(file)
    if found.engine_states_ns is not None:
        told = "in a cluster, operators know how long they keep states: `propeller operator --states-ttl`"
        raise DiagnosticError([fault(file, "engine_states", told)])
    return found
