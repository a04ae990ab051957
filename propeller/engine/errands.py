"""Getting errands done: some at once, executions in turn, again after a pause if they fail.

What an errand does is `Effects`' matter. Here is decided when it is done, and what an execution
is told of one that cannot be done at all.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import assert_never

from flytelike.model.failure import Failure, Fault
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.phases import WorkflowPhase
from propeller.core.commands import (
    AbortAttempt,
    AbortChild,
    AbortElements,
    AwaitSignal,
    CollectOutputs,
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
from propeller.core.events import (
    ArrayRefused,
    AttemptFailed,
    BranchUndecided,
    ChildEnded,
    ElementFailed,
    ElementsEnded,
    Event,
    GateRefused,
    NothingTaken,
    OutputsFailed,
)
from propeller.core.plan import parent_of
from propeller.engine.lookups import grouped
from propeller.engine.run import (
    Errand,
    LookUpMany,
    Restore,
    Run,
    StoreInputs,
    TakeChild,
    TakeElements,
    TakeGraph,
    TakeOutputs,
    WithdrawElements,
)
from propeller.engine.settings import EngineSettings
from propeller.engine.troubles import PAUSE_NS_MAX, Troubles, cause_of
from propeller.ports import Clock

_LOG = logging.getLogger(__name__)

NOT_POSSIBLE = "PlatformUnavailable"
"""The code of a failure that says that the platform could not do its part, however often it tried."""

Do = Callable[[Run, Errand], Awaitable[None]]
Tell = Callable[[Run, Event], None]


class Errands:
    """Carries errands out, a bounded number at once, one execution after the other."""

    def __init__(
        self,
        do: Do,
        tell: Tell,
        settled: Callable[[Run], None],
        clock: Clock,
        settings: EngineSettings,
        troubles: Troubles,
    ) -> None:
        """Take what does an errand, what tells an execution, and what hears that a run has fewer errands."""
        self._do = do
        self._tell = tell
        self._settled = settled
        self._clock = clock
        self._settings = settings
        self._troubles = troubles
        self._runs: deque[Run] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def add(self, run: Run, errands: Iterable[Errand]) -> None:
        """Take errands; those of one execution begin in order, but for starts that wait for an abort."""
        for errand in grouped(errands):
            if isinstance(errand, AbortAttempt | AbortChild):
                _begin_to_stop(run, errand)
            key = _start_of(errand)
            if key is not None:
                if key in run.starts:
                    continue
                run.starts[key] = None
            self._put(run, errand, 0)
        self._pump()

    async def close(self) -> None:
        """Break off what is under way. It is given again to the next engine."""
        self._closed = True
        self._runs.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop(self, run: Run) -> None:
        """Forget the errands of an execution that somebody else owns now."""
        self._troubles.forget(run.id)
        run.errands.clear()
        run.stopping.clear()
        run.held_back.clear()
        for task in run.starts.values():
            if task is not None:
                task.cancel()
        run.starts.clear()

    def _put(self, run: Run, errand: Errand, tries: int) -> None:
        if not run.errands:
            self._runs.append(run)
        run.errands.append((errand, tries))

    def _pump(self) -> None:
        while self._runs and len(self._tasks) < self._settings.effects_max and not self._closed:
            run = self._runs.popleft()
            if not run.errands:
                continue
            errand, tries = run.errands.popleft()
            if run.errands:
                self._runs.append(run)
            self._begin(run, errand, tries)

    def _begin(self, run: Run, errand: Errand, tries: int) -> None:
        key = _start_of(errand)
        if key is not None and key not in run.starts:
            self._troubles.over(_waiter(run, errand))
            self._settled(run)  # It was aborted before it began.
            return
        waits = _path_that_waits(errand)
        blocked = _blocked_by(run, waits) if waits is not None and run.stopping else None
        if blocked is not None:
            run.held_back.setdefault(blocked, []).append((errand, tries))
            return
        run.under_way += 1
        task = asyncio.get_running_loop().create_task(self._carry_out(run, errand, tries))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(run, done))
        if key is not None:
            run.starts[key] = task

    def _ended(self, run: Run, task: asyncio.Task[None]) -> None:
        """Count it out here: a task that is cancelled before its first step runs none of its code."""
        self._tasks.discard(task)
        run.under_way -= 1
        self._settled(run)
        self._pump()

    async def _carry_out(self, run: Run, errand: Errand, tries: int) -> None:
        key = _start_of(errand)
        try:
            if isinstance(errand, AbortAttempt | AbortChild):
                await _call_off(run, errand.path, errand.attempt)
            await self._do(run, errand)
        except asyncio.CancelledError:
            self._troubles.over(_waiter(run, errand))
            raise
        except Exception as error:  # noqa: BLE001 - whatever the ports do, the execution goes on or is told
            if self._again(run, errand, tries + 1, error):
                return
        if tries:
            self._troubles.over(_waiter(run, errand))
        if key is not None and run.starts.get(key) is asyncio.current_task():
            del run.starts[key]
        if isinstance(errand, AbortAttempt | AbortChild | AbortElements):
            run.done.append(errand.id)
        if isinstance(errand, AbortAttempt | AbortChild):
            self._stopped(run, errand.path)

    def _stopped(self, run: Run, path: NodePath) -> None:
        """Let go on what waited for an abort: a node's attempts do not run beside each other."""
        left = run.stopping.get(path, 0) - 1
        if left > 0:
            run.stopping[path] = left
            return
        run.stopping.pop(path, None)
        for errand, tries in run.held_back.pop(path, ()):
            self._put(run, errand, tries)
        self._pump()

    def _again(self, run: Run, errand: Errand, tries: int, error: Exception) -> bool:
        """Plan another try; after the last one tell the execution, and return False."""
        what = type(errand).__name__
        cause = cause_of(error)
        if cause is not None:
            # The machine's trouble, not the execution's: it is waited out, however long it lasts.
            self._troubles.note(_waiter(run, errand), cause, run.id)
        elif tries >= self._settings.tries_max:
            _LOG.error("%s of %s cannot be carried out", what, run.id, exc_info=error)
            event = _gave_up(errand, self._clock.now_ns(), f"{what} failed {tries} times: {error}")
            if event is not None:
                self._tell(run, event)
            return False
        if cause is None or tries == 1:
            _LOG.warning("%s of %s failed, trying again: %s", what, run.id, error)
        key = _start_of(errand)
        if key is not None:
            run.starts[key] = None
        pause_ns = self._settings.pause_ns(tries)
        due_ns = self._clock.now_ns() + (pause_ns if cause is None else min(pause_ns, PAUSE_NS_MAX))
        run.under_way += 1  # So that the execution stays in memory.
        self._clock.call_at(due_ns, lambda: self._retry(run, errand, tries))
        return True

    def _retry(self, run: Run, errand: Errand, tries: int) -> None:
        run.under_way -= 1
        if not self._closed:
            self._put(run, errand, tries)
            self._pump()


def _waiter(run: Run, errand: Errand) -> tuple[str, ExecutionId, int]:
    """Return what an errand that waits is known by; it is one object for as long as it is tried."""
    return "errand", run.id, id(errand)


def _begin_to_stop(run: Run, abort: AbortAttempt | AbortChild) -> None:
    """Call off the start at once, however long the abort itself has to wait for its turn."""
    run.stopping[abort.path] = run.stopping.get(abort.path, 0) + 1
    key = (abort.path, abort.attempt)
    start = run.starts.get(key)
    if start is not None:
        start.cancel()
    else:
        run.starts.pop(key, None)


async def _call_off(run: Run, path: NodePath, attempt: int) -> None:
    """Make sure that a start does not come after its abort."""
    start = run.starts.pop((path, attempt), None)
    if start is not None:
        start.cancel()
        await asyncio.wait([start])


def _blocked_by(run: Run, path: NodePath) -> NodePath | None:
    """Return a path whose abort must be done before what starts at `path`; None if it may start.

    A node's attempts do not run beside each other, and a failure node runs after all else has stopped.
    """
    if path in run.stopping:
        return path
    while path:
        place = run.state.plan.place(path)
        if place.node.aside:
            inside = f"{place.scope}." if place.scope else ""
            for other in run.stopping:
                if other.startswith(inside):
                    return other
        path = parent_of(place.scope)
    return None


def _start_of(errand: Errand) -> tuple[NodePath, int] | None:
    return (errand.path, errand.attempt) if isinstance(errand, StartAttempt | StartChild) else None


def _path_that_waits(errand: Errand) -> NodePath | None:
    """Return the path of an errand that does not begin before an attempt there has been stopped.

    An attempt does not run beside the one before it, nor beside another's equal work.
    """
    return errand.path if isinstance(errand, StartAttempt | StartChild | ReleaseReservation) else None


def _gave_up(  # noqa: PLR0911 - one arm a kind of errand
    errand: Errand, now_ns: int, message: str
) -> Event | None:
    """Return what an execution is told of an errand that cannot be done; the platform's failure."""
    failure = Failure(NOT_POSSIBLE, message, Fault.SYSTEM, retryable=True)
    match errand:
        case (
            StartAttempt(path=path, attempt=attempt)
            | TakeOutputs(path=path, attempt=attempt)
            | TakeGraph(path=path, attempt=attempt)
        ):
            return AttemptFailed(path, attempt, now_ns, failure)
        case StartChild(path=path, attempt=attempt) | TakeChild(path=path, attempt=attempt):
            return ChildEnded(path, attempt, now_ns, WorkflowPhase.FAILED, failure)
        case CollectOutputs(path=path, attempt=attempt):
            return OutputsFailed(path, attempt, now_ns, failure)
        case TakeOver(path=path):
            return NothingTaken(path, now_ns, f"runs, since {message}")
        case AwaitSignal(path=path, attempt=attempt):
            return GateRefused(path, attempt, now_ns, failure)
        case Decide(path=path, attempt=attempt):
            return BranchUndecided(path, attempt, now_ns, failure)
        case OpenArray(path=path, attempt=attempt):
            return ArrayRefused(path, attempt, now_ns, failure)
        case StartElements():
            elements = tuple(
                ElementFailed(index, attempt, failure)
                for first, length, attempt in errand.elements
                for index in range(first, first + length)
            )
            return ElementsEnded(errand.path, errand.attempt, now_ns, failed=elements)
        case TakeElements(path=path, attempt=attempt):
            elements = tuple(ElementFailed(one.element, one.attempt, failure) for one in errand.results)
            return ElementsEnded(path, attempt, now_ns, failed=elements)
        case AbortAttempt() | AbortChild() | AbortElements() | SetTimer() | StoreInputs() | Restore():
            return None
        case LookUpCache() | LookUpMany() | ReleaseReservation() | WithdrawElements():
            return None  # whatever happens, they tell themselves, or go on waiting
        case unreachable:
            assert_never(unreachable)
