"""Arrays in the simulated world: elements that run in batches, and a judge that knows each of them."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import MinSuccesses, MinSuccessRatio
from flytelike.model.history import ElementsChanged
from flytelike.model.ids import NodePath
from flytelike.model.phases import TaskPhase
from propeller.core import events
from propeller.core.commands import AbortElements, OpenArray, StartElements
from propeller.core.elements import Span, element_path, spans_of
from propeller.core.events import ElementFailed
from propeller.core.plan import NODES_OPEN_MAX, TASKS_OPEN_MAX, scope_of
from tests.simulation.rules import wanted_pause_ns
from tests.unit.propeller_core.builders import BUG, FLAKE, LOST, NodeSketch, S

if TYPE_CHECKING:
    from tests.simulation.world import World

SYSTEM_RETRIES = 3
WAITS_S = 20
"""How long attempts and elements wait that wait for long."""


class BrokenArray(AssertionError):
    """An array broke a rule."""


def must(condition: object, rule: str) -> None:
    if not condition:
        raise BrokenArray(rule)


@dataclass
class Element:
    """What the judge knows of one element."""

    live: int | None = None
    accepted: bool = False
    failed: bool = False
    users: int = 0
    systems: int = 0
    results: dict[int, list[Failure | None]] = field(default_factory=lambda: defaultdict(list))
    paused_ns: int = 0

    @property
    def attempt(self) -> int:
        return self.users + self.systems

    @property
    def over(self) -> bool:
        return self.accepted or self.failed


@dataclass
class Process:
    """A worker at one attempt of an element: live, ended, aborted or vanished."""

    life: str = "live"
    failure: Failure | None = None
    generation: int = 0


@dataclass
class ArrayJudge:
    """One attempt of one array: counts what really runs, and believes no count of the core's."""

    path: NodePath
    sketch: NodeSketch
    length: int = -1
    over: bool = False
    begun: set[int] = field(default_factory=set)
    elements: dict[int, Element] = field(default_factory=lambda: defaultdict(Element))

    @property
    def of_tasks(self) -> bool:
        return not (self.sketch.workflow or self.sketch.launch_plan)

    @property
    def window(self) -> int:
        assert self.sketch.array
        most = TASKS_OPEN_MAX if self.of_tasks else NODES_OPEN_MAX
        return min(self.sketch.array.window or most, most)

    @property
    def needed(self) -> int:
        assert self.sketch.array
        match self.sketch.array.success:
            case MinSuccesses(count):
                return count if self.length else 0
            case MinSuccessRatio(ratio):
                exact = ratio * self.length
                return next(count for count in range(self.length + 1) if count >= exact - 1e-3)
            case None:
                return self.length

    def started(self, index: int, attempt: int, *, interruptible: bool) -> None:
        """A worker took the element up."""
        element, where = self.elements[index], f"{self.path}[{index}]/{attempt}"
        must(not self.over, f"{where}: starts after the end of its array")
        must(0 <= index < self.length, f"{where}: there are {self.length} elements")
        must(not element.over, f"{where}: starts after its end")
        must(element.live is None, f"{where}: starts while attempt {element.live} lives")
        must(attempt == element.attempt, f"{where}: {element.attempt} is due")
        must(not interruptible or element.systems < SYSTEM_RETRIES, f"{where}: the last chance is interruptible")
        element.live = attempt
        running = sum(1 for one in self.elements.values() if one.live is not None)
        must(running <= self.window, f"{self.path}: {running} elements really run, {self.window} may")

    def ended(self, index: int, attempt: int) -> None:
        """It runs no more."""
        if self.elements[index].live == attempt:
            self.elements[index].live = None

    def stopped(self) -> None:
        """All of it was told to stop."""
        for element in self.elements.values():
            element.live = None

    def told(self, record: ElementsChanged) -> None:
        """What is recorded is what happened."""
        must(record.length == self.length, f"{self.path}: {record.length} elements are told, there are {self.length}")
        failures = {(index, attempt): failure for index, attempt, failure in record.failures}
        for (index, attempt), failure in failures.items():
            self._failed(index, attempt, failure, record.at_ns)
        for first, length, phase in record.changes:
            for index in range(first, first + length):
                self._changed(index, phase, record.at_ns)
        done = [one for one in self.elements.values() if one.accepted]
        lost = [one for one in self.elements.values() if one.failed]
        counts = (len(done), len(lost), len(self.begun) - len(done) - len(lost))
        told = (record.succeeded, record.failed, record.open)
        must(told == counts, f"{self.path}: told are {told} succeeded, failed and open; it is {counts}")
        must(record.open <= self.window, f"{self.path}: {record.open} elements are open, {self.window} may")

    def _failed(self, index: int, attempt: int, failure: Failure, at_ns: int) -> None:
        element = self.elements[index]
        if not self.of_tasks:
            must(failure in element.results[0], f"{self.path}[{index}]: told {failure}, its node had {element.results}")
            element.users = SYSTEM_RETRIES * SYSTEM_RETRIES  # used up, as its own node has shown
            return
        must(attempt == element.attempt, f"{self.path}[{index}]: failed in {attempt}, {element.attempt} was due")
        real = [one for one in element.results[attempt] if one is not None]
        same = [one for one in real if failure.code in {one.code, f"RetriesExhausted|{one.code}"}]
        must(same, f"{self.path}[{index}]/{attempt}: accepted a failure that never was: {failure}, but {real}")
        if failure.fault is Fault.SYSTEM:
            element.systems += 1
            element.paused_ns = at_ns + (S << (element.systems - 1))
        else:
            element.users += 1
            backoff = self.sketch.task.backoff
            element.paused_ns = at_ns + wanted_pause_ns(backoff, element.users) if backoff else 0

    def _changed(self, index: int, phase: TaskPhase, at_ns: int) -> None:
        element, where = self.elements[index], f"{self.path}[{index}]"
        must(not element.over, f"{where}: {TaskPhase(phase).name} after its end")
        retries = self.sketch.task.retries
        within = element.users <= retries and element.systems <= SYSTEM_RETRIES
        match phase:
            case TaskPhase.RUNNING:
                must(within, f"{where}: is retried after {element.users} + {element.systems} failures")
                must(at_ns >= element.paused_ns, f"{where}: goes on before its pause is over")
                self.begun.add(index)
            case TaskPhase.RETRYABLE_FAILED:
                must(within and element.paused_ns > at_ns, f"{where}: pauses for nothing")
            case TaskPhase.SUCCEEDED:
                must(
                    None in element.results[element.attempt if self.of_tasks else 0],
                    f"{where}: accepted a success that never was",
                )
                element.accepted = True
            case TaskPhase.FAILED:
                gone = not self.of_tasks or [
                    one for one in element.results.values() for one in one if one and not one.retryable
                ]
                must(gone or not within, f"{where}: gave up after {element.users} of {retries} retries")
                element.failed = True
            case _:
                raise BrokenArray(f"{where}: is told to be {phase}")

    def judge_end(self, *, succeeded: bool) -> None:
        """The array ended, and nobody stopped it from outside."""
        self.over = True
        if not succeeded:
            return
        must(self.length >= 0, f"{self.path}: succeeded without elements being counted")
        lost = sum(1 for one in self.elements.values() if one.failed)
        done = sum(1 for one in self.elements.values() if one.accepted)
        must(done >= self.needed, f"{self.path}: succeeded with {done} of {self.needed}")
        must(done + lost == self.length, f"{self.path}: succeeded before {self.length - done - lost} ended")

    def all_over(self) -> bool:
        """Whether every element ended."""
        return sum(1 for one in self.elements.values() if one.over) == self.length

    def lives(self) -> bool:
        """Whether an element really runs."""
        return any(one.live is not None for one in self.elements.values())

    def still_possible(self) -> bool:
        """Whether it can still succeed."""
        lost = sum(1 for one in self.elements.values() if one.failed)
        return self.length - lost >= self.needed


class ArrayWorld:
    """The part of the world that runs elements: processes that live whether or not the platform does."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._running: dict[tuple[NodePath, int, int], Process] = {}
        self._lengths: dict[NodePath, int] = {}

    def carry_out(self, command: OpenArray | StartElements | AbortElements) -> None:
        """Do what the core asked for."""
        match command:
            case OpenArray(path=path):
                self._open(path)
            case StartElements():
                self._start(command)
            case AbortElements(path=path):
                self._abort(path)

    def crashed(self) -> None:
        """The platform's own workers die with it."""
        rng, judges = self._world.rng, self._world.checker.arrays
        for (path, index, attempt), process in self._running.items():
            bad_end = bool(process.failure) and rng.random() < 0.5
            if process.life == "live" or (process.life == "ended" and bad_end):
                process.life = "vanished"
                judges[path].ended(index, attempt)

    def noise(self) -> list[events.Event]:
        """Return news of what is over, or never was."""
        if not self._running:
            return []
        rng, at_ns = self._world.rng, self._world.now_ns
        path, index, attempt = rng.choice(sorted(self._running))
        element = ElementFailed(index, attempt - 1, BUG)
        return [
            events.ElementsEnded(path, 0, at_ns, (Span(index, 3, attempt + 9),)),
            events.ElementsEnded(path, 0, at_ns, (Span(-4, 4), Span(10_000, 2)), (element,)),
            events.ElementsEnded(path, 1, at_ns, (Span(index, 1, attempt),)),
            events.ArrayOpened(path, 0, at_ns, 1),
            events.ArrayRefused(path, 0, at_ns, BUG),
            events.TimerFired(path, "0/pause/0/1", at_ns),
        ]

    def _open(self, path: NodePath) -> None:
        world = self._world
        sketch = world.checker.sketch(path)
        assert sketch.array
        if path not in self._lengths and world.rng.random() < world.weather.bad_end / 4:
            world.checker.refused[path].append(BUG)
            world.post(events.ArrayRefused(path, 0, world.now_ns, BUG))
            return
        length = self._lengths.setdefault(path, sketch.array.length)
        world.checker.arrays[path].length = length
        world.post(events.ArrayOpened(path, 0, world.now_ns, length))

    def _start(self, command: StartElements) -> None:
        world, path = self._world, command.path
        fresh: list[tuple[int, int]] = []
        for first, length, attempt in command.elements:
            for index in range(first, first + length):
                process = self._running.get((path, index, attempt))
                if process is not None and process.life == "ended":
                    world.post(self._event(path, [(index, attempt)]))
                elif process is None or process.life == "vanished":
                    world.checker.arrays[path].started(index, attempt, interruptible=command.interruptible)
                    generation = process.generation + 1 if process else 0
                    self._running[path, index, attempt] = Process(generation=generation)
                    fresh.append((index, attempt))
        while fresh:
            size = world.rng.choice([1, 1, 2, 5, 20])
            self._run(path, fresh[:size])
            fresh = fresh[size:]

    def _run(self, path: NodePath, batch: list[tuple[int, int]]) -> None:
        """Let elements run one after the other, and tell of them together."""
        rng = self._world.rng
        generations = [self._running[path, *one].generation for one in batch]
        queued = rng.choice([0, 0, 0.5, WAITS_S])
        if queued == WAITS_S:
            self._line_up(path, batch[0])
        seconds = queued + len(batch) * rng.choice([0, 0.01, 1, 10])
        self._world.later(f"batch ends {path} {batch}", seconds, lambda: self._ended(path, batch, generations))

    def _line_up(self, path: NodePath, first: tuple[int, int]) -> None:
        """Tell what elements wait for: of the array, or of one that is an attempt of its own."""
        world, (index, attempt) = self._world, first
        who = world.rng.choice([(path, 0), (element_path(scope_of(path, 0), index), attempt)])
        for after_s, what in ((1, "room"), (WAITS_S, "")):
            if world.rng.random() < 0.6:
                news = partial(self._waits, (path, index, attempt), who, what)
                world.later(f"elements of {path} wait for {what or 'nothing'}", after_s, news)

    def _waits(self, element: tuple[NodePath, int, int], who: tuple[NodePath, int], what: str) -> None:
        if self._running[element].life == "live":
            self._world.post(events.AttemptWaits(*who, self._world.now_ns, what))

    def _ended(self, path: NodePath, batch: list[tuple[int, int]], generations: list[int]) -> None:
        world, told = self._world, []
        for (index, attempt), generation in zip(batch, generations, strict=True):
            process = self._running[path, index, attempt]
            if process.generation != generation or process.life == "vanished":
                continue
            late = process.life == "aborted"
            if late and world.rng.random() < 0.5:
                continue
            process.failure = None
            if world.rng.random() < world.weather.bad_end / 2:
                failure = world.rng.choice([BUG, FLAKE, FLAKE, LOST])
                process.failure = replace(failure, message=f"{failure.message} at {path}[{index}]/{attempt}")
            if not late:
                process.life = "ended"
                world.checker.arrays[path].ended(index, attempt)
            world.checker.arrays[path].elements[index].results[attempt].append(process.failure)
            told.append((index, attempt))
        if told:
            world.post(self._event(path, told))

    def _event(self, path: NodePath, told: list[tuple[int, int]]) -> events.ElementsEnded:
        failures = {one: self._running[path, *one].failure for one in told}
        failed = [ElementFailed(*one, failure) for one, failure in failures.items() if failure is not None]
        succeeded = spans_of(sorted(one for one, failure in failures.items() if failure is None))
        return events.ElementsEnded(path, 0, self._world.now_ns, succeeded, tuple(failed))

    def _abort(self, path: NodePath) -> None:
        for (other, index, attempt), process in self._running.items():
            if other == path and process.life == "live":
                process.life = "aborted"
                self._world.checker.arrays[path].ended(index, attempt)
