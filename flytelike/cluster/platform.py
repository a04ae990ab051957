"""Control plane and operator in one process, on the databases, the object store and the cluster they are given.

Executions are objects of the cluster: the control plane creates them, the operator executes them. The two halves know
each other by ports alone.
"""

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from flytelike.cluster.forgetting import keepers_of
from flytelike.cluster.launching import LaunchedByObjects
from flytelike.cluster.logs import LogsInStore, ended_in
from flytelike.cluster.pod_tokens import PodTokenSettings, pod_tokens
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.collecting.policy import Policies
from flytelike.controlplane.server import Addresses, serve
from flytelike.controlplane.settings import Settings
from flytelike.embedded.adapters import ChildrenOfPlane, SignalsOfPlane
from flytelike.embedded.closures import ClosuresOfPlane
from flytelike.embedded.quotas import QuotasOfPlane, ReportsOfPlane
from flytelike.storage import Store, StoreConfig
from propeller.app.neighbours import Neighbours
from propeller.app.operator import Operator, OperatorOptions
from propeller.kube.client import KubernetesClient


class ClusterPlatform:
    """A running platform, as an async context manager.

    One process is enough for all shards of its operator: the end of a child is told within the process.
    Entering raises DiagnosticError when a port or database cannot be used, and KubernetesError without a cluster.
    """

    def __init__(self, settings: Settings, options: OperatorOptions) -> None:
        """Prepare; nothing is opened yet. Both must name the same base in the object store."""
        self.settings = settings
        self.options = options
        self.addresses = Addresses("", "")
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Bring everything up, and go on with what was unfinished."""
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Bring everything down: no new calls, commits finished, workers ended."""
        await self._stack.aclose()

    async def _start(self, stack: AsyncExitStack) -> None:
        client = await stack.enter_async_context(KubernetesClient(self.options.client))
        store = Store(StoreConfig.from_env())
        pods = self.options.pods
        logs = LogsInStore(store, f"{self.settings.base}/logs" if pods is None else pods.logs)
        keepers = keepers_of(self.settings.base, client, logs, Policies())
        reader = None if pods is None else logs
        tokens = await stack.enter_async_context(pod_tokens(self._accepted(), self.options.client))
        launcher = LaunchedByObjects(client)
        plane = ControlPlane(self.settings, store, launcher, logs=reader, keepers=keepers, attempt_tokens=tokens)
        logs.connect(ended_in(plane.reading))
        await plane.start()
        stack.push_async_callback(plane.close)
        neighbours = Neighbours(
            sink=plane,
            children=ChildrenOfPlane(plane),
            closures=ClosuresOfPlane(plane, store),
            signals=SignalsOfPlane(plane),
            catalog=plane.catalog,
            quotas=QuotasOfPlane(plane),
            reports=ReportsOfPlane(plane),
        )
        operator = Operator(self.options, neighbours)
        plane.history.on_child_ended(lambda ended: operator.child_ended(ended.parent, ended.attempt, ended.child))
        await stack.enter_async_context(operator)
        await plane.reconcile()
        self.addresses = await stack.enter_async_context(serve(plane))

    def _accepted(self) -> PodTokenSettings:
        """Return which tokens of pods are accepted: those that the operator has made."""
        pods = None if self.options.pods is None else self.options.pods.pods
        if pods is None or pods.calling is None:
            return PodTokenSettings("")
        return PodTokenSettings(pods.calling.audience, pods.namespace)
