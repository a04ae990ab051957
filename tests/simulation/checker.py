"""Judges what the core does, with a model of the world of its own.

It knows the sketches of the graphs, what really ran and how it ended, and what was recorded.
It uses nothing of the core but its records and the fact that something was committed.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from flytelike.model.caching import CacheStatus
from flytelike.model.failure import Failure, Fault
from flytelike.model.history import AttemptChanged, ElementsChanged, ExecutionChanged, NodeChanged, Record
from flytelike.model.ids import NodePath
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike.model.policies import FailurePolicy
from propeller.core.elements import element_of
from propeller.core.reuse import Reuse
from tests.simulation.arrays import ArrayJudge
from tests.simulation.graphs import Scenario
from tests.simulation.kinds import LOST, Kinds
from tests.simulation.rules import must, wanted_pause_ns
from tests.unit.propeller_core.builders import GraphSketch, NodeSketch, S

Key = tuple[NodePath, int]

SYSTEM_RETRIES = 3
GRACE_NS = 60 * S

_NODE_NEXT: dict[NodePhase | None, set[NodePhase]] = {
    None: {
        NodePhase.QUEUED,
        NodePhase.RUNNING,
        NodePhase.SKIPPED,
        NodePhase.RECOVERED,
        NodePhase.ABORTED,
        NodePhase.DYNAMIC_RUNNING,
    },
    NodePhase.QUEUED: {NodePhase.QUEUED, NodePhase.RUNNING, NodePhase.SUCCEEDED, NodePhase.ABORTED},
    NodePhase.RUNNING: {
        NodePhase.RUNNING,
        NodePhase.DYNAMIC_RUNNING,
        NodePhase.SUCCEEDED,
        NodePhase.FAILING,
        NodePhase.FAILED,
        NodePhase.ABORTED,
        NodePhase.SKIPPED,
        NodePhase.TIMED_OUT,
    },
    NodePhase.DYNAMIC_RUNNING: {
        NodePhase.RUNNING,
        NodePhase.QUEUED,
        NodePhase.SUCCEEDED,
        NodePhase.FAILING,
        NodePhase.FAILED,
        NodePhase.ABORTED,
    },
    NodePhase.FAILING: {NodePhase.RUNNING, NodePhase.QUEUED, NodePhase.FAILED, NodePhase.ABORTED},
}
_TASK_ENDS = {TaskPhase.SUCCEEDED, TaskPhase.FAILED, TaskPhase.RETRYABLE_FAILED, TaskPhase.ABORTED}
_TASK_NEXT: dict[TaskPhase | None, set[TaskPhase]] = {
    None: {TaskPhase.QUEUED},
    TaskPhase.QUEUED: {TaskPhase.RUNNING, TaskPhase.WAITING_FOR_RESOURCES, *_TASK_ENDS},
    TaskPhase.WAITING_FOR_RESOURCES: {TaskPhase.RUNNING, TaskPhase.QUEUED, *_TASK_ENDS},
    TaskPhase.RUNNING: _TASK_ENDS,
}
ROOM = "room"
"""What attempts wait for in simulated worlds."""
_EXECUTION_NEXT: dict[WorkflowPhase, set[WorkflowPhase]] = {
    WorkflowPhase.QUEUED: {WorkflowPhase.RUNNING, WorkflowPhase.ABORTING},
    WorkflowPhase.RUNNING: {WorkflowPhase.SUCCEEDING, WorkflowPhase.FAILING, WorkflowPhase.ABORTING},
    WorkflowPhase.SUCCEEDING: {WorkflowPhase.SUCCEEDED, WorkflowPhase.FAILING, WorkflowPhase.ABORTING},
    WorkflowPhase.FAILING: {WorkflowPhase.FAILED, WorkflowPhase.TIMED_OUT, WorkflowPhase.ABORTING},
    WorkflowPhase.ABORTING: {WorkflowPhase.ABORTED},
}


@dataclass
class Seen:
    """What the records tell about one node."""

    phase: NodePhase | None = None
    waits: str = ""
    attempts: list[TaskPhase] = field(default_factory=list)
    user_failures: int = 0
    system_failures: int = 0
    last_failure: Failure | None = None
    failed_ns: int = 0
    queued_ns: int = 0
    ran: bool = False
    failure: Failure | None = None
    graphs: int = 0
    """How many attempts gave a graph."""


@dataclass
class Checker:
    """The model. Each method is told one thing that really happened."""

    scenario: Scenario
    nodes: dict[NodePath, Seen] = field(default_factory=lambda: defaultdict(Seen))
    phase: WorkflowPhase = WorkflowPhase.QUEUED
    failure: Failure | None = None
    failed_top: list[Failure] = field(default_factory=list)
    started_ns: int = 0
    failing_ns: int = 0
    abort_asked: bool = False
    live: dict[NodePath, int] = field(default_factory=dict)
    live_children: dict[NodePath, int] = field(default_factory=dict)
    results: dict[Key, list[Failure | None]] = field(default_factory=lambda: defaultdict(list))
    child_results: dict[Key, tuple[WorkflowPhase, Failure | None]] = field(default_factory=dict)
    bound: dict[Key, list[Failure | None]] = field(default_factory=lambda: defaultdict(list))
    rung: dict[tuple[NodePath, str], int] = field(default_factory=dict)
    newest: dict[NodePath, int] = field(default_factory=dict)
    arrays: dict[NodePath, ArrayJudge] = field(init=False)
    refused: dict[NodePath, list[Failure]] = field(default_factory=lambda: defaultdict(list))
    took: dict[NodePath, set[bool]] = field(default_factory=lambda: defaultdict(set))
    kept: set[NodePath] = field(default_factory=set)
    """Nodes of which the platform was told that the graph of an earlier execution is there."""
    answers: dict[NodePath, set[str]] = field(default_factory=lambda: defaultdict(set))
    looking: set[NodePath] = field(default_factory=set)
    reserved: set[NodePath] = field(default_factory=set)
    crashed: bool = False
    sees_lookups: bool = True
    gave: set[Key] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.arrays = _Judges(self)
        self.kinds = Kinds(self)

    # --- the graphs ---------------------------------------------------------------------------

    def graph_in(self, scope: str) -> GraphSketch:
        if not scope:
            return self.scenario.primary
        outer = self.sketch(NodePath(scope.rpartition(".")[0]))
        return GraphSketch("elements", ()) if outer.array else self.scenario.inner[outer.workflow or outer.gives]

    def sketch(self, path: NodePath) -> NodeSketch:
        scope, _, name = path.rpartition(".")
        if scope and (owner := self.sketch(NodePath(scope.rpartition(".")[0]))).array:
            return replace(owner, array=None, after=(), branch="")
        return next(node for node in self.graph_in(scope).every if node.id == name)

    def above(self, path: NodePath) -> list[NodePath]:
        scope, dot, _ = path.rpartition(".")
        return [NodePath(f"{scope}{dot}{other}") for other in self.sketch(path).after]

    # --- what really happens -------------------------------------------------------------------

    def process_started(self, key: Key, interruptible: bool) -> None:
        path, attempt = key
        self._may_start(path, attempt)
        must(path not in self.live, f"{path}: attempt {attempt} starts while {self.live.get(path)} lives")
        seen, retries = self.nodes[path], self.sketch(path).task.retries
        must(attempt <= retries + SYSTEM_RETRIES, f"{path}: attempt {attempt} is one too many")
        cached = self.sketch(path).task.cache.enabled and self.scenario.limits.cached
        wants = self.sees_lookups and cached
        must(not wants or "CacheMissed" in self.answers[path], f"{path}: starts before the catalog has said no")
        must(attempt == len(seen.attempts) - 1, f"{path}: attempt {attempt} was not recorded as the newest")
        must(not interruptible or seen.system_failures < SYSTEM_RETRIES, f"{path}: the last chance is interruptible")
        self.live[path] = attempt
        self._slots()

    def looked_up(self, path: NodePath, asked: int) -> None:
        sketch = self.sketch(path)
        must(sketch.task.cache.enabled, f"{path}: is looked up, and is not cached")
        must(self.scenario.limits.cached, f"{path}: is looked up, and the execution wants no cache")
        must(self.nodes[path].phase is NodePhase.QUEUED, f"{path}: is looked up while it is {self.nodes[path].phase}")
        early = [other for other in self.above(path) if not self._done(other)]
        must(not early, f"{path}: is looked up before {early} succeeded")
        must(not asked or "CacheTaken" in self.answers[path], f"{path}: is looked up again without a reason")
        self.looking.add(path)
        self._slots()

    def cache_answered(self, path: NodePath, asked: int, answer: str) -> None:
        self.answers[path].add(answer)
        if answer == "CacheMissed" and self.sketch(path).task.cache.serializable:
            self.reserved.add(path)

    def reservation_released(self, path: NodePath) -> None:
        ended = self.nodes[path].phase
        must(ended in {NodePhase.FAILED, NodePhase.ABORTED}, f"{path}: lets go of its work while it is {ended}")
        self.reserved.discard(path)

    def process_ended(self, key: Key) -> None:
        if self.live.get(key[0]) == key[1]:
            del self.live[key[0]]

    def process_gave(self, key: Key) -> None:
        self.gave.add(key)

    def process_result(self, key: Key, failure: Failure | None) -> None:
        self.results[key].append(failure)

    def child_started(self, key: Key) -> None:
        path, attempt = key
        self._may_start(path, attempt)
        must(path not in self.live_children, f"{path}: a second child starts while the first lives")
        must(attempt <= (self.sketch(path).metadata.retries or 0), f"{path}: child {attempt} is one too many")
        must(attempt == 0 or (path, attempt - 1) in self.child_results or self.timed_out(path, attempt - 1),
             f"{path}: child {attempt} without an end of the one before")  # fmt: skip
        self.live_children[path] = attempt
        self._slots()

    def child_ended(self, key: Key, phase: WorkflowPhase, failure: Failure | None) -> None:
        self.child_results[key] = (phase, failure)
        if self.live_children.get(key[0]) == key[1]:
            del self.live_children[key[0]]

    def child_abort_asked(self, key: Key) -> None:
        if self.live_children.get(key[0]) == key[1]:
            del self.live_children[key[0]]

    def taking_over(self, path: NodePath, *, there: bool) -> None:
        self._may_take_over(path)
        self.took[path].add(there)

    def keeping_graph(self, path: NodePath) -> None:
        self._may_take_over(path)
        self.kept.add(path)

    def _may_take_over(self, path: NodePath) -> None:
        must(self.scenario.reuse.get(path) is Reuse.TAKE, f"{path}: is taken over, and is not listed")
        phase = self.nodes[path].phase  # One batch may want it and abort it again.
        fresh = phase in {None, NodePhase.ABORTED}
        must(fresh or self.took[path] or path in self.kept, f"{path}: is taken over while {phase}")

    def outputs(self, key: Key, failure: Failure | None) -> None:
        path, attempt = key
        if path and self.sketch(path).array:
            judge = self.arrays[path]
            must(judge.all_over() and judge.still_possible(), f"{path}: outputs are collected before all is over")
            self.bound[key].append(failure)
            return
        scope = f"{path}.{attempt}" if path else ""
        missing = [node.id for node in self.graph_in(scope).tops if not self._succeeded(scope, node)]
        must(not missing, f"{path or 'execution'}: outputs are collected before {missing}")
        self.bound[key].append(failure)

    def alarm_rang(self, path: NodePath, stamp: str, now_ns: int) -> None:
        self.rung[path, stamp] = now_ns

    def _may_start(self, path: NodePath, attempt: int) -> None:
        must(not self.phase.terminal, f"{path}: starts after the end of the execution")
        self.kinds.may_start(path)
        seen = self.nodes[path]
        must(seen.phase is NodePhase.RUNNING, f"{path}: attempt {attempt} starts while the node is {seen.phase}")
        listed = self.scenario.reuse.get(path)
        again = attempt > 0 and path in self.kept
        untaken = listed is Reuse.TAKE and (False in self.took[path] or again)
        must(listed is None or untaken, f"{path}: runs, and is {listed}")
        early = [other for other in self.above(path) if not self._done(other)]
        must(not early, f"{path}: starts before {early} succeeded")
        must(attempt >= self.newest.get(path, 0), f"{path}: attempt {attempt} starts after a newer one")
        must(attempt == 0 or attempt <= self.newest.get(path, 0) + 1, f"{path}: attempt {attempt} jumps ahead")
        self.newest[path] = attempt

    def _slots(self) -> None:
        limit = self.scenario.limits.max_parallelism
        arrays = [path for path, judge in self.arrays.items() if judge.lives()]
        alive = [path for path in (*self.live, *self.live_children, *arrays) if not element_of(path)]
        running = len(alive) + sum(not element_of(path) for path in self.looking - set(self.live))
        must(limit == 0 or running <= limit, f"{running} nodes really run, {limit} may")

    def slept(self, path: NodePath) -> bool:
        return (path, "0/sleep") in self.rung

    def timed_out(self, path: NodePath, attempt: int) -> bool:
        watched = (f"{attempt}/deadline", f"{attempt}/graph")
        return any(other == path and stamp.startswith(watched) for other, stamp in self.rung)

    def _succeeded(self, scope: str, node: NodeSketch) -> bool:
        path = NodePath(f"{scope}.{node.id}" if scope else node.id)
        return self._done(path)

    def _done(self, path: NodePath) -> bool:
        """Tell whether those below need not wait: it succeeded, was taken over, or was left out."""
        phase = self.nodes[path].phase
        return phase in {NodePhase.SUCCEEDED, NodePhase.RECOVERED} or self._left_out(path)

    def _left_out(self, path: NodePath) -> bool:
        skipped = self.nodes[path].phase is NodePhase.SKIPPED
        return skipped and self.scenario.reuse.get(path) is Reuse.LEAVE and not self.lost_above(path)

    def lost_above(self, path: NodePath) -> bool:
        """Tell whether a node above failed, or was skipped for one that did."""
        return any(self.nodes[it].phase in LOST and not self._left_out(it) for it in self.above(path))

    # --- what is recorded ------------------------------------------------------------------------

    def recorded(self, records: Sequence[Record]) -> None:
        """Take a commit's records in, in order."""
        for record in records:
            must(not self.phase.terminal, f"{record} after the end")
            match record:
                case ExecutionChanged():
                    self._execution(record)
                case NodeChanged():
                    self._node(record)
                case AttemptChanged():
                    self._attempt(record)
                case ElementsChanged():
                    self.arrays[record.path].told(record)
        self._policies()

    def _execution(self, record: ExecutionChanged) -> None:
        allowed = _EXECUTION_NEXT.get(self.phase, set())
        must(record.phase in allowed, f"execution: {record.phase.name} after {self.phase.name}")
        self.phase = record.phase
        if record.phase.terminal:
            self.kinds.ended(self.scenario.primary, "", record.phase)
        match record.phase:
            case WorkflowPhase.RUNNING:
                self.started_ns = record.at_ns
            case WorkflowPhase.FAILING:
                self.failing_ns = record.at_ns
            case WorkflowPhase.SUCCEEDING | WorkflowPhase.SUCCEEDED:
                unlucky = [n.id for n in self.scenario.primary.tops if not self._succeeded("", n)]
                must(not unlucky, f"execution: {record.phase.name} without {unlucky}")
                bound = None in self.bound[NodePath(""), 0] or not self.scenario.primary.outputs
                must(bound or record.phase is WorkflowPhase.SUCCEEDING, "succeeded without its outputs")
            case WorkflowPhase.FAILED:
                own = self.kinds.reason(self.scenario.primary, "")
                reasons = [own] if own else self.failed_top[:1] or self.bound[NodePath(""), 0]
                must(record.failure in reasons, f"execution: failed with {record.failure}, first was {reasons}")
                self._all_done(self.scenario.primary, "")
            case WorkflowPhase.TIMED_OUT:
                # Its failure node may end while the clock shows an earlier time again.
                limit, took_ns = self.scenario.limits.timeout_ns, self.failing_ns - self.started_ns
                must(0 < limit <= took_ns, f"execution: timed out after {took_ns}")
            case WorkflowPhase.ABORTED:
                must(self.abort_asked, "execution: aborted though nobody asked")
            case _:
                pass

    def _node(self, record: NodeChanged) -> None:
        path, seen = record.path, self.nodes[record.path]
        sketch = self.sketch(path)
        allowed = _NODE_NEXT.get(seen.phase, set())
        must(record.phase in allowed, f"{path}: {record.phase.name} after {seen.phase}")
        again = record.phase is NodePhase.RUNNING and seen.phase is NodePhase.RUNNING
        must(not again or record.waits != seen.waits, f"{path}: says again that it waits for {seen.waits!r}")
        seen.waits = record.waits
        above = [self.nodes[other].phase for other in self.above(path)]
        if record.phase is NodePhase.SKIPPED:
            left = self.scenario.reuse.get(path) is Reuse.LEAVE and all(map(self._done, self.above(path)))
            skipped = left or self.lost_above(path) or self.kinds.skipped(path, sketch)
            must(skipped, f"{path}: skipped without a reason")
        elif seen.phase is None:
            must(all(map(self._done, self.above(path))), f"{path}: began, above it: {above}")
            taking = self.scenario.reuse.get(path) is Reuse.TAKE
            must(taking or record.phase is not NodePhase.ABORTED, f"{path}: aborted before it began")
            must(not taking or record.phase in self._after_taking(path), f"{path}: {record.phase}, {self.took[path]}")
        dynamic = record.phase is NodePhase.DYNAMIC_RUNNING
        must(
            record.is_parent == (bool(sketch.workflow or sketch.cases or dynamic) and not sketch.array),
            f"{path}: is_parent is {record.is_parent}",
        )
        must(record.graph == (sketch.gives if dynamic else ""), f"{path}: tells of the graph {record.graph!r}")
        before, seen.phase = seen.phase, record.phase
        if record.phase is not NodePhase.QUEUED:
            self.looking.discard(path)
        if dynamic:
            must(sketch.gives, f"{path}: is not dynamic")
            if path in self.kept and not seen.attempts:  # As if the first attempt had given it.
                self.newest[path] = 0
                self.gave.add((path, 0))
                seen.attempts.append(TaskPhase.SUCCEEDED)
            must((path, self.newest[path]) in self.gave, f"{path}: gave no graph")
            must(seen.attempts[-1:] == [TaskPhase.SUCCEEDED], f"{path}: expanded, its attempts are {seen.attempts}")
            seen.graphs += 1
            seen.last_failure = None
        if record.phase is NodePhase.SUCCEEDED:
            self._node_succeeded(path, sketch, seen, record, expanded=before is NodePhase.DYNAMIC_RUNNING)
        elif record.phase in (NodePhase.FAILED, NodePhase.TIMED_OUT):
            must(record.failure, f"{path}: failed without a failure")
            seen.failure = record.failure
            if not record.parent and record.failure and not self.kinds.is_cleanup(path):
                self.failed_top.append(record.failure)
            self._node_failed(path, sketch, seen, of_graph=before is NodePhase.DYNAMIC_RUNNING)
        elif before is NodePhase.DYNAMIC_RUNNING and record.phase is not NodePhase.ABORTED:
            used = seen.user_failures + seen.graphs
            must(used <= sketch.task.retries, f"{path}: its graph is tried again after {used} failures")
        self._element_result(path, seen)

    def _array_failed(self, path: NodePath, seen: Seen) -> None:
        """It gave up since it could not succeed, or its lists or outputs were no good, or it took too long."""
        judge, failure = self.arrays[path], seen.failure
        judge.judge_end(succeeded=False)
        assert failure
        assert judge.sketch.array
        timed_out = failure.code == "TimeoutExpired" and self.timed_out(path, 0)
        if timed_out or failure in self.bound[path, 0] or failure in self.refused[path]:
            return
        must(judge.length >= 0 and not judge.still_possible(), f"{path}: failed with {failure} though it could succeed")
        must(judge.all_over() or not judge.sketch.array.run_all, f"{path}: did not run all elements")

    def _element_result(self, path: NodePath, seen: Seen) -> None:
        """An element with states of its own ended."""
        scope, _, index = path.rpartition(".")
        owner = NodePath(scope.rpartition(".")[0])
        if scope and self.sketch(owner).array and seen.phase in {NodePhase.SUCCEEDED, NodePhase.FAILED}:
            self.arrays[owner].elements[int(index)].results[0].append(seen.failure)

    def _after_taking(self, path: NodePath) -> set[NodePhase]:
        """Return how a listed node may begin, after what was found of it."""
        found = {True: NodePhase.RECOVERED, False: NodePhase.QUEUED}
        kept = {NodePhase.DYNAMIC_RUNNING} if path in self.kept else set[NodePhase]()
        return {NodePhase.ABORTED, *(found[there] for there in self.took[path]), *kept}

    def _taken_from_cache(self, path: NodePath, record: NodeChanged) -> None:
        """A node that succeeded without running has found a result, and says so."""
        must(self.sketch(path).task.cache.enabled, f"{path}: succeeded without running, and is not cached")
        found = record.cache is not None and record.cache.status is CacheStatus.HIT
        must(found, f"{path}: succeeded without running, and says {record.cache}")
        must(not self.sees_lookups or "CacheFound" in self.answers[path], f"{path}: succeeded, nothing was found")

    def _node_succeeded(
        self, path: NodePath, sketch: NodeSketch, seen: Seen, record: NodeChanged, *, expanded: bool
    ) -> None:
        if sketch.array:
            self.arrays[path].judge_end(succeeded=True)
            must(None in self.bound[path, 0] or not self._gives(sketch), f"{path}: succeeded without its outputs")
            return
        if sketch.workflow or expanded:
            inner = self.scenario.inner[sketch.workflow or sketch.gives]
            attempt = self.newest[path] if expanded else self._newest_scope(path)
            missing = [node.id for node in inner.tops if not self._succeeded(f"{path}.{attempt}", node)]
            must(not missing, f"{path}: succeeded without {missing}")
            collected = None in self.bound[path, attempt]
            must(not inner.outputs or collected, f"{path}: succeeded without the outputs of {attempt}")
            self.kinds.ended(inner, f"{path}.{attempt}", NodePhase.SUCCEEDED)
        elif sketch.cases or sketch.is_gate:
            self.kinds.succeeded(path, sketch)
        elif sketch.launch_plan:
            phase, _ = self.child_results.get((path, self.newest[path]), (None, None))
            must(phase is WorkflowPhase.SUCCEEDED, f"{path}: succeeded, its child is {phase}")
        elif not seen.attempts:
            self._taken_from_cache(path, record)
        else:
            self.reserved.discard(path)
            must(seen.attempts[-1:] == [TaskPhase.SUCCEEDED], f"{path}: succeeded, attempts {seen.attempts}")

    def _node_failed(self, path: NodePath, sketch: NodeSketch, seen: Seen, *, of_graph: bool) -> None:
        """It gave up only when what the author asked for was used up."""
        if of_graph:
            self._graph_gave_up_rightly(path, sketch.task.retries, seen)
            return
        if sketch.array:
            self._array_failed(path, seen)
            return
        if seen.phase and seen.failure and (sketch.cases or sketch.is_gate):
            self.kinds.failed(path, sketch, seen.phase, seen.failure)
            return
        must(seen.phase is NodePhase.FAILED, f"{path}: is {seen.phase}")
        if not sketch.workflow and not sketch.launch_plan:
            must(seen.attempts[-1:] == [TaskPhase.FAILED], f"{path}: failed, its attempts are {seen.attempts}")
            self._gave_up_rightly(path, sketch.task.retries, seen)
            return
        failure, retries = seen.failure, sketch.metadata.retries or 0
        assert failure
        if sketch.workflow and not self._scope_unseen(path, sketch):
            scope = f"{path}.{self._newest_scope(path)}"
            self.kinds.ended(self.scenario.inner[sketch.workflow], scope, NodePhase.FAILED)
        used = self._newest_child(path) if sketch.launch_plan else self._newest_scope(path)
        if failure.retryable and not self._scope_unseen(path, sketch):
            must(used >= retries, f"{path}: gave up after {used} of {retries} retries: {failure}")
            exhausted = failure.code.startswith("RetriesExhausted|")
            must(exhausted or retries == 0, f"{path}: does not say that its retries are used up: {failure}")

    def _graph_gave_up_rightly(self, path: NodePath, retries: int, seen: Seen) -> None:
        failure = seen.failure
        assert failure
        scope = f"{path}.{self.newest.get(path, 0)}."
        passed_on = [it for it in self.nodes if it.startswith(scope) and self._failed_so(it, failure)]
        if "The dynamic task" in failure.message and not passed_on:
            must(self.timed_out(path, self.newest[path]), f"{path}: timed out before its time: {failure}")
        used = seen.user_failures + seen.graphs - 1
        if failure.retryable:
            must(used >= retries, f"{path}: gave up after {used} of {retries} retries: {failure}")
            exhausted = failure.code.startswith("RetriesExhausted|")
            must(exhausted or retries == 0, f"{path}: does not say that its retries are used up: {failure}")

    def _failed_so(self, path: NodePath, failure: Failure) -> bool:
        """Tell whether a failure is that of a node, as it is or as the last one before retries were used up."""
        own = self.nodes[path].failure
        return own is not None and (own.message == failure.message or failure.message.endswith(f": {own.message}"))

    def _gave_up_rightly(self, path: NodePath, retries: int, seen: Seen) -> None:
        last, final = seen.last_failure, seen.failure
        must(last and final, f"{path}: failed without a failure")
        assert last
        assert final
        if not last.retryable:
            must(final == last, f"{path}: the failure is {final}, it was {last}")
            return
        must(
            final.code == f"RetriesExhausted|{last.code}",
            f"{path}: the code is {final.code}, last was {last.code}",
        )
        if last.fault is Fault.SYSTEM:
            must(seen.system_failures == SYSTEM_RETRIES + 1, f"{path}: gave up after {seen.system_failures}")
        else:
            used = seen.user_failures + seen.graphs
            must(used == retries + 1, f"{path}: gave up after {used} of {retries}")

    def _attempt(self, record: AttemptChanged) -> None:
        path, attempt, seen = record.path, record.attempt, self.nodes[record.path]
        must(seen.phase is NodePhase.RUNNING, f"{path}/{attempt}: {record.phase.name} while {seen.phase}")
        must(record.task.name.endswith(f".{self.sketch(path).id}"), f"{path}: runs {record.task}")
        if attempt == len(seen.attempts):
            last = seen.attempts[-1] if seen.attempts else None
            again = {TaskPhase.RETRYABLE_FAILED, *([TaskPhase.SUCCEEDED] if seen.graphs else [])}
            must(last is None or last in again, f"{path}/{attempt}: begins, the last is {last}")
            self._paused(record, seen)
            seen.queued_ns, seen.ran, seen.waits = record.at_ns, False, ""
            before = None
            seen.attempts.append(record.phase)
        else:
            must(attempt == len(seen.attempts) - 1, f"{path}: speaks of attempt {attempt}: {seen.attempts}")
            before = seen.attempts[-1]
            seen.attempts[-1] = record.phase
            seen.ran = seen.ran or record.phase is TaskPhase.RUNNING
        allowed = _TASK_NEXT.get(before, set())
        must(record.phase in allowed, f"{path}/{attempt}: {record.phase.name} after {before}")
        if self.sketch(path).array:
            must(attempt == 0, f"{path}: an array is not repeated as a whole")
        elif record.phase is TaskPhase.SUCCEEDED:
            must(None in self.results[path, attempt], f"{path}/{attempt}: accepted a success that never was")
        elif record.phase in (TaskPhase.FAILED, TaskPhase.RETRYABLE_FAILED):
            self._attempt_failed(record, seen)

    def _attempt_failed(self, record: AttemptChanged, seen: Seen) -> None:
        path, failure, retries = record.path, record.failure, self.sketch(record.path).task.retries
        must(failure, f"{path}: an attempt failed without a failure")
        assert failure
        timed_out = failure.code == "TimeoutExpired" and (
            self._in_vain(failure) or self.timed_out(path, record.attempt)
        )
        real = timed_out or self._happened(path, record.attempt, failure)
        must(real, f"{path}/{record.attempt}: accepted a failure that never was: {failure}")
        seen.last_failure, seen.failed_ns = failure, record.at_ns
        if self._in_vain(failure):
            limit, waited_ns = self.sketch(path).task.queued_timeout_ns, self._waited_ns(path, record.attempt)
            must(limit and waited_ns >= limit, f"{path}: gave up waiting after {waited_ns} ns of {limit}")
            must(not seen.ran, f"{path}/{record.attempt}: gave up waiting for an attempt that ran")
            self.newest[path] = record.attempt  # It may not even have come to where attempts run.
        if failure.fault is Fault.SYSTEM:
            seen.system_failures += 1
        else:
            seen.user_failures += 1
        if record.phase is TaskPhase.RETRYABLE_FAILED:
            must(failure.retryable, f"{path}: retries {failure}")
            within = seen.user_failures + seen.graphs <= retries and seen.system_failures <= SYSTEM_RETRIES
            must(within, f"{path}: retries after {seen.user_failures} + {seen.system_failures} failures")

    @staticmethod
    def _in_vain(failure: Failure) -> bool:
        return failure.message.startswith("The attempt waited")

    def _waited_ns(self, path: NodePath, attempt: int) -> int:
        """How long an attempt was queued when its alarm rang."""
        return self.rung.get((path, f"{attempt}/queued"), 0) - self.nodes[path].queued_ns

    def _happened(self, path: NodePath, attempt: int, failure: Failure) -> bool:
        return failure in self.results[path, attempt]

    def _paused(self, record: AttemptChanged, seen: Seen) -> None:
        """After a failure of the platform there is a pause, 1 s and then twice as long each time.

        After one of the user's there is the pause that the author asks for, or none.
        """
        if seen.last_failure is None:
            return
        pause_ns = record.at_ns - seen.failed_ns
        if seen.last_failure.fault is Fault.SYSTEM:
            wanted = S << (seen.system_failures - 1)
            must(pause_ns >= wanted, f"{record.path}: paused for {pause_ns / S} s instead of {wanted / S}")
        elif (backoff := self.sketch(record.path).task.backoff) is not None:
            wanted = wanted_pause_ns(backoff, seen.user_failures)
            must(pause_ns >= wanted, f"{record.path}: paused for {pause_ns / S} s instead of {wanted / S}")
        else:
            must(pause_ns == 0, f"{record.path}: a user's retry waited {pause_ns / S} s")

    # --- policies ------------------------------------------------------------------------------

    def _policies(self) -> None:
        """After a commit: a scope where a node failed is over, unless its author wanted it to go on."""
        for path, judge in self.arrays.items():
            hopeless = judge.length >= 0 and not judge.still_possible() and judge.sketch.array
            goes_on = self.nodes[path].phase is NodePhase.RUNNING and not self.phase.terminal
            must(not (hopeless and goes_on and judge.begun) or judge.sketch.array.run_all, f"{path}: goes on in vain")
        if self.phase is WorkflowPhase.RUNNING and self.failed_top:
            goes_on = self.scenario.primary.policy is not FailurePolicy.FAIL_IMMEDIATELY
            must(goes_on, "the execution goes on after a failure")
        if self.phase.terminal:
            awake = [path for path, seen in self.nodes.items() if seen.phase and not seen.phase.terminal]
            must(not awake, f"the execution ended, and {awake} did not")
        for path, seen in self.nodes.items():
            waiting = seen.waits == ROOM and seen.attempts[-1:] == [TaskPhase.RUNNING] and path not in self.arrays
            must(not waiting, f"{path}: runs, and still says that it waits for {seen.waits}")

    def _all_done(self, graph: GraphSketch, scope: str) -> None:
        """Where nodes go on after a failure, each came to its end."""
        if graph.policy is FailurePolicy.FAIL_IMMEDIATELY:
            return
        for node in graph.nodes:
            path = NodePath(f"{scope}.{node.id}" if scope else node.id)
            phase = self.nodes[path].phase
            must(phase and phase.terminal, f"{path}: is {phase}, though it could go on")
            if self._left_out(path):
                continue
            lost = self.lost_above(path) or self.kinds.passed_over(path, node)
            must((phase is NodePhase.SKIPPED) == lost, f"{path}: is {phase}, above it lost: {lost}")

    def _gives(self, sketch: NodeSketch) -> bool:
        """Whether an array has outputs: its tasks have, its workflows as they say; a launch plan may."""
        return self.scenario.inner[sketch.workflow].outputs if sketch.workflow else True

    def _newest_child(self, path: NodePath) -> int:
        return self.newest.get(path, 0)

    def _newest_scope(self, path: NodePath) -> int:
        depth = path.count(".") + 2
        scopes = [other.split(".") for other in self.nodes if other.startswith(f"{path}.")]
        seen = [int(parts[depth - 1]) for parts in scopes if len(parts) > depth]
        tried = [attempt for other, attempt in self.bound if other == path]
        return max([*seen, *tried], default=0)

    def _scope_unseen(self, path: NodePath, sketch: NodeSketch) -> bool:
        """Whether records cannot tell how often the scope was tried: no node of it ever began."""
        return bool(sketch.workflow) and not self.scenario.inner[sketch.workflow].nodes

    # --- the end -------------------------------------------------------------------------------

    def finish(self) -> None:
        """The world came to rest."""
        must(self.phase.terminal, f"the world rests, and the execution is {self.phase.name}")
        must(not self.live, f"the execution ended, and {self.live} still live")
        alive = [path for path, judge in self.arrays.items() if judge.lives()]
        must(not alive, f"the execution ended, and elements of {alive} still live")
        must(not self.live_children, f"the execution ended, and children {self.live_children} still live")
        must(self.crashed or not self.reserved, f"the execution ended, and {self.reserved} are still reserved")


class _Judges(dict[NodePath, ArrayJudge]):
    """One judge for each array, made when it is first spoken of."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        super().__init__()

    def __missing__(self, path: NodePath) -> ArrayJudge:
        judge = self[path] = ArrayJudge(path, self._checker.sketch(path))
        return judge
