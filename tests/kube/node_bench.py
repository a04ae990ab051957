"""A pod executor on a cluster with a real node; attempts keep their documents in the cluster's object store."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flytelike.codec.literals import literal_map_to_proto
from flytelike.model.failure import Failure
from flytelike.model.image import PLATFORM_IMAGE
from flytelike.model.literals import Literal, Primitive
from flytelike.model.policies import ResourceName, Resources, ReusePolicy, TaskMetadata
from flytelike.storage import Store, StoreConfig
from propeller.executors.pod import Patience, PodExecutor, PodExecutorSettings
from propeller.executors.pod.labels import key_of_pod
from propeller.kube.ports import PODS, Selection
from propeller.ports import AttemptKey, AttemptSpec
from tests.kube.control_plane import KubectlFailed
from tests.kube.node_cluster import NodeCluster
from tests.kube.node_platform import bucket, pod_settings
from tests.kube.pod_bench import QUICK
from tests.kube.pod_status import Json
from tests.services.kubernetes import connected
from tests.unit.executor.builders import ARGS, BUNDLES, Listener, Site

SECOND = 1_000_000_000

IMPATIENT = Patience(image_ns=2 * SECOND, container_ns=45 * SECOND, config_ns=2 * SECOND, node_ns=2 * SECOND)
"""A busy kubelet may take seconds to mount a pod's token."""


class NodeBench:
    """Attempts as pods in a namespace of their own, where the *restricted* profile is enforced."""

    def __init__(self, root: Path, cluster: NodeCluster, base: str, **settings: Any) -> None:
        self.cluster = cluster
        self.base = base
        self.site = Site(root)
        self.listener = Listener()
        self.namespace = f"pods-{uuid.uuid4().hex[:12]}"
        pods = pod_settings(cluster, self.namespace, namespace=self.namespace, **settings.pop("pods", {}))
        given = {"patience": IMPATIENT, "events_s": 1.0, "pauses": QUICK, "watched": self.namespace, **settings}
        given.setdefault("log_wait_s", 60.0)  # a kubelet that has just begun again may take long to give a log
        self.settings = PodExecutorSettings(pods, f"{base}/logs", **given)
        self.client = connected(cluster.plane)
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Make the namespace and begin."""
        await self.kubectl("create", "namespace", self.namespace)
        await self.kubectl("label", "namespace", self.namespace, "pod-security.kubernetes.io/enforce=restricted")
        await self._stack.enter_async_context(self.client)
        self.executor = self._new()

    def _new(self) -> PodExecutor:
        store = Store(StoreConfig.from_env())
        return PodExecutor(self.settings, self.client, self.client, store, self.listener)

    async def restart(self) -> None:
        """Make a new executor, which knows nothing."""
        await self.executor.close()
        self.listener.__init__()  # type: ignore[misc]
        self.executor = self._new()

    async def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Run kubectl as the admin."""
        return await asyncio.to_thread(self.cluster.plane.kubectl, *words, stdin=stdin)

    def shell(self, text: str, *, image: str = PLATFORM_IMAGE, **options: Any) -> AttemptSpec:
        """Return an attempt of a shell script. `asks` are its requests and limits, the others those of `Site.spec`."""
        return self.program("sh", "-c", text, image=image, **options)

    def chore(
        self, task: str, asks: Mapping[ResourceName, str], reuse: ReusePolicy | None = None, **inputs: int | str
    ) -> AttemptSpec:
        """Return an attempt of a task in `chores`, which lies in the image's Python path."""
        words = (*ARGS, "--", "module", "chores", "task", task)
        spec = self.program(*words, env={"PYTHONPATH": str(BUNDLES)}, asks=asks)
        given = literal_map_to_proto({name: Literal(Primitive(value)) for name, value in inputs.items()})
        reused = replace(spec.task, metadata=TaskMetadata(reuse=reuse))
        return replace(spec, task=reused, inputs=given.SerializeToString(), fresh=True)

    def program(self, *words: str, image: str = PLATFORM_IMAGE, **options: Any) -> AttemptSpec:
        """Return an attempt of any program, as `shell` does."""
        asks: Mapping[ResourceName, str] = options.pop("asks", {})
        spec = self.site.spec(words, **options)
        assert spec.task.container is not None
        container = replace(spec.task.container, image=image)
        if asks:
            container = replace(container, resources=Resources(requests=asks, limits=asks))
        folder = f"{self.base}/runs/{spec.key.execution.name}"
        return replace(
            spec,
            task=replace(spec.task, container=container),
            inputs=b"",
            inputs_uri=f"{folder}/inputs.pb",
            output_prefix=f"{folder}/{spec.key.attempt}",
            raw_output_prefix=f"{folder}/raw",
        )

    async def end_of(self, spec: AttemptSpec) -> Failure | None:
        """Start an attempt and wait for its end."""
        await self.executor.start(spec)
        return await self.ended(spec.key)

    async def ended(self, key: AttemptKey, within_s: float = 180) -> Failure | None:
        """Return how an attempt ended."""
        async with asyncio.timeout(within_s):
            while key not in self.listener.ends:
                await asyncio.sleep(0.05)
        return self.listener.ends[key]

    async def let_go(self, key: AttemptKey) -> None:
        """Make `/tmp/go` in an attempt's container. Raises KubectlFailed.

        Whoever waits for it may end before the kubelet says that it is there.
        """
        name = (await self.pod(key))["metadata"]["name"]
        try:
            await self.kubectl("-n", self.namespace, "exec", name, "--", "touch", "/tmp/go")
        except KubectlFailed as error:
            if "exit code 137" not in str(error):
                raise

    async def ran(self, key: AttemptKey) -> None:
        """Return once an attempt runs."""
        async with asyncio.timeout(150):
            while ("running", key) not in self.listener.events:
                await asyncio.sleep(0.05)

    async def waits_for(self, key: AttemptKey, text: str) -> None:
        """Return once an attempt says that it waits for something."""
        async with asyncio.timeout(150):
            while text not in self.executor.waits_for(key):
                await asyncio.sleep(0.05)

    async def pods(self) -> list[Json]:
        """Return the pods that are there."""
        return [*(await self.client.page(Selection(PODS, self.namespace), 500)).items]

    async def pod(self, key: AttemptKey) -> Json:
        """Return the pod of an attempt."""
        (found,) = [one for one in await self.pods() if key_of_pod(one) == key]
        return found

    async def no_pods(self) -> None:
        """Return when all pods are gone."""
        async with asyncio.timeout(150):
            while await self.pods():
                await asyncio.sleep(0.1)

    async def log(self, key: AttemptKey, *, follow: bool = False) -> bytes:
        """Return what an attempt printed."""
        return b"".join([data async for data, _ in self.executor.logs.stream(key, follow=follow)])

    async def close(self) -> None:
        """Stop, and let the cluster remove what is left."""
        await self.executor.close()
        await self.kubectl("-n", self.namespace, "delete", "pods", "--all", "--force", "--wait=false")
        await self._stack.aclose()


@asynccontextmanager
async def opened(root: Path, cluster: NodeCluster) -> AsyncIterator[NodeBench]:
    """Run a bench on a cluster, with a bucket of its own."""
    with pytest.MonkeyPatch.context() as patch:
        bench = NodeBench(root, cluster, bucket(cluster, patch))
        await bench.open()
        yield bench
        await bench.close()


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Tests of a module share a bench, and so a loop."""
    return "asyncio"


@pytest.fixture(scope="module")
async def bench(
    anyio_backend: str, node_cluster: NodeCluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[NodeBench]:
    """A bench on the node that all tests share."""
    async with opened(tmp_path_factory.mktemp("site"), node_cluster) as bench:
        yield bench
