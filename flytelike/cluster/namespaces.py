"""The namespaces of projects' domains: made with the first execution, and told whether the project is archived."""

import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

from propeller.kube.errors import ObjectExists, ObjectNotFound
from propeller.kube.ports import NAMESPACES, Json, Objects, Selection
from propeller.kube.project_domain import (
    ARCHIVED,
    ATTRIBUTES,
    ATTRIBUTES_KEPT,
    PROJECT,
    STATE,
    namespace_to_json,
    project_domain_from_json,
)

PAGE = 500


class Namespaces:
    """Makes and marks namespaces. Its methods raise `KubernetesError`."""

    def __init__(self, objects: Objects) -> None:
        """Make them through `objects`."""
        self._objects = objects

    async def ensure(self, project: str, domain: str) -> None:
        """Make the namespace of a project's domain if there is none; propeller fills it."""
        try:
            await self._objects.create(NAMESPACES, "", namespace_to_json(project, domain))
        except ObjectExists:
            return

    async def projects(self) -> set[str]:
        """Return the projects that have a namespace."""
        return {document["metadata"]["labels"][PROJECT] async for document in self._all()}

    async def mark(self, archived: Mapping[str, bool]) -> None:
        """Label all namespaces of projects as archived, or not; those of projects that are not named are left alone."""
        async for document in self._all():
            await self._mark(document, archived)

    async def note(self, values_of: Callable[[str, str], Awaitable[Mapping[str, str]]]) -> None:
        """Write into each namespace the values for its templates, by its project and domain.

        What somebody else has written there stays as long as there are none.
        """
        async for document in self._all():
            metadata = document["metadata"]
            place = project_domain_from_json(document | {"metadata": _without_notes(metadata)})
            values = await values_of(place.project, place.domain)
            notes = metadata.get("annotations") or {}
            wanted = json.dumps(dict(values), sort_keys=True) if values else None
            if place.ending or (notes.get(ATTRIBUTES) == wanted if values else notes.get(ATTRIBUTES_KEPT) is None):
                continue
            patch = {ATTRIBUTES: wanted, ATTRIBUTES_KEPT: "true" if values else None}
            with contextlib.suppress(ObjectNotFound):
                await self._objects.merge(NAMESPACES, "", place.namespace, {"metadata": {"annotations": patch}})

    async def _all(self) -> AsyncGenerator[Json, None]:
        more = ""
        while True:
            page = await self._objects.page(Selection(NAMESPACES, labels=PROJECT), PAGE, more)
            for document in page.items:
                yield document
            more = page.more
            if not more:
                return

    async def _mark(self, document: Json, archived: Mapping[str, bool]) -> None:
        place = project_domain_from_json(document | {"metadata": _without_notes(document["metadata"])})
        wished = archived.get(place.project)
        if wished is None or wished == place.archived or place.ending:
            return
        patch = {"metadata": {"labels": {STATE: ARCHIVED if wished else None}}}
        try:
            await self._objects.merge(NAMESPACES, "", place.namespace, patch)
        except ObjectNotFound:
            return


def _without_notes(metadata: Json) -> Json:
    """Leave out what is propeller's to read, and may be malformed."""
    return {name: value for name, value in metadata.items() if name != "annotations"}
