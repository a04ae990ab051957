"""Two tenants, two operators on one PostgreSQL: no quota is exceeded, and who waits says why."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from typing_extensions import override

from flytelike.model.phases import WorkflowPhase
from flytelike.model.queued import QuotaReport
from flytelike.model.quota import ATTEMPTS, QuotaPlace
from propeller.app.neighbours import Neighbours
from propeller.app.operator import Operator
from propeller.core.fairness import Quota
from propeller.executors.pod import PodExecutorSettings, PodSettings, granted
from propeller.executors.pod.labels import selector
from propeller.kube.ports import FLYTE_WORKFLOWS, Selection
from propeller.kube.resource import resource_from_json
from propeller.ports_allocation import QuotaReports, QuotaSource, Tenants
from tests.kube.control_plane import ControlPlane
from tests.kube.executing import PROGRAM, Site, create, until_ended
from tests.kube.fake_kubelet import FakeKubelet
from tests.services.kubernetes import connected
from tests.unit.propeller_engine.builders import chain

SMALL, LARGE = "small", "large"
TEAM = QuotaPlace(team=SMALL)
ALONE = """
import os, sys, time
lock, seen, late = sys.argv[2], sys.argv[3], time.monotonic() + 60
os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
while not os.path.exists(seen) and time.monotonic() < late:
    time.sleep(0.02)
os.remove(lock)
"""
"""Fails if another of the same tenant runs at the same time; goes on once somebody has seen that the others wait."""
LIMITED = "team small uses 1 of 1"


class TwoTenants(QuotaSource):
    """One may run an attempt at a time, the other as many as there is room for."""

    @override
    def quotas(self) -> Mapping[tuple[str, ...], Quota]:
        return {(): Quota(limit={ATTEMPTS: 10}), (SMALL,): Quota(limit={ATTEMPTS: 1})}

    @override
    def tenants(self) -> Tenants:
        return Tenants({SMALL: SMALL, LARGE: LARGE})

    @override
    async def known(self) -> None:
        pass


class Heard(QuotaReports):
    """Keeps what operators say that they grant."""

    def __init__(self) -> None:
        self.heard: list[QuotaReport] = []

    @override
    async def take(self, report: QuotaReport) -> None:
        self.heard.append(report)


@pytest.mark.slow
@pytest.mark.postgres
def test_two_tenants_keep_to_their_quotas_whichever_operator_runs_them(
    api_server: ControlPlane, namespace: str, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(granted, "TELL_S", (0.01, 0.05))
    site = Site(tmp_path)
    pods = PodSettings(platform=namespace, namespace=namespace, grace_s=1)
    database = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    options = replace(
        site.options(api_server, namespace, database),
        pods=PodExecutorSettings(pods, f"{tmp_path}/logs", watched=namespace),
        shards=2,
        lease_s=3,
    )
    (options.work / "logs").mkdir(parents=True)
    seen = tmp_path / "seen"
    script = ALONE.replace("sys.argv[2]", repr(str(tmp_path / "lock"))).replace("sys.argv[3]", repr(str(seen)))
    alone = site.request("s0", chain(2), script + PROGRAM)
    wanted = [
        *(replace(alone, id=replace(alone.id, project=SMALL, name=f"s{number}")) for number in range(4)),
        replace(site.request("l0", chain(2)), id=replace(alone.id, project=LARGE, name="l0")),
    ]
    told: set[str] = set()
    reports = Heard()

    async def main() -> None:
        async with asyncio.timeout(150), connected(api_server) as client:
            neighbours = Neighbours(quotas=TwoTenants(), reports=reports)
            both = [Operator(replace(options, holder=f"tests-{number}"), neighbours) for number in range(2)]
            async with FakeKubelet(client, selector(replace(pods, platform=f"{namespace}.1"))) as second:
                async with FakeKubelet(client, selector(pods)) as first, both[0], both[1]:
                    for one in wanted:
                        await create(client, one, namespace)
                    listening = asyncio.ensure_future(listen(client))
                    ended = [await until_ended(client, namespace, one.id.name) for one in wanted]
                    listening.cancel()
                    assert [one.status.phase for one in ended] == [WorkflowPhase.SUCCEEDED] * 5
                    assert len(first.started) + len(second.started) == 10
        assert any(LIMITED in one for one in told), told
        assert any(report.uses[TEAM].used.get(ATTEMPTS) == 1 for report in reports.heard if TEAM in report.uses)
        waited = {(execution.name, it.place) for report in reports.heard for execution, it in report.waits}
        assert {name for name, _ in waited} <= {"s0", "s1", "s2", "s3", "l0"}
        assert waited, "four of one tenant had one place"

    async def listen(client: object) -> None:
        while True:
            page = await client.page(Selection(FLYTE_WORKFLOWS, namespace), 100)  # type: ignore[attr-defined]
            told.update(resource_from_json(item).status.waits_for for item in page.items)
            if any(LIMITED in one for one in told):
                seen.touch()
            await asyncio.sleep(0.05)

    asyncio.run(main())
