"""Nodes that repeat another one for each element of their inputs.

An array of a task keeps no state for each element but a byte in a chunk; its elements begin and end in batches. An
element that is a sub-workflow, an execution or an array itself has the states that such nodes have, as long as it is
open; then they are dropped. An array is not retried as a whole: retries are those of its elements.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from flytelike.model.caching import CacheStatus
from flytelike.model.failure import Failure, Fault
from flytelike.model.history import ElementFailure, ElementSpan
from flytelike.model.ids import NodeId
from flytelike.model.phases import NodePhase, TaskPhase
from propeller.core import deadline, task_node
from propeller.core.commands import CollectOutputs, Command, OpenArray, SetTimer, StartElements
from propeller.core.elements import CHUNK, ElementPhase, Elements, element_path, spans_of
from propeller.core.events import (
    ArrayOpened,
    ArrayRefused,
    AttemptWaits,
    ElementsEnded,
    OutputsCollected,
    OutputsFailed,
    TimerFired,
)
from propeller.core.header import Limits
from propeller.core.node_state import Failed, Gathering, Mapped, Measuring, Succeeded
from propeller.core.plan import ArrayWork, Place, Plan, TaskWork, parent_of, scope_of, split
from propeller.core.retry import Budget, GiveUp, RetryLater, RetryNow, judge
from propeller.core.state import ExecutionState
from propeller.core.stop import stop_elements
from propeller.core.transitions import Cause
from propeller.core.turn import Turn
from propeller.core.wait import for_room


def start(turn: Turn, place: Place) -> None:
    """Ask how many elements there are."""
    turn.tell_node(place, NodePhase.RUNNING)
    state = Measuring(turn.now_ns)
    turn.move(place, Cause.STARTED, state)
    turn.commands.append(open_command(place, state.attempt))
    _tell_attempt(turn, place, TaskPhase.QUEUED)
    timeout_ns = place.node.timeout_ns
    if timeout_ns:
        due_ns = state.started_ns + timeout_ns
        turn.commands.append(deadline.deadline(place.path, state.attempt, state.started_ns, due_ns))


def opened(turn: Turn, event: ArrayOpened) -> None:
    """Let the first elements begin."""
    state = turn.get(event.path)
    if not isinstance(state, Measuring) or state.attempt != event.attempt:
        return
    place = turn.plan.place(event.path)
    mapped = Mapped(state.started_ns, max(0, event.length), attempt=state.attempt)
    turn.move(place, Cause.OPENED, mapped)
    _tell_attempt(turn, place, TaskPhase.RUNNING)
    _go_on(turn, place, mapped, _Progress())


def refused(turn: Turn, event: ArrayRefused) -> None:
    """Fail, since there is nothing to go through."""
    state = turn.get(event.path)
    if isinstance(state, Measuring) and state.attempt == event.attempt:
        _fail(turn, turn.plan.place(event.path), state, event.failure)


def elements_ended(turn: Turn, event: ElementsEnded) -> None:
    """Take the ends of tasks' attempts in: accept, retry, back off or give up."""
    state = turn.get(event.path)
    if not isinstance(state, Mapped) or state.attempt != event.attempt:
        return
    place = turn.plan.place(event.path)
    progress, elements = _Progress(), _elements(turn, place, state)
    progress.origin = (event.cache, event.recovered)
    for first, count, attempt in event.succeeded:
        for index in range(max(first, 0), min(first + count, state.length)):
            if elements.open_in(index, attempt):
                elements.enter(index, ElementPhase.SUCCEEDED)
                progress.succeeded.append(index)
    for index, attempt, failure in event.failed:
        if elements.open_in(index, attempt):
            _element_failed(turn, place, elements, progress, (index, failure))
    if progress:
        _go_on(turn, place, state, progress)


def waits(turn: Turn, event: AttemptWaits) -> None:
    """Tell what elements of an array wait for while none has ended, or that they wait for nothing any more.

    An array that gets on is not held up: its counts say how it goes. What the first of them waits for stands for all.
    """
    path = event.path if turn.get(event.path) is not None else parent_of(split(event.path)[0])
    state = turn.get(path)
    if not isinstance(state, Mapped) or bool(event.what) == bool(state.waits) or state.succeeded + state.failed:
        return
    place = turn.plan.place(path)
    turn.move(place, Cause.LINED_UP, replace(state, waits=event.what))
    turn.tell_node(place, NodePhase.RUNNING, waits=for_room(event.what))


def element_ended(turn: Turn, array: Place, state: Mapped, element: Place) -> None:
    """Take the end of an element in that has states of its own, and drop them."""
    index = int(split(element.path)[1])
    progress, elements = _Progress(), _elements(turn, array, state)
    match turn.get(element.path):
        case Succeeded():
            elements.enter(index, ElementPhase.SUCCEEDED)
            progress.succeeded.append(index)
        case Failed(attempt=attempt, failure=failure):
            elements.enter(index, ElementPhase.FAILED)
            progress.failed.append(index)
            progress.failures.append(ElementFailure(index, attempt, failure))
        case _:
            return
    turn.drop(element.path)
    _go_on(turn, array, state, progress)


def timer_fired(turn: Turn, event: TimerFired) -> None:
    """End an array that takes longer than it may, or let elements go on that were paused."""
    state = turn.get(event.path)
    if not isinstance(state, Measuring | Mapped | Gathering):
        return
    place = turn.plan.place(event.path)
    if event.stamp == deadline.stamp(state.attempt, state.started_ns):
        _fail(turn, place, state, deadline.expired("The array", place.node.timeout_ns))
    elif isinstance(state, Mapped) and (pause := _pause_of(event.stamp, state.attempt)) is not None:
        elements, progress = _elements(turn, place, state), _Progress()
        for index in elements.due(*pause):
            elements.enter(index, ElementPhase.OPEN)
            progress.again.append((index, elements.attempt(index)))
        if progress:
            _go_on(turn, place, state, progress)


def collected(turn: Turn, event: OutputsCollected) -> None:
    """Accept the lists of the elements' outputs."""
    state = turn.get(event.path)
    if isinstance(state, Gathering) and state.attempt == event.attempt:
        _succeed(turn, turn.plan.place(event.path), state.attempt)


def collecting_failed(turn: Turn, event: OutputsFailed) -> None:
    """Fail the array, since its outputs could not be put together."""
    state = turn.get(event.path)
    if isinstance(state, Gathering) and state.attempt == event.attempt:
        _fail(turn, turn.plan.place(event.path), state, event.failure)


def open_command(place: Place, attempt: int) -> OpenArray:
    """Return the command that finds out how many elements there are."""
    return OpenArray(f"{place.path}/{attempt}/open", place.path, attempt)


def collect_command(place: Place, attempt: int) -> CollectOutputs:
    """Return the command that puts the elements' outputs together."""
    return CollectOutputs(f"{place.path}/{attempt}/collect", place.path, attempt)


def outstanding(state: ExecutionState, place: Place, node: Measuring | Mapped | Gathering) -> Iterable[Command]:
    """Yield what an array waits for, after a restart."""
    match node:
        case Measuring():
            yield open_command(place, node.attempt)
        case Mapped():
            yield from _outstanding_elements(state, place, node)
        case Gathering():
            yield collect_command(place, node.attempt)
        case unreachable:
            assert_never(unreachable)


def _outstanding_elements(state: ExecutionState, place: Place, mapped: Mapped) -> Iterable[StartElements | SetTimer]:
    """Yield the tasks that run, and the pauses; elements of other kinds have states that tell what they wait for."""
    elements = Elements(scope_of(place.path, mapped.attempt), mapped.length, state.chunks.get)
    for number in range(-(-mapped.begun // CHUNK)):
        running = [
            (index, elements.attempt(index))
            for index in range(number * CHUNK, min((number + 1) * CHUNK, mapped.length))
            if elements.phase(index) is ElementPhase.OPEN
        ]
        yield from _start_commands(state.plan, place, elements, running, state.header.limits)
        for until_ns in elements.pauses(number):
            yield _pause_timer(place, mapped.attempt, number, until_ns)


@dataclass(slots=True, init=False)
class _Progress:
    """What one event changes: elements that ended or begin anew, and the failures to be told.

    `origin` tells of those that succeeded what the catalog had to do with them, and whether an earlier execution gave
    their results.
    """

    succeeded: list[int]
    failed: list[int]
    again: list[tuple[int, int]]
    paused: list[int]
    failures: list[ElementFailure]
    timers: set[str]
    origin: tuple[CacheStatus, bool]

    def __init__(self) -> None:
        self.succeeded, self.failed, self.again, self.paused, self.failures = [], [], [], [], []
        self.timers = set()
        self.origin = (CacheStatus.DISABLED, False)

    def __bool__(self) -> bool:
        return bool(self.succeeded or self.failed or self.again or self.paused)

    def changes(self, begun: Sequence[int]) -> tuple[ElementSpan, ...]:
        """Return which elements are in which phase now; `begun` are those that run for the first time."""
        by_phase = (
            (TaskPhase.RUNNING, [*begun, *(index for index, _ in self.again)]),
            (TaskPhase.RETRYABLE_FAILED, self.paused),
            (TaskPhase.SUCCEEDED, self.succeeded),
            (TaskPhase.FAILED, self.failed),
        )
        return tuple(
            ElementSpan(first, count, phase)
            for phase, indices in by_phase
            for first, count, _ in spans_of((index, 0) for index in sorted(indices))
        )


def _element_failed(
    turn: Turn, place: Place, elements: Elements, progress: _Progress, failed: tuple[int, Failure]
) -> None:
    index, failure = failed
    node = _work(place).element
    users, systems = elements.failures(index)
    progress.failures.append(ElementFailure(index, users + systems, failure))
    match judge(failure, users, systems, Budget(node.retries, node.system_retries, node.backoff)):
        case GiveUp(failure=final):
            elements.enter(index, ElementPhase.FAILED)
            progress.failed.append(index)
            progress.failures[-1] = ElementFailure(index, users + systems, final)
        case RetryNow(user_failures=users, system_failures=systems):
            elements.count_failures(index, users, systems)
            progress.again.append((index, users + systems))
        case RetryLater(user_failures=users, system_failures=systems, pause_ns=pause_ns):
            until_ns = turn.now_ns + pause_ns
            elements.count_failures(index, users, systems)
            elements.pause(index, until_ns)
            progress.paused.append(index)
            timer = _pause_timer(place, 0, index // CHUNK, until_ns)
            if timer.id not in progress.timers:  # of this event alone: a batch gives what its events give
                progress.timers.add(timer.id)
                turn.commands.append(timer)


def _go_on(turn: Turn, place: Place, state: Mapped, progress: _Progress) -> None:
    """Count what changed, begin what there is room for, and look whether the array is over."""
    work, elements = _work(place), _elements(turn, place, state)
    ended = len(progress.succeeded) + len(progress.failed)
    needed = work.needed(state.length) if state.length else 0
    failed = state.failed + len(progress.failed)
    hopeless = state.length - failed < needed and not work.run_all
    room = 0 if hopeless else max(0, work.window - state.open + ended)
    begun = range(state.begun, min(state.begun + room, state.length))
    elements.open_range(begun.start, begun.stop)
    new = replace(
        state,
        begun=begun.stop,
        open=state.open - ended + len(begun),
        succeeded=state.succeeded + len(progress.succeeded),
        failed=failed,
        results=state.results + bool(progress.succeeded),
        failure=state.failure or _first_failure(progress),
        waits="" if ended else state.waits,
    )
    turn.move(place, Cause.WENT_ON, new)
    if state.waits and ended:
        turn.tell_node(place, NodePhase.RUNNING)
    counts = (new.length, new.open, new.succeeded, new.failed)
    changes, failures = progress.changes(begun), tuple(progress.failures)
    turn.tell_elements(place.path, new.attempt, counts, changes, failures, progress.origin)
    if hopeless:
        _fail(turn, place, new, _failure_of(new, needed))
        return
    _begin(turn, place, elements, begun, progress.again)
    if new.succeeded + new.failed == new.length:
        _all_ended(turn, place, new, needed)


def _begin(turn: Turn, place: Place, elements: Elements, begun: range, again: Sequence[tuple[int, int]]) -> None:
    work = _work(place)
    if isinstance(work.element.work, TaskWork):
        fresh = [(index, 0) for index in begun]
        for running in (sorted(again), fresh):
            turn.commands.extend(_start_commands(turn.plan, place, elements, running, turn.header.limits))
        return
    scope = scope_of(place.path, 0)
    for index in begun:
        node = work.elements.nodes[NodeId(str(index))]
        turn.ready.append(Place(element_path(scope, index), scope, work.elements, node))


def _start_commands(
    plan: Plan, place: Place, elements: Elements, running: Sequence[tuple[int, int]], limits: Limits
) -> Iterable[StartElements]:
    """Yield the commands that start attempts; those of one command may all be interrupted, or none of them."""
    node = _work(place).element
    task = node.work
    if not isinstance(task, TaskWork):
        return
    groups: dict[bool, list[tuple[int, int]]] = {}
    for index, attempt in running:
        systems = elements.failures(index)[1] if attempt else 0
        groups.setdefault(task_node.interruptible(plan, node, limits, systems), []).append((index, attempt))
    for may_be, group in groups.items():
        spans = spans_of(group)
        name = f"{place.path}/0/start/{spans[0].first}/{spans[0].attempt}"
        yield StartElements(name, place.path, 0, task.task, spans, may_be)


def _all_ended(turn: Turn, place: Place, state: Mapped, needed: int) -> None:
    if state.succeeded < needed:
        _fail(turn, place, state, _failure_of(state, needed))
    elif _work(place).has_outputs:
        gathering = Gathering(state.started_ns, state.length, state.results, state.attempt)
        turn.move(place, Cause.COLLECTING, gathering)
        turn.commands.append(collect_command(place, state.attempt))
    else:
        _succeed(turn, place, state.attempt)


def _fail(turn: Turn, place: Place, state: Measuring | Mapped | Gathering, failure: Failure) -> None:
    stop_elements(turn, place, state, f"{place.path} failed: {failure.code}")
    turn.move(place, Cause.FAILED, Failed(state.attempt, failure))
    _tell_attempt(turn, place, TaskPhase.FAILED, failure)
    turn.tell_node(place, NodePhase.FAILED, failure)


def _succeed(turn: Turn, place: Place, attempt: int) -> None:
    turn.move(place, Cause.SUCCEEDED, Succeeded(attempt))
    _tell_attempt(turn, place, TaskPhase.SUCCEEDED)
    turn.tell_node(place, NodePhase.SUCCEEDED)


def _tell_attempt(turn: Turn, place: Place, phase: TaskPhase, failure: Failure | None = None) -> None:
    """Record an attempt of an array of a task, as Flyte does: its clients look for elements below it."""
    task = _work(place).element.work
    if isinstance(task, TaskWork):
        turn.tell_attempt(place, task, 0, phase, failure)


def _first_failure(progress: _Progress) -> Failure | None:
    """Return the failure of the first element that failed for good, which says which one it is."""
    given_up = set(progress.failed)
    for index, _, failure in progress.failures:
        if index in given_up:
            return replace(failure, message=f"element {index}: {failure.message}")
    return None


def _failure_of(state: Mapped, needed: int) -> Failure:
    """Return the failure of an array with too few successes."""
    first = state.failure
    many = f"{state.failed} of {state.length} elements failed, {needed} must succeed"
    if first is None:
        return Failure("TooFewElements", f"{many}: there are too few elements", fault=Fault.USER, retryable=False)
    return replace(first, message=f"{many}. The first failure: {first.message}")


def _work(place: Place) -> ArrayWork:
    work = place.node.work
    assert isinstance(work, ArrayWork), "only arrays are given here"
    return work


def _elements(turn: Turn, place: Place, state: Mapped) -> Elements:
    return turn.elements(scope_of(place.path, state.attempt), state.length)


def _pause_timer(place: Place, attempt: int, chunk: int, until_ns: int) -> SetTimer:
    stamp = f"{attempt}/pause/{chunk}/{until_ns}"
    return SetTimer(f"{place.path}/{stamp}", place.path, stamp, until_ns)


def _pause_of(stamp: str, attempt: int) -> tuple[int, int] | None:
    """Return the chunk and the instant that a timer is for."""
    match stamp.split("/"):
        case [number, "pause", chunk, until] if number == str(attempt) and chunk.isdecimal() and until.isdecimal():
            return int(chunk), int(until)
        case _:
            return None
