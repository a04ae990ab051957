"""One turn of an execution: events in, a decision, one commit, and what is to be done after it.

A turn touches the world through the store alone. Until the commit has succeeded nothing in memory
changes, so that a turn that fails can be taken again.
"""

from collections.abc import Mapping, Sequence

from flytelike.model.failure import Failure
from flytelike.model.history import AttemptChanged, ExecutionChanged, NodeChanged, Record
from flytelike.model.ids import ROOT, NodePath
from flytelike.model.phases import NodePhase, TaskPhase
from propeller.core.commands import AbortAttempt, AbortChild, AbortElements, Command, Decide
from propeller.core.decision import Decision
from propeller.core.evaluate import evaluate
from propeller.core.header import ExecutionFailed, Header
from propeller.core.launch_plan_node import abort_command as abort_child
from propeller.core.node_state import (
    END_STATES,
    Aborted,
    ChildRunning,
    Held,
    Mapped,
    NodeState,
    Running,
    Started,
    Succeeded,
)
from propeller.core.plan import ArrayWork, BranchWork, LaunchPlanWork, SubWorkflowWork, TaskWork
from propeller.core.task_node import abort_command as abort_attempt
from propeller.engine.element_rows import kept_rows
from propeller.engine.encoding import encode
from propeller.engine.run import GRAPH, SEAL, Arrival, Errand, Run, Seal, StoreInputs
from propeller.engine.telling import Telling, telling_of
from propeller.ports import Commit, StateStore


def decide(run: Run, arrivals: Sequence[Arrival]) -> Decision:
    """Return what the events change."""
    return evaluate(run.state.plan, run.state, [arrival.event for arrival in arrivals])


async def commit(store: StateStore, run: Run, decision: Decision, arrivals: Sequence[Arrival], prefix: str) -> Telling:
    """Store a decision, then make it current. Returns what is to be told.

    Raises `StoreError`; nothing is changed then.
    """
    telling = telling_of(run, decision, prefix)
    done = list(run.done)
    aborts = [it for it in decision.commands if isinstance(it, AbortAttempt | AbortChild | AbortElements)]
    commands = {command.id: encode(command) for command in aborts}
    ends = decision.header.ended and not run.state.header.ended
    if ends:
        commands[SEAL] = encode(Seal())
    await store.commit(
        Commit(
            run.id,
            run.version,
            encode([decision.header, telling.last]),
            closed=decision.header.ended,
            cells={**_cells(decision), **{key: encode(chunk) for key, chunk in decision.chunks.items()}},
            outputs={**_kept_outputs(decision, arrivals), **kept_rows(run, decision, arrivals)},
            commands=commands,
            done=done,
            history=telling.batch(),
            drop=decision.dropped,
        )
    )
    run.version += 1
    run.sequence = telling.last
    run.seal = run.seal or ends
    del run.done[: len(done)]
    run.state.apply(decision)
    _forget_timers(run, decision)
    return telling


async def commit_done(store: StateStore, run: Run) -> None:
    """Drop outbox commands that were carried out, when there is nothing else to store."""
    done = list(run.done)
    header = run.state.header
    body = encode([header, run.sequence])
    await store.commit(Commit(run.id, run.version, body, closed=header.ended, done=done))
    run.version += 1
    del run.done[: len(done)]


def errands_of(decision: Decision) -> list[Errand]:
    """Return what is to be done once the decision is stored, in order."""
    binding = {command.path for command in decision.commands if isinstance(command, Decide)}
    errands: list[Errand] = [
        StoreInputs(record.path)
        for record in decision.records
        if isinstance(record, NodeChanged)
        and record.is_parent
        and record.phase is NodePhase.RUNNING
        and record.path not in binding
    ]
    return [*errands, *decision.commands]


def doom(run: Run, failure: Failure, now_ns: int) -> Decision:
    """Return the decision that ends an execution without asking the core, which failed on it."""
    if run.state.header.ended:
        return Decision(run.state.header)
    nodes: dict[NodePath, NodeState] = {}
    commands: list[Command] = []
    records: list[Record] = []
    for path, node in sorted(run.state.active(), key=lambda item: item[0], reverse=True):
        place = run.state.plan.place(path)
        work = place.node.work
        if isinstance(node, Started | Running) and isinstance(work, TaskWork):
            commands.append(abort_attempt(place, node.attempt, failure.message))
            records.append(AttemptChanged(path, node.attempt, work.task, TaskPhase.ABORTED, now_ns))
        elif isinstance(node, ChildRunning):
            commands.append(abort_child(place, node.attempt, failure.message))
        elif isinstance(node, Mapped):
            name = f"{path}/{node.attempt}/abort"
            commands.append(AbortElements(name, path, node.attempt, failure.message))
        if isinstance(work, ArrayWork) and isinstance(work.element.work, TaskWork) and not isinstance(node, Held):
            records.append(AttemptChanged(path, 0, work.element.work.task, TaskPhase.ABORTED, now_ns))
        nodes[path] = Aborted()
        scope = place.parent
        inner, outer = isinstance(work, SubWorkflowWork | BranchWork), isinstance(work, LaunchPlanWork)
        told = place.node.name
        records.append(NodeChanged(path, scope, place.node.id, NodePhase.ABORTED, now_ns, None, inner, outer, told))
    old = run.state.header
    header = Header(old.limits, ExecutionFailed(failure), old.next_order)
    records.append(ExecutionChanged(header.phase, now_ns, failure))
    return Decision(header, nodes, tuple(commands), tuple(records))


def _cells(decision: Decision) -> Mapping[str, bytes]:
    cells = {str(path): encode(node) for path, node in decision.nodes.items()}
    if decision.graphs:
        cells.update((f"{GRAPH}{scope}", encode(digest)) for scope, digest in decision.graphs.items())
    return cells


def _kept_outputs(decision: Decision, arrivals: Sequence[Arrival]) -> Mapping[str, bytes]:
    """Return the outputs of what succeeds with this decision; those of stale successes are left out."""
    return {
        kept.path: kept.data
        for arrival in arrivals
        if (kept := arrival.outputs) is not None
        and (kept.path == ROOT or decision.nodes.get(kept.path) == Succeeded(kept.attempt))
    }


def _forget_timers(run: Run, decision: Decision) -> None:
    if not run.timers and not run.arrays:
        return
    if decision.header.ended:
        run.forget_timers(ROOT)
        return
    for path, node in decision.nodes.items():
        if type(node) in END_STATES:
            run.forget_timers(path)
            run.arrays.pop(path, None)
