"""The world around the core, in one thread and without real time.

Processes and children live here whether or not the platform does. Everything that is drawn
by lot comes from one generator, so that a seed gives the same world again.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from flytelike.model.caching import CacheNote, CacheStatus
from flytelike.model.failure import Failure, Fault
from flytelike.model.ids import Digest, NodeId, NodePath
from flytelike.model.phases import WorkflowPhase
from propeller.core import events
from propeller.core.commands import (
    AbortAttempt,
    AbortChild,
    AbortElements,
    AwaitSignal,
    CollectOutputs,
    Command,
    Decide,
    LookUpCache,
    OpenArray,
    ReleaseReservation,
    SetTimer,
    StartAttempt,
    StartChild,
    StartElements,
    TakeOver,
)
from propeller.core.plan import scope_of
from tests.simulation.arrays import WAITS_S, ArrayWorld
from tests.simulation.checker import ROOM, Checker
from tests.unit.propeller_core.builders import BUG, FLAKE, LOST, S

Key = tuple[NodePath, int]

EXPIRED = Failure("TimeoutExpired", "killed by its executor", Fault.USER, retryable=True)


class Life(Enum):
    """How it is with a process or a child."""

    LIVE = "live"
    ENDED = "ended"
    ABORTED = "aborted"
    VANISHED = "vanished"


@dataclass
class Process:
    """Something that runs. `result` is known once it ended."""

    life: Life = Life.LIVE
    result: events.Event | None = None
    generation: int = 0
    began: bool = False


@dataclass
class Timer:
    """An alarm in the platform's memory."""

    due_ns: int
    path: NodePath
    stamp: str


@dataclass
class Weather:
    """How rough this world is: chances for each thing that can go wrong."""

    crash: float
    duplicate: float
    noise: float
    clock_jump: float
    bad_end: float
    survives: bool
    abort_at_ns: int

    @staticmethod
    def drawn(rng: random.Random) -> "Weather":
        """Draw calm and rough worlds alike."""
        return Weather(
            crash=rng.choice([0.0, 0.02, 0.1]),
            duplicate=rng.choice([0.0, 0.1, 0.4]),
            noise=rng.choice([0.0, 0.05, 0.2]),
            clock_jump=rng.choice([0.0, 0.0, 0.03]),
            bad_end=rng.choice([0.0, 0.1, 0.3, 0.6]),
            survives=rng.random() < 0.5,
            abort_at_ns=rng.randint(0, 200) * S if rng.random() < 0.15 else 0,
        )


@dataclass
class World:
    """Clock, processes, children, timers and what is on its way to the platform."""

    rng: random.Random
    weather: Weather
    checker: Checker
    trace: list[str]
    true_ns: int = 1_000 * S
    offset_ns: int = 0
    inbox: list[events.Event] | None = None
    lives: int = 0
    graft: Callable[[NodePath, Digest], object] = lambda *_: None
    processes: dict[Key, Process] = field(default_factory=dict)
    children: dict[Key, Process] = field(default_factory=dict)
    timers: dict[str, Timer] = field(default_factory=dict)
    arrays: ArrayWorld = field(init=False)
    decisions: dict[NodePath, Failure | NodeId] = field(default_factory=dict)
    signals: dict[NodePath, Failure | None] = field(default_factory=dict)
    wanted: set[NodePath] = field(default_factory=set)
    _agenda: list[tuple[int, int, str, Callable[[], None]]] = field(default_factory=list)
    _ticket: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.arrays = ArrayWorld(self)

    @property
    def now_ns(self) -> int:
        """What the wall clock shows."""
        return self.true_ns + self.offset_ns

    def later(self, what: str, seconds: float, action: Callable[[], None]) -> None:
        """Let something happen after a while."""
        heapq.heappush(self._agenda, (self.true_ns + int(seconds * S), next(self._ticket), what, action))

    def post(self, event: events.Event) -> None:
        """Send news to the platform; it may come late and twice, and is lost if the platform is down."""
        life = self.lives
        self.later(f"news {event}", self.rng.choice([0, 0, 0.1, 2]), lambda: self._arrive(event, life))
        if self.rng.random() < self.weather.duplicate:
            self.later(f"news again {event}", self.rng.choice([0, 1, 30]), lambda: self._arrive(event, life))

    def _arrive(self, event: events.Event, life: int) -> None:
        """News of the platform's own workers die with it; others find the next one."""
        if self.weather.survives or life == self.lives:
            self.deliver(event)

    def deliver(self, event: events.Event) -> None:
        """Put news into the platform's memory; a graph is grafted first, as the shell must."""
        if self.inbox is not None:
            if isinstance(event, events.AttemptExpanded):
                self.graft(scope_of(event.path, event.attempt), event.graph)
            elif isinstance(event, events.GraphTaken):
                self.graft(scope_of(event.path, 0), event.graph)
            self.inbox.append(event)

    def step(self) -> bool:
        """Let the next thing happen; tell whether there was one."""
        name = min(self.timers, key=lambda name: (self.timers[name].due_ns, name), default=None)
        timer_ns = self.timers[name].due_ns - self.offset_ns if name else None
        if timer_ns is not None and (not self._agenda or timer_ns < self._agenda[0][0]):
            assert name is not None
            timer = self.timers.pop(name)
            self.true_ns = max(self.true_ns, timer_ns)
            self.trace.append(f"{self.true_ns / S:.1f} timer {name}")
            self.checker.alarm_rang(timer.path, timer.stamp, self.now_ns)
            self.deliver(events.TimerFired(timer.path, timer.stamp, self.now_ns))
            return True
        if not self._agenda:
            return False
        at, _, what, action = heapq.heappop(self._agenda)
        self.true_ns = max(self.true_ns, at)
        self.trace.append(f"{self.true_ns / S:.1f} {what}")
        action()
        return True

    def jump(self) -> None:
        """Set the wall clock wrong, or right again."""
        self.offset_ns += self.rng.randint(-120, 240) * S
        self.trace.append(f"the clock shows {self.offset_ns / S:+.0f} s")

    def platform_crashed(self) -> None:
        """Forget what lay in the platform's memory; its own workers die with it."""
        self.inbox = None
        self.checker.crashed = True
        self.lives += 1
        self.timers.clear()
        if self.weather.survives:
            return
        self.arrays.crashed()
        for key, process in self.processes.items():
            bad_end = isinstance(process.result, events.AttemptFailed) and self.rng.random() < 0.5
            if process.life is Life.LIVE or (process.life is Life.ENDED and bad_end):
                process.life = Life.VANISHED
                self.checker.process_ended(key)

    # --- commands ---------------------------------------------------------------------------

    def carry_out(self, command: Command) -> None:
        """Do what the core asked for."""
        self.trace.append(f"    does {command.id}")
        match command:
            case StartAttempt(path=path, attempt=attempt):
                self._start_attempt((path, attempt), command.interruptible)
            case AbortAttempt(path=path, attempt=attempt):
                self._abort_attempt((path, attempt))
            case StartChild(path=path, attempt=attempt):
                self._start_child((path, attempt))
            case AbortChild(path=path, attempt=attempt):
                self._abort_child((path, attempt))
            case CollectOutputs(path=path, attempt=attempt):
                self._collect((path, attempt))
            case OpenArray() | StartElements() | AbortElements():
                self.arrays.carry_out(command)
            case TakeOver(path=path):
                self._take_over(path)
            case Decide(path=path):
                self._decide(path)
            case AwaitSignal(path=path):
                self._await_signal(path)
            case LookUpCache():
                self._look_up(command)
            case ReleaseReservation(path=path):
                self.checker.reservation_released(path)
            case SetTimer():
                self.timers[command.id] = Timer(command.due_ns, command.path, command.stamp)

    def _look_up(self, command: LookUpCache) -> None:
        """Answer by lot: found, missed, or taken by somebody else, who may let go before the timer rings."""
        path, asked, at_ns = command.path, command.round, self.now_ns
        self.checker.looked_up(path, asked)
        lot = self.rng.random()
        serialize = self.checker.sketch(path).task.cache.serializable
        seconds = self.rng.choice([0, 0, 0.1, 3])
        event: events.Event
        if lot < 0.3:
            event = events.CacheFound(path, asked, at_ns, CacheNote(CacheStatus.HIT))
        elif serialize and lot < 0.6 and asked < 4:
            until_ns = at_ns + self.rng.choice([0, S, 5 * S])
            event = events.CacheTaken(path, asked, at_ns, until_ns, CacheNote(CacheStatus.MISS))
            if self.rng.random() < 0.5:
                self.later(f"freed {path}", seconds + 1, lambda: self.post(events.CacheFreed(path, asked, self.now_ns)))
        else:
            event = events.CacheMissed(path, asked, at_ns, CacheNote(CacheStatus.MISS))
        self.checker.cache_answered(path, asked, type(event).__name__)
        self.later(f"looked up {path}", seconds, lambda: self.post(event))

    def _start_attempt(self, key: Key, interruptible: bool) -> None:
        process = self.processes.get(key)
        if process is not None and process.life is Life.ENDED:
            assert process.result is not None
            self.post(process.result)
        elif process is not None and process.life is Life.LIVE and process.began:
            self.post(events.AttemptRunning(*key, self.now_ns))
        elif process is None or process.life is Life.VANISHED:
            self.checker.process_started(key, interruptible)
            process = self.processes[key] = Process(generation=process.generation + 1 if process else 0)
            self._draw_fate(key, process)

    def _draw_fate(self, key: Key, process: Process) -> None:
        generation, queued = process.generation, self.rng.choice([0, 0, 0.5, WAITS_S])
        policies = self.checker.sketch(key[0]).task
        if policies.queued_timeout_ns and not generation and self.rng.random() < 0.2:
            return  # never runs: nobody ends it but the core
        timeout_ns = policies.timeout_ns
        hangs = timeout_ns > 0 and self.rng.random() < 0.3
        if queued == WAITS_S:
            self._line_up(key, generation)
        if hangs or self.rng.random() < 0.7:
            self.later(f"runs {key}", queued, lambda: self._began(key, generation))
        if hangs and self.rng.random() < 0.5:
            return  # nobody ends it but the core
        failure = None
        seconds = queued + self.rng.choice([0, 0.01, 1, 10, 40])
        if hangs:
            failure, seconds = EXPIRED, queued + timeout_ns / S
        elif self.rng.random() < self.weather.bad_end:
            failure = self.rng.choice([BUG, FLAKE, FLAKE, LOST, LOST])
            failure = replace(failure, message=f"{failure.message} at {key[0]}/{key[1]}")
        self.later(f"ends {key}", seconds, lambda: self._ended(key, generation, failure))

    def _line_up(self, key: Key, generation: int) -> None:
        """Tell what an attempt waits for, sometimes more than once, and mostly that it does not any more."""

        def tell(what: str) -> None:
            process = self.processes[key]
            if process.life is Life.LIVE and process.generation == generation:
                self.post(events.AttemptWaits(*key, self.now_ns, what))

        for after_s, what in ((1, ROOM), (WAITS_S, "")):
            if self.rng.random() < 0.6:
                self.later(f"{key} waits for {what or 'nothing'}", after_s, lambda what=what: tell(what))

    def _began(self, key: Key, generation: int) -> None:
        process = self.processes[key]
        if process.life is Life.LIVE and process.generation == generation:
            process.began = True
            self.post(events.AttemptRunning(*key, self.now_ns))

    def _ended(self, key: Key, generation: int, failure: Failure | None) -> None:
        process = self.processes[key]
        if process.generation != generation or process.life is Life.VANISHED:
            return
        late = process.life is Life.ABORTED
        if late and self.rng.random() < 0.5:
            return
        gives = self.checker.sketch(key[0]).gives
        if failure is None and gives and self.rng.random() < 0.9:
            self.checker.process_gave(key)
            result: events.Event = events.AttemptExpanded(*key, self.now_ns, Digest(gives))
        elif failure is None:
            result = events.AttemptSucceeded(*key, self.now_ns)
        else:
            result = events.AttemptFailed(*key, self.now_ns, failure)
        if not late:
            process.life, process.result = Life.ENDED, result
            self.checker.process_ended(key)
        self.checker.process_result(key, failure)
        self.post(result)

    def _abort_attempt(self, key: Key) -> None:
        process = self.processes.get(key)
        if process is None or process.life is not Life.LIVE:
            return
        process.life = Life.ABORTED
        self.checker.process_ended(key)

    def _start_child(self, key: Key) -> None:
        it = self.children.get(key)
        if it is not None:
            if it.result is not None:
                self.post(it.result)
            return
        self.checker.child_started(key)
        self.children[key] = Process()
        phase, failure = WorkflowPhase.SUCCEEDED, None
        if self.rng.random() < self.weather.bad_end:
            phase = self.rng.choice([WorkflowPhase.FAILED, WorkflowPhase.TIMED_OUT, WorkflowPhase.ABORTED])
            failure = self.rng.choice([BUG, FLAKE, LOST, None]) if phase is WorkflowPhase.FAILED else None
        self.later(f"child ends {key}", self.rng.choice([0, 1, 15, 90]), lambda: self._child_ended(key, phase, failure))

    def _child_ended(self, key: Key, phase: WorkflowPhase, failure: Failure | None) -> None:
        it = self.children[key]
        if it.result is None:
            it.life = Life.ENDED
            it.result = events.ChildEnded(*key, self.now_ns, phase, failure)
            self.checker.child_ended(key, phase, failure)
            self.post(it.result)

    def _abort_child(self, key: Key) -> None:
        it = self.children.get(key)
        if it is not None and it.life is Life.LIVE:
            it.life = Life.ABORTED
            self.checker.child_abort_asked(key)
            self.later(f"child aborts {key}", 1, lambda: self._child_ended(key, WorkflowPhase.ABORTED, None))

    def _collect(self, key: Key) -> None:
        if self.rng.random() < self.weather.bad_end / 6:
            failure = self.rng.choice([BUG, FLAKE])
            self.checker.outputs(key, failure)
            self.post(events.OutputsFailed(*key, self.now_ns, failure))
        else:
            self.checker.outputs(key, None)
            self.post(events.OutputsCollected(*key, self.now_ns))

    def _take_over(self, path: NodePath) -> None:
        there = self.rng.random() >= self.weather.bad_end
        sketch = self.checker.sketch(path)
        gives = "" if sketch.array else sketch.gives
        if there and gives and self.rng.random() < 0.5:
            self.checker.keeping_graph(path)
            self.post(events.GraphTaken(path, self.now_ns, Digest(gives)))
            return
        self.checker.taking_over(path, there=there)
        self.post(events.TakenOver(path, self.now_ns) if there else events.NothingTaken(path, self.now_ns))

    def _decide(self, path: NodePath) -> None:
        """Answer as the branch's values have it: always the same, whenever it is asked."""
        if path not in self.decisions:
            failure = self.rng.choice([BUG, None]) if self.rng.random() < self.weather.bad_end else None
            case = NodeId(self.rng.choice(self.checker.sketch(path).cases))
            self.decisions[path] = failure or case
            self.checker.kinds.decided(path, failure or case)
        answer = self.decisions[path]
        if isinstance(answer, Failure):
            self.post(events.BranchUndecided(path, 0, self.now_ns, answer))
        else:
            self.post(events.BranchDecided(path, 0, self.now_ns, answer))

    def _await_signal(self, path: NodePath) -> None:
        """Tell what was given, if it was; let somebody give it some time, or nobody if the gate gives up itself."""
        if path in self.signals:
            self._tell_signal(path)
        elif path not in self.wanted:
            self.wanted.add(path)
            if not self.checker.sketch(path).metadata.timeout_ns or self.rng.random() < 0.6:
                seconds = self.rng.choice([0, 1, 20, 100])
                self.later(f"somebody gives the signal of {path}", seconds, lambda: self._give(path))

    def _give(self, path: NodePath) -> None:
        failure = BUG if self.rng.random() < self.weather.bad_end / 2 else None
        self.signals[path] = failure
        self.checker.kinds.given(path, failure)
        self._tell_signal(path)

    def _tell_signal(self, path: NodePath) -> None:
        failure = self.signals[path]
        if failure is None:
            self.post(events.GatePassed(path, 0, self.now_ns))
        else:
            self.post(events.GateRefused(path, 0, self.now_ns, failure))

    # --- noise ------------------------------------------------------------------------------

    def noise(self) -> None:
        """Let the platform hear something about what is over, or never was."""
        of_arrays = self.arrays.noise()
        if of_arrays and self.rng.random() < 0.5:
            self.deliver(self.rng.choice(of_arrays))
            return
        keys = sorted(self.processes) + sorted(self.children)
        if not keys:
            return
        path, attempt = self.rng.choice(keys)
        newest = max(number for other, number in keys if other == path)
        old = self.rng.choice([attempt - 1, newest - 1, newest + 7, newest + 8])
        at_ns = self.now_ns
        outer, _, inner_attempt = path.rpartition(".")[0].rpartition(".")
        gives = self.checker.sketch(path).gives
        scope, old_scope = NodePath(outer), int(inner_attempt or 0) - 1
        self.deliver(
            self.rng.choice(
                [
                    events.AttemptSucceeded(path, old, at_ns),
                    events.TakenOver(path, at_ns),
                    events.NothingTaken(path, at_ns),
                    *([events.AttemptExpanded(path, old, at_ns, Digest(gives))] if gives else []),
                    *([events.GraphTaken(path, at_ns, Digest(gives))] if gives else []),
                    events.AttemptFailed(path, old, at_ns, BUG),
                    events.AttemptFailed(path, old, at_ns, LOST),
                    events.AttemptRunning(path, old, at_ns),
                    events.AttemptWaits(path, old, at_ns, ROOM),
                    events.ChildEnded(path, old, at_ns, WorkflowPhase.SUCCEEDED),
                    events.ChildEnded(path, newest, at_ns, WorkflowPhase.RUNNING),
                    events.TimerFired(path, f"{old}/retry", at_ns),
                    events.TimerFired(path, f"{newest}/deadline/1", at_ns),
                    events.TimerFired(path, f"{newest}/graph/1", at_ns),
                    events.TimerFired(scope, f"{old_scope + 1}/deadline/1", at_ns),
                    events.OutputsCollected(path, old, at_ns),
                    events.OutputsCollected(scope, old_scope, at_ns),
                    events.OutputsFailed(scope, old_scope, at_ns, BUG),
                    events.CacheFound(path, -1, at_ns, CacheNote(CacheStatus.HIT)),
                    events.CacheMissed(path, 77, at_ns, CacheNote(CacheStatus.MISS)),
                    events.CacheTaken(path, 77, at_ns, at_ns, CacheNote(CacheStatus.MISS)),
                    events.CacheFreed(path, -1, at_ns),
                    events.TimerFired(path, "cache/77", at_ns),
                    events.AttemptSucceeded(NodePath("nobody"), 0, at_ns),
                    *self._noise_of_kinds(),
                    events.ExecutionStarted(at_ns),
                ]
            )
        )

    def _noise_of_kinds(self) -> list[events.Event]:
        """Return stale news of branches and gates: of attempts that never were, and of those that are over."""
        at_ns = self.now_ns
        found: list[events.Event] = []
        for path, answer in self.decisions.items():
            cases = self.checker.sketch(path).cases
            found.append(events.BranchDecided(path, 1, at_ns, NodeId(cases[0])))
            found.append(events.BranchUndecided(path, 1, at_ns, BUG))
            found.append(events.BranchDecided(path, 0, at_ns, NodeId("nobody")))
            if not isinstance(answer, Failure) and self.checker.kinds.chosen(path):
                found.append(events.BranchDecided(path, 0, at_ns, NodeId(cases[-1])))
        for path in sorted(self.wanted):
            found.append(events.GatePassed(path, 1, at_ns))
            found.append(events.GateRefused(path, 1, at_ns, BUG))
            found.append(events.TimerFired(path, "0/sleep", at_ns))
            found.append(events.TimerFired(path, "0/deadline/1", at_ns))
        return found
