"""The operator on a real API server: objects become executions, and tell how these go."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from flytelike.model.phases import WorkflowPhase
from flytelike.storage import Store, StoreConfig
from flytelike_idl.core import literals_pb2
from propeller.kube.client import KubernetesClient
from propeller.kube.errors import ObjectNotFound
from propeller.kube.ports import FLYTE_WORKFLOWS
from propeller.kube.resource import FINALIZER, resource_from_json
from propeller.kube.status import NodeCounts
from tests.kube.control_plane import ControlPlane
from tests.kube.executing import FAILING, Site, manifest, operating, until_ended
from tests.services.kubernetes import connected
from tests.unit.propeller_engine.builders import chain


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def given(output_uri: str) -> int:
    outputs = literals_pb2.LiteralMap.FromString(Store(StoreConfig()).get(output_uri))
    return outputs.literals["o"].scalar.primitive.integer


def live(plane: ControlPlane, body: Callable[[KubernetesClient], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(100), connected(plane) as client:
            await body(client)

    asyncio.run(main())


async def kubectl(plane: ControlPlane, *words: str, stdin: str | None = None) -> str:
    return await asyncio.to_thread(plane.kubectl, *words, stdin=stdin)


def test_a_manifest_written_by_hand_runs_to_its_end(api_server: ControlPlane, namespace: str, site: Site) -> None:
    async def body(client: KubernetesClient) -> None:
        async with operating(site.options(api_server, namespace)):
            await kubectl(api_server, "create", "-f", "-", stdin=manifest(site.request("e1", chain(3)), namespace))
            ended = await until_ended(client, namespace, "e1")
        assert ended.status.phase is WorkflowPhase.SUCCEEDED
        assert ended.status.nodes == NodeCounts(total=3, succeeded=3)
        assert given(ended.status.output_uri) == 7
        assert 0 < ended.status.started_ns <= ended.status.ended_ns
        assert ended.status.observed_generation == ended.metadata.generation
        assert "SUCCEEDED   3/3" in await kubectl(api_server, "get", "fw", "e1", "-n", namespace)

    live(api_server, body)


def test_a_failure_is_told_with_its_reason(api_server: ControlPlane, namespace: str, site: Site) -> None:
    async def body(client: KubernetesClient) -> None:
        async with operating(site.options(api_server, namespace)):
            request = site.request("e1", chain(3), FAILING)
            await kubectl(api_server, "create", "-f", "-", stdin=manifest(request, namespace))
            ended = await until_ended(client, namespace, "e1")
        assert ended.status.phase is WorkflowPhase.FAILED
        assert "there is no flights.csv" in ended.status.message
        assert ended.status.failure
        assert (ended.status.nodes.total, ended.status.nodes.failed) == (3, 1)

    live(api_server, body)


def test_a_closure_of_another_content_is_not_executed(api_server: ControlPlane, namespace: str, site: Site) -> None:
    async def body(client: KubernetesClient) -> None:
        async with operating(site.options(api_server, namespace)):
            request = site.request("e1", chain(3))
            Path(request.closure_uri).write_bytes(Path(site.request("e2", chain(2)).closure_uri).read_bytes())
            await kubectl(api_server, "create", "-f", "-", stdin=manifest(request, namespace))
            ended = await until_ended(client, namespace, "e1")
        assert ended.status.phase is WorkflowPhase.FAILED
        assert "is not the closure" in ended.status.message

    live(api_server, body)


@pytest.mark.parametrize("way", ["by deleting", "by the spec"])
def test_an_execution_is_ended(api_server: ControlPlane, namespace: str, site: Site, way: str) -> None:
    """A deleted object stays until what it started has ended; then it goes."""

    async def body(client: KubernetesClient) -> None:
        async with operating(site.options(api_server, namespace)):
            request = site.request("e1", chain(3), "import time; time.sleep(600)")
            await kubectl(api_server, "create", "-f", "-", stdin=manifest(request, namespace))
            while True:
                found = resource_from_json(await client.get(FLYTE_WORKFLOWS, namespace, "e1"))
                if found.status.nodes.running:
                    break
                await asyncio.sleep(0.05)
            assert FINALIZER in found.metadata.finalizers
            if way == "by deleting":
                await client.delete(FLYTE_WORKFLOWS, namespace, "e1")
                with pytest.raises(ObjectNotFound):
                    await until_ended(client, namespace, "e1")
                return
            await client.merge(FLYTE_WORKFLOWS, namespace, "e1", {"spec": {"abort": {"cause": "enough"}}})
            ended = await until_ended(client, namespace, "e1")
            assert (ended.status.phase, ended.status.message) == (WorkflowPhase.ABORTED, "enough")

    live(api_server, body)


def test_a_restarted_operator_goes_on_and_tells_what_it_missed(
    api_server: ControlPlane, namespace: str, site: Site
) -> None:
    async def body(client: KubernetesClient) -> None:
        options = site.options(api_server, namespace)
        async with operating(options):
            for number in range(3):
                request = site.request(f"e{number}", chain(3))
                await kubectl(api_server, "create", "-f", "-", stdin=manifest(request, namespace))
        # Objects that come while nobody listens are found as well.
        await kubectl(api_server, "create", "-f", "-", stdin=manifest(site.request("late", chain(3)), namespace))
        async with operating(options):
            for name in ("e0", "e1", "e2", "late"):
                ended = await until_ended(client, namespace, name)
                assert ended.status.phase is WorkflowPhase.SUCCEEDED
                assert ended.status.nodes == NodeCounts(total=3, succeeded=3)

    live(api_server, body)
