"""The fair queue beside one that keeps plain lists and works all out anew: what is granted, waits and is used."""

import random
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from propeller.core.fairness import FairQueue, Quota, Request, TooLarge

PATHS = (("a", "p", "d"), ("a", "p", "e"), ("a", "q", "d"), ("b", "r", "d"))
PLACES = sorted({path[:depth] for path in PATHS for depth in range(4)})
PATIENT = 10**18
"""Nobody waits so long that smaller ones may not pass any more."""


class Plain:
    """What the queue should say, from lists alone."""

    def __init__(self, limits: Mapping[tuple[str, ...], Quota]) -> None:
        self.quotas = limits
        self.waiting: dict[str, Request] = {}
        self.granted: dict[str, Request] = {}

    def used(self, place: tuple[str, ...]) -> Counter[str]:
        total: Counter[str] = Counter()
        for request in self.granted.values():
            if request.path[: len(place)] == place:
                total.update(request.amounts)
        return +total

    def fits(self, request: Request, *, alone: bool = False) -> bool:
        """Tell whether no limit above it is in the way of a request."""
        return all(
            not request.amounts.get(name) or (0 if alone else self.used(place)[name]) + request.amounts[name] <= most
            for place, quota in self.quotas.items()
            if request.path[: len(place)] == place
            for name, most in quota.limit.items()
        )


def some_quotas(rng: random.Random) -> dict[tuple[str, ...], Quota]:
    """Draw limits: mostly one of the platform, and some below it."""
    bounded = [place for place in PLACES if rng.random() < (0.3 if place else 0.8)]
    return {
        place: Quota(
            rng.choice([0.5, 1.0, 3.0]),
            {},
            {name: rng.randint(0, 6) for name in ("cpu", "gpu") if rng.random() < 0.7},
        )
        for place in bounded
    }


class Beside:
    """A queue and the lists it is compared with, which are told the same."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        quotas = some_quotas(rng)
        self.plain = Plain(quotas)
        self.fair = FairQueue(quotas, patience_ns=PATIENT)
        self.now = 0

    def request(self) -> Request:
        self.now += 1
        asked = {"cpu": self.rng.randint(0, 4)}
        if self.rng.random() < 0.3:
            asked["gpu"] = self.rng.randint(0, 2)
        return Request(f"r{self.now}", self.rng.choice(PATHS), asked, self.now, self.rng.randint(-2, 2))

    def ask(self) -> None:
        request = self.request()
        if not self.plain.fits(request, alone=True):
            with pytest.raises(TooLarge, match=request.id):
                self.fair.ask(request, self.now)
            return
        self.fair.ask(request, self.now)
        self.plain.waiting[request.id] = request

    def grant_at_once(self) -> None:
        request = self.request()
        granted = not self.plain.waiting and self.plain.fits(request)
        assert self.fair.grant_unasked(request, self.now) is granted
        if granted:
            self.plain.granted[request.id] = request

    def restore(self) -> None:
        request = self.request()
        for _ in range(2):
            self.fair.restore(request, self.now)
        self.plain.granted[request.id] = request

    def grant(self) -> None:
        for _ in range(self.rng.randint(1, 4)):
            self.now += 1
            found = self.fair.next_grant(self.now)
            if found is None:
                left = [one for one in self.plain.waiting.values() if self.plain.fits(one)]
                assert not left, f"{left[0]} fits, and is not granted"
                return
            request = self.plain.waiting.pop(found.id)
            assert self.plain.fits(request)
            self.plain.granted[request.id] = request

    def give_back(self) -> None:
        if self.plain.granted:
            self.now += 1
            name = self.rng.choice(list(self.plain.granted))
            del self.plain.granted[name]
            self.fair.give_back(name, self.now)

    def withdraw(self) -> None:
        if self.plain.waiting:
            name = self.rng.choice(list(self.plain.waiting))
            del self.plain.waiting[name]
            self.fair.withdraw(name)

    def set_quotas(self) -> None:
        self.now += 1
        self.plain.quotas = some_quotas(self.rng)
        self.fair.set_quotas(self.plain.quotas, self.now)

    def tells_what_there_is(self) -> None:
        plain, fair = self.plain, self.fair
        assert len(fair) == len(plain.waiting)
        assert fair.waiting() == list(plain.waiting.values())
        waiting: Counter[tuple[str, ...]] = Counter(
            one.path[:depth] for one in plain.waiting.values() for depth in range(len(one.path) + 1)
        )
        expected = {
            place: (dict(plain.used(place)), waiting[place]) for place in PLACES if plain.used(place) or waiting[place]
        }
        assert {use.path: (dict(use.used), use.waiting) for use in fair.uses()} == expected
        lines = {line[0].path: [one.id for one in line] for line in fair.lines()}
        for path, line in lines.items():
            assert sorted(line) == sorted(one.id for one in plain.waiting.values() if one.path == path)
            told = [fair.why(name) for name in line]
            assert [(one.place, one.length) for one in told if one] == [(n, len(line)) for n in range(1, len(line) + 1)]
            assert [not one.shortages for one in told if one] == [plain.fits(plain.waiting[name]) for name in line]
        assert sum(map(len, lines.values())) == len(plain.waiting)


@given(st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_the_queue_says_what_the_lists_say(rng: random.Random) -> None:
    beside = Beside(rng)
    rare = [beside.grant_at_once, beside.restore, beside.withdraw, beside.set_quotas]
    for _ in range(60):
        rng.choice([*[beside.ask] * 4, *[beside.grant] * 4, *[beside.give_back] * 2, rng.choice(rare)])()
        beside.tells_what_there_is()
