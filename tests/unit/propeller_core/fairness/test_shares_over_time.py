"""Fairness in numbers, in simulated time: tasks of random lengths, a platform that is too small."""

import heapq
from collections import Counter
from random import Random

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
            self.fair.ask(Request(name, (team, "p", "d"), {"attempts": 1}, self.now))
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
            self.fair.give_back(name)


def platform(**weights: float) -> Platform:
    quotas = {(team,): Quota(weight=weight) for team, weight in weights.items()}
    return Platform(FairQueue({(): Quota(limit={"attempts": SLOTS}), **quotas}))


def test_a_small_job_beside_a_flood_takes_no_longer_than_alone_on_half_the_platform() -> None:
    """Ten tasks that come late beside 10,000: within 1.5 times of what they take alone on half of it."""
    alone = Platform(FairQueue({(): Quota(limit={"attempts": SLOTS // 2})}))
    names = alone.submit("small", 10, length=1000)
    alone.run(10**9)
    beside = platform()
    beside.submit("flood", 10_000, length=100)
    beside.run(5_000)
    came = beside.now
    late = beside.submit("small", 10, length=1000)
    beside.run(10**9)
    took = max(beside.ended[name] for name in late) - came
    assert took <= 1.5 * max(alone.ended[name] for name in names)


def test_ten_teams_of_weights_one_to_ten_get_their_shares_within_five_per_cent() -> None:
    weights = {f"team{weight}": float(weight) for weight in range(1, 11)}
    crowded = Platform(
        FairQueue({(): Quota(limit={"attempts": 110}), **{(team,): Quota(weight=w) for team, w in weights.items()}})
    )
    for team in weights:
        crowded.submit(team, 4_000, length=100)
    crowded.run(10_000)
    whole = sum(crowded.got.values())
    for team, weight in weights.items():
        assert abs(crowded.got[team] / whole / (weight / 55) - 1) <= 0.05, team
