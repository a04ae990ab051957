"""One evaluation's workspace: changes laid over a state that is only read.

Everything the core decides passes through here, so that illegal transitions are caught and
the numbers are kept right in one place.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

from flytelike.model.caching import CacheNote, CacheStatus
from flytelike.model.failure import Failure
from flytelike.model.history import (
    AttemptChanged,
    ElementFailure,
    ElementsChanged,
    ElementSpan,
    ExecutionChanged,
    NodeChanged,
    Record,
)
from flytelike.model.ids import ROOT, Digest, NodePath
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike.model.usage import AskedResources, AttemptUse
from propeller.core.commands import (
    AbortAttempt,
    AbortChild,
    AbortElements,
    Command,
    LookUpCache,
    ReleaseReservation,
    StartAttempt,
    StartChild,
    StartElements,
)
from propeller.core.decision import Decision, Step
from propeller.core.elements import Chunk, Elements, element_of
from propeller.core.header import Header, Status
from propeller.core.line import Line, needs_slot
from propeller.core.node_state import END_STATES, Held, NodeState
from propeller.core.plan import BranchWork, LaunchPlanWork, Place, Plan, SubWorkflowWork, TaskWork
from propeller.core.reuse import Reuse
from propeller.core.state import ExecutionState
from propeller.core.transitions import TRANSITIONS, Cause, Transition
from propeller.core.wait import NO_WAIT, Wait, for_place

NONE = Digest("")
"""Stands for the graph of a node that gave none."""


class Turn:
    """What a batch of events has changed so far. `now_ns` is the time of the event at hand."""

    __slots__ = (
        "_base",
        "_candidates",
        "_dropped",
        "_elements",
        "_held",
        "_nodes",
        "_steps",
        "_touched",
        "commands",
        "ended",
        "graphs",
        "header",
        "now_ns",
        "plan",
        "ready",
        "records",
        "tally",
    )

    def __init__(self, plan: Plan, state: ExecutionState) -> None:
        """Start without changes."""
        self.plan = plan
        self._base = state
        self.header: Header = state.header
        self.tally = state.index.tally.over()
        self.now_ns = 0
        self._nodes: dict[NodePath, NodeState] = {}
        self._touched: dict[NodePath, dict[NodePath, None]] = {}
        self._candidates = {level: iter(line) for level, line in state.index.lines.items()}
        self._held: dict[int, deque[NodePath]] = {}
        self._steps: list[Step] = []
        self._elements: dict[NodePath, Elements] = {}
        self._dropped: dict[NodePath, None] = {}
        self.commands: list[Command] = []
        self.records: list[Record] = []
        self.ended: deque[Place] = deque()
        short = state.header.limits.max_parallelism > 0
        self.ready = Line(self._rank if short and plan.ranked else None)
        self.graphs: dict[NodePath, Digest] = {}

    def get(self, path: NodePath) -> NodeState | None:
        """Return the node's state as of now; None if it has not started."""
        node = self._nodes.get(path)
        return self._base.get(path) if node is None else node

    def move(self, place: Place, cause: Cause, new: NodeState) -> None:
        """Change a node's state. A node that ended is put where its neighbours will learn of it.

        Raises:
            AssertionError: The transition is not in the table.
        """
        path = place.path
        old = self.get(path)
        target = type(new)
        transition = Transition(None if old is None else type(old), cause, target)
        if transition not in TRANSITIONS:
            raise AssertionError(f"{path}: there is no transition {transition.name}")
        self._steps.append(Step(path, transition))
        self._nodes[path] = new
        self.tally.moved(place, old, new)
        if isinstance(new, Held):
            self._held.setdefault(new.priority, deque()).append(path)
        if target in END_STATES:
            self.ended.append(place)
        elif old is None:
            self._touched.setdefault(place.scope, {})[path] = None

    def enter(self, cause: Cause, status: Status) -> None:
        """Change the execution's status.

        Raises:
            AssertionError: The transition is not in the table.
        """
        transition = Transition(type(self.header.status), cause, type(status))
        if transition not in TRANSITIONS:
            raise AssertionError(f"there is no transition {transition.name}")
        self._steps.append(Step(ROOT, transition))
        self.header = Header(self.header.limits, status, self.header.next_order)

    @property
    def slot_is_free(self) -> bool:
        """Whether one more node may run under `max_parallelism`."""
        limit = self.header.limits.max_parallelism
        return limit == 0 or self.tally.slots < limit

    def elements(self, scope: NodePath, length: int) -> Elements:
        """Return the elements of the array that opened the scope, to be looked at and changed."""
        found = self._elements.get(scope)
        if found is None:
            found = self._elements[scope] = Elements(scope, length, self._base.chunks.get)
        return found

    def drop(self, path: NodePath) -> None:
        """Let an array's element lose its states, those below it too; what lies in another goes with that one."""
        if element_of(path) == path:
            self._dropped[path] = None

    def next_order(self) -> int:
        """Return the next number for a held node."""
        header = self.header
        self.header = Header(header.limits, header.status, header.next_order + 1)
        return header.next_order

    def hold(self, place: Place, user_failures: int = 0, system_failures: int = 0) -> None:
        """Let a node wait for a slot."""
        held = Held(self.next_order(), user_failures, system_failures, self.plan.priority(place.path))
        self.move(place, Cause.HELD, held)
        self.tell_node(place, NodePhase.QUEUED, waits=for_place(self.header.limits.max_parallelism))

    def _rank(self, place: Place) -> int | None:
        if not needs_slot(place) or self.reuse_of(place.path) is not None:
            return None
        return self.plan.priority(place.path)

    def next_held(self) -> Place | None:
        """Return the held node with the highest priority, of these the one held first; None if there is none."""
        if self.tally.held == 0:
            return None
        for level in sorted({*self._candidates, *self._held}, reverse=True):
            for path in self._candidates.get(level, ()):
                if type(self.get(path)) is Held:
                    return self.plan.place(path)
            held = self._held.get(level)
            while held:
                path = held.popleft()
                if type(self.get(path)) is Held:
                    return self.plan.place(path)
        return None

    def active_in(self, scope: NodePath) -> list[NodePath]:
        """Return the scope's own nodes that have started and not ended, in the order of their paths."""
        paths = {**self._base.index.active.get(scope, {}), **self._touched.get(scope, {})}
        return sorted(path for path in paths if type(self.get(path)) not in END_STATES)

    def tell_execution(self, phase: WorkflowPhase, failure: Failure | None = None, cause: str = "") -> None:
        """Record that the execution entered a phase."""
        self.records.append(ExecutionChanged(phase, self.now_ns, failure, cause))

    def reuse_of(self, path: NodePath) -> Reuse | None:
        """Return what is done with a node instead of running it; None if it runs."""
        return self._base.reuse.get(path)

    def tell_node(
        self,
        place: Place,
        phase: NodePhase,
        failure: Failure | None = None,
        note: str = "",
        *,
        cache: CacheNote | None = None,
        graph: Digest = NONE,
        waits: Wait = NO_WAIT,
    ) -> None:
        """Record that a node entered a phase; `note` says more to people, `cache` what is to be told of the cache.

        `graph` is what a dynamic node gave, `waits` what the node waits for in the phase.
        """
        work = place.node.work
        self.records.append(
            NodeChanged(
                place.path,
                place.parent,
                place.node.id,
                phase,
                self.now_ns,
                failure,
                isinstance(work, SubWorkflowWork | BranchWork) or graph != NONE,
                isinstance(work, LaunchPlanWork),
                place.node.name,
                note,
                cache,
                graph,
                waits.what,
                waits.until_ns,
                self.plan.priority(place.path),
            )
        )

    def tell_attempt(
        self,
        place: Place,
        work: TaskWork,
        attempt: int,
        phase: TaskPhase,
        failure: Failure | None = None,
        *,
        next_ns: int = 0,
        used: AttemptUse | None = None,
    ) -> None:
        """Record that an attempt of a task node entered a phase.

        `next_ns` is when a pause ends that follows, `used` what it used of its machine.
        """
        record = AttemptChanged(place.path, attempt, work.task, phase, self.now_ns, failure, next_ns, used=used)
        self.records.append(record)

    def tell_running(self, place: Place, work: TaskWork, attempt: int, asked: AskedResources | None) -> None:
        """Record that an attempt of a task node runs, and what it asked of its machine."""
        record = AttemptChanged(place.path, attempt, work.task, TaskPhase.RUNNING, self.now_ns, asked=asked)
        self.records.append(record)

    def tell_elements(
        self,
        path: NodePath,
        attempt: int,
        counts: tuple[int, int, int, int],
        changes: tuple[ElementSpan, ...],
        failures: tuple[ElementFailure, ...],
        origin: tuple[CacheStatus, bool],
    ) -> None:
        """Record what became of elements of an array; see `ElementsChanged`."""
        record = ElementsChanged(path, attempt, self.now_ns, *counts, changes, bounded(failures), *origin)
        self.records.append(record)

    def decision(self) -> Decision:
        """Return everything that changed."""
        commands = tuple(without_vain(self.commands))
        chunks = dict(chunk for elements in self._elements.values() for chunk in elements.chunks())
        return Decision(
            self.header,
            self._nodes,
            commands,
            tuple(self.records),
            tuple(self._steps),
            self.graphs,
            chunks,
            self._all_dropped(chunks) if self._dropped else (),
        )

    def _all_dropped(self, chunks: Mapping[NodePath, Chunk]) -> tuple[NodePath, ...]:
        """Return the keys of all that goes with the elements that are dropped."""
        inside = self._base.index.inside
        keys = dict.fromkeys(key for element in self._dropped for key in inside.get(element, ()))
        keys.update(dict.fromkeys(key for key in (*self._nodes, *chunks) if element_of(key) in self._dropped))
        return tuple(sorted(keys))


def without_vain(commands: Sequence[Command]) -> Sequence[Command]:
    """Leave out what one and the same batch starts and stops again, so that it never runs."""
    arrays = {(it.path, it.attempt) for it in commands if isinstance(it, AbortElements)}
    if arrays:
        commands = [it for it in commands if not isinstance(it, StartElements) or (it.path, it.attempt) not in arrays]
    stopped = {(it.path, it.attempt) for it in commands if isinstance(it, AbortAttempt | AbortChild)}
    released = {it.path for it in commands if isinstance(it, ReleaseReservation)}
    if not (stopped or released):
        return commands
    started = {(it.path, it.attempt) for it in commands if isinstance(it, StartAttempt | StartChild)}
    vain = stopped & started
    of_attempts = StartAttempt | StartChild | AbortAttempt | AbortChild
    return [
        it
        for it in commands
        if not (
            (isinstance(it, LookUpCache) and it.path in released)
            or (isinstance(it, of_attempts) and (it.path, it.attempt) in vain)
        )
    ]


FAILURES_TOLD_MAX = 100
"""How many failures of elements one record tells."""

MESSAGE_MAX = 2000
"""How much of such a failure's message it tells."""


def bounded(failures: tuple[ElementFailure, ...]) -> tuple[ElementFailure, ...]:
    """Return as many failures as are told, with as much of their messages."""
    return tuple(
        ElementFailure(index, attempt, replace(failure, message=failure.message[:MESSAGE_MAX]))
        for index, attempt, failure in failures[:FAILURES_TOLD_MAX]
    )
