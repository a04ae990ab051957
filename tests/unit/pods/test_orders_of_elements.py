"""Elements of an array in orders of worker pods, whatever becomes of the orders: each is told once, none is lost."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flytelike.codec.pod_orders import BatchOrder
from flytelike.codec.worker_frames import ElementDone, ElementsDone, encode
from flytelike.model.failure import Failure
from flytelike.model.graph import Container
from flytelike.model.policies import ReusePolicy, TaskMetadata
from flytelike.storage import Store
from propeller.core.elements import Span
from propeller.executors.pod.element_batches import BatchEnd, ElementBatches
from propeller.executors.pod.endings import user_failure
from propeller.executors.results import Results
from propeller.ports import AttemptKey, AttemptSpec
from propeller.ports_elements import ArraySpec, ElementResult, ElementsOrder
from tests.unit.pods.builders import attempt, task_of

DIED = user_failure("NonZeroExit", "it left")
REUSED = TaskMetadata(reuse=ReusePolicy(2, 1))


def array(length: int, prefix: str, **options: object) -> ArraySpec:
    container = Container("image:1", args=("flytelike-execute", "--inputs", "{{.input}}", "--to", "{{.outputPrefix}}"))
    spec = attempt(replace(task_of(container=container), metadata=REUSED))
    made = ArraySpec(
        spec.key, spec.task, spec.workflow, spec.launch_plan, spec.inputs_uri, f"memory://{prefix}", "raw", length
    )
    return replace(made, **options)  # type: ignore[arg-type]


@dataclass
class World:
    """Workers in which some elements end their process, which may be known or not, and the first orders are lost."""

    killers: frozenset[int] = frozenset()
    known: bool = True
    lost: int = 0
    stored_of: int = 3
    told: list[ElementResult] = field(default_factory=list)
    ran: list[tuple[int, ...]] = field(default_factory=list)
    alone: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.results = Results(Store())
        self.batches = ElementBatches(self.results, self._run, self._start, self._tell, self._keep, self._later)

    async def all_of(self, of: ArraySpec, given: Sequence[tuple[AttemptKey, BatchOrder | None]] = ()) -> None:
        """Run an array until all is told."""
        self.batches.start(ElementsOrder(of, [Span(0, of.length)]), given)
        async with asyncio.timeout(30):
            while len(self.told) < of.length:
                await asyncio.sleep(0)

    async def _run(self, spec: AttemptSpec, order: BatchOrder) -> BatchEnd:
        assert spec.output_prefix == order.results_uri.removesuffix("/results")
        self.ran.append(tuple(index for index, _ in order.elements))
        if self.lost:
            self.lost -= 1
            return BatchEnd()
        done: list[ElementDone] = []
        pieces = 0
        for place, (index, number) in enumerate(order.elements):
            if index in self.killers:
                return BatchEnd(0.0, place if self.known else -1)
            done.append(ElementDone(index, number, None, b"%d" % index))
            if len(done) == self.stored_of or place == len(order.elements) - 1:
                await self.results.put(order.results_uri, str(pieces), encode(ElementsDone(tuple(done))))
                pieces, done = pieces + 1, []
        return BatchEnd(0.001 * len(order.elements))

    async def _start(self, order: ElementsOrder) -> None:
        (span,) = order.elements
        self.alone.append(span.first)
        failure: Failure | None = DIED if span.first in self.killers else None
        key = order.array.attempt(span.first, span.attempt).key

        def end() -> None:
            self.batches.ended(key, 0.01)
            self._tell(order.array.key, [ElementResult(span.first, span.attempt, failure)])

        asyncio.get_running_loop().call_soon(end)

    def _tell(self, _key: AttemptKey, results: Sequence[ElementResult]) -> None:
        self.told += results

    async def _keep(self, key: AttemptKey, printed: bytes) -> None:
        raise AssertionError(f"{key} printed nothing, not {printed!r}")

    def _later(self, work: object) -> "asyncio.Task[None]":
        return asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 80), st.frozensets(st.integers(0, 79), max_size=6), st.booleans(), st.integers(0, 4))
def test_each_element_is_told_once_and_who_ends_its_process_is_told_by_itself(
    length: int, killers: frozenset[int], known: bool, lost: int
) -> None:
    world = World(killers, known, lost)
    asyncio.run(world.all_of(array(length, f"{length}-{hash(killers)}-{known}-{lost}")))
    assert sorted(one.element for one in world.told) == [*range(length)]
    assert {one.element for one in world.told if one.failure} == {n for n in killers if n < length}
    assert all(index in world.alone for index in killers if index < length)


def test_only_who_is_at_fault_runs_again_by_itself() -> None:
    world = World(frozenset({40}))
    asyncio.run(world.all_of(array(80, "fault")))
    assert world.alone.count(40) == 1
    assert {*world.alone} - {40} <= {0, 1, 78, 79}, "those of which no time is known, and what is left for the last two"
    assert sum(40 in ran for ran in world.ran) == 1


def test_an_order_that_runs_already_is_waited_for_and_not_given_again() -> None:
    world, of = World(), array(10, "running")
    order = BatchOrder((), (), tuple((n, 0) for n in range(4, 9)), f"{of.output_prefix}/batches/abc/results")
    asyncio.run(world.all_of(of, [(of.attempt(4, 0).key, order)]))
    assert sorted(one.element for one in world.told) == [*range(10)]
    assert (4, 5, 6, 7, 8) in world.ran
    assert not {4, 5, 6, 7, 8} & {n for ran in world.ran for n in ran if ran != (4, 5, 6, 7, 8)}
    assert not {4, 5, 6, 7, 8} & {*world.alone}


def test_an_order_of_another_array_is_none_of_its_own() -> None:
    world, of = World(), array(10, "own")
    order = BatchOrder((), (), ((4, 0),), "memory://other/batches/abc/results")
    asyncio.run(world.all_of(of, [(of.attempt(4, 0).key, order)]))
    assert (4,) not in world.ran


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        ({}, True),
        ({"picks_own": True}, False),
        ({"deadline_ns": 1}, False),
        ({"queued_ns": 1}, False),
        ({"task": task_of()}, False),
    ],
)
def test_elements_share_orders_if_they_could_share_workers_and_are_not_watched_each(
    options: dict[str, object], taken: bool
) -> None:
    made = array(3, "takes", **options)
    assert World().batches.takes(ElementsOrder(made, [Span(0, 3)])) is taken
