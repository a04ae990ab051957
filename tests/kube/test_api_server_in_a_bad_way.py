"""Executions on pods while the API server answers 409, 429, 500, slowly, not at all, and cuts watches."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from flytelike.model.phases import WorkflowPhase
from propeller.executors.pod import PodExecutorSettings, PodSettings
from propeller.executors.pod.labels import selector
from propeller.kube.client import ClientSettings
from propeller.kube.ports import PODS, Selection
from propeller.kube.status import NodeCounts
from tests.kube.control_plane import ControlPlane
from tests.kube.executing import PROGRAM, Site, create, operating, until_ended
from tests.kube.fake_kubelet import FakeKubelet
from tests.kube.faulty_api import FaultyApi
from tests.services.kubernetes import connected
from tests.unit.propeller_engine.builders import chain

EXECUTIONS, STEPS = 4, 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("share", "seed", "faults"), [(0.1, 2, {"busy"}), (0.3, 1, {"busy", "broken", "changed", "slow", "lost"})]
)
def test_every_execution_ends_well_and_no_pod_is_made_twice(
    api_server: ControlPlane, namespace: str, tmp_path: Path, share: float, seed: int, faults: set[str]
) -> None:
    site, ledger = Site(tmp_path), tmp_path / "ledger"
    program = f"open({str(ledger)!r}, 'a').write('run\\n')\n{PROGRAM}"
    pods = PodSettings(platform=namespace, namespace=namespace, grace_s=1)
    executor = PodExecutorSettings(pods, f"{tmp_path}/logs", watched=namespace)

    async def main() -> None:
        async with (
            asyncio.timeout(110),
            connected(api_server) as client,
            FaultyApi(api_server, tmp_path, share, seed) as faulty,
            FakeKubelet(client, selector(pods)) as node,
        ):
            reached = ClientSettings(kubeconfig=str(faulty.kubeconfig), calls_per_second=1000, burst=1000, timeout_s=5)
            options = replace(site.options(api_server, namespace), pods=executor, client=reached)
            async with operating(options):
                for number in range(EXECUTIONS):
                    await create(client, site.request(f"e{number}", chain(STEPS), program), namespace)
                for number in range(EXECUTIONS):
                    ended = await until_ended(client, namespace, f"e{number}")
                    assert ended.status.phase is WorkflowPhase.SUCCEEDED, ended.status
                    assert ended.status.nodes == NodeCounts(total=STEPS, succeeded=STEPS)
                faulty.share = 0.0
                while (await client.page(Selection(PODS, namespace), 10)).items:
                    await asyncio.sleep(0.05)
            assert len(node.started) == EXECUTIONS * STEPS
            assert ledger.read_text().count("run") == EXECUTIONS * STEPS
            assert faults <= set(faulty.done), faulty.done

    asyncio.run(main())
