"""Quotas and owners of projects may change while things run and wait."""

from dataclasses import dataclass, field

from typing_extensions import override

from flytelike.model.quota import ATTEMPTS
from propeller.allocation import LocalAllocator
from propeller.core.fairness import Quota, Shortage
from propeller.ports_allocation import AllocationListener, Ask, Tenants


@dataclass
class Standing:
    """A clock that somebody sets."""

    ns: int = 1

    def now_ns(self) -> int:
        return self.ns


@dataclass
class Told(AllocationListener):
    granted_ids: list[str] = field(default_factory=list)
    refused_ids: list[str] = field(default_factory=list)

    @override
    def granted(self, ask_id: str) -> None:
        self.granted_ids.append(ask_id)

    @override
    def refused(self, ask_id: str, shortages: tuple[Shortage, ...]) -> None:
        self.refused_ids.append(ask_id)

    @override
    def lost(self, ask_id: str) -> None:
        raise AssertionError


def limits(**teams: int) -> dict[tuple[str, ...], Quota]:
    whole = {(): Quota(limit={ATTEMPTS: 10})}
    return {**whole, **{(name,): Quota(limit={ATTEMPTS: most}) for name, most in teams.items()}}


def made(**teams: int) -> tuple[LocalAllocator, Told]:
    allocator = LocalAllocator(limits(**teams), Standing(), Tenants({"p": "one"}))  # type: ignore[arg-type]
    return allocator, Told()


def asks(allocator: LocalAllocator, told: Told, *names: str, attempts: int = 1) -> None:
    for name in names:
        allocator.ask(Ask(name, "p", "d", {ATTEMPTS: attempts}), told)


def test_a_higher_limit_lets_those_go_on_who_waited_for_it() -> None:
    allocator, told = made(one=1)
    asks(allocator, told, "a", "b", "c")
    allocator.change(limits(one=2), Tenants({"p": "one"}))
    assert told.granted_ids == ["a", "b"]


def test_a_lower_limit_takes_nothing_back() -> None:
    allocator, told = made(one=3)
    asks(allocator, told, "a", "b", "c", "d")
    allocator.change(limits(one=1), Tenants({"p": "one"}))
    allocator.give_back("a")
    allocator.give_back("b")
    assert told.granted_ids == ["a", "b", "c"]
    allocator.give_back("c")
    assert told.granted_ids == ["a", "b", "c", "d"]


def test_who_waits_moves_with_the_project_and_keeps_its_age() -> None:
    allocator, told = made(one=1, two=5)
    asks(allocator, told, "a", "b", "c")
    allocator.change(limits(one=1, two=5), Tenants({"p": "two"}))
    assert told.granted_ids == ["a", "b", "c"]
    uses = {use.path: dict(use.used) for use in allocator.uses()}
    assert (uses["one",], uses["two",]) == ({ATTEMPTS: 1}, {ATTEMPTS: 2})
    for name in told.granted_ids:
        allocator.give_back(name)
    assert not list(allocator.uses())


def test_who_would_never_fit_where_the_project_has_moved_is_told() -> None:
    allocator, told = made(one=3, two=1)
    asks(allocator, told, "a", "b", attempts=2)
    allocator.change(limits(one=3, two=1), Tenants({"p": "two"}))
    assert (told.granted_ids, told.refused_ids) == (["a"], ["b"])
