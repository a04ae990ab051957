"""One attempt that is a pod, or is to be one."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from flytelike.model.usage import AttemptUse
from propeller.executors.pod.settings import Json
from propeller.kube.watch import ObjectKey
from propeller.ports import AttemptSpec


@dataclass(slots=True, eq=False)
class PodAttempt:
    """What is known of an attempt. `turn` counts attempts as they came.

    `waits_for` tells people why it does not run yet. `over` is set when its program is known to have ended.
    `log_wait_s` is how long its pod is left for the rest of its log then. `at_fault` is the place of the element that
    ended the process of a worker's order, -1 for none. `used` is what it used, if its program told.
    """

    spec: AttemptSpec
    place: ObjectKey
    turn: int = field(default_factory=itertools.count().__next__)
    pod: Json | None = None
    gone: bool = False
    waits_for: str = ""
    held_up: bool = False
    running_since_ns: int = 0
    events: Sequence[Json] = ()
    events_asked_ns: int = 0
    work: asyncio.Task[None] | None = None
    log: asyncio.Task[None] | None = None
    log_wait_s: float = 0.0
    at_fault: int = -1
    used: AttemptUse | None = None
    clearing: asyncio.Task[None] | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def uid(self) -> str:
        """The pod's own id; nothing while there is none."""
        return str(self.pod["metadata"]["uid"]) if self.pod is not None else ""

    @property
    def has_run(self) -> bool:
        """Whether a container of its pod is known to have run to an end."""
        status = (self.pod or {}).get("status") or {}
        statuses = (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ()))
        return any("terminated" in (one.get("state") or {}) for one in statuses)

    def see(self, pod: Json) -> None:
        """Take in a newer version of its pod."""
        self.pod = slim(pod)
        self._changed.set()

    def lose(self) -> None:
        """Take in that its pod is gone."""
        self.gone = True
        self.over.set()
        self._changed.set()

    def stir(self) -> None:
        """Take in that something it hangs on has changed."""
        self._changed.set()

    async def change(self, within_s: float | None) -> None:
        """Return when something was taken in, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        self._changed.clear()


def slim(pod: Json) -> Json:
    """Return the parts of a pod that its attempt is judged by, and what it asks for: there may be many thousands."""
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    kept = ("name", "namespace", "uid", "annotations", "deletionTimestamp", "deletionGracePeriodSeconds", "finalizers")
    init, containers = (
        [
            {part: one[part] for part in ("name", "restartPolicy", "resources") if part in one}
            for one in spec.get(of) or ()
        ]
        for of in ("initContainers", "containers")
    )
    return {
        "metadata": {name: metadata[name] for name in kept if name in metadata},
        "spec": {"nodeName": spec.get("nodeName"), "initContainers": init, "containers": containers},
        "status": pod.get("status") or {},
    }
