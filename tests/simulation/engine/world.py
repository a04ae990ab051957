"""The world around an engine: what is durable, what runs, what time it is, and who is told what.

It outlives every engine. What happens in it is told to the checkers, which know what must be.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from flytelike.model.caching import CacheEntry, CacheUse
from flytelike.model.closure import WorkflowClosure
from flytelike.model.failure import Failure, Fault
from flytelike.model.history import ElementsChanged, HistoryEntry, NodeChanged
from flytelike.model.ids import ROOT, Digest, ExecutionId, NodeExecutionId, NodePath
from flytelike.model.launch import LaunchRequest
from flytelike.model.phases import NodePhase, WorkflowPhase
from propeller.core.node_state import END_STATES
from propeller.engine import Engine
from propeller.engine.encoding import decode
from propeller.engine.telling import telling_in
from propeller.ports import AttemptKey, AttemptSpec, ChildRefused, ChildStatus, Commit, GraphRefused
from propeller.stores.memory import MemoryStateStore
from propeller.stores.memory_catalog import MemoryCatalog
from tests.simulation.engine.arrays import ElementsWorld
from tests.simulation.engine.blobs import SimulatedBlobs
from tests.simulation.engine.checker import EngineChecker
from tests.simulation.engine.earlier import EarlierExecution
from tests.simulation.engine.life import Life
from tests.simulation.engine.loop import Agenda, S
from tests.simulation.engine.ports import at_once
from tests.simulation.engine.signals import SimulatedPeople
from tests.simulation.engine.values import (
    Expected,
    Value,
    computed,
    literals,
    numbers,
    place_of,
    told_error,
    valued_closure,
    whose,
)
from tests.simulation.engine.weather import Weather
from tests.simulation.graphs import Scenario
from tests.simulation.rules import Violation, must
from tests.unit.propeller_core.builders import BUG, FLAKE, LOST

EXPIRED = Failure("TimeoutExpired", "killed by its executor", Fault.USER, retryable=True)

News = Callable[[Engine], None]


@dataclass
class Process:
    """An attempt. `news` is what is known once it ended."""

    spec: AttemptSpec
    state: str = "live"
    began: bool = False
    news: News | None = None
    bad: bool = False


@dataclass
class Child:
    """An execution that a launch-plan node started."""

    parent: NodeExecutionId
    attempt: int
    inputs_uri: str
    status: ChildStatus = field(default_factory=lambda: ChildStatus(WorkflowPhase.RUNNING))
    asked_to_end: bool = False


class EngineWorld:
    """Store, objects, processes, children and clock."""

    def __init__(
        self,
        rng: random.Random,
        scenario: Scenario,
        weather: Weather,
        requests: Sequence[LaunchRequest],
        agenda: Agenda,
    ) -> None:
        self.rng, self.scenario, self.weather, self.agenda = rng, scenario, weather, agenda
        self.closure = valued_closure(scenario)
        self.expected = Expected(scenario)
        self.requests = requests
        self.checkers = {
            request.id: EngineChecker(
                scenario,
                expected=self.expected,
                agenda=agenda,
                ends_unheard=weather.ends_unheard,
                takes=request.cache is CacheUse.USE,
                outlived=weather.survives,
            )
            for request in requests
        }
        self.people = SimulatedPeople(self)
        self.store = MemoryStateStore(lambda: self.now_ns)
        self.blobs = SimulatedBlobs()
        self.catalog = MemoryCatalog(lambda: self.now_ns)
        self.recorded: dict[ExecutionId, list[HistoryEntry]] = {request.id: [] for request in requests}
        self.sunk: dict[ExecutionId, list[HistoryEntry]] = {request.id: [] for request in requests}
        self.processes: dict[AttemptKey, Process] = {}
        self.elements = ElementsWorld(self)
        self.children: dict[ExecutionId, Child] = {}
        self.refused: dict[ExecutionId, Failure] = {}
        self.offset_ns = 0
        self.commits = 0
        self.life: Life | None = None
        self.lives = 0
        self.broken: BaseException | None = None
        for request in requests:
            self.blobs.write(request.inputs_uri, literals({"i": self.expected_input}), durable=True)

    expected_input = 7

    def take_over_from(self, earlier: EarlierExecution) -> None:
        """Keep what an earlier execution left. The platform may fail at it for good, and then the nodes run."""
        earlier.store(self.blobs)
        for checker in self.checkers.values():
            for path, there in earlier.there.items():
                checker.took[path] = {True, False} if there else {False}

    @property
    def now_ns(self) -> int:
        """What the wall clock shows."""
        return self.agenda.true_ns + self.offset_ns

    def judge(self, tell: Callable[[], None]) -> None:
        """Tell a checker something. The engine must not swallow what it says."""
        try:
            tell()
        except Exception as violation:
            self.broken = self.broken or violation
            raise

    def turn_clock(self) -> None:
        """Set the wall clock wrong, or right again."""
        self.offset_ns += self.rng.randint(-120, 240) * S
        self.agenda.tell(f"the clock shows {self.offset_ns / S:+.0f} s")
        for checker in self.checkers.values():
            checker.clock_was_turned = True

    # --- what is durable ------------------------------------------------------------------------

    def commit(self, commit: Commit, store: MemoryStateStore) -> None:
        """Store a step through an engine's handle, if its version fits, and judge it."""
        before = at_once(self.store.load(commit.execution))
        at_once(store.commit(commit))
        self.commits += 1
        self.judge(lambda: self._committed(commit, dict(before.cells) if before else {}))

    def _committed(self, commit: Commit, before: dict[str, bytes]) -> None:
        for path, cell in commit.cells.items():
            old = decode(before[path]) if path in before else None
            must(type(old) not in END_STATES or old == decode(cell), f"{path}: {old} became {decode(cell)}")
        known = self.recorded[commit.execution]
        entries = telling_in(commit.execution, commit.history).entries() if commit.history else []
        self.agenda.tell(f"  commit {commit.expected} of {commit.execution.name}: {[_word(e) for e in entries]}")
        must([e.sequence for e in entries] == list(range(len(known) + 1, len(known) + len(entries) + 1)),
             f"numbered {[e.sequence for e in entries]} after {len(known)}")  # fmt: skip
        known.extend(entries)
        checker = self.checkers[commit.execution]
        checker.recorded([entry.record for entry in entries])
        for entry in entries:
            self._child_told(commit.execution, entry, checker)

    def _child_told(self, execution: ExecutionId, entry: HistoryEntry, checker: EngineChecker) -> None:
        """The child that a success speaks of is the one that succeeded."""
        record = entry.record
        if isinstance(record, NodeChanged) and record.phase is NodePhase.SUCCEEDED:
            sketch = checker.sketch(record.path)
            with_child = sketch.launch_plan and not sketch.array
            wanted = self._child(execution, record.path, checker.newest[record.path]) if with_child else None
            must(entry.child == wanted, f"{record.path}: told of child {entry.child}, it was {wanted}")

    def write(self, uri: str, data: bytes) -> None:
        """Store an object for the engine; outputs of a scope must be right."""
        self.blobs.write(uri, data)
        for request in self.requests:
            folder = f"mem://meta/p-d-{request.id.name}/"
            if uri.startswith(folder) and uri.endswith("/outputs.pb"):
                node, _, attempt, *element, _ = uri.removeprefix(folder).split("/")
                path = ROOT if node == "end-node" else NodePath(node)
                if element:
                    self.judge(partial(self._is_of_element, NodePath(f"{path}.{attempt}.{element[0]}"), data))
                else:
                    self.judge(partial(self._collected, request.id, path, int(attempt), data))

    def _is_of_element(self, path: NodePath, data: bytes) -> None:
        found, wanted = numbers(data), {"o": self.expected.output(path)}
        must(found == wanted, f"{path}: gives {found}, not {wanted}")

    def _collected(self, execution: ExecutionId, path: NodePath, attempt: int, data: bytes) -> None:
        checker, found = self.checkers[execution], numbers(data)
        gives = path == ROOT or self.expected.gives(path)
        wanted = {"o": self.given_by(execution, path)} if gives else {}
        must(found == wanted, f"{path}: gives {found}, not {wanted}")
        if checker.took.get(path):
            checker.bound[path, attempt].append(None)  # whether they were taken over or collected
        elif (
            path == ROOT
            or checker.sketch(path).workflow
            or checker.sketch(path).array
            or (path, attempt) in checker.gave
        ):
            checker.outputs((path, attempt), None)

    def given_by(self, execution: ExecutionId, path: NodePath) -> Value:
        """Return what a node must have given; of an array that runs, nothing for elements that failed."""
        checker, whole = self.checkers[execution], self.expected.output(path)
        runs = path != ROOT and checker.sketch(path).array and True not in checker.took[path]
        return checker.array(path).list_of(whole) if runs else whole

    def told(self, batch: Sequence[HistoryEntry]) -> None:
        """Take history in, as the control plane does: in order, each record once."""
        self.judge(lambda: self._told(batch))

    def _told(self, batch: Sequence[HistoryEntry]) -> None:
        for entry in batch:
            known, recorded = self.sunk[entry.execution], self.recorded[entry.execution]
            must(entry.sequence <= len(recorded), f"told before it was committed: {entry}")
            must(entry == recorded[entry.sequence - 1], f"told otherwise than committed: {entry}")
            must(entry.sequence <= len(known) + 1, f"told {entry.sequence} after {len(known)}")
            if entry.sequence == len(known) + 1:
                known.append(entry)

    def start_asked(self, execution: ExecutionId, path: NodePath, attempt: int) -> None:
        """Judge that the engine asks for a start, whatever becomes of it on the way."""
        known = (
            AttemptKey(execution, path, attempt) in self.processes
            or self._child(execution, path, attempt) in self.children
        )
        if not known and self.life is not None and execution not in self.life.unheard:
            self.judge(lambda: self.checkers[execution].start_asked((path, attempt)))

    # --- the catalog ----------------------------------------------------------------------------

    def put_into_catalog(self, entry: CacheEntry) -> None:
        """Keep a result, which must be what its task gives for its inputs."""
        self.judge(lambda: self._is_right(entry))
        at_once(self.catalog.put(entry))

    def _is_right(self, entry: CacheEntry) -> None:
        place = entry.source.path
        data = entry.outputs or self.blobs.read(entry.outputs_uri)
        wanted = self.expected.output(place)
        must(numbers(data) == {"o": wanted}, f"{place}: {numbers(data)} is cached, its task gives {wanted}")
        sketch = self.checkers[entry.source.execution].sketch(place)
        must(sketch.task.cache.enabled and self.scenario.limits.cached, f"{place}: is cached, which nobody wants")

    def spoil_catalog(self) -> None:
        """Let data be deleted that a cached result consists of, or its time be over."""
        for digest in sorted(self.catalog.entries):
            entry = self.catalog.entries[digest]
            if self.rng.random() < 0.5:
                self.catalog.entries[digest] = replace(entry, expires_ns=1)

    def _alone(self, spec: AttemptSpec) -> None:
        """Nobody else does the same work while the leases on it last, which they do in calm worlds."""
        key = spec.key
        sketch = self.checkers[key.execution].sketch(key.path)
        if self.checkers[key.execution].kinds.is_cleanup(key.path):
            return  # Its work is another one with another failure.
        if not (self.calm and sketch.task.cache.serializable and self.scenario.limits.cached):
            return
        for other, process in self.processes.items():
            beside = process.state == "live" and other != key and self._work(other) == self._work(key)
            must(
                not beside,
                f"{key.execution.name}/{key.path}: does what {other.execution.name}/{other.path} does already",
            )

    def _work(self, key: AttemptKey) -> tuple[str, list[Value]]:
        return whose(self.scenario, place_of(key.path)), self.expected.inputs(key.path)

    def look_back(self) -> None:
        """Look at the catalog once all has come to rest."""
        must(not (self.calm and self.catalog.reserved), f"nothing runs, and there is {self.catalog.reserved}")

    @property
    def calm(self) -> bool:
        """Whether no lease can have lapsed, and all of the catalog was heard."""
        weather = self.weather
        return self.lives == 1 and not (weather.away or weather.unheard or self.clock_was_turned)

    @property
    def clock_was_turned(self) -> bool:
        return any(checker.clock_was_turned for checker in self.checkers.values())

    # --- attempts -------------------------------------------------------------------------------

    def start_attempt(self, spec: AttemptSpec) -> None:
        """Start an attempt, or tell again how it goes."""
        process = self.processes.get(spec.key)
        if process is not None and process.state == "ended":
            assert process.news is not None
            self.post(process.news)
        elif process is not None and process.state == "live":
            if process.began:
                self.post(lambda engine: engine.running(spec.key, self.now_ns))
        elif process is None or process.state == "vanished":
            self.agenda.tell(f"  starts {spec.key.path}/{spec.key.attempt}")
            self.judge(lambda: self._starts(spec))
            self.judge(lambda: self._alone(spec))
            again, process = process is not None, Process(spec)
            self.processes[spec.key] = process
            self._draw_fate(process, again=again)

    def _starts(self, spec: AttemptSpec) -> None:
        key = spec.key
        self.checkers[key.execution].process_started((key.path, key.attempt), spec.interruptible)
        given = numbers(self._inputs(spec)).get("x")
        wanted = self.expected.inputs(key.path)
        must(given == wanted, f"{key.path}: is given {given}, not {wanted}")
        checker = self.checkers[key.execution]
        if checker.kinds.is_cleanup(key.path):
            checker.told_of(key.path, told_error(self._inputs(spec)))

    def _draw_fate(self, process: Process, *, again: bool) -> None:
        key, rng = process.spec.key, self.rng
        queued_ns = rng.choice([0, 0, S // 2, 20 * S])
        policies = self.checkers[key.execution].sketch(key.path).task
        if policies.queued_timeout_ns and not again and rng.random() < 0.2:
            return  # Never runs: nobody ends it but the engine.
        timeout_ns = policies.timeout_ns
        hangs = timeout_ns > 0 and rng.random() < 0.3
        if hangs or rng.random() < 0.7:
            self.agenda.later("", queued_ns, lambda: self._began(process))
        if hangs and rng.random() < 0.5:
            return  # Nobody ends it but the engine.
        failure, lasts_ns = None, queued_ns + rng.choice([0, S // 100, S, 10 * S, 40 * S])
        if hangs:
            failure, lasts_ns = EXPIRED, queued_ns + timeout_ns
        elif rng.random() < self.weather.bad_end:
            failure = rng.choice([BUG, FLAKE, FLAKE, LOST, LOST])
            failure = replace(failure, message=f"{failure.message} at {key.path}/{key.attempt}")
        lies = failure is None and rng.random() < self.weather.bad_end / 4
        lies = lies and bool(process.spec.task.interface.outputs)
        self.agenda.later("", lasts_ns, lambda: self._ended(process, failure, lies=lies))

    def _began(self, process: Process) -> None:
        if process.state == "live":
            key, at_ns = process.spec.key, self.now_ns
            process.began = True
            self.checkers[key.execution].process_began((key.path, key.attempt))
            self.post(lambda engine: engine.running(key, at_ns))

    def _ended(self, process: Process, failure: Failure | None, *, lies: bool) -> None:
        key, checker = process.spec.key, self.checkers[process.spec.key.execution]
        if process.state in {"vanished", "buried"} or (process.state == "aborted" and self.rng.random() < 0.5):
            return
        gives = "" if failure or lies or self.rng.random() < 0.1 else checker.sketch(key.path).gives
        if gives:
            failure = self._gives(process, gives, refused=self.rng.random() < self.weather.bad_end / 4)
        elif failure is None and not lies and process.spec.task.interface.outputs:
            given = numbers(self._inputs(process.spec)).get("x")
            assert isinstance(given, list)
            dynamic = checker.sketch(key.path).gives
            mine = whose(self.scenario, place_of(key.path))
            value = self.expected.output(key.path) if dynamic else computed(mine, given)
            self.blobs.write(f"{process.spec.output_prefix}/outputs.pb", literals({"o": value}))
        if lies:
            # A look-up that broke off may have left the right outputs there.
            self.blobs.delete(f"{process.spec.output_prefix}/outputs.pb")
        self.agenda.tell(f"{key.path}/{key.attempt} ends: {failure.code if failure else 'lies' if lies else 'well'}")
        at_ns = self.now_ns
        process.bad = failure is not None and not gives
        if gives:
            process.news = lambda engine: engine.expanded(key, at_ns)
        elif failure is None:
            process.news = lambda engine: engine.succeeded(key, at_ns)
        else:
            told = failure
            process.news = lambda engine: engine.failed(key, at_ns, told)
        if process.state == "live":
            process.state = "ended"
            checker.process_ended((key.path, key.attempt))
        if lies:
            checker.lied.add((key.path, key.attempt))
        else:
            checker.process_result((key.path, key.attempt), failure)
        self.post(process.news)

    def _gives(self, process: Process, graph: str, *, refused: bool) -> Failure | None:
        """Leave what a dynamic task gives; return why it will be refused, if it will."""
        key = process.spec.key
        failure = replace(BUG, message=f"{key.path}/{key.attempt} gives nonsense") if refused else None
        text = f"!{failure.message}" if failure else graph
        self.blobs.write(f"{process.spec.output_prefix}/futures.pb", text.encode())
        if failure is None:
            self.checkers[key.execution].process_gave((key.path, key.attempt))
        return failure

    def compiled(self, uri: str) -> Digest:
        """Compile what a dynamic task gave, as a control plane does."""
        text = self.blobs.read(uri).decode()
        if text.startswith("!"):
            raise GraphRefused(replace(BUG, message=text[1:]))
        return Digest(text)

    def graph(self, digest: Digest) -> WorkflowClosure:
        """Return the closure of a graph that was compiled."""
        return valued_closure(self.scenario, digest)

    def abort_attempt(self, key: AttemptKey) -> None:
        """Stop an attempt."""
        process = self.processes.get(key)
        if process is not None and process.state == "live":
            self.agenda.tell(f"  aborts {key.path}/{key.attempt}")
            process.state = "aborted"
            self.checkers[key.execution].process_ended((key.path, key.attempt))

    def workers_end(self) -> None:
        """Let the engine's own workers end with it; what they had stored stays, and is found again."""
        if self.weather.survives:
            return
        self.elements.workers_end()
        for key, process in self.processes.items():
            if process.state == "aborted":
                process.state = "buried"  # However it was about to end: nobody hears of it.
            prefix = process.spec.output_prefix
            stored = any(f"{prefix}/{name}" in self.blobs.objects for name in ("outputs.pb", "futures.pb"))
            forgotten = process.state == "ended" and not stored and self.rng.random() < 0.5
            lost = process.state == "ended" and not process.bad and not stored
            if process.state == "live" or forgotten or lost:
                process.state = "vanished"
                self.checkers[key.execution].process_ended((key.path, key.attempt))

    # --- children -------------------------------------------------------------------------------

    def _inputs(self, spec: AttemptSpec) -> bytes:
        """Small inputs come along; a worker need not find their document."""
        return self.blobs.read(spec.inputs_uri) if spec.inputs is None else spec.inputs

    def start_child(self, parent: NodeExecutionId, attempt: int, inputs_uri: str) -> ExecutionId:
        """Create a child execution, or return the one there is."""
        above, key = parent.execution, (parent.path, attempt)
        name = self._child(above, parent.path, attempt)
        checker = self.checkers[above]
        if name in self.refused:
            raise ChildRefused(self.refused[name])
        if name in self.children:
            return name
        self.judge(lambda: checker.child_started(key))
        if self.rng.random() < self.weather.bad_end / 4:
            self.refused[name] = failure = replace(BUG, message=f"{name.name} is refused")
            checker.child_ended(key, WorkflowPhase.FAILED, failure)
            raise ChildRefused(failure)
        self.judge(lambda: self._given(parent.path, inputs_uri))
        child = self.children[name] = Child(parent, attempt, inputs_uri)
        phase, failure_of = WorkflowPhase.SUCCEEDED, None
        if self.rng.random() < self.weather.bad_end:
            phase = self.rng.choice([WorkflowPhase.FAILED, WorkflowPhase.TIMED_OUT, WorkflowPhase.ABORTED])
            failure_of = self.rng.choice([BUG, FLAKE, LOST]) if phase is WorkflowPhase.FAILED else None
        lasts_ns = self.rng.choice([0, S, 15 * S, 90 * S])
        self.agenda.later(f"child {name.name} ends", lasts_ns, lambda: self._child_ends(name, child, phase, failure_of))
        return name

    @staticmethod
    def _child(above: ExecutionId, path: NodePath, attempt: int) -> ExecutionId:
        return ExecutionId(above.project, above.domain, f"{above.name}-{path}-{attempt}")

    def _given(self, path: NodePath, inputs_uri: str) -> None:
        given, wanted = numbers(self.blobs.read(inputs_uri)).get("x"), self.expected.inputs(path)
        must(given == wanted, f"{path}: its child is given {given}, not {wanted}")

    def _child_ends(self, name: ExecutionId, child: Child, phase: WorkflowPhase, failure: Failure | None) -> None:
        if child.status.phase.terminal:
            return
        uri, path = "", child.parent.path
        if phase is WorkflowPhase.SUCCEEDED:
            uri = f"mem://children/{name.name}"
            self.blobs.write(uri, literals({"o": computed(place_of(path), self.expected.inputs(path))}), durable=True)
        child.status = ChildStatus(phase, uri, failure)
        self.checkers[child.parent.execution].child_ended((path, child.attempt), phase, failure)
        self.post(lambda engine: engine.child_ended(child.parent, child.attempt, name))

    def abort_child(self, name: ExecutionId) -> None:
        """Ask a child to end, which it does in a while."""
        child = self.children[name]
        if not child.status.phase.terminal and not child.asked_to_end:
            child.asked_to_end = True
            self.checkers[child.parent.execution].child_abort_asked((child.parent.path, child.attempt))
            self.agenda.later("", S, lambda: self._child_ends(name, child, WorkflowPhase.ABORTED, None))

    def child_status(self, name: ExecutionId) -> ChildStatus:
        """Return how a child goes."""
        return self.children[name].status

    # --- news -----------------------------------------------------------------------------------

    def post(self, news: News) -> None:
        """Send news to the engine: late, perhaps twice, and in vain when it is down."""
        life = self.lives
        self.agenda.later("", self.rng.choice([0, 0, S // 10, 2 * S]), lambda: self._arrive(news, life))
        if self.rng.random() < self.weather.duplicate:
            self.agenda.later("", self.rng.choice([0, S, 30 * S]), lambda: self._arrive(news, life))

    def _arrive(self, news: News, life: int) -> None:
        here = self.life
        if here is None or here.engine is None or (life != self.lives and not self.weather.survives):
            return
        here.loop.call_soon(news, here.engine)

    def noise(self) -> None:
        """Let the engine hear of attempts that are over."""
        past = [key for key in self.processes if AttemptKey(key.execution, key.path, key.attempt + 1) in self.processes]
        if past:
            key, at_ns = self.rng.choice(past), self.now_ns
            self.post(
                self.rng.choice(
                    [
                        lambda engine: engine.running(key, at_ns),
                        lambda engine: engine.succeeded(key, at_ns),
                        lambda engine: engine.failed(key, at_ns, LOST),
                    ]
                )
            )


def _word(entry: HistoryEntry) -> str:
    record = entry.record
    where = f"{getattr(record, 'path', '')}/{getattr(record, 'attempt', '')} "
    if isinstance(record, ElementsChanged):
        return f"{where.strip('/ ')} {[*record.changes]} {record.cache.name}"
    return f"{where.strip('/ ')} {record.phase.name}".strip()


__all__ = ["EngineWorld", "Violation", "literals", "numbers"]
