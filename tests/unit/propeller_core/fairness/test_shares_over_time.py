"""Fairness in numbers, in simulated time: tasks of random lengths, a platform that is too small."""

import heapq
from collections import Counter
from random import Random

import pytest

from propeller.core.fairness import FairQueue, Quota, Request

SLOTS = 16


class Platform:
    """Runs what is granted in simulated time and counts the time each team got."""

    def __init__(self, fair: FairQueue, seed: int = 0) -> None:
        self.fair = fair
        self.now = 0
        self.got: Counter[str] = Counter()
        self.ended: dict[str, int] = {}
        self._lengths: dict[str, int] = {}
        self._running: list[tuple[int, str]] = []
        self._random = Random(seed)

    def submit(self, team: str, number: int, length: int) -> list[str]:
        """Ask for tasks of about a length; their names."""
        names = [f"{team}-{self.now}-{index}" for index in range(number)]
        for name in names:
            self._lengths[name] = self._random.randint(length // 2, length * 3 // 2)
            self.fair.ask(Request(name, (team, "p", "d"), {"attempts": 1}, self.now), self.now)
        return names

    def run(self, until: int) -> None:
        """Let time pass."""
        while True:
            while (request := self.fair.next_grant(self.now)) is not None:
                heapq.heappush(self._running, (self.now + self._lengths[request.id], request.id))
                self.got[request.path[0]] += self._lengths[request.id]
            if not self._running or self._running[0][0] > until:
                self.now = until
                return
            self.now, name = heapq.heappop(self._running)
            self.ended[name] = self.now
            self.fair.give_back(name, self.now)


def platform(slots: int = SLOTS, **weights: float) -> Platform:
    quotas: dict[tuple[str, ...], Quota] = {(team,): Quota(weight=weight) for team, weight in weights.items()}
    return Platform(FairQueue({(): Quota(limit={"attempts": slots}), **quotas}))


@pytest.mark.parametrize(("slots", "length"), [(2, 100), (2, 1000), (4, 1000), (SLOTS, 100)])
def test_a_small_job_beside_a_flood_takes_no_longer_than_alone_on_half_the_platform(slots: int, length: int) -> None:
    """Ten tasks that come late beside ten thousand: within 1.5 times of what they take alone on half of it.

    Nothing is preempted: where the job is through in a round or two, it waits for tasks that are shorter than its own.
    """
    alone = platform(slots // 2)
    names = alone.submit("small", 10, length=1000)
    alone.run(10**9)
    beside = platform(slots)
    beside.submit("flood", 10_000, length=length)
    beside.run(5_000)
    came = beside.now
    late = beside.submit("small", 10, length=1000)
    beside.run(came + 30_000)
    took = max(beside.ended[name] for name in late) - came
    assert took <= 1.5 * max(alone.ended[name] for name in names)


@pytest.mark.parametrize("slots", [1, 2, 16, 110])
def test_ten_teams_of_weights_one_to_ten_get_their_shares_within_five_per_cent(slots: int) -> None:
    """Also where there are fewer slots than teams: shares are of the time."""
    weights = {f"team{weight}": float(weight) for weight in range(1, 11)}
    crowded = platform(slots, **weights)
    for team in weights:
        crowded.submit(team, 1_200, length=100)
    crowded.run(500_000 // slots)
    whole = sum(crowded.got.values())
    for team, weight in weights.items():
        assert abs(crowded.got[team] / whole / (weight / 55) - 1) <= 0.05, team


def test_long_tasks_weigh_more_than_short_ones() -> None:
    """Equal teams, one with tasks ten times as long: equal time, not equal numbers."""
    crowded = platform(2)
    crowded.submit("long", 400, length=1000)
    crowded.submit("short", 3_000, length=100)
    crowded.run(100_000)
    assert crowded.got["long"] == pytest.approx(crowded.got["short"], rel=0.05)


def test_who_had_the_platform_alone_owes_nothing_to_who_comes_later() -> None:
    crowded = platform(2)
    crowded.submit("early", 3_000, length=100)
    crowded.run(50_000)
    crowded.got.clear()
    crowded.submit("late", 2_000, length=100)
    crowded.run(100_000)
    assert crowded.got["late"] == pytest.approx(crowded.got["early"], rel=0.05)


def test_nobody_saves_up_while_nothing_of_theirs_waits() -> None:
    """A team that ran one task now and then, and then floods, does not shut out the others until it has caught up."""
    crowded = platform(2)
    crowded.submit("steady", 3_000, length=100)
    for _ in range(25):
        crowded.submit("trickle", 1, length=100)
        crowded.run(crowded.now + 2_000)
    crowded.got.clear()
    crowded.submit("trickle", 1_000, length=100)
    crowded.run(crowded.now + 20_000)
    assert crowded.got["trickle"] == pytest.approx(crowded.got["steady"], rel=0.1)
