"""For any world: what goes is what should, nothing that is left dangles, and a crash anywhere changes nothing."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flytelike.controlplane.collecting import sweep
from flytelike.controlplane.collecting.policy import Rule
from flytelike.controlplane.database import Database
from flytelike.model.phases import WorkflowPhase
from tests.unit.controlplane.retention_world import DAY_NS, Ran, World, expected_gone, world

MONTH = Rule(30 * DAY_NS)
PHASES = (WorkflowPhase.SUCCEEDED, WorkflowPhase.SUCCEEDED, WorkflowPhase.FAILED, WorkflowPhase.RUNNING)


@st.composite
def worlds(draw: st.DrawFn) -> list[Ran]:
    """Draw executions that refer to earlier ones."""
    out: list[Ran] = []
    for number in range(draw(st.integers(1, 7))):
        earlier = st.none() if not number else st.none() | st.integers(0, number - 1)
        folders = [(n, i) for n, ran in enumerate(out) for i in range(ran.folders)]
        refers = draw(st.lists(st.sampled_from(folders), max_size=2, unique=True)) if folders else []
        out.append(
            Ran(
                age_days=draw(st.sampled_from([1, 40, 60])),
                phase=draw(st.sampled_from(PHASES)),
                parent=draw(earlier),
                goes_on_from=draw(earlier),
                has_child_of=draw(earlier),
                folders=draw(st.integers(0, 2)),
                refers=tuple(refers),
            )
        )
    return out


def in_world(ran: list[Ran], body: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    async def go() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with world(Path(folder)) as made:
                await made.run(ran)
                await body(made)

    asyncio.run(go())


def data_to_stay(ran: list[Ran], gone: set[int]) -> set[tuple[int, int]]:
    stay = set(range(len(ran))) - gone
    return {(n, i) for n in stay for i in range(ran[n].folders)} | {place for n in stay for place in ran[n].refers}


async def check_end(made: World, ran: list[Ran]) -> None:
    gone = expected_gone(ran, 30)
    assert await made.left() == set(range(len(ran))) - gone
    assert made.data() == data_to_stay(ran, gone)
    assert await made.names() == {n for n, _ in made.data()} & gone
    assert {n for n in range(len(ran)) if made.document(n).exists()} == set(range(len(ran))) - gone
    assert made.logs.there == {f"e{n}" for n in range(len(ran)) if n not in gone}
    await made.check_nothing_dangles()


@given(worlds())
@settings(max_examples=20)
def test_what_is_old_and_needed_by_nobody_goes_and_nothing_else(ran: list[Ran]) -> None:
    async def body(made: World) -> None:
        report = await made.collect(MONTH)
        await check_end(made, ran)
        gone = expected_gone(ran, 30)
        assert report.executions == report.nodes == len(gone)
        assert {execution.name for execution in made.states.forgotten} == {f"e{n}" for n in gone}
        again = await made.collect(MONTH)
        assert (again.executions, again.data.count, again.documents.count) == (0, 0, 0)
        # What stayed for others' sake goes once they are gone; then nothing of ended ones is left.
        await made.collect(Rule(0))
        assert made.data() == data_to_stay(ran, expected_gone(ran, 0))

    in_world(ran, body)


@given(worlds())
@settings(max_examples=10)
def test_a_dry_run_tells_what_would_go_and_deletes_nothing(ran: list[Ran]) -> None:
    async def body(made: World) -> None:
        before = made.data()
        would = await made.collect(MONTH, dry_run=True)
        assert made.data() == before
        assert await made.alive() == set(range(len(ran)))
        did = await made.collect(MONTH)
        for name in ("executions", "nodes", "data", "documents", "log_bytes", "orphans", "kept", "held"):
            assert getattr(would, name) == getattr(did, name), name

    in_world(ran, body)


class PowerCutError(Exception):
    """The machine is gone."""


def cut_power(patch: pytest.MonkeyPatch, after: int) -> None:
    """Let so many deletions and commits succeed; the next one never happens."""
    left = [after]

    def spend(work: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise PowerCutError
            return work(*args, **named)

        return guarded

    patch.setattr(sweep, "delete_below", spend(sweep.delete_below))
    patch.setattr(Database, "write_now", spend(Database.write_now))


@given(worlds(), st.integers(0, 12))
@settings(max_examples=25)
def test_a_crash_anywhere_leaves_nothing_dangling_and_the_next_collection_goes_on(ran: list[Ran], after: int) -> None:
    async def body(made: World) -> None:
        with pytest.MonkeyPatch.context() as patch:
            cut_power(patch, after)
            try:
                await made.collect(MONTH)
            except PowerCutError:
                pass
        await made.check_nothing_dangles()
        made.clock.ns += DAY_NS  # the lease of the dead one has lapsed
        await made.collect(MONTH)
        await check_end(made, ran)

    in_world(ran, body)
