"""The fair queue beside one that keeps plain lists and works all out anew: what is granted, waits and is used."""

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from propeller.core.fairness import FairQueue, Quota, Request, TooLarge

PATHS = (("a", "p", "d"), ("a", "p", "e"), ("a", "q", "d"), ("b", "r", "d"))
PLACES = sorted({path[:depth] for path in PATHS for depth in range(4)})
PATIENT = 10**18
"""Nobody waits so long that smaller ones may not pass any more."""

amounts = st.fixed_dictionaries({"cpu": st.integers(0, 5)}, optional={"gpu": st.integers(0, 2)})
limits = st.dictionaries(st.sampled_from(["cpu", "gpu"]), st.integers(0, 6))
quotas = st.dictionaries(
    st.sampled_from(PLACES),
    st.builds(lambda weight, limit: Quota(weight, {}, limit), st.sampled_from([0.5, 1.0, 3.0]), limits),
    max_size=4,
)


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


class FairQueueBesideLists(RuleBasedStateMachine):
    """Asks, grants, ends and new limits in any order."""

    @initialize(quotas=quotas)
    def begin(self, quotas: dict[tuple[str, ...], Quota]) -> None:
        self.plain = Plain(quotas)
        self.fair = FairQueue(quotas, patience_ns=PATIENT)
        self.now = 0
        self.made = 0

    def request(self, path: tuple[str, ...], asked: dict[str, int], priority: int = 0) -> Request:
        self.made += 1
        self.now += 1
        return Request(f"r{self.made}", path, asked, self.now, priority)

    @rule(path=st.sampled_from(PATHS), asked=amounts, priority=st.integers(-2, 2))
    def ask(self, path: tuple[str, ...], asked: dict[str, int], priority: int) -> None:
        request = self.request(path, asked, priority)
        if not self.plain.fits(request, alone=True):
            with pytest.raises(TooLarge, match=request.id):
                self.fair.ask(request, self.now)
            return
        self.fair.ask(request, self.now)
        self.plain.waiting[request.id] = request

    @rule(path=st.sampled_from(PATHS), asked=amounts)
    def grant_at_once(self, path: tuple[str, ...], asked: dict[str, int]) -> None:
        request = self.request(path, asked)
        granted = not self.plain.waiting and self.plain.fits(request)
        assert self.fair.grant_unasked(request, self.now) is granted
        if granted:
            self.plain.granted[request.id] = request

    @rule(path=st.sampled_from(PATHS), asked=amounts)
    def restore(self, path: tuple[str, ...], asked: dict[str, int]) -> None:
        request = self.request(path, asked)
        for _ in range(2):
            self.fair.restore(request, self.now)
        self.plain.granted[request.id] = request

    @rule(steps=st.integers(1, 4))
    def grant(self, steps: int) -> None:
        for _ in range(steps):
            self.now += 1
            found = self.fair.next_grant(self.now)
            if found is None:
                left = [one for one in self.plain.waiting.values() if self.plain.fits(one)]
                assert not left, f"{left[0]} fits, and is not granted"
                return
            request = self.plain.waiting.pop(found.id)
            assert self.plain.fits(request)
            self.plain.granted[request.id] = request

    @precondition(lambda self: self.plain.granted)
    @rule(which=st.integers(0, 99))
    def give_back(self, which: int) -> None:
        self.now += 1
        name = list(self.plain.granted)[which % len(self.plain.granted)]
        del self.plain.granted[name]
        self.fair.give_back(name, self.now)

    @precondition(lambda self: self.plain.waiting)
    @rule(which=st.integers(0, 99))
    def withdraw(self, which: int) -> None:
        name = list(self.plain.waiting)[which % len(self.plain.waiting)]
        del self.plain.waiting[name]
        self.fair.withdraw(name)

    @rule(quotas=quotas)
    def set_quotas(self, quotas: dict[tuple[str, ...], Quota]) -> None:
        self.now += 1
        self.plain.quotas = quotas
        self.fair.set_quotas(quotas, self.now)

    @invariant()
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


FairQueueBesideLists.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestFairQueueBesideLists = FairQueueBesideLists.TestCase
