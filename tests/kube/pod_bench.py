"""A pod executor on the real API server, with a node whose containers are processes of this machine."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from flytelike.model.policies import ReusePolicy, TaskMetadata
from flytelike.storage import Store, StoreConfig
from propeller.executors.pod import PodExecutor, PodExecutorSettings, PodSettings
from propeller.executors.pod.labels import selector
from propeller.executors.pod.settings import Pauses
from propeller.kube.ports import PODS, Selection
from propeller.ports import AttemptKey, AttemptSpec
from propeller.ports_elements import ArraySpec
from tests.kube.control_plane import ControlPlane
from tests.kube.fake_kubelet import FakeKubelet
from tests.kube.pod_status import Json
from tests.services.kubernetes import connected
from tests.unit.executor.builders import Ended, Listener, Site

QUICK = Pauses(first_s=0.02, quota_first_s=0.05, quota_longest_s=0.2)


class PodBench:
    """A site whose attempts run as pods, in a namespace and on a node of its own."""

    many = 12

    def __init__(self, root: Path, plane: ControlPlane, slots: int = 110, **settings: Any) -> None:
        self.site = Site(root)
        self.listener = Listener()
        self.namespace = f"pods-{uuid.uuid4().hex[:12]}"
        pods = PodSettings(platform=self.namespace, namespace=self.namespace, env=self.site.env, grace_s=1)
        self.settings = PodExecutorSettings(
            replace(pods, **settings.pop("pods", {})), f"{root}/logs", **{"pauses": QUICK, **settings}
        )
        self.plane = plane
        self.slots = slots
        self.client = connected(plane)
        self._stack = AsyncExitStack()

    def reuse(self, replicas: int, idle_s: float = 60) -> Self:
        """Let tasks share pods from now on."""
        self.site.metadata = TaskMetadata(reuse=ReusePolicy(replicas, int(idle_s * 1e9)))
        return self

    async def open(self, faults: Mapping[str, Callable[[Json], Json]] | None = None) -> None:
        """Make the namespace and the node, and begin."""
        await asyncio.to_thread(self.plane.kubectl, "create", "namespace", self.namespace)
        await self._stack.enter_async_context(self.client)
        self.node = FakeKubelet(self.client, selector(self.settings.pods), faults, self.slots)
        await self._stack.enter_async_context(self.node)
        self.executor = self.new_executor()

    def new_executor(self) -> PodExecutor:
        """Return an executor as a restarted platform has it."""
        store = Store(StoreConfig())
        return PodExecutor(self.settings, self.client, self.client, store, self.listener)

    async def restart(self) -> None:
        """Close the executor and make a new one, which knows nothing; the listener forgets too."""
        await self.executor.close()
        self.listener.__init__()  # type: ignore[misc]
        self.executor = self.new_executor()

    async def end_of(self, spec: AttemptSpec) -> Ended:
        """Start an attempt and wait for its end."""
        await self.executor.start(spec)
        return Ended(spec, await self.listener.ended(spec.key))

    async def begun(self, array: ArraySpec, count: int) -> None:
        """Return when so many elements of an array run."""
        async with asyncio.timeout(60):
            while self._running(array) < count:
                await asyncio.sleep(0.02)

    async def lined_up(self, count: int) -> None:
        """Return when so many attempts wait for a worker."""
        async with asyncio.timeout(60):
            while self.site.metadata.reuse and len([*self.executor._pool.waiting()]) != count:
                await asyncio.sleep(0.02)

    def _running(self, array: ArraySpec) -> int:
        told = self.listener.events
        return sum(name == "running" and key.execution == array.key.execution for name, key in told)

    async def pods(self) -> list[Json]:
        """Return the pods that are there."""
        return [*(await self.client.page(Selection(PODS, self.namespace), 500)).items]

    async def no_pods(self) -> None:
        """Return when all pods are gone."""
        async with asyncio.timeout(60):
            while await self.pods():
                await asyncio.sleep(0.02)

    async def log(self, key: AttemptKey, *, follow: bool = False) -> bytes:
        """Return what an attempt printed."""
        return b"".join([data async for data, _ in self.executor.logs.stream(key, follow=follow)])

    async def close(self) -> None:
        """End all."""
        await self.executor.close()
        await self._stack.aclose()
