"""One shard's engine, with a store, workers and a reconciler of its own."""

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Protocol, Self

from flytelike.model.ids import ExecutionId
from flytelike.storage import Store
from propeller.app.neighbours import Neighbours
from propeller.app.reconciler import Reconciler, ReconcilerSettings
from propeller.app.sharding import SHARD_LABEL
from propeller.engine import Engine, EngineSettings, Ports
from propeller.kube.ports import Objects
from propeller.ports import Clock, Closures, Executor
from propeller.ports_allocation import Allocator
from propeller.stores.blobs import BlobsOnStore
from propeller.stores.sql import SqlStateStore

STATES_TTL_S = 7 * 24 * 3600.0
"""How long the engine keeps the states of what has ended, by default."""


class RememberingExecutor(Executor, Protocol):
    """An executor that answers a second start of an attempt as the first one."""

    def forget(self, executions: Collection[ExecutionId]) -> None:
        """Forget how attempts of executions ended, so that others of the same names are none of theirs."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all shards of a process have in common. `executor` and `allocator` make those of a shard."""

    objects: Objects
    data: Store
    closures: Closures
    clock: Clock
    neighbours: Neighbours
    executor: Callable[[int, Engine, Allocator | None], RememberingExecutor]
    allocator: Callable[[int], AbstractAsyncContextManager[Allocator | None]]
    database: str
    store_base: str
    ttl_s: float | None = None
    states_ttl_s: float = STATES_TTL_S


class Shard:
    """A running shard; made by `started`."""

    def __init__(self, engine: Engine, reconciler: Reconciler, stack: AsyncExitStack) -> None:
        """Take what was started."""
        self.reconciler = reconciler
        self.engine = engine
        self._stack = stack

    @classmethod
    async def started(cls, number: int, owner: str, around: Surroundings) -> Self:
        """Take over the shard's store and go on with what is unfinished there.

        `owner` names who may do so, not who does: a second one of this name replaces the first at once, from which
        moment on nothing of the first is stored. Raises StoreError.
        """
        metadata = f"{around.store_base}/metadata/propeller"
        async with AsyncExitStack() as stack:
            states = await SqlStateStore.open(around.database, part=number)
            labels = {SHARD_LABEL: str(number)}
            settings = ReconcilerSettings(metadata, labels, around.ttl_s)
            reconciler = Reconciler(
                around.objects, states, around.closures, around.clock, around.neighbours.sink, settings
            )
            ports = Ports(
                store=states,
                blobs=BlobsOnStore(around.data),
                sink=reconciler,
                children=around.neighbours.children,
                closures=around.closures,
                clock=around.clock,
                signals=around.neighbours.signals,
                catalog=around.neighbours.catalog,
            )
            engine = Engine(ports, _engine_settings(around, metadata, owner))
            allocator = await stack.enter_async_context(around.allocator(number))
            stack.push_async_callback(engine.close)
            executor = around.executor(number, engine, allocator)
            await engine.start(executor)
            stack.push_async_callback(reconciler.close)
            reconciler.start(engine, executor.forget)
            return cls(engine, reconciler, stack.pop_all())

    @property
    def replaced(self) -> bool:
        """Whether another process has taken the shard's store over: this one stores nothing any more."""
        return self.engine.replaced is not None

    async def close(self) -> None:
        """Stop: finish commits, end workers. What is not finished goes on with the next one."""
        await self._stack.aclose()


def _engine_settings(around: Surroundings, metadata: str, owner: str) -> EngineSettings:
    return EngineSettings(
        metadata,
        f"{around.store_base}/raw",
        holder=owner,
        lease_waits=True,
        retention_ns=int(around.states_ttl_s * 1e9),
    )
