"""The engine's ports in one life: the same world each time, another way to it."""

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from flytelike.model.caching import CacheEntry, CacheKey, CatalogUse, Claim, Reserved
from flytelike.model.closure import WorkflowClosure
from flytelike.model.graph import TaskTemplate
from flytelike.model.history import HistoryEntry
from flytelike.model.ids import Digest, ExecutionId, Identifier, NodeExecutionId
from propeller.core.elements import Span
from propeller.ports import (
    AttemptKey,
    AttemptSpec,
    BlobsUnavailable,
    ChildStatus,
    Commit,
    Forgotten,
    HistoryBatch,
    Snapshot,
    StoreError,
)
from propeller.ports_elements import ElementsOrder
from propeller.ports_signals import SignalWanted
from tests.simulation.engine.life import Life

if TYPE_CHECKING:
    from tests.simulation.engine.world import EngineWorld

R = TypeVar("R")


class StoreAway(StoreError):
    """The store could not be reached, or its answer was lost."""

    def __init__(self) -> None:
        super().__init__("the store is away")


class BlobsAway(BlobsUnavailable):
    """The object store could not be reached, or its answer was lost."""


class OthersAway(OSError):
    """An executor, a sink or the control plane could not be reached, or its answer was lost."""


INJECTED = (StoreAway, BlobsAway, OthersAway)


def at_once(work: Coroutine[Any, Any, R]) -> R:
    """Return what a coroutine gives that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as stop:
        result: R = stop.value
        return result
    raise AssertionError("it waits")


class Alarm:
    """A call to come, in one life."""

    def __init__(self, life: Life, callback: Callable[[], None]) -> None:
        self._life = life
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self._callback = None

    def ring(self) -> None:
        if not self._life.dead:
            self._life.loop.call_soon(self._call)

    def _call(self) -> None:
        if self._callback is not None:
            self._callback()


class Port:
    """What every port has: a life, and the world."""

    def __init__(self, life: Life, world: "EngineWorld") -> None:
        self._life = life
        self._world = world


class Clock(Port):
    def now_ns(self) -> int:
        return self._world.now_ns

    def call_at(self, due_ns: int, callback: Callable[[], None]) -> Alarm:
        alarm = Alarm(self._life, callback)
        self._life.agenda.later("", due_ns - self._world.now_ns, alarm.ring)
        return alarm


class Store(Port):
    """The store as one engine sees it. Where engines are fenced, each owns it from its start."""

    def __init__(self, life: Life, world: "EngineWorld") -> None:
        super().__init__(life, world)
        self._handle = world.store.beside()
        if world.weather.fenced:
            at_once(self._handle.own("engine", 0))

    async def commit(self, commit: Commit) -> None:
        def stored() -> None:
            self._world.commit(commit, self._handle)
            self._life.unheard.add(commit.execution)

        await self._life.call(stored, StoreAway, lands_late=True)
        self._life.unheard.discard(commit.execution)

    async def load(self, execution: ExecutionId) -> Snapshot | None:
        found = await self._life.call(lambda: at_once(self._world.store.load(execution)), StoreAway)
        self._life.unheard.discard(execution)
        return found

    async def unfinished(self) -> Sequence[ExecutionId]:
        return await self._life.call(lambda: at_once(self._world.store.unfinished()), StoreAway)

    async def output(self, execution: ExecutionId, key: str) -> bytes | None:
        return await self._life.call(lambda: at_once(self._world.store.output(execution, key)), StoreAway)

    async def outputs(self, execution: ExecutionId, keys: Sequence[str]) -> Sequence[bytes | None]:
        return await self._life.call(lambda: at_once(self._world.store.outputs(execution, keys)), StoreAway)

    async def undelivered(
        self, limit: int, apart: Collection[ExecutionId] = ()
    ) -> Sequence[tuple[ExecutionId, HistoryBatch]]:
        return await self._life.call(lambda: at_once(self._world.store.undelivered(limit, apart)), StoreAway)

    async def delivered(self, upto: Mapping[ExecutionId, int]) -> None:
        await self._life.call(lambda: at_once(self._world.store.delivered(upto)), StoreAway)

    async def forget(self, age_ns: int, rows_max: int) -> Forgotten:
        return await self._life.call(lambda: at_once(self._world.store.forget(age_ns, rows_max)), StoreAway)

    async def expire(self, executions: Collection[ExecutionId]) -> None:
        await self._life.call(lambda: at_once(self._world.store.expire(executions)), StoreAway)

    async def own(self, holder: str, lease_ns: int) -> None:
        await self._life.call(lambda: None, StoreAway)

    async def renew(self, lease_ns: int) -> None:
        await self._life.call(lambda: None, StoreAway)

    async def release(self) -> None:
        await self._life.call(lambda: None, StoreAway)

    async def close(self) -> None:
        await self._life.travel()


class Blobs(Port):
    async def read(self, uri: str) -> bytes:
        return await self._life.call(lambda: self._world.blobs.read(uri), BlobsAway)

    async def write(self, uri: str, data: bytes) -> None:
        await self._life.call(lambda: self._world.write(uri, data), BlobsAway)

    async def pack(self, folder: str, documents: Mapping[str, bytes]) -> None:
        for name, data in documents.items():
            await self.write(f"{folder}/{name}", data)

    async def sizes(self, uris: Collection[str]) -> Mapping[str, int]:
        return await self._life.call(lambda: self._world.blobs.sizes(uris), BlobsAway)

    async def digests(self, uris: Collection[str]) -> Mapping[str, str]:
        return await self._life.call(lambda: dict.fromkeys(uris, "content"), BlobsAway)

    async def sync(self, uri: str) -> None:
        await self._life.call(lambda: self._world.blobs.sync(uri), BlobsAway)

    async def sync_all(self, uris: Collection[str]) -> None:
        await self._life.call(lambda: self._world.blobs.sync_all(uris), BlobsAway)

    async def sync_below(self, folder: str) -> None:
        await self._life.call(lambda: self._world.blobs.sync_below(folder), BlobsAway)


class SimulatedCatalog(Port):
    """The catalog as one engine sees it."""

    async def lookup(self, keys: Mapping[str, CacheKey]) -> Mapping[str, CacheEntry]:
        return await self._life.call(lambda: at_once(self._world.catalog.lookup(keys)), OthersAway)

    async def put(self, entry: CacheEntry) -> None:
        await self._life.call(lambda: self._world.put_into_catalog(entry), OthersAway)

    async def put_many(self, entries: Sequence[CacheEntry]) -> None:
        def put() -> None:
            for entry in entries:
                self._world.put_into_catalog(entry)

        await self._life.call(put, OthersAway)

    async def drop(self, digests: Collection[str], why: str) -> None:
        await self._life.call(lambda: at_once(self._world.catalog.drop(digests, why)), OthersAway)

    async def reserve(self, claims: Sequence[Claim], lease_ns: int) -> Mapping[str, Reserved]:
        return await self._life.call(lambda: at_once(self._world.catalog.reserve(claims, lease_ns)), OthersAway)

    async def release(self, claims: Sequence[Claim]) -> None:
        await self._life.call(lambda: at_once(self._world.catalog.release(claims)), OthersAway)

    async def count(self, uses: Sequence[CatalogUse]) -> None:
        await self._life.call(lambda: at_once(self._world.catalog.count(uses)), OthersAway)


class SimulatedSignals(Port):
    """Signals as one engine sees them."""

    async def wait(self, wanted: SignalWanted) -> bytes | None:
        return await self._life.call(lambda: self._world.people.wait(wanted), OthersAway)


class Sink(Port):
    async def record(self, batch: Sequence[HistoryEntry]) -> None:
        await self._life.call(lambda: self._world.told(batch), OthersAway)


class Closures(Port):
    async def get(self, uri: str, digest: Digest) -> WorkflowClosure:
        return await self._life.call(lambda: self._world.closure, BlobsAway)

    async def compile(self, execution: ExecutionId, task: TaskTemplate, futures_uri: str) -> Digest:
        return await self._life.call(lambda: self._world.compiled(futures_uri), OthersAway)

    async def graph(self, digest: Digest) -> WorkflowClosure:
        return await self._life.call(lambda: self._world.graph(digest), OthersAway)


class Children(Port):
    async def start(
        self,
        parent: NodeExecutionId,
        attempt: int,
        launch_plan: Identifier,
        inputs_uri: str,
        earlier: ExecutionId | None = None,
        priority: int = 0,
    ) -> ExecutionId:
        self._world.start_asked(parent.execution, parent.path, attempt)
        return await self._life.call(lambda: self._world.start_child(parent, attempt, inputs_uri), OthersAway)

    async def abort(self, child: ExecutionId, reason: str) -> None:
        await self._life.call(lambda: self._world.abort_child(child), OthersAway)

    async def phase(self, child: ExecutionId) -> ChildStatus:
        return await self._life.call(lambda: self._world.child_status(child), OthersAway)


class Executor(Port):
    async def start(self, spec: AttemptSpec) -> None:
        self._world.start_asked(spec.key.execution, spec.key.path, spec.key.attempt)
        await self._life.call(lambda: self._world.start_attempt(spec), OthersAway)

    async def abort(self, key: AttemptKey, reason: str) -> None:
        await self._life.call(lambda: self._world.abort_attempt(key), OthersAway)

    async def start_elements(self, order: ElementsOrder) -> None:
        await self._life.call(lambda: self._world.elements.start(order), OthersAway)

    async def abort_elements(self, key: AttemptKey, reason: str) -> None:
        await self._life.call(lambda: self._world.elements.abort(key), OthersAway)

    async def withdraw_elements(self, key: AttemptKey, elements: Sequence[Span]) -> Sequence[Span]:
        return await self._life.call(lambda: self._world.elements.withdraw(key, elements), OthersAway)

    async def close(self) -> None:
        await self._life.travel()
        self._world.workers_end()
