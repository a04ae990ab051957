"""Who waits for a slot of the executor: order, ageing, and that projects do not take from each other."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from flytelike.model.priority import PRIORITY_MAX
from propeller.executors.process.line import POINT_S, Line

PRIORITIES = st.integers(-PRIORITY_MAX, PRIORITY_MAX)
COMERS = st.lists(st.tuples(st.sampled_from("pqr"), PRIORITIES, st.integers(0, 10_000)), max_size=40)
"""Project, priority, and how many seconds after the one before."""


@dataclass
class Waiting:
    """A line with a clock of its own."""

    now_s: float = 0.0
    gone: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.line: Line[str] = Line(lambda: self.now_s, self.gone.__contains__)

    def put(self, name: str, priority: int = 0, project: str = "p", *, after_s: float = 0) -> None:
        self.now_s += after_s
        self.line.put(name, project, priority)

    def all(self) -> list[str]:
        found = []
        while (name := self.line.take()) is not None:
            found.append(name)
        return found


def test_equals_are_served_as_they_came() -> None:
    waiting = Waiting()
    for name in "abc":
        waiting.put(name)
    assert waiting.all() == ["a", "b", "c"]


def test_a_higher_priority_goes_first_in_its_project() -> None:
    waiting = Waiting()
    waiting.put("low", -1)
    waiting.put("plain")
    waiting.put("high", 5, after_s=60)
    assert waiting.all() == ["high", "plain", "low"]


def test_a_minute_of_waiting_is_worth_one_point() -> None:
    waiting = Waiting()
    waiting.put("first")
    waiting.put("before its time", 1, after_s=POINT_S - 1)
    waiting.put("too late", 1, after_s=2)
    assert waiting.all() == ["before its time", "first", "too late"]


def test_priorities_of_one_project_take_nothing_from_another() -> None:
    waiting = Waiting()
    waiting.put("p0", project="p")
    waiting.put("q0", -PRIORITY_MAX, project="q")
    waiting.put("p1", PRIORITY_MAX, project="p")
    assert waiting.all() == ["p1", "q0", "p0"]


@given(COMERS, st.sets(st.integers(0, 39)))
def test_the_order_that_is_told_is_the_one_in_which_they_are_taken(
    comers: list[tuple[str, int, int]], gone: set[int]
) -> None:
    waiting = Waiting(gone={str(number) for number in gone})
    for number, (project, priority, after_s) in enumerate(comers):
        waiting.put(str(number), priority, project, after_s=after_s)
    told = waiting.line.order()
    assert told == waiting.all()
    assert waiting.line.order() == []


def test_who_has_gone_is_passed_over() -> None:
    waiting = Waiting()
    for name in "abc":
        waiting.put(name)
    waiting.gone.update("ab")
    assert waiting.all() == ["c"]
    assert not waiting.line


def test_clear_gives_everybody_who_waits_and_leaves_nobody() -> None:
    waiting = Waiting()
    for project in "pqp":
        waiting.put(f"of {project}", project=project)
    waiting.gone.add("of q")
    assert waiting.line.clear() == ["of p", "of p"]
    assert waiting.all() == []


@given(COMERS)
def test_projects_take_turns_as_their_members_came_whatever_their_priorities(
    comers: Sequence[tuple[str, int, int]],
) -> None:
    waiting = Waiting()
    for number, (project, priority, after_s) in enumerate(comers):
        waiting.put(f"{project}{number}", priority, project, after_s=after_s)
    assert [name[0] for name in waiting.all()] == [project for project, _, _ in comers]


@given(COMERS)
def test_nobody_is_overtaken_by_who_came_later_than_points_are_worth(comers: Sequence[tuple[str, int, int]]) -> None:
    waiting, came = Waiting(), {}
    for number, (_, priority, after_s) in enumerate(comers):
        waiting.put(f"{number}", priority, after_s=after_s)
        came[f"{number}"] = (waiting.now_s, priority)
    order = waiting.all()
    assert sorted(order) == sorted(came)
    for at, later in enumerate(order):
        for earlier in order[:at]:
            (of_earlier, its_priority), (of_later, priority) = came[earlier], came[later]
            assert of_earlier <= of_later + (its_priority - priority) * POINT_S


@given(st.integers(200, 5_000))
def test_the_lowest_is_served_though_the_highest_never_stop_coming(every_s: int) -> None:
    """One of the highest priority comes for each that is served; the lowest waits its span, and no longer."""
    waiting = Waiting()
    waiting.put("lowest", -PRIORITY_MAX)
    span_s = 2 * PRIORITY_MAX * POINT_S
    for number in range(int(span_s / every_s) + 2):
        waiting.put(f"highest {number}", PRIORITY_MAX, after_s=every_s)
        if waiting.line.take() == "lowest":
            break
    else:
        raise AssertionError("the lowest starved")
    assert waiting.now_s <= span_s + every_s
