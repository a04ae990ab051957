"""Limits on running executions hold others back, and on what attempts may use refuse what never fits."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.tenancy.admitting import HeldBack, admitted, shortfalls
from flytelike.controlplane.tenancy.rules import Rules
from flytelike.controlplane.tenancy.wishes import QuotaWish, Wanted
from flytelike.model.phases import WorkflowPhase
from flytelike.model.quota import QuotaPlace, QuotaTerms
from tests.unit.controlplane.builders import (
    DOMAIN,
    PROJECT,
    FakeLauncher,
    create_execution,
    execution_id,
    module,
    settings_for,
    started,
    succeeded,
)

pytestmark = pytest.mark.anyio
HERE = QuotaPlace(project=PROJECT)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def plane(url: str, tmp_path: Path, launcher: FakeLauncher) -> AsyncIterator[ControlPlane]:
    async with started(settings_for(tmp_path, url), launcher=launcher) as plane:
        await plane.registry.register(module())
        yield plane


async def limit(plane: ControlPlane, place: QuotaPlace = HERE, **limits: int) -> None:
    wish = QuotaWish(place, QuotaTerms(limits) if limits else None)
    await plane.tenancy.apply([Wanted(wish)], dry_run=False)


async def run(plane: ControlPlane, *names: str) -> None:
    for name in names:
        await plane.executions.create(create_execution(name), "me")


def launched(launcher: FakeLauncher) -> list[str]:
    return [request.id.name for request in launcher.launched]


async def settled(plane: ControlPlane) -> None:
    """Wait until what may be let go has been."""
    plane.holding.soon()
    assert plane.holding._releasing is not None
    await plane.holding._releasing


async def test_executions_above_the_limit_start_in_order_as_others_end(
    plane: ControlPlane, launcher: FakeLauncher
) -> None:
    await limit(plane, executions=2)
    await run(plane, "a", "b", "c", "d")
    assert launched(launcher) == ["a", "b"]
    await plane.record(succeeded("a"))
    await settled(plane)
    assert launched(launcher) == ["a", "b", "c"]


async def test_one_that_is_held_back_says_why(plane: ControlPlane) -> None:
    await limit(plane, executions=1)
    await run(plane, "a", "b", "c")
    told = await plane.holding.why(await plane.executions.row(execution_id("c")))
    assert told is not None
    assert (told.place, told.of) == (2, 2)
    (short,) = told.shortfalls
    assert (short.place, short.used, short.limit, short.held) == (HERE, 1, 1, ((DOMAIN, 1),))
    assert await plane.holding.why(await plane.executions.row(execution_id("a"))) is None


async def test_a_higher_limit_or_none_lets_them_go(plane: ControlPlane, launcher: FakeLauncher) -> None:
    await limit(plane, executions=1)
    await run(plane, "a", "b", "c")
    await limit(plane, executions=2)
    await settled(plane)
    assert launched(launcher) == ["a", "b"]
    await limit(plane)
    assert plane.holding._releasing is not None
    await plane.holding._releasing
    assert launched(launcher) == ["a", "b", "c"]


async def test_one_that_is_held_back_can_be_ended(plane: ControlPlane, launcher: FakeLauncher) -> None:
    await limit(plane, executions=1)
    await run(plane, "a", "b")
    await plane.executions.terminate(execution_id("b"), "enough", "me")
    row = await plane.executions.row(execution_id("b"))
    assert (row.phase, row.held_since) == (WorkflowPhase.ABORTING, 0)
    assert [it[0].name for it in launcher.aborted] == ["b"]


async def test_what_is_held_back_survives_a_restart(url: str, tmp_path: Path) -> None:
    first = FakeLauncher()
    async with started(settings_for(tmp_path, url), launcher=first) as plane:
        await plane.registry.register(module())
        await limit(plane, executions=1)
        await run(plane, "a", "b")
    second = FakeLauncher()
    async with started(settings_for(tmp_path, url), launcher=second) as plane:
        await plane.reconcile()
        assert launched(second) == ["a"]  # it had not been heard of yet
        await plane.record(succeeded("a"))
        await settled(plane)
        assert launched(second) == ["a", "b"]


async def test_of_many_that_start_at_once_no_more_run_than_may(plane: ControlPlane, launcher: FakeLauncher) -> None:
    await limit(plane, executions=3)
    await asyncio.gather(*(run(plane, f"e{number}") for number in range(10)))
    assert len(launched(launcher)) == 3


@pytest.mark.parametrize(
    ("limits", "told"),
    [({"executions": 0}, "may run no executions"), ({"attempts": 0}, "asks for 1 attempt")],
)
async def test_what_can_never_run_is_refused(plane: ControlPlane, limits: dict[str, int], told: str) -> None:
    await limit(plane, **limits)
    with pytest.raises(Refusal, match="exceeds-quota") as refused:
        await run(plane, "a")
    assert told in str(refused.value)


PLACES = [("p", "dev"), ("p", "prod"), ("q", "dev"), ("r", "dev")]
RULES = Rules(
    {
        QuotaPlace(): QuotaTerms({"executions": 6}),
        QuotaPlace(team="t"): QuotaTerms({"executions": 4}),
        QuotaPlace(project="p"): QuotaTerms({"executions": 3}),
        QuotaPlace(project="p", domain="dev"): QuotaTerms({"executions": 1}),
    },
    {"p": "t", "q": "t"},
)


@given(st.lists(st.sampled_from(PLACES), max_size=20))
def test_no_limit_is_exceeded_and_nobody_waits_for_nothing(wanted: Sequence[tuple[str, str]]) -> None:
    numbers = admitted(RULES, {}, [HeldBack(number, *place) for number, place in enumerate(wanted)])
    running = {place: sum(wanted[number] == place for number in numbers) for place in PLACES}
    for place, terms in RULES.quotas.items():
        used = sum(number for where, number in running.items() if place in RULES.places(*where))
        assert used <= terms.limits["executions"]
    for number, place in enumerate(wanted):
        assert number in numbers or shortfalls(RULES, running, *place)


def test_teams_take_turns_by_their_weights() -> None:
    quotas = {
        QuotaPlace(): QuotaTerms({"executions": 6}),
        QuotaPlace(team="large"): QuotaTerms(weight=2.0),
    }
    rules = Rules(quotas, {"p": "large", "q": "small"})
    held = [HeldBack(number, "p" if number < 10 else "q", "dev") for number in range(20)]
    numbers = admitted(rules, {}, held)
    assert (sum(number < 10 for number in numbers), len(numbers)) == (4, 6)
