"""What every executor promises: on processes, as pods of a real API server, and in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from flytelike.model.failure import Failure, Fault
from propeller.core.elements import Span
from propeller.executors.ending import Ending, GaveNodes
from propeller.executors.memory import MemoryExecutor
from propeller.ports import AttemptKey, AttemptSpec, Executor
from propeller.ports_elements import ArraySpec, ElementsOrder
from tests.kube.pod_bench import PodBench
from tests.unit.executor.builders import Bench, Ended, Listener, Site, array_of

pytestmark = pytest.mark.anyio


class World(Protocol):
    """An executor with what the contract needs around it."""

    site: Site
    listener: Listener
    executor: Executor
    many: int

    async def end_of(self, spec: AttemptSpec) -> Ended: ...

    async def begun(self, array: ArraySpec, count: int) -> None: ...

    async def lined_up(self, count: int) -> None: ...

    async def close(self) -> None: ...


class MemoryBench:
    """The executor in memory; its behaviour is that of the sample tasks of the same name."""

    many = 40

    def __init__(self, root: Path, **settings: int) -> None:
        self.site = Site(root)
        self.listener = Listener()
        self.executor = MemoryExecutor(self._behave, self.listener, **settings)
        self.stopped: list[AttemptKey] = []

    async def end_of(self, spec: AttemptSpec) -> Ended:
        await self.executor.start(spec)
        return Ended(spec, await self.listener.ended(spec.key))

    async def begun(self, array: ArraySpec, count: int) -> None:
        """They begin at once."""

    async def lined_up(self, count: int) -> None:
        """They are, once they are started."""

    async def close(self) -> None:
        await self.executor.close()

    async def _behave(self, spec: AttemptSpec) -> Ending:
        match spec.task.id.name:
            case "fail":
                return Failure("USER:ValueError", "ValueError: boom", Fault.USER, retryable=False)
            case "spread":
                return GaveNodes()
            case "wait_for_ever":
                await asyncio.Event().wait()
        Path(spec.output_prefix).mkdir(parents=True)
        Path(spec.output_prefix, "outputs.pb").write_bytes(b"")
        return None


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


async def world_of(kind: str, root: Path, request: pytest.FixtureRequest, slots: int = 2) -> World:
    match kind:
        case "process":
            return Bench(root, slots=slots)
        case "memory":
            return MemoryBench(root, slots=slots)
    bench = PodBench(root, request.getfixturevalue("api_server"), slots if kind == "pod" else 110)
    if kind == "worker":
        bench.reuse(slots)
    await bench.open()
    return bench


@pytest.fixture(scope="module", params=["process", "memory", "pod", "worker"])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param in {"pod", "worker"}:
        request.getfixturevalue("api_server")
    return str(request.param)


@pytest.fixture(scope="module")
async def world(
    kind: str, request: pytest.FixtureRequest, anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    world = await world_of(kind, tmp_path_factory.mktemp("site"), request)
    yield world
    await world.close()


@pytest.fixture
def waiting(world: World, tmp_path: Path) -> AttemptSpec:
    return world.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / "pid")})


async def test_success_is_told_once_the_outputs_are_stored(world: World) -> None:
    ended = await world.end_of(world.site.attempt("nothing"))
    assert ended.failure is None
    assert Path(ended.spec.output_prefix, "outputs.pb").exists()


async def test_a_failure_is_told_with_its_code(world: World) -> None:
    failure = (await world.end_of(world.site.attempt("fail", {"text": "boom"}))).failure
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == ("USER:ValueError", Fault.USER, False)
    assert "boom" in failure.message


async def test_nodes_to_run_next_are_told_as_such_and_again_when_it_is_started_again(world: World) -> None:
    ended = await world.end_of(world.site.attempt("spread"))
    del world.listener.ends[ended.spec.key]
    await world.end_of(ended.spec)
    assert world.listener.count("expanded", ended.spec.key) == 2
    assert world.listener.count("running", ended.spec.key) == 1


async def test_running_comes_before_the_end(world: World) -> None:
    spec = (await world.end_of(world.site.attempt("nothing"))).spec
    assert [event for event, key in world.listener.events if key == spec.key] == ["running", "ended"]


async def test_who_waits_for_a_worker_is_told_its_place_and_who_runs_is_not(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Pods are lined up by the cluster's scheduler: their executor tells of none."""
    world = await world_of(kind, tmp_path, request, slots=1)
    try:
        specs = [world.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / f"pid{n}")}) for n in range(3)]
        await world.executor.start(specs[0])
        await world.listener.ran(specs[0].key)  # Pods that are made at the same time run in any order.
        for spec in specs[1:]:
            await world.executor.start(spec)
        await world.lined_up(2)
        assert list(await world.executor.queued(specs[0].key.execution)) == []
        for place, spec in enumerate(specs[1:], 1):
            told = [(it.path, it.attempt, it.place, it.of) for it in await world.executor.queued(spec.key.execution)]
            assert told == ([(spec.key.path, 0, place, 2)] if kind != "pod" else [])
        await world.executor.abort(specs[1].key, "enough")
        await world.lined_up(1)
        left = [it.place for it in await world.executor.queued(specs[2].key.execution)]
        assert left == ([1] if kind != "pod" else [])
    finally:
        await world.close()


async def test_starting_again_while_it_runs_does_nothing(world: World, waiting: AttemptSpec) -> None:
    await world.executor.start(waiting)
    await world.listener.ran(waiting.key)
    await world.executor.start(waiting)
    await world.end_of(world.site.attempt("nothing"))
    assert world.listener.count("running", waiting.key) == 1
    await world.executor.abort(waiting.key, "seen")


@pytest.mark.parametrize("task", ["nothing", "fail"])
async def test_starting_again_after_the_end_gives_the_same_news(world: World, task: str) -> None:
    ended = await world.end_of(world.site.attempt(task, {"text": "boom"}))
    del world.listener.ends[ended.spec.key]
    assert (await world.end_of(ended.spec)).failure == ended.failure
    assert world.listener.count("running", ended.spec.key) == 1


async def test_an_aborted_attempt_frees_its_slot_and_is_not_heard_of_again(world: World, waiting: AttemptSpec) -> None:
    for _ in range(3):
        spec = world.site.attempt("wait_for_ever", {"pid_file": f"{world.site.root}/pid"})
        await world.executor.start(spec)
        await world.listener.ran(spec.key)
        await world.executor.abort(spec.key, "enough")
        await world.end_of(world.site.attempt("nothing"))
        assert spec.key not in world.listener.ends


async def test_aborting_what_is_unknown_or_over_does_nothing(world: World, waiting: AttemptSpec) -> None:
    await world.executor.abort(waiting.key, "never started")
    ended = await world.end_of(world.site.attempt("nothing"))
    await world.executor.abort(ended.spec.key, "over")
    assert world.listener.count("ended", ended.spec.key) == 1


async def test_a_late_attempt_fails_and_may_be_retried(world: World) -> None:
    spec = world.site.attempt("wait_for_ever", {"pid_file": f"{world.site.root}/pid"}, timeout_ms=30)
    failure = (await world.end_of(spec)).failure
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == ("TimeoutExpired", Fault.USER, True)


async def test_many_attempts_all_end(world: World) -> None:
    specs = [world.site.attempt("nothing") for _ in range(world.many)]
    await asyncio.gather(*(world.executor.start(spec) for spec in specs))
    assert [await world.listener.ended(spec.key) for spec in specs] == [None] * world.many


async def test_closing_loses_attempts_without_failing_them(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    world = await world_of(kind, tmp_path, request, slots=1)
    specs = [world.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / "pid")}) for _ in range(2)]
    await world.executor.start(specs[0])
    await world.listener.ran(specs[0].key)
    await world.executor.start(specs[1])
    await world.close()
    await world.close()
    assert world.listener.ends == {}
    await world.executor.start(world.site.attempt("nothing"))
    assert world.listener.ends == {}


async def test_elements_of_an_array_end_each_once(world: World) -> None:
    spec = world.site.attempt("nothing")
    count, retried = world.many // 2, world.many // 3
    array = array_of(spec, {"n": range(count)})
    await world.executor.start_elements(ElementsOrder(array, [Span(0, retried, 0), Span(retried, count - retried, 1)]))
    told = await world.listener.told_of(array.key, count)
    expected = [(n, int(n >= retried), None) for n in range(count)]
    assert [(one.element, one.attempt, one.failure) for one in told] == expected


async def test_elements_that_are_stopped_are_not_told(world: World, waiting: AttemptSpec, tmp_path: Path) -> None:
    array = array_of(waiting, {"n": range(5)}, pid_file=str(tmp_path / "pid"))
    await world.executor.start_elements(ElementsOrder(array, [Span(0, 5)]))
    await world.executor.abort_elements(array.key, "enough")
    await world.executor.abort_elements(array.key, "twice")
    assert (await world.end_of(world.site.attempt("nothing"))).failure is None
    assert array.key not in world.listener.told


def elements_of(spans: Sequence[Span]) -> list[tuple[int, int]]:
    return [(index, span.attempt) for span in spans for index in range(span.first, span.end)]


async def test_elements_that_have_not_begun_can_be_taken_back(
    world: World, waiting: AttemptSpec, tmp_path: Path
) -> None:
    await world.end_of(world.site.attempt("nothing"))  # there are workers now, so that the first ones begin at once
    array = replace(array_of(waiting, {"n": range(5)}, pid_file=str(tmp_path / "pid")), queued_ns=1)
    await world.executor.start_elements(ElementsOrder(array, [Span(0, 5)]))
    await world.executor.start_elements(ElementsOrder(array, [Span(0, 5)]))
    await world.begun(array, 2)
    first = elements_of(await world.executor.withdraw_elements(array.key, [Span(0, 3), Span(4, 1, 1)]))
    rest = elements_of(await world.executor.withdraw_elements(array.key, [Span(0, 5)]))
    assert {*first} <= {(0, 0), (1, 0), (2, 0)}
    assert len({*first, *rest}) == len(first) + len(rest) == 3
    assert await world.executor.withdraw_elements(array.key, [Span(0, 5)]) == ()
    await world.executor.abort_elements(array.key, "enough")
    assert (await world.end_of(world.site.attempt("nothing"))).failure is None
    assert array.key not in world.listener.told
