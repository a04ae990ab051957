"""The operator: `FlyteWorkflow` objects of a cluster, executed by the engine in this process."""

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from flytelike.model.ids import ExecutionId, NodeExecutionId
from flytelike.storage import Store, StoreConfig
from propeller.allocation import LocalAllocator
from propeller.app.closures import StoredClosures
from propeller.app.cluster_resources import ClusterResources, ClusterResourceSettings
from propeller.app.control_plane import ControlPlaneConnection, ControlPlaneSettings, neighbours_of
from propeller.app.control_plane.news import hear_of_children
from propeller.app.control_plane.quotas import RemoteQuotas
from propeller.app.duty import Duty
from propeller.app.grants import grants_of
from propeller.app.health import Health
from propeller.app.metrics import operator_metrics
from propeller.app.monitoring import monitored
from propeller.app.neighbours import Neighbours
from propeller.app.prepared_namespaces import PreparedNamespaces
from propeller.app.shard import STATES_TTL_S, RememberingExecutor, Shard, Surroundings
from propeller.app.sharding import shard_of
from propeller.app.shards import Shards
from propeller.core.fairness import Quota
from propeller.engine import Engine
from propeller.engine.loop_clock import LoopClock
from propeller.executors.pod import PodExecutor, PodExecutorSettings
from propeller.executors.pod.admission import Admission, AdmittedByAll
from propeller.executors.pod.granted import GrantedAdmission
from propeller.executors.process import ProcessExecutor, ProcessSettings
from propeller.kube.client import ClientSettings, KubernetesClient
from propeller.kube.lease import Leases
from propeller.kube.ports import FLYTE_WORKFLOWS, Json, Selection
from propeller.kube.resource import has_ended, owner_reference, stands_for
from propeller.kube.watch import Gone, Listed, ObjectKey, Seen, Watch
from propeller.ports_allocation import Allocator

_LOG = logging.getLogger(__name__)

STORE_RETRY_S = 10.0
"""How long a call waits for an object store that is away; the engine asks again, and says what it waits for."""

LEASE_GROUP = "propeller"
"""What the leases of operators are labelled with."""

CLUSTER_RESOURCES = "propeller-cluster-resources"
"""The Lease of who keeps namespaces as they should be."""


@dataclass(frozen=True, slots=True)
class OperatorOptions:
    """How an operator is run.

    Attributes:
        database: The engine's store of record: `sqlite:///<path>` or `postgresql://...`.
        store_base: Uri below which metadata and data of executions lie.
        work: A folder of this process, for logs and unpacked code.
        holder: Who it is, on Leases; no two replicas have the same name. After a restart, one with the same name goes
            on at once.
        namespace: The namespace whose objects it executes; all without one.
        slots: How many tasks of a shard run at once; as many as there are processors without.
        shards: How many shards all replicas share. It may grow; objects that have begun stay where they are.
        lease_s: How long a replica that is not heard of keeps its shards.
        lease_namespace: Where the Leases lie; the namespace above, or else the one it runs in, without.
        ttl_s: How long after its end an object is left before it is deleted; for ever if None.
        states_ttl_s: How long the engine keeps the states of what has ended.
        client: How the API server is reached.
        pods: How tasks run as pods; without it they run as processes beside the operator.
        cluster_resources: What belongs into the namespaces of projects; they are left alone without it.
        control_plane: How the control plane is reached that it works for; it works for none without.
        monitoring: `HOST:PORT` for probes and metrics; no port without.
    """

    database: str
    store_base: str
    work: Path
    holder: str
    namespace: str = ""
    slots: int | None = None
    shards: int = 1
    lease_s: int = 15
    lease_namespace: str = ""
    ttl_s: float | None = None
    states_ttl_s: float = STATES_TTL_S
    client: ClientSettings = field(default_factory=ClientSettings)
    pods: PodExecutorSettings | None = None
    cluster_resources: ClusterResourceSettings | None = None
    control_plane: ControlPlaneSettings | None = None
    monitoring: str = ""


class Operator:
    """A running operator, as an async context manager. Entering raises KubernetesError."""

    def __init__(self, options: OperatorOptions, neighbours: Neighbours | None = None) -> None:
        """Prepare; nothing is opened yet. `neighbours` are those of a control plane in this process."""
        self._neighbours = neighbours or Neighbours()
        self.options = options
        self.health = Health()
        self.monitoring = ""
        self.ready = asyncio.Event()
        self._stack = AsyncExitStack()
        self._latest: dict[ObjectKey, Json] = {}
        self._shards: Shards | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._prepared: PreparedNamespaces | None = None

    async def __aenter__(self) -> Self:
        """Begin to listen, and to take shards."""
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening, finish commits, end workers, hand the shards over. What is not finished goes on elsewhere."""
        await self._stack.aclose()

    async def run(self) -> None:
        """Return when it cannot go on.

        Raises:
            KubernetesError: It may not look at the objects, or not at leases.
            StoreError: Its database cannot be used, and waiting does not mend it.
        """
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task

    def child_ended(self, parent: NodeExecutionId, attempt: int, child: ExecutionId) -> None:
        """Take the news that the execution which an attempt of a launch-plan node started has ended."""
        for shard in self._running():
            shard.engine.child_ended(parent, attempt, child)

    def look_at_children(self) -> None:
        """Ask how children go that are waited for: the end of some may not have been told."""
        for shard in self._running():
            shard.engine.look_at_children()

    def _running(self) -> list[Shard]:
        return list(self._shards.running()) if self._shards is not None else []

    async def _watched(self, stack: AsyncExitStack) -> None:
        """Answer probes."""
        if self.options.monitoring:
            registry = operator_metrics(lambda: self.health.ready, self._running)
            self.monitoring = await stack.enter_async_context(monitored(self.options.monitoring, self.health, registry))

    async def _start(self, stack: AsyncExitStack) -> None:
        options = self.options
        await self._watched(stack)
        client = await stack.enter_async_context(KubernetesClient(options.client))
        store = Store(StoreConfig.from_env(retry_s=STORE_RETRY_S))
        connection = None
        if options.control_plane is not None:
            connection = await stack.enter_async_context(ControlPlaneConnection(options.control_plane))
            quotas = RemoteQuotas()
            self._neighbours = replace(neighbours_of(connection, store), quotas=quotas)
            listening = asyncio.get_running_loop().create_task(quotas.hear(connection), name="propeller-quotas")
            self._tasks.append(listening)
        around = Surroundings(
            objects=client,
            data=store,
            closures=self._neighbours.closures or StoredClosures(store),
            clock=LoopClock(),
            neighbours=self._neighbours,
            executor=lambda number, engine, grants: self._executor(number, client, store, engine, grants),
            allocator=grants_of(
                options.database,
                self._neighbours.quotas if options.pods is not None else None,
                self._neighbours.reports,
            ),
            database=options.database,
            store_base=options.store_base,
            ttl_s=options.ttl_s,
            states_ttl_s=options.states_ttl_s,
        )
        namespace = options.lease_namespace or options.namespace or client.own_namespace
        leases = Leases(client, namespace, LEASE_GROUP, options.holder, options.lease_s)

        async def start(number: int, owner: str) -> Shard:
            shard = await Shard.started(number, owner, around)
            for key, document in self._latest.items():
                if self._number(document) == number:
                    shard.reconciler.seen(key, document)
            return shard

        self._shards = Shards(leases, options.shards, start, health=self.health)
        stack.push_async_callback(self._shards.close)
        if options.cluster_resources is not None:
            self._prepare_namespaces(client, namespace, options.cluster_resources)
        watch = Watch(client, Selection(FLYTE_WORKFLOWS, options.namespace))
        loop = asyncio.get_running_loop()
        self._tasks += [
            loop.create_task(self._listen(watch), name="propeller-watch"),
            loop.create_task(self._shards.run(), name="propeller-shards"),
        ]
        if connection is not None:
            hearing = hear_of_children(connection, self.child_ended, self.look_at_children)
            self._tasks.append(loop.create_task(hearing, name="propeller-news"))
        stack.push_async_callback(self._stop)

    def _prepare_namespaces(self, client: KubernetesClient, namespace: str, settings: ClusterResourceSettings) -> None:
        """Have one of all replicas keep namespaces as they should be, and all wait for it with their pods."""
        options, loop = self.options, asyncio.get_running_loop()
        leases = Leases(client, namespace, LEASE_GROUP, options.holder, options.lease_s)
        duty = Duty(leases, CLUSTER_RESOURCES, ClusterResources(client, settings).run)
        self._prepared = PreparedNamespaces(client)
        self._tasks += [
            loop.create_task(self._prepared.run(), name="propeller-namespaces"),
            loop.create_task(duty.run(), name=CLUSTER_RESOURCES),
        ]

    async def _listen(self, watch: Watch) -> None:
        async for item in watch.news():
            match item:
                case Seen(key, found):
                    self._latest[key] = found
                    shard = self._shard(found)
                    if shard is not None:
                        shard.reconciler.seen(key, found)
                case Gone(key):
                    shard = self._shard(self._latest.pop(key))
                    if shard is not None:
                        shard.reconciler.gone(key)
                case Listed():
                    _LOG.info("listening to %s", self.options.namespace or "all namespaces")
                    self.health.started()
                    self.ready.set()

    def _shard(self, document: Json) -> Shard | None:
        """Return the shard of this replica that an object belongs to."""
        return None if self._shards is None else self._shards.shard(self._number(document))

    def _number(self, document: Json) -> int:
        return shard_of(document, self.options.shards)

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _executor(
        self, number: int, client: KubernetesClient, store: Store, engine: Engine, grants: Allocator | None
    ) -> RememberingExecutor:
        pods = self.options.pods
        if pods is None:
            workers = self._workers()
            allocator = LocalAllocator({(): Quota(limit=workers.machine)}, LoopClock())
            return ProcessExecutor(workers, store, engine, allocator)
        env = {"FLYTELIKE_UPLOAD_PREFIX": f"{self.options.store_base}/uploads", **pods.pods.env}
        pods = replace(pods, pods=replace(pods.pods, env=env))
        if number:
            # Each shard looks at its own pods alone: those of others are not for it to judge.
            pods = replace(pods, pods=replace(pods.pods, platform=f"{pods.pods.platform}.{number}"))
        admission: Admission | None = self._prepared
        if grants is not None and self._neighbours.quotas is not None:
            granted = GrantedAdmission(grants, self._neighbours.quotas, pods.pods.gpu_resource)
            admission = granted if self._prepared is None else AdmittedByAll([self._prepared, granted])
        executor = PodExecutor(pods, client, client, store, engine, admission=admission, owner_of=self._owner)
        executor.is_over = self._is_over
        # Pods that a former process left are looked after even where no attempt follows.
        executor.open()
        return executor

    def _is_over(self, execution: ExecutionId) -> bool:
        """Tell whether there is no object of an execution that goes on. Nobody knows before all objects are."""
        return self.ready.is_set() and not any(
            key.name == execution.name and stands_for(document, execution) and not has_ended(document)
            for key, document in self._latest.items()
        )

    def _owner(self, namespace: str, execution: ExecutionId) -> Json | None:
        """Return a reference to an execution's object, if it lies in a namespace: what belongs to it goes with it."""
        document = self._latest.get(ObjectKey(namespace, execution.name))
        return None if document is None else owner_reference(document, execution)

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
