"""The operator whose tasks are pods of a real API server: the same executions as on processes."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from flytelike.model.launch import LaunchRequest
from flytelike.model.phases import WorkflowPhase
from propeller.app.operator import OperatorOptions
from propeller.executors.pod import PodExecutorSettings, PodSettings
from propeller.executors.pod.labels import EXECUTION, selector
from propeller.kube.client import KubernetesClient
from propeller.kube.ports import FLYTE_WORKFLOWS, PODS, Selection
from propeller.kube.resource import WorkflowResource
from propeller.kube.status import NodeCounts
from tests.kube.control_plane import ControlPlane
from tests.kube.executing import FAILING, PROGRAM, Site, manifest, operating, until_ended
from tests.kube.fake_kubelet import FakeKubelet
from tests.services.kubernetes import connected
from tests.unit.propeller_engine.builders import chain


@dataclass
class Cluster:
    """A namespace with a node, and what an operator of it is told."""

    client: KubernetesClient
    node: FakeKubelet
    options: OperatorOptions
    namespace: str

    async def ended(self, name: str = "e1") -> WorkflowResource:
        return await until_ended(self.client, self.namespace, name)

    async def no_pods(self) -> None:
        async with asyncio.timeout(30):
            while (await self.client.page(Selection(PODS, self.namespace), 10)).items:
                await asyncio.sleep(0.02)


Body = Callable[[Cluster], Awaitable[None]]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def run(api_server: ControlPlane, namespace: str, site: Site) -> Callable[[LaunchRequest, Body], None]:
    """Create an execution by hand and do something with it."""
    pods = PodSettings(platform=namespace, namespace=namespace, grace_s=1)
    executor = PodExecutorSettings(pods, f"{site.folder}/logs", watched=namespace)
    options = replace(site.options(api_server, namespace), pods=executor)

    def run(request: LaunchRequest, body: Body) -> None:
        async def main() -> None:
            async with asyncio.timeout(100), connected(api_server) as client:
                async with FakeKubelet(client, selector(pods)) as node:
                    document = manifest(request, namespace)
                    await asyncio.to_thread(api_server.kubectl, "create", "-f", "-", stdin=document)
                    await body(Cluster(client, node, options, namespace))

        asyncio.run(main())

    return run


def test_a_chain_runs_pod_by_pod(site: Site, run: Callable[[LaunchRequest, Body], None]) -> None:
    async def body(cluster: Cluster) -> None:
        async with operating(cluster.options):
            ended = await cluster.ended()
            await cluster.no_pods()
        assert ended.status.phase is WorkflowPhase.SUCCEEDED
        assert ended.status.nodes == NodeCounts(total=3, succeeded=3)
        assert len(cluster.node.started) == 3

    run(site.request("e1", chain(3)), body)


def test_a_pod_belongs_to_its_executions_object(site: Site, run: Callable[[LaunchRequest, Body], None]) -> None:
    """Whatever becomes of the operator, the pod goes with the object."""

    async def body(cluster: Cluster) -> None:
        async with operating(cluster.options):
            async with asyncio.timeout(60):
                while not cluster.node.started:
                    await asyncio.sleep(0.02)
            (pod,) = (await cluster.client.page(Selection(PODS, cluster.namespace), 10)).items
            execution = await cluster.client.get(FLYTE_WORKFLOWS, cluster.namespace, "e1")
            (owner,) = pod["metadata"]["ownerReferences"]
            assert (owner["kind"], owner["uid"]) == ("FlyteWorkflow", execution["metadata"]["uid"])
            patch = {"spec": {"abort": {"cause": "enough"}}}
            await cluster.client.merge(FLYTE_WORKFLOWS, cluster.namespace, "e1", patch)
            await cluster.ended()

    run(site.request("e1", chain(1), "import time; time.sleep(600)"), body)


def test_what_a_failing_program_said_is_in_the_status(site: Site, run: Callable[[LaunchRequest, Body], None]) -> None:
    async def body(cluster: Cluster) -> None:
        async with operating(cluster.options):
            ended = await cluster.ended()
        assert ended.status.phase is WorkflowPhase.FAILED
        assert "there is no flights.csv" in ended.status.message

    run(site.request("e1", chain(2), FAILING), body)


def test_a_restart_of_the_operator_costs_no_pod(site: Site, run: Callable[[LaunchRequest, Body], None]) -> None:
    go = site.folder / "go"
    waits = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.02)\n"
    source = waits + PROGRAM

    async def body(cluster: Cluster) -> None:
        async with operating(cluster.options), asyncio.timeout(60):
            while not cluster.node.started:
                await asyncio.sleep(0.02)
        async with operating(cluster.options):
            go.touch()
            ended = await cluster.ended()
        assert ended.status.phase is WorkflowPhase.SUCCEEDED
        assert len(cluster.node.started) == 1

    run(site.request("e1", chain(1), source), body)


def test_pods_of_an_execution_that_is_aborted_go(site: Site, run: Callable[[LaunchRequest, Body], None]) -> None:
    async def body(cluster: Cluster) -> None:
        async with operating(cluster.options):
            async with asyncio.timeout(60):
                while not cluster.node.started:
                    await asyncio.sleep(0.02)
            found = await cluster.client.page(Selection(PODS, cluster.namespace, f"{EXECUTION}=e1"), 10)
            assert len(found.items) == 1
            patch = {"spec": {"abort": {"cause": "enough"}}}
            await cluster.client.merge(FLYTE_WORKFLOWS, cluster.namespace, "e1", patch)
            ended = await cluster.ended()
            assert (ended.status.phase, ended.status.message) == (WorkflowPhase.ABORTED, "enough")
            await cluster.no_pods()

    run(site.request("e1", chain(2), "import time; time.sleep(600)"), body)
