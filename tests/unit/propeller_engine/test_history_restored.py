"""History is told to a control plane that fails, loses answers, and is restored from backups; operators are killed.

A model of the control plane hears of a real engine's store, with drawn faults. What must hold at any time: a record is
left in the store until the control plane has taken it at least once. What must hold in the end: all is told of whom
nothing is missing; of whom something is, it is said what, and all is told once that is accepted.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from flytelike.model.history import ExecutionChanged, Gap, HistoryEntry, HistoryGap
from flytelike.model.ids import ExecutionId
from flytelike.model.phases import WorkflowPhase
from propeller.engine import delivery
from propeller.engine.delivery import Delivery
from propeller.engine.settings import EngineSettings
from propeller.engine.telling import Telling
from propeller.engine.troubles import Troubles
from propeller.ports import Commit, EventSink
from propeller.stores.memory import MemoryStateStore
from tests.unit.propeller_engine.fakes import FakeClock, S
from tests.unit.propeller_engine.world import kill

EXECUTIONS = [ExecutionId("p", "d", name) for name in ("a", "b", "c")]


@dataclass
class ControlPlaneModel(EventSink):
    """Takes a batch whole or not at all, what it knows for nothing; contract tests hold the real one to the same."""

    sequences: dict[ExecutionId, int] = field(default_factory=dict)
    backup: dict[ExecutionId, int] = field(default_factory=dict)
    ever: set[tuple[ExecutionId, int]] = field(default_factory=set)
    gaps: dict[ExecutionId, Gap] = field(default_factory=dict)
    away: int = 0
    mute: int = 0

    @override
    async def record(self, batch: Sequence[HistoryEntry]) -> None:
        if self.away:
            self.away -= 1
            raise OSError("the control plane is away")
        after, gaps = dict(self.sequences), dict[ExecutionId, Gap]()
        for entry in batch:
            known = after.get(entry.execution, 0)
            if entry.sequence == known + 1:
                after[entry.execution] = entry.sequence
            elif entry.sequence > known:
                gaps.setdefault(entry.execution, Gap(entry.execution, known + 1, entry.sequence))
        if gaps:
            self.gaps |= gaps
            raise HistoryGap([*gaps.values()])
        self.sequences = after
        self.ever |= {(entry.execution, entry.sequence) for entry in batch}
        for entry in batch:
            self.gaps.pop(entry.execution, None)
        if self.mute:
            self.mute -= 1
            raise OSError("its answer was lost")


class World:
    def __init__(self, waiting_max: int, batch: int) -> None:
        settings = EngineSettings("meta", "raw", history_waiting_max=waiting_max, history_batch=batch)
        self.settings = replace(settings, history_keep_ns=S)
        self.clock = FakeClock()
        self.store = MemoryStateStore(self.clock.now_ns)
        self.plane = ControlPlaneModel()
        self.committed = dict.fromkeys(EXECUTIONS, 0)
        self.versions = dict.fromkeys(EXECUTIONS, 0)
        self._others = asyncio.all_tasks()
        self.delivery = self._begin()

    def _begin(self) -> Delivery:
        made = Delivery(self.store, self.plane, self.clock, self.settings, Troubles(self.clock))
        made.start()
        return made

    async def commit(self, number: int, records: int) -> None:
        """Store some records of an execution, and hand them over, as a turn of the engine does."""
        execution = EXECUTIONS[number]
        changed = [ExecutionChanged(WorkflowPhase.RUNNING, self.clock.now_ns())] * records
        first = self.committed[execution] + 1
        telling = Telling(execution, "meta", "in", first, changed, [None] * records, [None] * records)
        launch = b"launch" if first == 1 else b""
        await self.store.commit(
            Commit(execution, self.versions[execution], b"", launch=launch, history=telling.batch())
        )
        self.versions[execution] += 1
        self.committed[execution] += records
        self.delivery.add(telling)

    async def kill(self) -> None:
        """End the operator at once, and start another one on its store."""
        await kill(self._others)
        self.delivery = self._begin()

    async def hand_over(self) -> None:
        """Stop the operator, and start another one on its store."""
        closing = asyncio.get_running_loop().create_task(self.delivery.close())
        while not closing.done():
            await self.pass_s(1)
        self.delivery = self._begin()

    def restore(self) -> None:
        """Bring the control plane's database back to its backup."""
        self.plane.sequences = dict(self.plane.backup)
        self.plane.gaps.clear()

    def accept(self) -> None:
        """Give up all that is known to be lost."""
        for execution, gap in self.plane.gaps.items():
            self.plane.sequences[execution] = max(self.plane.sequences.get(execution, 0), gap.came - 1)
        self.plane.gaps.clear()

    async def pass_s(self, seconds: int) -> None:
        for _ in range(4 * seconds):
            self.clock.advance(S // 4)
            for _ in range(25):
                await asyncio.sleep(0)

    async def undelivered(self) -> dict[ExecutionId, set[int]]:
        """Return what lies in the engine's store."""
        left: dict[ExecutionId, set[int]] = {execution: set() for execution in EXECUTIONS}
        for execution, batch in await self.store.undelivered(10_000):
            left[execution] |= {*range(batch.first, batch.last + 1)}
        return left

    async def check(self) -> None:
        """Hold to what must be so at any time."""
        left = await self.undelivered()
        for execution in EXECUTIONS:
            for number in range(1, self.committed[execution] + 1):
                taken = (execution, number) in self.plane.ever
                assert taken or number in left[execution], f"{execution} lost {number}"


NUMBERS = st.integers(0, len(EXECUTIONS) - 1)
STEPS = st.one_of(
    st.tuples(st.just("commit"), NUMBERS, st.integers(1, 4)),
    st.tuples(st.just("commit"), NUMBERS, st.integers(1, 4)),
    st.tuples(st.just("away"), st.integers(1, 4), st.just(0)),
    st.tuples(st.just("mute"), st.integers(1, 2), st.just(0)),
    st.tuples(st.just("pass"), st.integers(1, 12), st.just(0)),
    st.tuples(st.sampled_from(["kill", "hand over", "back up", "restore", "accept"]), st.just(0), st.just(0)),
)


async def done(world: World, step: tuple[str, int, int]) -> None:
    """Do a step."""
    match step:
        case ("commit", number, records):
            await world.commit(number, records)
        case ("away", times, _):
            world.plane.away = times
        case ("mute", times, _):
            world.plane.mute = times
        case ("pass", seconds, _):
            await world.pass_s(seconds)
        case ("kill", _, _):
            await world.kill()
        case ("hand over", _, _):
            await world.hand_over()
        case ("back up", _, _):
            world.plane.backup = dict(world.plane.sequences)
        case ("restore", _, _):
            world.restore()
        case _:
            world.accept()


async def lived(world: World, steps: Sequence[tuple[str, int, int]]) -> None:
    """Do all steps, then let nothing fail any more; look at what came of it."""
    for step in steps:
        await done(world, step)
        await world.check()
    for number in range(len(EXECUTIONS)):
        await world.commit(number, 1)  # only news show that something before them is missing
    world.plane.away = world.plane.mute = 0
    await world.pass_s(60)
    await world.check()
    left = await world.undelivered()
    for execution in EXECUTIONS:
        known, gap = world.plane.sequences.get(execution, 0), world.plane.gaps.get(execution)
        if gap is None:
            assert (known, left[execution]) == (world.committed[execution], set())
        else:
            assert gap == Gap(execution, known + 1, min(left[execution])), "what is told is what is missing"
            assert (execution, known + 1) in world.plane.ever, "it was taken once, and lost by the restored database"
    world.accept()
    await world.pass_s(30)
    assert world.plane.sequences == world.committed
    await world.hand_over()
    assert await world.store.undelivered(1) == []
    await kill(world._others)


@given(st.lists(STEPS, max_size=25), st.sampled_from([2, 5, 20_000]), st.sampled_from([1, 3, 1000]))
def test_no_history_is_lost_and_what_is_missing_is_told(
    steps: list[tuple[str, int, int]], waiting_max: int, batch: int
) -> None:
    async def body() -> None:
        await lived(World(waiting_max, batch), steps)

    asyncio.run(body())


@pytest.mark.parametrize("restart", ["kill", "hand over"])
def test_a_restored_control_plane_has_a_gap_once_the_engine_has_dropped_what_was_told(restart: str) -> None:
    """What makes the property say something: this is how a gap comes about."""

    async def body() -> None:
        world = World(20_000, 1000)
        for step in [("back up", 0, 0), ("commit", 0, 3), ("pass", 5, 0), ("restore", 0, 0), (restart, 0, 0)]:
            await done(world, step)
        await world.commit(0, 1)
        await world.commit(1, 2)
        await world.pass_s(5)
        assert world.plane.gaps == {EXECUTIONS[0]: Gap(EXECUTIONS[0], 1, 4)}
        assert world.plane.sequences == {EXECUTIONS[1]: 2}
        await kill(world._others)

    asyncio.run(body())


def test_dropping_what_was_not_taken_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The property fails for an engine that drops what it only tried to tell."""

    async def hand_over(self: Delivery, batch: Sequence[HistoryEntry]) -> bool:
        try:
            await self._sink.record(batch)
        except OSError:
            pass
        for entry in batch:
            self._waiting.popleft()
            self._told[entry.execution] = entry.sequence
        await self._drop()
        return True

    async def body() -> None:
        await lived(World(20_000, 1000), [("away", 1, 0), ("commit", 0, 1), ("pass", 1, 0)])

    monkeypatch.setattr(delivery.Delivery, "_hand_over", hand_over)
    with pytest.raises(AssertionError, match="lost 1"):
        asyncio.run(body())
