"""Which namespaces have all that belongs into them: pods are made there, and not before."""

import asyncio
import logging
from collections.abc import Callable

from typing_extensions import override

from flytelike.model.diagnostic import Diagnostic
from propeller.executors.pod.admission import Admission
from propeller.executors.pod.settings import Json
from propeller.kube.errors import KubernetesError
from propeller.kube.fields import MalformedResource
from propeller.kube.ports import NAMESPACES, Objects, Selection
from propeller.kube.project_domain import PROJECT, ProjectDomain, project_domain_from_json
from propeller.kube.watch import Gone, Listed, Seen, Watch
from propeller.ports import AttemptKey

_LOG = logging.getLogger(__name__)

AGAIN_S = 30.0


class PreparedNamespaces(Admission):
    """Holds pods back as long as the quota, the account and the like of their namespace are not there yet.

    A namespace that no project's domain is said to have is somebody else's to prepare.
    """

    def __init__(self, objects: Objects) -> None:
        """Prepare; `run` looks."""
        self._objects = objects
        self._places: dict[str, ProjectDomain] = {}
        self._listed = asyncio.Event()
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Look at namespaces, without end."""
        while True:
            try:
                await self._listen()
            except KubernetesError as error:
                _LOG.error("namespaces cannot be looked at: %s", error)
            await asyncio.sleep(AGAIN_S)

    @override
    async def admitted(self, key: AttemptKey, pod: Json, told: Callable[[Diagnostic], None], priority: int = 0) -> None:
        namespace = pod["metadata"]["namespace"]
        await self._listed.wait()
        async with self._changed:
            while (place := self._places.get(namespace)) is not None and not place.prepared:
                told(
                    Diagnostic(
                        "namespace-not-prepared", place.trouble or f"what belongs into {namespace} is being made"
                    )
                )
                await self._changed.wait()

    @override
    def resumed(self, key: AttemptKey, pod: Json) -> None:
        del key, pod

    @override
    def released(self, key: AttemptKey) -> None:
        del key

    async def _listen(self) -> None:
        async for item in Watch(self._objects, Selection(NAMESPACES, labels=PROJECT)).news():
            async with self._changed:
                match item:
                    case Seen(key, document):
                        try:
                            self._places[key.name] = project_domain_from_json(document)
                        except MalformedResource:
                            # Who prepares it tells what is wrong with it.
                            self._places[key.name] = ProjectDomain(key.name, "", "")
                    case Gone(key):
                        self._places.pop(key.name, None)
                    case Listed():
                        self._listed.set()
                self._changed.notify_all()
