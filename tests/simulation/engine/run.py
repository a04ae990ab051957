"""Run simulated engines: `python -m tests.simulation.engine.run --seed N` shows one, `--seeds N` runs many."""

import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from typing_extensions import override

from flytelike.model.caching import CacheUse
from flytelike.model.ids import Digest, ExecutionId, NodePath, ResourceKind
from flytelike.model.launch import LaunchRequest
from propeller.core.elements import element_of
from propeller.engine import Engine, Ports
from propeller.ports import Conflict, StoreError
from tests.simulation.command_line import asked, tell_broken
from tests.simulation.engine import ports
from tests.simulation.engine.earlier import URI, EarlierExecution, only_taken
from tests.simulation.engine.life import Life
from tests.simulation.engine.loop import Agenda, S
from tests.simulation.engine.ports import INJECTED, at_once
from tests.simulation.engine.values import Expected, numbers
from tests.simulation.engine.weather import TRIES_MAX, Weather, drawn_settings
from tests.simulation.engine.world import EngineWorld
from tests.simulation.graphs import random_scenario
from tests.simulation.rules import Violation, must
from tests.simulation.run import Broken
from tests.unit.propeller_core.builders import named

STEPS_MAX = 200_000
DEATHS_MAX = 8


class _Listener(logging.Handler):
    """Hears what the engine logs: an exception that nobody injected is a fault of the engine."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: BaseException | None = None

    @override
    def emit(self, record: logging.LogRecord) -> None:
        given = record.args if isinstance(record.args, tuple) else ()
        told = [record.exc_info[1]] if record.exc_info else []
        for error in (*given, *told):
            if isinstance(error, BaseException) and not isinstance(error, (*INJECTED, Conflict)):
                self.heard = self.heard or error


@dataclass
class Outcome:
    """What came of one seed."""

    phases: list[str]
    deaths: int
    commits: int
    trace: list[str]


class EngineSimulation:
    """One world, one engine after the other in it."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        # By the seed's number, so that what other seeds draw stays as it is.
        drawn = random_scenario(rng, arrays=seed % 4 == 2)
        self.scenario = replace(drawn, reuse=only_taken(drawn))
        self.weather = replace(Weather.drawn(rng), fenced=seed % 5 == 2)
        # The lists of an array are read as a whole or not at all.
        self.settings = replace(drawn_settings(rng), tries_max=TRIES_MAX * 30 if seed % 4 == 2 else TRIES_MAX)
        self.agenda = Agenda()
        self.agenda.trace += [f"{self.scenario}", f"{self.weather}", f"{self.settings}"]
        self.earlier = EarlierExecution(random.Random(seed), self.scenario, Expected(self.scenario))
        use = CacheUse.OVERWRITE if seed % 7 == 3 else CacheUse.USE
        self.use = use if self.scenario.limits.cached else CacheUse.OFF
        requests = [self._request(f"e{number}") for number in range(rng.choice([1, 1, 2]))]
        self.world = EngineWorld(rng, self.scenario, self.weather, requests, self.agenda)
        self.world.take_over_from(self.earlier)
        self.submitted: set[ExecutionId] = set()
        self.deaths = 0
        self.listener = _Listener()

    def run(self) -> None:
        """Let the world go on until it rests, then look at everything once more."""
        log = logging.getLogger("propeller.engine")
        log.addHandler(self.listener)
        log.propagate = False
        try:
            self._boot()
            self._plan()
            self._go_on()
            self._look_back()
        finally:
            log.removeHandler(self.listener)
            log.propagate = True

    def _request(self, name: str) -> LaunchRequest:
        limits = self.scenario.limits
        return LaunchRequest(
            ExecutionId("p", "d", name),
            named(ResourceKind.LAUNCH_PLAN, "main"),
            named(ResourceKind.WORKFLOW, "main"),
            "mem://closure",
            Digest("sha256:0"),
            f"mem://inputs/{name}",
            limits.max_parallelism,
            limits.interruptible,
            timeout_ns=limits.timeout_ns,
            reuse_uri=URI if self.scenario.reuse else "",
            reuse_digest=self.earlier.digest if self.scenario.reuse else "",
            cache=self.use,
        )

    def _plan(self) -> None:
        if self.weather.abort_at_ns:
            self.agenda.later("somebody aborts", self.weather.abort_at_ns, self._abort)
        for _ in range(self.weather.restarts):
            self.agenda.later("the engine is asked to restart", self.rng.randint(0, 100 * S), self._restart)
        for at_ns in (30 * S, 90 * S):
            self.agenda.later("some cached results expire", at_ns, self.world.spoil_catalog)

    def _go_on(self) -> None:
        world, rng, weather = self.world, self.rng, self.weather
        for _ in range(STEPS_MAX):
            if self.listener.heard is not None:
                world.broken = world.broken or self.listener.heard
            if world.broken is not None:
                raise world.broken
            if world.life is not None and rng.random() < weather.crash and self.deaths < DEATHS_MAX:
                self._die()
            here = world.life
            if here is None or rng.random() < 0.05 or not here.loop.turn():
                if rng.random() < weather.clock_jump:
                    world.turn_clock()
                if rng.random() < weather.noise:
                    world.noise()
                if not self.agenda.step() and not (here and here.loop.turn()):
                    return
        raise Violation(f"no end after {STEPS_MAX} steps")

    # --- lives ----------------------------------------------------------------------------------

    def _boot(self) -> None:
        self.world.lives += 1
        life = self.world.life = Life(self.agenda, self.rng, self.weather)
        life.begin(self._live(life))

    async def _live(self, life: Life) -> None:
        given = (life, self.world)
        engine = Engine(
            Ports(
                store=ports.Store(*given),
                blobs=ports.Blobs(*given),
                sink=ports.Sink(*given),
                children=ports.Children(*given),
                closures=ports.Closures(*given),
                clock=ports.Clock(*given),
                signals=ports.SimulatedSignals(*given),
                catalog=ports.SimulatedCatalog(*given),
            ),
            self.settings,
        )
        life.engine = engine
        try:
            await engine.start(ports.Executor(*given))
        except StoreError:
            self.agenda.later("", 0, lambda: self._die(life))
            return
        for request in self.world.requests:
            if request.id not in self.submitted:
                life.begin(self._submit(life, engine, request))

    async def _submit(self, life: Life, engine: Engine, request: LaunchRequest) -> None:
        """Hand an execution over until it is taken, as the control plane does."""
        await life.sleep(self.rng.choice([0, 0, 5 * S]))
        while True:
            try:
                await engine.submit(request)
            except StoreError:
                await life.sleep(S)
            else:
                self.submitted.add(request.id)
                return

    def _die(self, whose: Life | None = None) -> None:
        """End the process at whatever point it is; another one takes over after a while."""
        life, world, rng = self.world.life, self.world, self.rng
        if life is None or (whose is not None and life is not whose):
            return
        self.deaths += 1
        self.agenda.tell(f"DEATH {self.deaths}{' by a power cut' if self.weather.power else ''}")
        world.life = None
        life.die()
        for effect in life.under_way.values():
            if rng.random() < self.weather.late:
                self.agenda.later("a commit lands late", rng.choice([0, S // 100, 3 * S]), partial(_try, effect))
        if self.weather.power:
            world.blobs.power_cut(rng)
        world.workers_end()
        self.agenda.later("", rng.choice([0, 0, S, 50 * S]), self._boot)

    def _restart(self) -> None:
        """Close the engine in good order, and start another one."""
        life = self.world.life
        if life is not None and life.engine is not None:
            life.begin(self._close(life, life.engine))

    async def _close(self, life: Life, engine: Engine) -> None:
        await engine.close()
        self.agenda.tell("the engine is closed")
        self.world.life = None
        self.agenda.later("", 0, life.die)
        self.agenda.later("", S, self._boot)

    def _abort(self) -> None:
        """Ask for the end of the first execution; ask again until it is over."""
        execution = self.world.requests[0].id
        checker, life = self.world.checkers[execution], self.world.life
        if checker.phase.terminal:
            return
        checker.abort_asked = True
        if life is not None and life.engine is not None:
            life.begin(_ask_abort(life.engine, execution))
        self.agenda.later("somebody aborts again", 60 * S, self._abort)

    # --- the end --------------------------------------------------------------------------------

    def _look_back(self) -> None:
        world = self.world
        must(world.life is not None, "no engine is up")
        assert world.life is not None
        assert world.life.engine is not None
        must(not world.life.loop.faults, f"an exception was lost: {world.life.loop.faults}")
        for execution, checker in world.checkers.items():
            checker.finish()
            must(world.sunk[execution] == world.recorded[execution], f"{execution.name}: not all of it was told")
        world.look_back()
        must(not world.life.engine._driver.runs, f"kept in memory: {list(world.life.engine._driver.runs)}")
        must(not at_once(world.store.unfinished()), "the store thinks that something is unfinished")
        kept = bool(world.store._rows)
        must(kept != bool(self.settings.retention_ns), f"states are kept: {kept}")
        world.blobs.power_cut(self.rng)
        self._outputs_last()

    def _outputs_last(self) -> None:
        """Where the history says that documents lie they do, and they are right."""
        objects, expected = self.world.blobs.objects, self.world.expected
        for execution, entries in self.world.sunk.items():
            for entry in entries:
                path, uri = NodePath(getattr(entry.record, "path", "")), entry.output_uri
                dropped = bool(element_of(path))  # With their states; what they gave lies in the array's list.
                if uri and not (dropped and uri not in objects):
                    must(uri in objects, f"{execution.name}: a power cut took {uri}")
                    found = numbers(objects[uri]).get("o")
                    right = not path or expected.gives(path)
                    must(not right or found == self.world.given_by(execution, path), f"{uri} holds {found}")
                if uri and path and not (dropped and entry.inputs_uri not in objects):
                    uri = entry.inputs_uri
                    must(uri in objects, f"{execution.name}: a power cut took {uri}")
                    given = numbers(objects[uri])
                    must(given == expected.given(path), f"{uri} holds {given}")


def _try(effect: Callable[[], object]) -> None:
    try:
        effect()
    except StoreError:
        pass


async def _ask_abort(engine: Engine, execution: ExecutionId) -> None:
    try:
        await engine.abort(execution, "enough", "ada")
    except StoreError:
        pass  # Somebody asks again.


def simulate(seed: int) -> Outcome:
    """Run one seed.

    Raises:
        Broken: Some rule was violated.
    """
    simulation = EngineSimulation(seed)
    try:
        simulation.run()
    except Exception as cause:
        raise Broken(seed, cause, simulation.agenda.trace) from cause
    finally:
        if simulation.world.life is not None:
            simulation.world.life.die()
    phases = [checker.phase.name for checker in simulation.world.checkers.values()]
    commits = simulation.world.commits
    return Outcome(phases, simulation.deaths, commits, simulation.agenda.trace)


@dataclass
class Tally:
    """What came of many seeds."""

    ends: "Counter[str]" = field(default_factory=Counter)
    broken: list[tuple[int, str]] = field(default_factory=list)
    deaths: int = 0
    commits: int = 0


def simulate_many(seeds: range) -> Tally:
    """Run seeds one after the other."""
    tally = Tally()
    for seed in seeds:
        try:
            outcome = simulate(seed)
        except Broken as broken:
            tally.broken.append((seed, f"{broken}"))
            continue
        tally.ends.update(outcome.phases)
        tally.deaths += outcome.deaths
        tally.commits += outcome.commits
    return tally


def main() -> int:
    """Run from the command line."""
    given = asked(__doc__, "1000")
    if given.seed is not None:
        return _show(given.seed)
    began = time.perf_counter()
    tallies = given.spread(simulate_many, 25)
    ends: Counter[str] = sum((tally.ends for tally in tallies), Counter())
    broken = [one for tally in tallies for one in tally.broken]
    deaths, commits = sum(tally.deaths for tally in tallies), sum(tally.commits for tally in tallies)
    print(
        f"{len(given.seeds)} engines' worlds in {time.perf_counter() - began:.1f} s: {commits} commits, {deaths} deaths"
    )
    print(", ".join(f"{count} {name}" for name, count in ends.most_common()))
    return tell_broken(broken, "tests.simulation.engine.run")


def _show(seed: int) -> int:
    try:
        outcome = simulate(seed)
    except Broken as broken:
        print("\n".join(broken.trace))
        print(broken)
        return 1
    print("\n".join(outcome.trace))
    print(f"seed {seed}: {outcome.phases}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
