"""Pods are made once what they request is granted, and what they had is free again when their attempts have ended."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from typing_extensions import override

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.ids import NodePath
from flytelike.model.quota import ATTEMPTS, CPU, GPU, MEMORY
from propeller.allocation import LocalAllocator
from propeller.core.fairness import Quota
from propeller.engine.loop_clock import LoopClock
from propeller.executors.pod import granted as module
from propeller.executors.pod.admission import AdmittedByAll, AllAdmitted, NeverAdmitted
from propeller.executors.pod.granted import GrantedAdmission, amounts_of_pod
from propeller.ports import AttemptKey
from propeller.ports_allocation import QuotaSource, Tenants
from tests.unit.pods.builders import KEY

pytestmark = pytest.mark.anyio
SECOND = replace(KEY, path=NodePath("n1"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Fixed(QuotaSource):
    """Quotas that are known from the start."""

    def __init__(self, **limits: int) -> None:
        self.limits = limits

    @override
    def quotas(self) -> Mapping[tuple[str, ...], Quota]:
        return {("default", KEY.execution.project): Quota(limit=self.limits)} if self.limits else {}

    @override
    def tenants(self) -> Tenants:
        return Tenants()

    @override
    async def known(self) -> None:
        pass


def pod(**requests: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "main", "resources": {"requests": requests}}]}}


def door(**limits: int) -> GrantedAdmission:
    source = Fixed(**limits)
    return GrantedAdmission(LocalAllocator(source.quotas(), LoopClock()), source, "nvidia.com/gpu")


async def asked(admission: Any, key: AttemptKey, manifest: Any) -> tuple["asyncio.Task[None]", list[Diagnostic]]:
    told: list[Diagnostic] = []
    task = asyncio.ensure_future(admission.admitted(key, manifest, told.append))
    for _ in range(5):
        await asyncio.sleep(0)
    return task, told


async def test_who_does_not_fit_waits_until_another_has_ended() -> None:
    admission = AdmittedByAll([AllAdmitted(), door(cpu=1000)])
    first, _ = await asked(admission, KEY, pod(cpu="1"))
    second, _ = await asked(admission, SECOND, pod(cpu="500m"))
    assert (first.done(), second.done()) == (True, False)
    admission.released(KEY)
    await second


async def test_one_that_is_not_wanted_any_more_keeps_nobody_waiting() -> None:
    admission = door(cpu=1000)
    await asked(admission, KEY, pod(cpu="1"))
    second, _ = await asked(admission, SECOND, pod(cpu="1"))
    second.cancel()
    await asyncio.wait([second])
    admission.released(KEY)
    third, _ = await asked(admission, replace(KEY, attempt=1), pod(cpu="1"))
    assert third.done()


async def test_what_can_never_fit_fails_at_once() -> None:
    with pytest.raises(NeverAdmitted) as never:
        await door(cpu=1000).admitted(KEY, pod(cpu="2"), lambda _: None)
    assert "2 CPU" in never.value.failure.message
    assert not never.value.failure.retryable


async def test_one_that_waits_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TELL_S", (0.001, 0.001))
    admission = door(attempts=1)
    await asked(admission, KEY, pod())
    second, told = await asked(admission, SECOND, pod())
    while not told:
        await asyncio.sleep(0)
    assert told[0].code == "waits-for-quota"
    assert "project flights uses 1 of 1" in told[0].headline
    second.cancel()
    await asyncio.wait([second])


async def test_pods_that_were_made_before_count() -> None:
    admission = door(cpu=1000)
    admission.resumed(KEY, pod(cpu="1"))
    second, _ = await asked(admission, SECOND, pod(cpu="1"))
    assert not second.done()
    admission.released(KEY)
    await second


async def test_a_grant_that_is_lost_is_asked_for_again() -> None:
    admission = door(cpu=1000)
    await asked(admission, KEY, pod(cpu="1"))
    admission._allocator.give_back("flights/development/e1/n0/0")
    admission.lost("flights/development/e1/n0/0")
    second, _ = await asked(admission, SECOND, pod(cpu="1"))
    assert not second.done()
    admission.released(KEY)
    await second


async def test_who_is_more_urgent_goes_first() -> None:
    admission = door(attempts=1)
    await asked(admission, KEY, pod())
    later = {name: replace(KEY, path=NodePath(name)) for name in ("calm", "urgent")}
    went: list[str] = []

    async def wait(name: str, priority: int) -> None:
        await admission.admitted(later[name], pod(), lambda _: None, priority)
        went.append(name)
        admission.released(later[name])

    waiting = [asyncio.ensure_future(wait("calm", 0)), asyncio.ensure_future(wait("urgent", 5))]
    await asyncio.sleep(0)
    admission.released(KEY)
    await asyncio.gather(*waiting)
    assert went == ["urgent", "calm"]


async def test_without_quotas_nobody_is_asked() -> None:
    admission = door()
    await admission.admitted(KEY, pod(cpu="1000"), lambda _: None)
    assert not admission._asked


def test_a_pod_requests_what_its_containers_do_together() -> None:
    gpu = {"resources": {"limits": {"nvidia.com/gpu": "2", "memory": "1Gi"}}}
    both = {"spec": {"containers": [*pod(cpu="500m")["spec"]["containers"], gpu]}}
    assert amounts_of_pod(both, "nvidia.com/gpu") == {ATTEMPTS: 1, CPU: 500, MEMORY: 1 << 30, GPU: 2}
    before = {"spec": {**both["spec"], "initContainers": [{"resources": {"requests": {"cpu": "3"}}}]}}
    assert amounts_of_pod(before, "nvidia.com/gpu")[CPU] == 3000
