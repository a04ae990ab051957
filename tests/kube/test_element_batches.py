"""Elements of arrays that share orders of worker pods."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flytelike.codec.literals import literal_map_from_proto
from flytelike.model.literals import Primitive
from flytelike_idl.core import literals_pb2
from propeller.core.elements import Span
from propeller.executors.pod.worker_lease import LEASE
from propeller.ports_elements import ArraySpec, ElementResult, ElementsOrder
from tests.kube.control_plane import ControlPlane
from tests.kube.pod_bench import PodBench
from tests.unit.executor.builders import appears, array_of

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def bench(
    anyio_backend: str, api_server: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PodBench]:
    bench = PodBench(tmp_path_factory.mktemp("site"), api_server).reuse(1)
    await bench.open()
    yield bench
    await bench.close()


async def told(bench: PodBench, array: ArraySpec) -> list[ElementResult]:
    """Run all elements of an array and return how they ended, by index."""
    await bench.executor.start_elements(ElementsOrder(array, [Span(0, array.length)]))
    found = await bench.listener.told_of(array.key, array.length)
    assert [one.element for one in found] == [*range(array.length)]
    return found


def given(array: ArraySpec, result: ElementResult) -> object:
    """Return the one output of an element, from wherever it is."""
    stored = Path(f"{array.output_prefix}/{result.element}/{result.attempt}/outputs.pb")
    document = result.outputs if result.outputs is not None else stored.read_bytes()
    value = literal_map_from_proto(literals_pb2.LiteralMap.FromString(document))["o0"].value
    assert isinstance(value, Primitive)
    return value.value


def orders(array: ArraySpec) -> int:
    """Return how many orders workers were given for an array."""
    return len([*Path(array.output_prefix).rglob(LEASE)])


async def test_short_elements_share_orders(bench: PodBench) -> None:
    array = array_of(bench.site.attempt("scaled", outputs=True), {"n": range(60)}, by=3)
    found = await told(bench, array)
    assert [given(array, one) for one in found] == [3 * n for n in range(60)]
    assert orders(array) < 20
    assert len(bench.node.started) == 1


async def test_a_large_output_is_stored_where_its_element_says(bench: PodBench) -> None:
    array = array_of(bench.site.attempt("long_text", outputs=True), {"n": range(12)})
    assert {given(array, one) for one in await told(bench, array)} == {"x" * 200_000}
    assert orders(array) < 12


async def test_each_element_ends_in_its_own_way(bench: PodBench) -> None:
    """One leaves its process, one raises, one leaves a thread behind: none of them takes others with it."""
    numbers = [0, 1, 2, 4, 7, 9, 10, 3, 5, 8, 11, 12, 13, 14]
    array = array_of(bench.site.attempt("risky", outputs=True), {"n": numbers})
    codes = {numbers[one.element]: one.failure and one.failure.code for one in await told(bench, array)}
    assert {n: code for n, code in codes.items() if code} == {3: "NonZeroExit", 5: "USER:ValueError"}
    assert orders(array) < len(numbers)


async def test_what_each_element_prints_is_its_own(bench: PodBench) -> None:
    array = array_of(bench.site.attempt("risky", outputs=True), {"n": range(11, 31)})
    await told(bench, array)
    for index, n in enumerate(range(11, 31)):
        expected = f"odd {n}\n".encode() if n % 2 else b""
        assert await bench.log(array.attempt(index, 0).key, follow=True) == expected
    assert orders(array) < 20


async def halted(bench: PodBench, folder: Path) -> ArraySpec:
    """Start an array of which an order halts at the 15th element; all before it are done."""
    array = array_of(bench.site.attempt("halting", outputs=True), {"n": range(20)}, halts=14, folder=str(folder))
    await bench.executor.start_elements(ElementsOrder(array, [Span(0, 20)]))
    await appears(folder / "ran-14")
    async with asyncio.timeout(30):
        while not [batch for _, batch in bench.executor._pool.given() if batch and (14, 0) in batch.elements]:
            await asyncio.sleep(0.01)
    return array


def runs(folder: Path) -> list[int]:
    """Return how often each element has begun."""
    return [len((folder / f"ran-{n}").read_text()) for n in range(20)]


async def test_an_order_that_runs_when_the_platform_dies_is_found_by_the_next_one(
    bench: PodBench, tmp_path: Path
) -> None:
    array = await halted(bench, tmp_path)
    before = {one.element for one in bench.listener.told.get(array.key, ())}
    await bench.restart()
    left = [Span(index, 1) for index in range(20) if index not in before]
    await bench.executor.start_elements(ElementsOrder(array, left))
    (tmp_path / "go").touch()
    found = await bench.listener.told_of(array.key, len(left))
    assert [given(array, one) for one in found] == [span.first for span in left]
    assert runs(tmp_path) == [1] * 20


async def test_an_element_alone_that_runs_when_the_platform_dies_is_found_by_the_next_one(
    bench: PodBench, tmp_path: Path
) -> None:
    array = array_of(bench.site.attempt("halting", outputs=True), {"n": range(20)}, halts=0, folder=str(tmp_path))
    order = ElementsOrder(array, [Span(0, 20)])
    await bench.executor.start_elements(order)
    await appears(tmp_path / "ran-0")
    await bench.restart()
    await bench.executor.start_elements(order)
    (tmp_path / "go").touch()
    assert [given(array, one) for one in await bench.listener.told_of(array.key, 20)] == [*range(20)]
    assert runs(tmp_path) == [1] * 20


async def test_an_array_that_is_stopped_ends_its_orders_and_its_worker_goes_on(bench: PodBench, tmp_path: Path) -> None:
    array = await halted(bench, tmp_path)
    known = len(bench.listener.told[array.key])
    await bench.executor.abort_elements(array.key, "enough")
    started = len(bench.node.started)
    assert (await bench.end_of(bench.site.attempt("nothing"))).failure is None
    assert len(bench.listener.told[array.key]) == known
    assert not (tmp_path / "ran-15").exists()
    assert len(bench.node.started) == started


async def test_elements_of_a_stopped_worker_run_in_the_next_one(bench: PodBench, tmp_path: Path) -> None:
    """What was stored of an order counts; whoever ran when the whole pod was killed was not at fault."""
    array = await halted(bench, tmp_path)
    (pod,) = [one for one in await bench.pods() if not one["metadata"].get("deletionTimestamp")]
    (tmp_path / "go").touch()
    bench.node.kill(pod["metadata"]["name"])
    found = await bench.listener.told_of(array.key, 20)
    assert [(one.failure, given(array, one)) for one in found] == [(None, n) for n in range(20)]
