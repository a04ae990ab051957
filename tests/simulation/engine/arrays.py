"""Arrays in an engine's world: elements that really run, and what their lists must be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from typing_extensions import override

from flytelike.model.caching import CacheStatus
from flytelike.model.failure import Failure, Fault
from flytelike.model.history import ElementsChanged
from flytelike.model.ids import NodePath
from flytelike.model.phases import NodePhase, TaskPhase
from propeller.core.elements import Span, spans_of
from propeller.ports import AttemptKey
from propeller.ports_elements import ElementResult, ElementsOrder
from tests.simulation.arrays import ArrayJudge
from tests.simulation.engine.loop import S
from tests.simulation.engine.values import Value, computed, literals, numbers, place_of, whose
from tests.simulation.rules import must
from tests.unit.propeller_core.builders import BUG, FLAKE, LOST

if TYPE_CHECKING:
    from tests.simulation.engine.checker import EngineChecker
    from tests.simulation.engine.world import EngineWorld

WAITED = Failure("TimeoutExpired", "The attempt waited too long", Fault.USER, retryable=True)
"""How an element fails that the engine took back."""

LIED = Failure("OutputsNotFound", "it left nothing", Fault.USER, retryable=True)


class EngineArrayJudge(ArrayJudge):
    """One array of an engine's world: what the catalog gave counts too, and starts may have been on their way."""

    def __init__(self, path: NodePath, checker: "EngineChecker") -> None:
        """Judge an array, of which the sketch says how many elements it has."""
        super().__init__(path, checker.sketch(path))
        assert self.sketch.array
        self.length = self.sketch.array.length
        self.checker = checker

    @property
    def called_off(self) -> bool:
        """Whether the array has ended by what is recorded."""
        seen = self.checker.nodes[self.path]
        return self.checker.phase.terminal or seen.phase is not NodePhase.RUNNING

    @override
    def started(self, index: int, attempt: int, *, interruptible: bool) -> None:
        if self.called_off:
            self.elements[index].live = attempt  # It was on its way already; its abort must follow.
        else:
            super().started(index, attempt, interruptible=interruptible)

    @override
    def told(self, record: ElementsChanged) -> None:
        if record.cache is CacheStatus.HIT:
            must(self.sketch.task.cache.enabled, f"{self.path}: found in the cache, and is not cached")
            must(self.checker.takes, f"{self.path}: found in the cache, which the execution leaves alone")
            for first, length, phase in record.changes:
                for index in range(first, first + length) if phase == TaskPhase.SUCCEEDED else ():
                    element = self.elements[index]
                    element.results[element.attempt].append(None)
                    if self.checker.outlived:
                        element.live = None  # Its worker outlived an engine, and ends by itself: nobody waits for it.
        if self.checker.clock_was_turned:
            for element in self.elements.values():
                element.paused_ns = 0
        super().told(record)

    def list_of(self, whole: Value) -> list[Value]:
        """Return what the array gives, of all that its elements might: nothing for those that failed."""
        assert isinstance(whole, list)
        return [value if self.elements[index].accepted else None for index, value in enumerate(whole)]


@dataclass
class ElementProcess:
    """A worker at one attempt of an element. `result` is what is known once it ended."""

    array: AttemptKey
    index: int
    attempt: int
    prefix: str
    state: str = "waits"
    result: ElementResult | None = None

    @property
    def lives(self) -> bool:
        return self.state in {"waits", "runs"}


class ElementsWorld:
    """Runs elements in batches, for one engine after the other."""

    def __init__(self, world: "EngineWorld") -> None:
        """Run nothing yet."""
        self._world = world
        self._processes: dict[tuple[AttemptKey, int, int], ElementProcess] = {}

    def start(self, order: ElementsOrder) -> None:
        """Start elements, or tell again how they ended."""
        world, key = self._world, order.array.key
        fresh: list[ElementProcess] = []
        for first, length, attempt in order.elements:
            for index in range(first, first + length):
                process = self._processes.get((key, index, attempt))
                if process is not None and process.state == "ended":
                    self._tell(key, [process])
                elif process is None or process.state in {"vanished", "withdrawn"}:
                    world.judge(lambda i=index, a=attempt: self._starts(order, i, a))  # type: ignore[misc]
                    prefix = f"{order.array.output_prefix}/{index}/{attempt}"
                    process = ElementProcess(key, index, attempt, prefix)
                    self._processes[key, index, attempt] = process
                    fresh.append(process)
        world.agenda.tell(f"  starts {[(it.index, it.attempt) for it in fresh]} of {key.path}")
        while fresh:
            size = world.rng.choice([1, 1, 2, 5, 20])
            self._run(key, fresh[:size], queued_ns=order.array.queued_ns)
            fresh = fresh[size:]

    def abort(self, key: AttemptKey) -> None:
        """Stop all elements of an array."""
        judge = self._judge(key)
        for process in self._of(key):
            if process.lives:
                process.state = "aborted"
                judge.ended(process.index, process.attempt)

    def withdraw(self, key: AttemptKey, spans: Sequence[Span]) -> list[Span]:
        """Take back what has not begun."""
        judge, taken = self._judge(key), []
        for process in self._of(key):
            wanted = any(it.first <= process.index < it.end and it.attempt == process.attempt for it in spans)
            if wanted and process.state == "waits":
                process.state = "withdrawn"
                judge.ended(process.index, process.attempt)
                judge.elements[process.index].results[process.attempt].append(WAITED)
                taken.append((process.index, process.attempt))
        return list(spans_of(sorted(taken)))

    def workers_end(self) -> None:
        """Let the engine's own workers end with it."""
        rng = self._world.rng
        for process in self._processes.values():
            stored = f"{process.prefix}/outputs.pb" in self._world.blobs.objects
            forgotten = process.state == "ended" and not stored and rng.random() < 0.5
            lost = process.state == "ended" and not stored and process.result and process.result.failure is None
            if process.lives or forgotten or lost:
                process.state = "vanished"
                self._judge(process.array).ended(process.index, process.attempt)

    def _of(self, key: AttemptKey) -> list[ElementProcess]:
        return [it for it in self._processes.values() if it.array == key]

    def _judge(self, key: AttemptKey) -> EngineArrayJudge:
        return self._world.checkers[key.execution].array(key.path)

    def _starts(self, order: ElementsOrder, index: int, attempt: int) -> None:
        key, world = order.array.key, self._world
        self._judge(key).started(index, attempt, interruptible=order.interruptible)
        given = numbers(world.blobs.read(order.array.inputs_uri))["x"]
        wanted = world.expected.inputs(key.path)
        must(given == wanted, f"{key.path}: its elements are given {given}, not {wanted}")

    def _run(self, key: AttemptKey, batch: list[ElementProcess], *, queued_ns: int) -> None:
        """Let elements run one after the other, and tell of them together."""
        rng, agenda = self._world.rng, self._world.agenda
        waits_ns = rng.choice([0, 0, S // 2, 20 * S])
        if queued_ns and rng.random() < 0.2:
            waits_ns = queued_ns + 60 * S  # Nobody ends its waiting but the engine.
        lasts_ns = waits_ns + rng.choice([0, 0, S // 2, 20 * S])
        lasts_ns += len(batch) * rng.choice([0, S // 100, S])

        agenda.later("", waits_ns, lambda: self._began(batch))
        array = self._judge(key).sketch.array
        if array and array.timeout_ns and rng.random() < 0.2:
            return  # Nobody ends it but the engine, when the array has taken too long.
        agenda.later(f"a batch of {key.path} ends", lasts_ns, lambda: self._ended(key, batch))

    @staticmethod
    def _began(batch: list[ElementProcess]) -> None:
        for process in batch:
            if process.state == "waits":
                process.state = "runs"

    def _ended(self, key: AttemptKey, batch: list[ElementProcess]) -> None:
        world, judge, told = self._world, self._judge(key), []
        for process in batch:
            late = process.state == "aborted" and world.rng.random() < 0.5
            if not process.lives and not late:
                continue
            process.result = self._result(key, process)
            if not late:
                process.state = "ended"
                judge.ended(process.index, process.attempt)
            told.append(process)
        if told:
            self._tell(key, told)

    def _result(self, key: AttemptKey, process: ElementProcess) -> ElementResult:
        """Draw how an attempt ends, and leave what it gives."""
        world, index, attempt = self._world, process.index, process.attempt
        rng, uri = world.rng, f"{process.prefix}/outputs.pb"
        results = self._judge(key).elements[index].results[attempt]
        if rng.random() < world.weather.bad_end / 2:
            failure = rng.choice([BUG, FLAKE, FLAKE, LOST])
            failure = replace(failure, message=f"{failure.message} at {key.path}[{index}]/{attempt}")
            results.append(failure)
            return ElementResult(index, attempt, failure)
        if not world.expected.gives(key.path):
            results.append(None)
            return ElementResult(index, attempt, None, rng.choice([None, b""]))
        if rng.random() < world.weather.bad_end / 8:
            world.blobs.delete(uri)
            results.append(LIED)
            return ElementResult(index, attempt)
        results.append(None)
        data = literals({"o": self._gives(key, index)})
        if rng.random() < 0.5:
            return ElementResult(index, attempt, None, data)
        world.blobs.write(uri, data)
        return ElementResult(index, attempt)

    def _gives(self, key: AttemptKey, index: int) -> Value:
        world = self._world
        path = NodePath(f"{key.path}.{key.attempt}.{index}")
        if world.checkers[key.execution].sketch(key.path).gives:
            return world.expected.output(path)
        return computed(whose(world.scenario, place_of(path)), world.expected.inputs(path))

    def _tell(self, key: AttemptKey, batch: list[ElementProcess]) -> None:
        results, at_ns = [it.result for it in batch if it.result is not None], self._world.now_ns
        self._world.post(lambda engine: engine.elements_ended(key, at_ns, results))
