"""The control plane's quotas as propeller counts by them."""

import pytest

from flytelike.controlplane.tenancy.rules import Rules
from flytelike.embedded.quotas import UsesOfAllocator, path_of, quotas_of, tenants_of
from flytelike.model.quota import ATTEMPTS, CPU, QuotaPlace, QuotaTerms
from propeller.allocation import LocalAllocator
from propeller.core.fairness import Quota
from propeller.engine.loop_clock import LoopClock
from propeller.ports_allocation import Ask
from tests.unit.propeller_allocation.test_changing_rules import Told

MACHINE = {ATTEMPTS: 4, CPU: 4000}
RULES = Rules(
    {
        QuotaPlace(team="ml"): QuotaTerms({CPU: 2000, "executions": 3}, {CPU: 1000}, 2.0),
        QuotaPlace(project="vision", domain="production"): QuotaTerms({"map_elements": 2}),
    },
    {"vision": "ml"},
)


def test_the_machine_is_the_outermost_quota() -> None:
    assert quotas_of(Rules(), MACHINE) == {(): Quota(limit=MACHINE)}
    lower = Rules({QuotaPlace(): QuotaTerms({CPU: 1000, "gpu": 3}, {CPU: 1000})})
    assert quotas_of(lower, MACHINE)[()].limit == {ATTEMPTS: 4, CPU: 1000, "gpu": 3}


def test_places_become_paths_and_what_attempts_do_not_use_is_left_out() -> None:
    found = quotas_of(RULES, MACHINE)
    assert found["ml",] == Quota(2.0, {CPU: 1000}, {CPU: 2000})
    assert found["ml", "vision", "production"] == Quota(limit={"map_elements": 2})


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (QuotaPlace(), ()),
        (QuotaPlace(team="ml"), ("ml",)),
        (QuotaPlace(project="vision"), ("ml", "vision")),
        (QuotaPlace(project="other", domain="staging"), ("default", "other", "staging")),
    ],
)
def test_a_path_leads_over_the_team(place: QuotaPlace, path: tuple[str, ...]) -> None:
    assert path_of(place, RULES) == path


def test_what_attempts_use_is_told_by_place() -> None:
    allocator = LocalAllocator(quotas_of(RULES, MACHINE), LoopClock(), tenants_of(RULES))
    for name in "abc":
        allocator.ask(Ask(name, "vision", "staging", {CPU: 1000}), Told())
    uses = UsesOfAllocator(allocator).uses()
    for place in (QuotaPlace(), QuotaPlace(team="ml"), QuotaPlace(project="vision")):
        assert (uses[place].used, uses[place].waiting) == ({CPU: 2000}, 1)


def test_a_project_that_moves_while_it_runs_is_one_place() -> None:
    allocator = LocalAllocator(quotas_of(RULES, MACHINE), LoopClock(), tenants_of(RULES))
    allocator.ask(Ask("a", "vision", "staging", {CPU: 1000}), Told())
    moved = Rules(RULES.quotas, {"vision": "web"})
    allocator.change(quotas_of(moved, MACHINE), tenants_of(moved))
    allocator.ask(Ask("b", "vision", "staging", {CPU: 500}), Told())
    uses = UsesOfAllocator(allocator).uses()
    assert uses[QuotaPlace(project="vision")].used == uses[QuotaPlace()].used == {CPU: 1500}
    assert (uses[QuotaPlace(team="ml")].used, uses[QuotaPlace(team="web")].used) == ({CPU: 1000}, {CPU: 500})
