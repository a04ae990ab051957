"""The core's judge, told of an engine's world: values must be right, failures of the platform real."""

from collections import defaultdict
from dataclasses import dataclass, field

from typing_extensions import override

from flytelike.model.failure import Failure
from flytelike.model.history import NodeChanged
from flytelike.model.ids import NodePath
from flytelike.model.phases import NodePhase
from propeller.core.elements import element_of
from tests.simulation.arrays import ArrayJudge
from tests.simulation.checker import Checker, Key
from tests.simulation.engine.arrays import EngineArrayJudge
from tests.simulation.engine.loop import Agenda
from tests.simulation.engine.values import Expected
from tests.simulation.rules import must
from tests.unit.propeller_core.builders import NodeSketch


@dataclass
class EngineChecker(Checker):
    """Judges one execution.

    It cannot see timers in the engine's memory: instead it looks how long an attempt really ran,
    as long as nobody turned the clock.
    """

    expected: Expected = field(kw_only=True)
    agenda: Agenda = field(default_factory=Agenda)
    began_ns: dict[Key, int] = field(default_factory=dict)
    lied: set[Key] = field(default_factory=set)
    gates_ns: dict[NodePath, int] = field(default_factory=dict)
    signals: dict[str, Failure | None] = field(default_factory=dict)
    unopened: dict[NodePath, Failure] = field(default_factory=dict)
    failed_in: dict[str, list[tuple[str, Failure]]] = field(default_factory=lambda: defaultdict(list))
    clock_was_turned: bool = False
    ends_unheard: bool = False
    sees_lookups: bool = False
    takes: bool = True
    outlived: bool = False
    """Whether workers go on when their engine dies."""

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        self.arrays = _Judges(self)

    def array(self, path: NodePath) -> EngineArrayJudge:
        """Return who judges an array."""
        judge = self.arrays[path]
        assert isinstance(judge, EngineArrayJudge)
        return judge

    def process_began(self, key: Key) -> None:
        """Take that a process says that it began its work."""
        self.began_ns.setdefault(key, self.agenda.true_ns)

    @override
    def process_gave(self, key: Key) -> None:
        """Nobody need have said that it began; the time of its graph counts from here then."""
        super().process_gave(key)
        self.process_began(key)

    def start_asked(self, key: Key) -> None:
        """Take that the engine asks for a start: there must be reason to, now. The process may come later.

        To ask for a child once more is the way to learn the name of one that is to be aborted.
        """
        path, attempt = key
        if self.phase.terminal and self.ends_unheard:
            return  # The engine's next commit fails, and it hears of the end; the attempt is aborted then.
        if self.sketch(path).launch_plan:
            if not self._called_off(path, attempt):
                self._may_start(path, attempt)
            return
        self._may_start(path, attempt)
        must(attempt == len(self.nodes[path].attempts) - 1, f"{path}: asks for attempt {attempt}, not the newest")

    @override
    def _taken_from_cache(self, path: NodePath, record: NodeChanged) -> None:
        super()._taken_from_cache(path, record)
        must(self.takes, f"{path}: is taken from the cache, which the execution leaves alone")

    @override
    def process_started(self, key: Key, interruptible: bool) -> None:
        if self._called_off(*key):
            self.live[key[0]] = key[1]  # The start was on its way already; its abort must follow.
        else:
            super().process_started(key, interruptible)

    @override
    def child_started(self, key: Key) -> None:
        if self._called_off(*key):
            self.live_children[key[0]] = key[1]
        else:
            super().child_started(key)

    def _called_off(self, path: NodePath, attempt: int) -> bool:
        seen = self.nodes[path]
        newest = max(self.newest.get(path, 0), len(seen.attempts) - 1)
        return self.phase.terminal or seen.phase is not NodePhase.RUNNING or attempt < newest

    @override
    def _slots(self) -> None:
        """Those whose end is asked for already do not count."""
        lives = {**self.live, **self.live_children}
        running = [path for path, attempt in lives.items() if not (element_of(path) or self._called_off(path, attempt))]
        running += [path for path in self.arrays if self._runs(path)]
        limit = self.scenario.limits.max_parallelism
        must(limit == 0 or len(running) <= limit, f"{running} really run, {limit} may")

    def _runs(self, array: NodePath) -> bool:
        return self.array(array).lives() and not self.array(array).called_off and not element_of(array)

    @override
    def _node(self, record: NodeChanged) -> None:
        path, sketch = record.path, self.sketch(record.path)
        if record.phase is NodePhase.RUNNING and sketch.cases:
            self.kinds.decided_by_values(path, self.expected.taken(path))
        gate = self.expected.gate(path) if sketch.signal else None
        if gate is not None and record.phase.terminal:
            self._pass_on(path, gate.signal_id)
        super()._node(record)
        if record.phase is NodePhase.RUNNING and (sketch.launch_plan or sketch.is_gate or sketch.array):
            self.began_ns[path, 0] = min(record.at_ns, self.agenda.true_ns)  # A commit may land late.
            self.gates_ns[path] = record.at_ns
        aside = sketch.branch or self.kinds.is_cleanup(path)
        if record.phase in {NodePhase.FAILED, NodePhase.TIMED_OUT} and record.failure and not aside:
            self.failed_in[path.rpartition(".")[0]].append((sketch.id, record.failure))

    def _pass_on(self, path: NodePath, signal: str) -> None:
        """Let a gate's end be judged by what was given, or by why it could not wait."""
        if path in self.unopened:
            self.kinds.signals[path] = self.unopened[path]
        elif signal in self.signals:
            self.kinds.signals[path] = self.signals[signal]

    def told_of(self, path: NodePath, error: tuple[str, str] | None) -> None:
        """Judge what a failure node is told: the first failure of its workflow, and whose it was."""
        must(error is not None, f"{path}: is told of no failure")
        assert error is not None
        node, message = error
        failed = self.failed_in[path.rpartition(".")[0]]
        if node == "end-node":
            must(not failed or "took longer" in message, f"{path}: is told of {message}, {failed} failed")
            return
        must(failed and message == failed[0][1].message, f"{path}: is told of {message}, {failed} failed")
        same = {other for other, failure in failed if failure == failed[0][1]}
        must(node in same, f"{path}: is told that {node} failed, {same} did")

    @override
    def _gives(self, sketch: NodeSketch) -> bool:
        """Tasks that give graphs have the outputs of those here."""
        inner = sketch.workflow or sketch.gives
        return self.scenario.inner[inner].outputs if inner else True

    @override
    def slept(self, path: NodePath) -> bool:
        passed_ns = self.agenda.true_ns - self.began_ns.get((path, 0), self.agenda.true_ns)
        return self.clock_was_turned or passed_ns >= (self.sketch(path).sleep_ns or 0)

    @override
    def _newest_child(self, path: NodePath) -> int:
        """A child may take too long before it is even created, as nobody sees from outside."""
        timeout_ns = self.sketch(path).metadata.timeout_ns
        elapsed_ns = self.agenda.true_ns - self.began_ns.get((path, 0), self.agenda.true_ns)
        ended = sum(1 for other, _ in self.child_results if other == path)
        passed = ended + elapsed_ns // timeout_ns - 1 if timeout_ns else 0
        retries = self.sketch(path).metadata.retries or 0
        return retries if self.clock_was_turned and timeout_ns else max(super()._newest_child(path), passed)

    @override
    def timed_out(self, path: NodePath, attempt: int) -> bool:
        if self.clock_was_turned:
            return True
        node = self.sketch(path)
        timeout_ns = node.array.timeout_ns if node.array else node.metadata.timeout_ns or node.task.timeout_ns
        once = node.launch_plan or node.is_gate or node.array
        began_ns = self.began_ns.get((path, 0 if once else attempt))
        return bool(timeout_ns) and began_ns is not None and self.agenda.true_ns - began_ns >= timeout_ns

    @override
    def _waited_ns(self, path: NodePath, attempt: int) -> int:
        """An attempt waits from when it is recorded as queued; wrong clocks may show any time."""
        limit_ns = self.sketch(path).task.queued_timeout_ns
        return limit_ns if self.clock_was_turned else self.agenda.true_ns - self.nodes[path].queued_ns

    @override
    def _happened(self, path: NodePath, attempt: int, failure: Failure) -> bool:
        if failure.code == "OutputsNotFound":
            return (path, attempt) in self.lied
        return super()._happened(path, attempt, failure)


class _Judges(dict[NodePath, ArrayJudge]):
    """One judge for each array, made when it is first spoken of."""

    def __init__(self, checker: EngineChecker) -> None:
        self._checker = checker
        super().__init__()

    def __missing__(self, path: NodePath) -> ArrayJudge:
        judge = self[path] = EngineArrayJudge(path, self._checker)
        return judge
