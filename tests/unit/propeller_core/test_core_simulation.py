"""Simulated worlds: everything that can go wrong around the core, and checkers that find it."""

import json
import subprocess
import sys

import pytest

from propeller.core.transitions import TRANSITIONS
from tests.simulation.mutants import MUTANTS
from tests.simulation.planting import hunt_apart
from tests.simulation.run import Broken, Simulation, simulate, simulate_many
from tests.unit.propeller_core.test_core_rare_transitions import RARE as RARE_TRANSITIONS

SEEDS = 500
PARTS = 5

RARE = {
    "the last chance is interruptible",
    "any timer ends a pause",
    "one restart too many",
    "outputs of a stale scope are accepted",
    "a child that goes on has ended",
}
"""Found by one world of several hundred: `make mutants` plants them."""
QUICK = [mutant for mutant in MUTANTS if mutant.name not in RARE]
SAMPLE = [mutant for mutant in QUICK[::6] if mutant.name != "a graph that failed takes a slot that is not free"]
"""Without one that takes as many worlds as all others together."""


@pytest.mark.parametrize("part", range(PARTS))
def test_no_world_breaks_a_rule(part: int) -> None:
    size = SEEDS // PARTS
    assert simulate_many(range(part * size, (part + 1) * size)).broken == []


def test_every_transition_is_taken_in_some_world() -> None:
    """But for rare ones: `test_core_rare_transitions` takes those for certain."""
    missing = {transition for transition in TRANSITIONS if transition.name not in RARE_TRANSITIONS}
    for first in range(0, 1_000, 50):
        missing -= set(simulate_many(range(first, first + 50)).taken)
        if not missing:
            break
    assert [transition.name for transition in missing] == []


def test_worlds_come_in_all_weathers() -> None:
    tally = simulate_many(range(200))
    assert {"SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"} <= set(tally.ends)
    assert tally.crashes > 50


def test_a_seed_gives_the_same_world_again_whatever_the_hashes() -> None:
    program = "import json, sys; from tests.simulation.run import simulate; print(json.dumps(simulate(7).trace))"
    traces = [
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": salt}, capture_output=True, check=True
        ).stdout
        for salt in ("1", "2")
    ]
    assert traces[0] == traces[1]
    assert json.loads(traces[0]) == simulate(7).trace


def test_a_broken_world_tells_its_story(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(self: Simulation) -> None:
        self.trace.append("it broke")
        raise AssertionError("the sky fell")

    monkeypatch.setattr(Simulation, "run", break_down)
    with pytest.raises(Broken, match="seed 7: AssertionError: the sky fell") as caught:
        simulate(7)
    assert caught.value.trace[-1] == "it broke"


@pytest.mark.parametrize("mutant", SAMPLE, ids=lambda mutant: mutant.name)
def test_planted_faults_are_found(mutant: object) -> None:
    """A sample; `make mutants` plants all of them."""
    _, status, said = hunt_apart(mutant, 2_000)  # type: ignore[arg-type]
    assert status == 0, said
