"""Kubernetes' objects in memory, with the answers of the real API server and with trouble on demand."""

import asyncio
import copy
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any

from propeller.kube.errors import Expired, KubernetesError, ObjectChanged, ObjectExists, ObjectNotFound, Unavailable
from propeller.kube.ports import Change, Json, Objects, Page, ResourceKind, Selection, WatchEvent


class FakeObjects(Objects):
    """Keeps objects. `trouble` are errors that the next calls get, `breaks` those they get after their work."""

    def __init__(self) -> None:
        self.trouble: list[KubernetesError] = []
        self.breaks: list[KubernetesError] = []
        self.calls: list[str] = []
        self._objects: dict[tuple[ResourceKind, str, str], Json] = {}
        self._applied: dict[tuple[ResourceKind, str, str, str], Json] = {}
        self._log: list[tuple[int, ResourceKind, WatchEvent, Json | None]] = []
        self._version = 100
        self._forgotten = 0
        self._cuts = 0
        self._changed = asyncio.Condition()
        self._called = asyncio.Event()

    async def get(self, kind, namespace, name):
        self._call("get")
        return copy.deepcopy(self._found(kind, namespace, name))

    async def page(self, selection, limit, more=""):
        self._call("page")
        first = int(more or 0)
        found = [
            item
            for (kind, _, _), item in sorted(self._objects.items())
            if kind == selection.kind and _in(selection, item)
        ]
        items = copy.deepcopy(found[first : first + limit])
        return Page(items, str(self._version), str(first + limit) if first + limit < len(found) else "")

    async def create(self, kind, namespace, document):
        self._call("create")
        key = (kind, namespace, document["metadata"]["name"])
        if key in self._objects:
            raise ObjectExists(409, "AlreadyExists", f"{key[2]} exists")
        made = copy.deepcopy(document)
        made.pop("status", None)
        made["metadata"] |= {"uid": f"uid-{self._version}", "generation": 1, "namespace": namespace}
        return await self._put(key, made, Change.ADDED)

    async def replace(self, kind, document, subresource=""):
        self._call("replace")
        metadata = document["metadata"]
        old = self._found(kind, metadata["namespace"], metadata["name"])
        self._check_version(old, metadata)
        new = copy.deepcopy(document)
        new["metadata"] |= {key: old["metadata"][key] for key in ("uid", "generation")}
        return await self._update(kind, old, new, subresource)

    async def merge(self, kind, namespace, name, patch, subresource=""):
        self._call("merge")
        old = self._found(kind, namespace, name)
        self._check_version(old, patch.get("metadata", {}))
        return await self._update(kind, old, _merged(old, patch), subresource)

    async def apply(self, kind, namespace, document, manager):
        self._call("apply")
        name = document["metadata"]["name"]
        key = (kind, namespace, name)
        before, self._applied[*key, manager] = self._applied.get((*key, manager), {}), copy.deepcopy(document)
        if key not in self._objects:
            made = copy.deepcopy(document)
            made["metadata"] |= {"uid": f"uid-{self._version}", "generation": 1, "namespace": namespace}
            return await self._put(key, made, Change.ADDED)
        old = self._found(kind, namespace, name)
        return await self._update(kind, old, _merged(_without(old, before, document), document), "")

    async def delete(self, kind, namespace, name, uid="", grace_s=None):
        self._call("delete")
        old = self._found(kind, namespace, name)
        if uid and old["metadata"]["uid"] != uid:
            raise ObjectChanged(409, "Conflict", "another object has this name")
        if not old["metadata"].get("finalizers"):
            await self._drop(kind, old)
        elif "deletionTimestamp" not in old["metadata"]:
            new = copy.deepcopy(old)
            new["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            await self._put((kind, namespace, name), new, Change.MODIFIED)

    async def watch(
        self, selection: Selection, resource_version: str, timeout_s: int
    ) -> AsyncGenerator[WatchEvent, None]:
        self._call("watch")
        at, cuts = int(resource_version), self._cuts
        while True:
            if at < self._forgotten:
                raise Expired(410, "Expired", f"version {at} is too old")
            told = list(self._since(at, selection))
            at = self._version  # what changed of other kinds is not waited for
            for event in told:
                yield copy.deepcopy(event)
            async with self._changed:
                if cuts == self._cuts and at >= self._version:
                    await self._changed.wait()
            if cuts != self._cuts:
                raise Unavailable(0, "", "cut")

    # --- trouble ------------------------------------------------------------------------------

    async def called(self) -> None:
        """Return at the next call."""
        self._called.clear()
        await self._called.wait()

    async def cut(self) -> None:
        """End all watches."""
        self._cuts += 1
        async with self._changed:
            self._changed.notify_all()

    def forget(self) -> None:
        """Forget what changed up to now."""
        self._forgotten = self._version
        self._log.clear()

    async def bookmark(self, kind: ResourceKind) -> None:
        """Tell the watches that nothing changed up to a new version."""
        self._version += 1
        event = WatchEvent(Change.BOOKMARK, {"metadata": {"resourceVersion": str(self._version)}})
        self._log.append((self._version, kind, event, None))
        async with self._changed:
            self._changed.notify_all()

    # --- within -------------------------------------------------------------------------------

    def _call(self, name: str) -> None:
        self.calls.append(name)
        self._called.set()
        if self.trouble:
            raise self.trouble.pop(0)

    def _since(self, at: int, selection: Selection) -> Iterator[WatchEvent]:
        for version, kind, event, before in self._log:
            if version <= at or kind != selection.kind:
                continue
            if event.change is Change.BOOKMARK or _in(selection, event.object):
                yield event
            elif before is not None and _in(selection, before):
                # To who looks at certain labels alone, what lost them is gone.
                yield WatchEvent(Change.DELETED, event.object)

    def _found(self, kind: ResourceKind, namespace: str, name: str) -> Json:
        found = self._objects.get((kind, namespace, name))
        if found is None:
            raise ObjectNotFound(404, "NotFound", f"there is no {name}")
        return found

    def _check_version(self, old: Json, given: Mapping[str, Any]) -> None:
        if given.get("resourceVersion", old["metadata"]["resourceVersion"]) != old["metadata"]["resourceVersion"]:
            raise ObjectChanged(409, "Conflict", "the object has been modified")

    async def _update(self, kind: ResourceKind, old: Json, new: Json, subresource: str) -> Json:
        if subresource == "status":
            new = {**copy.deepcopy(old), "status": new.get("status", {})}
        elif "status" in old:
            new["status"] = old["status"]
        if new == old:
            return copy.deepcopy(old)
        if new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] += 1
        key = (kind, old["metadata"]["namespace"], old["metadata"]["name"])
        if "deletionTimestamp" in new["metadata"] and not new["metadata"].get("finalizers"):
            return await self._drop(kind, new)
        return await self._put(key, new, Change.MODIFIED)

    async def _put(self, key: tuple[ResourceKind, str, str], new: Json, change: Change) -> Json:
        self._version += 1
        new["metadata"]["resourceVersion"] = str(self._version)
        before, self._objects[key] = self._objects.get(key), new
        return await self._tell(key[0], WatchEvent(change, copy.deepcopy(new)), before)

    async def _drop(self, kind: ResourceKind, old: Json) -> Json:
        self._version += 1
        old = copy.deepcopy(old)
        old["metadata"]["resourceVersion"] = str(self._version)
        del self._objects[kind, old["metadata"]["namespace"], old["metadata"]["name"]]
        return await self._tell(kind, WatchEvent(Change.DELETED, old))

    async def _tell(self, kind: ResourceKind, event: WatchEvent, before: Json | None = None) -> Json:
        self._log.append((self._version, kind, event, before))
        async with self._changed:
            self._changed.notify_all()
        if self.breaks:
            raise self.breaks.pop(0)
        return copy.deepcopy(event.object)


def _in(selection: Selection, item: Json) -> bool:
    metadata = item["metadata"]
    wanted = [pair.partition("=") for pair in selection.labels.split(",") if pair]
    labels = metadata.get("labels", {})
    return selection.namespace in {"", metadata.get("namespace", "")} and all(
        labels.get(key) == value if equals else key in labels for key, equals, value in wanted
    )


def _without(old: Any, before: Any, now: Any) -> Any:
    """Return an object without the fields that were applied before and are not any more."""
    if not isinstance(before, dict) or not isinstance(old, dict):
        return old
    now = now if isinstance(now, dict) else {}
    return {
        key: _without(value, before[key], now.get(key)) if key in before else value
        for key, value in old.items()
        if key not in before or key in now or isinstance(value, dict)
    }


def _merged(old: Any, patch: Mapping[str, Any]) -> Any:
    new = copy.deepcopy(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = _merged(new.get(key), value) if isinstance(value, dict) else copy.deepcopy(value)
    return new
