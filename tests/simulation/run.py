"""Run simulated worlds: `python -m tests.simulation.run --seed N` shows one, `--seeds N` runs many."""

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from propeller.core.commands import Command
from propeller.core.decision import Decision, Step
from propeller.core.elements import element_of
from propeller.core.evaluate import evaluate
from propeller.core.events import AbortRequested
from propeller.core.invariants import check
from propeller.core.node_state import SLOT_STATES, Held
from propeller.core.plan import Plan
from propeller.core.state import ExecutionState
from propeller.core.transitions import TRANSITIONS, Transition
from propeller.core.turn import without_vain
from tests.simulation.checker import Checker
from tests.simulation.command_line import asked, tell_broken
from tests.simulation.graphs import Scenario, random_scenario
from tests.simulation.rules import Violation, must
from tests.simulation.shell import Fenced, Shell, Store
from tests.simulation.world import Weather, World
from tests.unit.propeller_core.builders import S

MAX_STEPS = 20_000
MAX_CRASHES = 8


@dataclass
class Outcome:
    """What came of one seed."""

    phase: str
    steps: list[Step]
    commits: int
    crashes: int
    trace: list[str]


class Broken(Exception):
    """A seed found a fault. `trace` tells how it came about."""

    def __init__(self, seed: int, cause: BaseException, trace: list[str]) -> None:
        self.seed, self.cause, self.trace = seed, cause, trace
        super().__init__(f"seed {seed}: {type(cause).__name__}: {cause}")


class Simulation:
    """One world with one execution in it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.scenario: Scenario = random_scenario(self.rng)
        self.weather = Weather.drawn(self.rng)
        self.trace: list[str] = [f"{self.scenario}", f"{self.weather}"]
        self.checker = Checker(self.scenario)
        self.world = World(self.rng, self.weather, self.checker, self.trace)
        self.plan = self.scenario.plan()
        self.store = Store(ExecutionState.new(self.plan, self.scenario.limits).header)
        self.steps: list[Step] = []
        self.zombies: list[Iterator[str]] = []
        self.crashes = 0
        self.shell = self._new_shell()

    def run(self) -> None:
        """Let the world go on until it rests, then look at everything once more."""
        if self.rng.random() < 0.02:
            self.world.inbox = self.shell.inbox
            self._abort()
        self._live(self.shell.boot())
        if self.weather.abort_at_ns:
            self.world.later("somebody aborts", self.weather.abort_at_ns / S, self._abort)
        for _ in range(MAX_STEPS):
            self._rough_weather()
            if self.shell.inbox and self.rng.random() < 0.7:
                self._live(self.shell.turn(self.rng.choice([1, 1, 2, 5, 100])))
            elif not self.world.step():
                if not self.shell.inbox:
                    break
                self._live(self.shell.turn(1))
        else:
            raise Violation(f"no end after {MAX_STEPS} steps")
        self.checker.finish()
        self._replay()

    def _new_shell(self) -> Shell:
        given = cache(self.scenario.given)
        plan = self.plan.copy()
        return Shell(plan, given, self.store, self.world, self.checker, self.steps, self.scenario.reuse)

    def _live(self, life: Iterator[str]) -> None:
        """Let the platform act; it may die at each of its steps, and then another one takes over."""
        for moment in life:
            if self.crashes < MAX_CRASHES and self.rng.random() < self.weather.crash:
                self.crashes += 1
                self.trace.append(f"  CRASH when {moment}")
                if moment == "evaluated":
                    self.zombies.append(life)
                self.world.platform_crashed()
                self.world.true_ns += self.rng.choice([0, 1, 50]) * S
                self.shell = self._new_shell()
                self._live(self.shell.boot())
                return

    def _rough_weather(self) -> None:
        if self.zombies and self.rng.random() < 0.2:
            zombie = self.zombies.pop()
            try:
                next(zombie, None)
            except Fenced:
                self.trace.append("a platform that was given up could not commit")
        if self.rng.random() < self.weather.clock_jump:
            self.world.jump()
        if self.rng.random() < self.weather.noise:
            self.world.noise()

    def _abort(self) -> None:
        """Ask for an abort; ask again until the execution is over, as a control plane would."""
        self.checker.abort_asked = True
        self.world.deliver(AbortRequested(self.world.now_ns, "enough", "ada"))
        if not self.store.header.ended:
            self.world.later("somebody aborts again", 60, self._abort)

    def _replay(self) -> None:
        """The same events, one by one and without any crash, give the same state, commands and records."""
        plan = self.plan.copy()
        for scope, name in self.store.graphs.items():
            plan.grafts[scope] = self.scenario.given(name)
        state = ExecutionState.new(plan, self.scenario.limits, self.scenario.reuse)
        commands, records = [], []
        for batch in self.store.log:
            of_batch: list[Command] = []
            for event in batch:
                decision = evaluate(plan, state, [event])
                state.apply(decision)
                _must_start_the_most_urgent(plan, state, decision)
                of_batch.extend(decision.commands)
                records.extend(decision.records)
            commands.extend(without_vain(of_batch))
        check(plan, state)
        must(state.graphs == self.store.graphs, "replay gives other graphs")
        must(state.header == self.store.header, f"replay ends as {state.header}, it was {self.store.header}")
        must(dict(state.nodes) == self.store.nodes, "replay gives other node states")
        must(dict(state.chunks) == self.store.chunks, "replay gives other elements")
        must(commands == self.store.commands, "replay gives other commands")
        must(records == self.store.records, "replay gives other records")


def _must_start_the_most_urgent(plan: Plan, state: ExecutionState, decision: Decision) -> None:
    """Judge that after one event nobody waits for a slot who is more urgent than one that was given it."""
    held = [path for path, node in state.nodes.items() if isinstance(node, Held)]
    if not held:
        return
    most = max(map(plan.priority, held))
    for path, transition in decision.steps:
        taken = transition.target in SLOT_STATES and transition.source not in SLOT_STATES
        if taken and path and not element_of(path):
            must(plan.priority(path) >= most, f"{path}: was given a slot, and one of priority {most} waits")


def simulate(seed: int) -> Outcome:
    """Run one seed.

    Raises:
        Broken: Some rule was violated, by the core or by the way it is used here.
    """
    simulation = Simulation(seed)
    try:
        simulation.run()
    except (AssertionError, KeyError, ValueError, AttributeError, TypeError, RecursionError) as cause:
        raise Broken(seed, cause, simulation.trace) from cause
    return Outcome(
        simulation.store.header.phase.name,
        simulation.steps,
        len(simulation.store.log),
        simulation.crashes,
        simulation.trace,
    )


@dataclass
class Tally:
    """What came of many seeds."""

    ends: "Counter[str]"
    taken: "Counter[Transition]"
    broken: list[tuple[int, str]]
    commits: int = 0
    crashes: int = 0


def simulate_many(seeds: range) -> Tally:
    """Run seeds one after the other."""
    tally = Tally(Counter(), Counter(), [])
    for seed in seeds:
        try:
            outcome = simulate(seed)
        except Broken as broken:
            tally.broken.append((seed, f"{broken}"))
            continue
        tally.ends[outcome.phase] += 1
        tally.taken.update(step.transition for step in outcome.steps)
        tally.commits += outcome.commits
        tally.crashes += outcome.crashes
    return tally


def main() -> int:
    """Run from the command line."""
    given = asked(__doc__, "10000")
    if given.seed is not None:
        return _show(given.seed)
    began = time.perf_counter()
    tallies = given.spread(simulate_many, 250)
    return _report(tallies, time.perf_counter() - began)


def _show(seed: int) -> int:
    try:
        outcome = simulate(seed)
    except Broken as broken:
        print("\n".join(broken.trace))
        print(broken)
        return 1
    print("\n".join(outcome.trace))
    print(f"seed {seed}: {outcome.phase}")
    return 0


def _report(tallies: list[Tally], seconds: float) -> int:
    ends, taken = Counter[str](), Counter[Transition]()
    for tally in tallies:
        ends.update(tally.ends)
        taken.update(tally.taken)
    broken = [one for tally in tallies for one in tally.broken]
    commits, crashes = sum(t.commits for t in tallies), sum(t.crashes for t in tallies)
    print(f"{ends.total() + len(broken)} worlds in {seconds:.1f} s: {commits} commits, {crashes} crashes")
    print(", ".join(f"{count} {name}" for name, count in ends.most_common()))
    for transition in sorted(TRANSITIONS - set(taken), key=lambda row: row.name):
        print(f"never taken: {transition.name}")
    return tell_broken(broken, "tests.simulation.run")


if __name__ == "__main__":
    sys.exit(main())
