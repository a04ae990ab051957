"""Keeps in the namespace of each project's domain what templates say belongs there.

One replica does it. It looks at namespaces and at all that was made of templates, and applies a namespace's templates
when one of them changes: what was changed by hand is put back, what templates do not have any more is removed. Where
that fails, the namespace says so in an annotation and an event, once for each reason.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from flytelike.model.diagnostic import DiagnosticError
from propeller.kube.cluster_templates import KINDS, MANAGED, ClusterTemplates, ObjectName, to_remove
from propeller.kube.errors import KubernetesError, ObjectExists, ObjectNotFound, Unavailable
from propeller.kube.ports import EVENTS, NAMESPACES, Json, Objects, ResourceKind, Selection
from propeller.kube.project_domain import PREPARED, PROJECT, TROUBLE, ProjectDomain, project_domain_from_json
from propeller.kube.watch import Gone, Listed, Seen, Watch
from propeller.kube.work_queue import WorkQueue

_LOG = logging.getLogger(__name__)

MANAGER = "propeller-cluster-resources"
"""The field manager's name, by which the API server knows what was applied."""

TROUBLE_MAX = 1000
"""How many characters of a trouble are told."""


@dataclass(frozen=True, slots=True)
class ClusterResourceSettings:
    """What belongs into namespaces.

    Attributes:
        templates: What is made.
        defaults: Values of attributes, for all.
        domains: Values for a domain; they count before the defaults.
        projects: Values for a project, or for a `project/domain`; they count before those of domains, the latter first.
        keep_archived: Whether archived projects keep what they have.
        resync_s: How often a namespace is looked at although nothing is told of it.
        again_s: After so long it is tried again, at first; then twice as long each time.
        again_max_s: The longest pause.
    """

    templates: ClusterTemplates
    defaults: Mapping[str, str] = field(default_factory=dict)
    domains: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    projects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    keep_archived: bool = True
    resync_s: float = 600.0
    again_s: float = 1.0
    again_max_s: float = 300.0

    def attributes(self, place: ProjectDomain) -> Mapping[str, str]:
        """Return the values that count for a namespace: its own before all others."""
        both = f"{place.project}/{place.domain}"
        return {
            **self.defaults,
            **self.domains.get(place.domain, {}),
            **self.projects.get(place.project, {}),
            **self.projects.get(both, {}),
            **place.attributes,
        }


class ClusterResources:
    """Keeps namespaces as they should be while `run` runs."""

    def __init__(self, objects: Objects, settings: ClusterResourceSettings) -> None:
        """Prepare; nothing is looked at yet."""
        self._objects = objects
        self._settings = settings
        self._places: dict[str, Json] = {}
        self._made: defaultdict[str, set[ObjectName]] = defaultdict(set)
        self._failures: dict[str, int] = {}
        self._queue: WorkQueue[str] = WorkQueue(self._reconcile, workers=4)

    async def run(self) -> None:
        """Look and mend, without end. Raises `Refused` when it may not look."""
        kinds = [kind for kind in KINDS.values() if kind != NAMESPACES]
        listed = {kind: asyncio.Event() for kind in [NAMESPACES, *kinds]}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen_to_namespaces(listed[NAMESPACES]))
                for kind in kinds:
                    group.create_task(self._listen_to(kind, listed[kind]))
                # Before all is known, what is there and not wanted would be taken for what is not there.
                for event in listed.values():
                    await event.wait()
                self._queue.start()
        except ExceptionGroup as group_error:
            raise group_error.exceptions[0] from group_error
        finally:
            await self._queue.close()

    # --- news -------------------------------------------------------------------------------

    async def _listen_to_namespaces(self, listed: asyncio.Event) -> None:
        async for item in Watch(self._objects, Selection(NAMESPACES, labels=PROJECT)).news():
            match item:
                case Seen(key, document):
                    self._places[key.name] = document
                    self._queue.add(key.name)
                case Gone(key):
                    self._places.pop(key.name, None)
                    self._made.pop(key.name, None)
                    self._failures.pop(key.name, None)
                case Listed():
                    listed.set()

    async def _listen_to(self, kind: ResourceKind, listed: asyncio.Event) -> None:
        async for item in Watch(self._objects, Selection(kind, labels=f"{MANAGED}=true")).news():
            match item:
                case Seen(key, _):
                    self._made[key.namespace].add(ObjectName(kind, key.name))
                    self._queue.add(key.namespace)
                case Gone(key):
                    self._made[key.namespace].discard(ObjectName(kind, key.name))
                    self._queue.add(key.namespace)
                case Listed():
                    listed.set()

    # --- one namespace ----------------------------------------------------------------------

    async def _reconcile(self, namespace: str) -> None:
        document = self._places.get(namespace)
        if document is None:
            return
        try:
            place = project_domain_from_json(document)
            if place.ending or not place.domain:
                return
            await self._apply(place)
        except Unavailable:
            self._again_later(namespace)  # The watches tell of it.
        except (DiagnosticError, KubernetesError) as error:
            self._again_later(namespace)
            await self._tell(namespace, document, _told(error))
        else:
            self._failures.pop(namespace, None)
            await self._note(namespace, document, prepared=True, trouble="")
            self._queue.add_later(namespace, self._settings.resync_s)

    async def _apply(self, place: ProjectDomain) -> None:
        """Bring a namespace to what templates say."""
        settings = self._settings
        if place.archived and not settings.keep_archived:
            wanted = []
        else:
            wanted = [*settings.templates.rendered(place, settings.attributes(place))]
        for one in wanted:
            await self._objects.apply(one.at.kind, _within(one.at, place.namespace), one.document, MANAGER)
        await self._remove(place.namespace, to_remove(wanted, [*self._made[place.namespace]]))

    async def _remove(self, namespace: str, names: Sequence[ObjectName]) -> None:
        for at in names:
            _LOG.info("%s: %s %s is in no template any more and is removed", namespace, at.kind.plural, at.name)
            try:
                await self._objects.delete(at.kind, namespace, at.name)
            except ObjectNotFound:
                continue

    # --- trouble ----------------------------------------------------------------------------

    def _again_later(self, namespace: str) -> None:
        """Try again, more and more seldom."""
        failures = self._failures[namespace] = self._failures.get(namespace, 0) + 1
        settings = self._settings
        self._queue.add_later(namespace, min(settings.again_s * 2 ** min(failures - 1, 16), settings.again_max_s))

    async def _tell(self, namespace: str, document: Json, trouble: str) -> None:
        """Tell what is wrong, once."""
        if trouble == (document["metadata"].get("annotations") or {}).get(TROUBLE):
            return
        _LOG.warning("the resources of the namespace %s are not as they should be: %s", namespace, trouble)
        await self._note(namespace, document, prepared=False, trouble=trouble)
        try:
            await self._objects.create(EVENTS, namespace, _event(document, trouble))
        except ObjectExists:
            return
        except KubernetesError as error:
            _LOG.warning("there is no event of it: %s", error)

    async def _note(self, namespace: str, document: Json, *, prepared: bool, trouble: str) -> None:
        """Write into a namespace's annotations how it is, if they do not say so."""
        notes = document["metadata"].get("annotations") or {}
        wished = {TROUBLE: trouble or None, **({PREPARED: "true"} if prepared else {})}
        if any(notes.get(name) != value for name, value in wished.items()):
            patch = {"metadata": {"annotations": wished}}
            try:
                self._places[namespace] = await self._objects.merge(NAMESPACES, "", namespace, patch)
            except ObjectNotFound:
                return


def _within(at: ObjectName, namespace: str) -> str:
    return "" if at.kind == NAMESPACES else namespace


def _told(error: DiagnosticError | KubernetesError) -> str:
    if isinstance(error, DiagnosticError):
        text = "; ".join(fault.headline for fault in error.diagnostics)
    else:
        text = error.message
    return text[:TROUBLE_MAX]


def _event(document: Json, text: str) -> Json:
    """Return the event of a trouble; the same trouble has the same name, so that it is told once."""
    metadata = document["metadata"]
    digest = sha256(text.encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name'][:40]}.{digest}", "namespace": metadata["name"]},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Namespace",
            "name": metadata["name"],
            "namespace": metadata["name"],  # else the event would have to lie in the namespace `default`
            "uid": metadata["uid"],
        },
        "type": "Warning",
        "reason": "ClusterResourcesFailed",
        "message": text,
        "source": {"component": "propeller"},
        "count": 1,
    }
