"""Workers and an operator that is a process of its own: whoever is killed, nothing is lost and nothing runs twice."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

from flytelike.model.graph import Container
from flytelike.model.phases import WorkflowPhase
from flytelike.model.policies import ReusePolicy, TaskMetadata
from propeller.executors.pod import PodSettings
from propeller.executors.pod.labels import selector
from propeller.kube.client import KubernetesClient
from propeller.kube.ports import PODS, Selection
from propeller.kube.status import NodeCounts
from tests.kube.control_plane import ControlPlane
from tests.kube.executing import Site, create, until_ended
from tests.kube.fake_kubelet import FakeKubelet
from tests.kube.operator_process import OperatorProcess
from tests.services.kubernetes import connected
from tests.unit.executor.builders import ARGS
from tests.unit.propeller_engine.builders import chain

NODES = 4

MODULE = """
import os, time
from typing import NamedTuple
from flytelike import task

Given = NamedTuple("Given", [("o", int)])

@task
def noted(x: list[int]) -> Given:
    with open({runs!r}, "a") as file:
        file.write(os.environ["FLYTE_INTERNAL_EXECUTION_ID"] + os.environ["FLYTELIKE_NODE"] + "\\n")
    time.sleep(0.1)
    return Given(7)
"""

KEPT = TaskMetadata(retries=0, reuse=ReusePolicy(1, 60_000_000_000))


def noted(runs: Path) -> Counter[str]:
    return Counter(runs.read_text().split()) if runs.exists() else Counter()


async def until_noted(runs: Path, count: int, operator: OperatorProcess) -> None:
    while sum(noted(runs).values()) < count:
        assert operator.running.poll() is None, operator.log.read_text()
        await asyncio.sleep(0.01)


def test_killed_operators_and_workers_lose_nothing_and_repeat_nothing(
    api_server: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    """Two operators are killed in the midst, then a worker: of that one's attempt alone there may be two."""
    site, runs = Site(tmp_path), tmp_path / "runs"
    (tmp_path / "noting.py").write_text(MODULE.format(runs=str(runs)))
    args = (*ARGS, "--", "module", "noting", "task", "noted")
    container = Container("image", args=args, env={"PYTHONPATH": str(tmp_path)})
    pods = PodSettings(platform=namespace, namespace=namespace, grace_s=1)
    given = {"platform": namespace, "namespace": namespace, "grace_s": 1}
    options, names = site.options(api_server, namespace), ["e0", "e1"]

    async def body(client: KubernetesClient, node: FakeKubelet) -> None:
        for name in names:
            wanted = site.request(name, chain(NODES), change=lambda it: replace(it, container=container, metadata=KEPT))
            await create(client, wanted, namespace)
        for until in (2, 4):
            with OperatorProcess(options, pods=given) as operator:
                await until_noted(runs, until, operator)
                operator.kill()
        with OperatorProcess(options, pods=given) as operator:
            await until_noted(runs, 6, operator)
            for pod in (await client.page(Selection(PODS, namespace), 10)).items:
                node.kill(pod["metadata"]["name"])
            for name in names:
                ended = (await until_ended(client, namespace, name)).status
                assert ended.phase is WorkflowPhase.SUCCEEDED, (ended.message, operator.log.read_text())
                assert ended.nodes == NodeCounts(total=NODES, succeeded=NODES)
            assert await operator.stop() == 0, operator.log.read_text()

    async def main() -> None:
        async with asyncio.timeout(110), connected(api_server) as client:
            async with FakeKubelet(client, selector(pods)) as node:
                await body(client, node)
                assert len(node.started) == 2, "one, and one in the place of the one that was killed"

    asyncio.run(main())
    found = noted(runs)
    assert len(found) == len(names) * NODES
    assert sum(found.values()) - len(found) <= 1
