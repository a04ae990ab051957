"""The operator: `FlyteWorkflow` objects of a cluster, executed by the engine in this process."""

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from flytelike.storage import Store, StoreConfig
from propeller.app.alone import NoChildren, NoHistory
from propeller.app.closures import StoredClosures
from propeller.app.reconciler import Reconciler, ReconcilerSettings
from propeller.engine import Engine, EngineSettings, Ports
from propeller.engine.loop_clock import LoopClock
from propeller.executors.pod import PodExecutor, PodExecutorSettings
from propeller.executors.process import ProcessExecutor, ProcessSettings
from propeller.kube.client import ClientSettings, KubernetesClient
from propeller.kube.ports import FLYTE_WORKFLOWS, Selection
from propeller.kube.watch import Gone, Listed, Seen, Watch
from propeller.ports import Executor
from propeller.ports_secrets import NoSecrets
from propeller.stores.blobs import BlobsOnStore
from propeller.stores.sql import SqlStateStore

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OperatorOptions:
    """How an operator is run.

    Attributes:
        database: The engine's store of record: `sqlite:///<path>` or `postgresql://...`.
        store_base: Uri below which metadata and data of executions lie.
        work: A folder of this process, for logs and unpacked code.
        holder: Who it is, for the lease on the database. After a restart, one with the same name goes on at once.
        namespace: The namespace whose objects it executes; all without one.
        slots: How many tasks run at once; as many as there are processors without.
        client: How the API server is reached.
        pods: How tasks run as pods; without it they run as processes beside the operator.
    """

    database: str
    store_base: str
    work: Path
    holder: str
    namespace: str = ""
    slots: int | None = None
    client: ClientSettings = field(default_factory=ClientSettings)
    pods: PodExecutorSettings | None = None


class Operator:
    """A running operator, as an async context manager. Entering raises StoreError and KubernetesError."""

    def __init__(self, options: OperatorOptions) -> None:
        """Prepare; nothing is opened yet."""
        self.options = options
        self.ready = asyncio.Event()
        self._stack = AsyncExitStack()
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Go on with what was unfinished, and begin to listen."""
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening, finish commits, end workers. What is not finished goes on with the next one."""
        await self._stack.aclose()

    async def run(self) -> None:
        """Return when it cannot go on: raises KubernetesError when it may not look at the objects."""
        assert self._watching is not None, "the operator was entered"
        await self._watching

    async def _start(self, stack: AsyncExitStack) -> None:
        options = self.options
        client = await stack.enter_async_context(KubernetesClient(options.client))
        store = Store(StoreConfig())
        metadata = f"{options.store_base}/metadata/propeller"
        states = await SqlStateStore.open(options.database)
        closures, clock = StoredClosures(store), LoopClock()
        reconciler = Reconciler(client, states, closures, clock, NoHistory(), ReconcilerSettings(metadata))
        ports = Ports(
            store=states,
            blobs=BlobsOnStore(store),
            sink=reconciler,
            children=NoChildren(),
            closures=closures,
            clock=clock,
        )
        settings = EngineSettings(metadata, f"{options.store_base}/raw", holder=options.holder, lease_waits=True)
        engine = Engine(ports, settings)
        stack.push_async_callback(engine.close)
        await engine.start(self._executor(client, store, engine))
        stack.push_async_callback(reconciler.close)
        reconciler.start(engine)
        watch = Watch(client, Selection(FLYTE_WORKFLOWS, options.namespace))
        self._watching = asyncio.get_running_loop().create_task(self._listen(watch, reconciler), name="propeller-watch")
        stack.push_async_callback(self._stop_listening)

    async def _listen(self, watch: Watch, reconciler: Reconciler) -> None:
        async for item in watch.news():
            match item:
                case Seen(key, found):
                    reconciler.seen(key, found)
                case Gone(key):
                    reconciler.gone(key)
                case Listed():
                    _LOG.info("listening to %s", self.options.namespace or "all namespaces")
                    self.ready.set()

    async def _stop_listening(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._watching

    def _executor(self, client: KubernetesClient, store: Store, engine: Engine) -> Executor:
        pods = self.options.pods
        if pods is None:
            return ProcessExecutor(self._workers(), store, engine, NoSecrets())
        return PodExecutor(pods, client, client, store, engine)

    def _workers(self) -> ProcessSettings:
        options = self.options
        env = {
            "FLYTELIKE_UPLOAD_PREFIX": f"{options.store_base}/uploads",
            "FLYTELIKE_CODE_CACHE": str(options.work / "code"),
        }
        logs = options.work / "logs"
        preload = ("flytelike.sdk.task", "flytelike.sdk.workflow")
        if options.slots is None:
            return ProcessSettings(logs=logs, env=env, preload=preload)
        return ProcessSettings(logs=logs, env=env, preload=preload, slots=options.slots)
