"""Slots of eager tasks: whoever waits leaves one to whom it waits for."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from propeller.executors.process.eager_slots import SLOTS_MAX, SLOTS_MIN, EagerSlots, slots_for
from propeller.executors.process.line import Line
from propeller.ports import AttemptSpec
from tests.unit.executor.builders import Bench, appears

pytestmark = pytest.mark.anyio


Shape = list["Shape"]
"""A tree of callers: the shapes of its calls."""


@dataclass(eq=False)
class Caller:
    """An eager task that ends once all its calls have."""

    level: int
    calls: list["Caller"] = field(default_factory=list)
    above: "Caller | None" = None
    open: int = 0


def in_line() -> Line[Any]:
    return Line(lambda: 0.0, lambda _: False)


def grown(shape: Shape, level: int = 0, above: Caller | None = None) -> Caller:
    """Return a tree of callers of a nested list's shape."""
    caller = Caller(level, above=above, open=len(shape))
    caller.calls = [grown(part, level + 1, caller) for part in shape]
    return caller


SHAPES: st.SearchStrategy[Shape] = st.recursive(st.just([]), lambda inner: st.lists(inner, max_size=6), max_leaves=60)


@given(st.lists(SHAPES, min_size=1, max_size=12), st.integers(1, 20))
def test_callers_of_any_number_and_depth_all_end(shapes: list[Shape], slots: int) -> None:
    """However few slots there are; and never do more run than slots, and one more for each level."""
    queue = EagerSlots[Caller](slots, in_line)
    roots = [grown(shape) for shape in shapes]
    levels = {caller.level for root in roots for caller in everybody(root)}
    for root in roots:
        queue.wait(root, 0, "project", 0)
    running: list[Caller] = []
    ended = 0
    while queue or running:
        while queue:
            caller = queue.take()
            assert caller is not None
            queue.hold(caller.level)
            running.append(caller)
            for call in caller.calls:
                queue.wait(call, call.level, "project", 0)
        assert len(running) <= slots + len(levels)
        last = next((caller for caller in running if not caller.open), None)
        assert last is not None, "all that run wait, and nobody who waits for a slot gets one"
        running.remove(last)
        queue.leave(last.level)
        ended += 1
        if last.above is not None:
            last.above.open -= 1
    assert ended == sum(1 for root in roots for _ in everybody(root))


def everybody(caller: Caller) -> Iterator[Caller]:
    yield caller
    for call in caller.calls:
        yield from everybody(call)


def test_callers_leave_a_part_of_the_slots_to_their_calls() -> None:
    queue = EagerSlots[int](128, in_line)
    running = []
    for level in (0, 1, 2):
        for _ in range(500):
            queue.wait(level, level, "project", 0)
        while queue:
            running.append(queue.take())
            queue.hold(level)
    assert Counter(running) == {0: 96, 1: 24, 2: 6}


def test_the_deepest_go_first() -> None:
    queue = EagerSlots[str](2, in_line)
    for who, level in (("root", 0), ("leaf", 2), ("call", 1), ("other leaf", 2)):
        queue.wait(who, level, "project", 0)
    assert [queue.take() for _ in range(4)] == ["leaf", "other leaf", "call", "root"]
    with pytest.raises(IndexError):
        queue.take()


def test_of_one_level_the_more_urgent_goes_first() -> None:
    queue = EagerSlots[str](1, in_line)
    queue.wait("early", 0, "project", 0)
    queue.wait("urgent", 0, "project", 1)
    assert [queue.take(), queue.take()] == ["urgent", "early"]


def test_those_who_wait_can_be_told_all_at_once() -> None:
    queue = EagerSlots[str](1, in_line)
    queue.wait("call", 1, "project", 0)
    queue.wait("root", 0, "project", 0)
    assert list(queue.drain()) == ["root", "call"]
    assert not queue


@pytest.mark.parametrize(("memory_gb", "slots"), [(0, SLOTS_MIN), (2, 21), (8, 85), (64, SLOTS_MAX)])
def test_the_memory_says_how_many_may_wait(memory_gb: int, slots: int) -> None:
    assert slots_for(memory_gb << 30) == slots


def eager(spec: AttemptSpec, depth: int) -> AttemptSpec:
    metadata = replace(spec.task.metadata, is_eager=True)
    return replace(spec, depth=depth, task=replace(spec.task, metadata=metadata))


async def test_what_a_caller_waits_for_starts_though_callers_hold_all_slots(tmp_path: Path) -> None:
    bench = Bench(tmp_path, slots=1, eager_slots=1)
    try:
        callers = [
            eager(bench.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / f"pid{number}")}), 0)
            for number in range(3)
        ]
        for caller in callers:
            await bench.executor.start(caller)
        await appears(tmp_path / "pid0")
        called = await bench.end_of(eager(bench.site.attempt("double", {"n": 4}), 1))
        assert called.output == 8
        assert not (tmp_path / "pid1").exists()
        await bench.executor.abort(callers[0].key, "enough")
        await appears(tmp_path / "pid1")
    finally:
        await bench.close()
