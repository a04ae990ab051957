"""A replica of the control plane as a process of its own: it keeps no state but what a connection needs.

It answers probes from its first moment on: while the database is away, or has tables of another version, it says so
and waits.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Self, TypeVar

from flytelike.cluster.archiving import mark_archived
from flytelike.cluster.forgetting import keepers_of, rules_in
from flytelike.cluster.launching import LaunchedByObjects
from flytelike.cluster.logs import LogsInStore, ended_in
from flytelike.cluster.metrics import PlaneMetrics
from flytelike.cluster.namespaces import Namespaces
from flytelike.cluster.options import ReplicaOptions
from flytelike.cluster.pod_tokens import pod_tokens
from flytelike.cluster.propeller_server import serve_propeller
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.database_clock import DatabaseClock
from flytelike.controlplane.migrations.upgrade import check_revision
from flytelike.controlplane.server import Addresses, serve
from flytelike.model.diagnostic import DiagnosticError
from flytelike.storage import NotFound, StorageError, Store, StoreConfig
from propeller.app.health import Health
from propeller.app.monitoring import monitored
from propeller.kube.client import KubernetesClient

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

STORE_RETRY_S = 10.0
"""How long a call waits for an object store that is away; clients ask again."""
LOOK_S = 2.0
"""How often it is looked whether everything is there."""
ANSWER_S = 5.0
"""How long database and store may take to answer."""


class Replica:
    """A running replica, as an async context manager; `stopped` takes it out of service first.

    Entering raises DiagnosticError for settings that cannot be and ports that are in use.
    """

    def __init__(self, options: ReplicaOptions) -> None:
        """Prepare. Raises DiagnosticError for settings that cannot be."""
        options.check()
        self.options = options
        self.health = Health()
        self.addresses = Addresses("", "")
        self.propeller = ""
        self.monitoring = ""
        self._metrics = PlaneMetrics(self.health)
        self._store = Store(StoreConfig.from_env(retry_s=STORE_RETRY_S))
        self._settings = options.settings()
        self._rules = rules_in(options.retention)
        self._clock = DatabaseClock()
        self._stack = AsyncExitStack()
        self._servers: list[AsyncExitStack] = []
        self._serving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to answer probes; everything else follows as soon as it can."""
        stack = self._stack
        address = self.options.monitoring
        self.monitoring = await stack.enter_async_context(monitored(address, self.health, self._metrics.registry))
        try:
            client = await stack.enter_async_context(KubernetesClient(self.options.client))
            logs = LogsInStore(self._store, f"{self._settings.base}/logs")
            launcher = LaunchedByObjects(client)
            keepers = keepers_of(self._settings.base, client, logs, self._rules)
            tokens = await stack.enter_async_context(pod_tokens(self.options.pod_tokens, self.options.client))
            plane = ControlPlane(
                self._settings,
                self._store,
                launcher,
                logs=logs,
                keepers=keepers,
                clock=self._clock,
                attempt_tokens=tokens,
            )
            logs.connect(ended_in(plane.reading))
            self._plane = plane
            stack.push_async_callback(plane.close)
            self._namespaces = Namespaces(client)
            self._serving = asyncio.create_task(self._serve(), name="controlplane-replica")
        except BaseException:
            await stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close connections, finish what is under way, close the database."""
        assert self._serving is not None, "it was entered"
        self._serving.cancel()
        await asyncio.wait([self._serving])
        await asyncio.gather(*(server.aclose() for server in self._servers))
        await self._stack.aclose()

    async def run(self) -> None:
        """Return when it cannot go on. Raises DiagnosticError, such as for a port in use."""
        assert self._serving is not None, "it was entered"
        await asyncio.shield(self._serving)

    async def drained(self) -> None:
        """Take it out of service: unready at once, then wait until those who call have gone elsewhere."""
        self.health.stopping()
        if self.addresses.grpc:
            await asyncio.sleep(self.options.drain_s)

    async def _serve(self) -> None:
        plane = self._plane
        while True:
            await self._look()
            if not self._missing:
                break
            await asyncio.sleep(LOOK_S / 4)
        await plane.start(migrate=False)
        await plane.reconcile()
        observe = self._metrics.observe
        self.addresses = await self._enter(serve(plane, observe))
        tls, tokens = self.options.propeller_tls(), self.options.secrets.propeller_token_file
        self.propeller = await self._enter(serve_propeller(plane, self.options.propeller, tokens, tls, observe))
        self.health.started()
        marking = asyncio.create_task(mark_archived(plane, self._namespaces), name="controlplane-marking")
        self._stack.callback(marking.cancel)
        _LOG.info("clients at %s, operators at %s", self.addresses.grpc, self.propeller)
        while True:
            await asyncio.sleep(LOOK_S)
            await self._look()

    async def _enter(self, server: AbstractAsyncContextManager[T]) -> T:
        """Bring a server up; all of them are stopped beside each other."""
        stack = AsyncExitStack()
        self._servers.append(stack)
        return await stack.enter_async_context(server)

    @property
    def _missing(self) -> list[str]:
        return [line for line in self.health.faults if line.startswith(("database", "store"))]

    async def _look(self) -> None:
        """Look whether database and store are there."""
        await asyncio.gather(self._asked("database", self._database), self._asked("store", self._reached))

    async def _asked(self, what: str, ask: Callable[[], Awaitable[None]]) -> None:
        before = self._missing
        try:
            async with asyncio.timeout(ANSWER_S):
                await ask()
        except TimeoutError:
            self.health.note(what, f"no answer within {ANSWER_S:.0f} s")
        except Exception as error:  # noqa: BLE001 - whatever it is, this is why it is not ready
            self.health.note(what, _told(error))
        else:
            self.health.note(what, "")
        if self._missing != before:
            _LOG.warning("%s", "; ".join(self._missing) or f"{what}: it answers")

    async def _database(self) -> None:
        await self._plane.database.read(check_revision)
        await self._plane.database.read(self._clock.ask)

    async def _reached(self) -> None:
        try:
            await self._store.head_async(f"{self._settings.base}/.ready")
        except NotFound:
            return


def _told(error: Exception) -> str:
    match error:
        case DiagnosticError():
            return "; ".join(f"{found.headline} [{found.code}]" for found in error.diagnostics)
        case StorageError():
            return error.reason
        case _:
            return f"{type(error).__name__}: {error}"
