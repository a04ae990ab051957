"""Making pods while the API server is in trouble: once, whatever it answers."""

import asyncio
import gc
from typing import Any

import pytest

from flytelike.model.failure import Failure
from propeller.executors.pod.creating import PodMaker
from propeller.executors.pod.refusal import TryLater
from propeller.executors.pod.removing import remove
from propeller.executors.pod.settings import Pauses
from propeller.kube.errors import ObjectNotFound, error_of
from propeller.kube.ports import PODS
from propeller.kube.watch import ObjectKey
from tests.kube.fake_objects import FakeObjects
from tests.unit.pods.builders import KEY, attempt, built

pytestmark = pytest.mark.anyio

QUICK = Pauses(first_s=0.001, longest_s=0.002, quota_first_s=0.001, quota_longest_s=0.002)
QUOTA = error_of(403, "Forbidden", "exceeded quota: q, requested: pods=1, used: pods=4, limited: pods=4")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def pod() -> dict[str, Any]:
    return built(attempt())


@pytest.mark.parametrize("status", [0, 429, 500, 503])
async def test_trouble_is_waited_out_and_told(pod: dict[str, Any], status: int) -> None:
    objects, told = FakeObjects(), list[TryLater]()
    objects.trouble = [error_of(status, "", "trouble")] * 3
    made = await PodMaker(objects, 4, QUICK).made(pod, told.append)
    assert isinstance(made, dict)
    assert len(told) == 3
    assert objects.calls == ["create"] * 4


async def test_an_answer_that_is_lost_makes_no_second_pod(pod: dict[str, Any]) -> None:
    objects = FakeObjects()
    objects.breaks = [error_of(0, "", "connection reset")]
    made = await PodMaker(objects, 4, QUICK).made(pod, lambda _: None)
    assert isinstance(made, dict)
    found = await objects.get(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
    assert made["metadata"]["uid"] == found["metadata"]["uid"]


async def test_a_pod_of_somebody_else_is_not_taken_for_ones_own(pod: dict[str, Any]) -> None:
    objects = FakeObjects()
    other = {**pod, "metadata": {**pod["metadata"], "annotations": {}}}
    await objects.create(PODS, pod["metadata"]["namespace"], other)
    made = await PodMaker(objects, 4, QUICK).made(pod, lambda _: None)
    assert isinstance(made, Failure)
    assert made.code == "PodNameTaken"


async def test_nobody_overtakes_in_the_line_for_a_quota() -> None:
    objects, order = FakeObjects(), list[int]()
    objects.trouble = [QUOTA] * 4
    maker = PodMaker(objects, 4, QUICK)

    async def make(number: int) -> None:
        key = type(KEY)(KEY.execution, KEY.path, number)
        await maker.made(built(attempt(key=key)), lambda _: waits.set())
        order.append(number)

    waits = asyncio.Event()
    async with asyncio.timeout(10):
        first = asyncio.ensure_future(make(0))
        await waits.wait()
        await asyncio.gather(*(make(number) for number in range(1, 5)))
        await first
    assert order == [0, 1, 2, 3, 4]


class Slow(FakeObjects):
    """Makes a pod once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def create(self, kind: Any, namespace: str, document: Any) -> Any:
        await self.go.wait()
        return await super().create(kind, namespace, document)


async def aborted_while_it_is_made(objects: Slow, pod: dict[str, Any]) -> "asyncio.Future[None]":
    """Return what is done when a pod whose maker was cancelled is not being made any more."""
    maker = PodMaker(objects, 4, QUICK)
    making = asyncio.ensure_future(maker.made(pod, lambda _: None))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    making.cancel()
    settled = asyncio.ensure_future(maker.settled(ObjectKey(pod["metadata"]["namespace"], pod["metadata"]["name"])))
    await asyncio.sleep(0)
    return settled


async def test_a_pod_that_is_being_made_when_it_is_aborted_is_waited_for(pod: dict[str, Any]) -> None:
    objects = Slow()
    settled = await aborted_while_it_is_made(objects, pod)
    assert not settled.done()
    objects.go.set()
    await settled
    assert await objects.get(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])


async def test_that_an_aborted_pod_could_not_be_made_is_nobodys_trouble(pod: dict[str, Any]) -> None:
    """Else the event loop would tell of an exception that nobody has looked at."""
    objects, complaints = Slow(), list[dict[str, Any]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    settled = await aborted_while_it_is_made(objects, pod)
    objects.trouble = [error_of(0, "", "server disconnected")]
    objects.go.set()
    await settled
    gc.collect()
    assert complaints == []


async def test_removing_lets_go_of_the_pod_and_is_fine_with_none(pod: dict[str, Any]) -> None:
    objects = FakeObjects()
    place = ObjectKey(pod["metadata"]["namespace"], pod["metadata"]["name"])
    await objects.create(PODS, place.namespace, pod)
    await remove(objects, place)
    with pytest.raises(ObjectNotFound):
        await objects.get(PODS, *place)
    await remove(objects, place)


async def test_another_pod_of_the_same_name_is_left_alone(pod: dict[str, Any]) -> None:
    objects = FakeObjects()
    place = ObjectKey(pod["metadata"]["namespace"], pod["metadata"]["name"])
    await objects.create(PODS, place.namespace, pod)
    await remove(objects, place, "another uid")
    assert "deletionTimestamp" not in (await objects.get(PODS, *place))["metadata"]
