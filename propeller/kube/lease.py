"""Kubernetes' Leases: who does what, as all replicas see it and as `kubectl get leases` shows it.

As Kubernetes' own components do, nobody trusts another one's clock: a lease lapses once it was not renewed for its
duration by the clock of who looks. A Lease tells who should work, never that nobody else does: that is for a fence.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from propeller.kube.errors import ObjectChanged, ObjectExists, ObjectNotFound
from propeller.kube.fields import Fields
from propeller.kube.ports import Json, Objects, ResourceKind, Selection

LEASES = ResourceKind("coordination.k8s.io", "v1", "leases")

PART_OF = "flytelike.dev/leases"
"""The label of leases that belong together."""

PAGE = 500


@dataclass(frozen=True, slots=True)
class Lease:
    """A Lease as it was last seen. Nobody's if `holder` is empty."""

    name: str
    uid: str
    version: str
    holder: str
    duration_s: int
    transitions: int
    acquired: str


class Leases:
    """Leases that belong together, as one holder sees them. Methods raise `KubernetesError`."""

    def __init__(
        self,
        objects: Objects,
        namespace: str,
        group: str,
        holder: str,
        duration_s: int,
        now_s: Callable[[], float] | None = None,
    ) -> None:
        """Hold leases as `holder` for `duration_s`; `now_s` is the event loop's clock if none is given."""
        self.holder = holder
        self.duration_s = duration_s
        self._objects = objects
        self._namespace = namespace
        self._group = group
        self._now_s = now_s
        self._since: dict[str, tuple[str, float]] = {}

    async def look(self) -> Mapping[str, Lease]:
        """Return all leases of the group by name, and note which of them were renewed."""
        selection = Selection(LEASES, self._namespace, f"{PART_OF}={self._group}")
        found: dict[str, Lease] = {}
        more = ""
        while True:
            page = await self._objects.page(selection, PAGE, more)
            found |= {lease.name: lease for lease in map(lease_from_json, page.items)}
            more = page.more
            if not more:
                break
        now = self._now()
        for lease in found.values():
            known = self._since.get(lease.name)
            if known is None or known[0] != lease.version:
                self._since[lease.name] = (lease.version, now)
        for name in self._since.keys() - found.keys():
            del self._since[name]
        return found

    def free(self, lease: Lease | None) -> bool:
        """Whether a lease is nobody's, or was not renewed for as long as it lasts."""
        if lease is None or not lease.holder:
            return True
        version, since = self._since.get(lease.name, ("", self._now()))
        return version == lease.version and self._now() - since >= lease.duration_s

    async def take(self, name: str, seen: Lease | None) -> Lease | None:
        """Become the holder of a lease that was seen as free or one's own; None when another was quicker."""
        now = _time()
        kept = seen is not None and seen.holder == self.holder
        transitions = 0 if seen is None else seen.transitions + (not kept)
        spec = {
            "holderIdentity": self.holder,
            "leaseDurationSeconds": self.duration_s,
            "acquireTime": seen.acquired if seen is not None and kept else now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }
        return await self._put(name, seen, spec)

    async def release(self, lease: Lease) -> None:
        """Let anybody have a lease at once."""
        spec = {
            "holderIdentity": "",
            "leaseDurationSeconds": 1,
            "renewTime": _time(),
            "leaseTransitions": lease.transitions,
        }
        await self._put(lease.name, lease, spec)

    async def drop(self, lease: Lease) -> None:
        """Remove a lease."""
        try:
            await self._objects.delete(LEASES, self._namespace, lease.name, lease.uid)
        except (ObjectNotFound, ObjectChanged):
            return

    async def _put(self, name: str, seen: Lease | None, spec: Json) -> Lease | None:
        metadata: Json = {"namespace": self._namespace, "name": name, "labels": {PART_OF: self._group}}
        document: Json = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        try:
            if seen is None:
                return lease_from_json(await self._objects.create(LEASES, self._namespace, document))
            metadata |= {"uid": seen.uid, "resourceVersion": seen.version}
            return lease_from_json(await self._objects.replace(LEASES, document))
        except (ObjectExists, ObjectChanged, ObjectNotFound):
            return None

    def _now(self) -> float:
        return (self._now_s or asyncio.get_running_loop().time)()


def lease_from_json(document: Json) -> Lease:
    """Return a Lease. Raises `MalformedResource`."""
    top = Fields(document)
    metadata, spec = top.below("metadata"), top.maybe("spec") or Fields({}, "spec")
    return Lease(
        metadata.text("name"),
        metadata.text("uid", ""),
        metadata.text("resourceVersion", ""),
        spec.text("holderIdentity", ""),
        spec.number("leaseDurationSeconds", 0),
        spec.number("leaseTransitions", 0),
        spec.text("acquireTime", "") or _time(),
    )


def _time() -> str:
    """Return the time for people who look; nothing hangs on it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
