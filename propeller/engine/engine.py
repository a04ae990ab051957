"""The engine: owns executions, turns events into commits, and commits into effects."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

from flytelike.model.closure import WorkflowClosure
from flytelike.model.failure import Failure, Fault
from flytelike.model.history import ExecutionChanged, HistoryEntry
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.launch import LaunchRequest
from propeller.core.commands import AbortAttempt, AbortChild, Command
from propeller.core.decision import Decision
from propeller.core.evaluate import evaluate
from propeller.core.events import (
    AbortRequested,
    AttemptFailed,
    AttemptRunning,
    AttemptSucceeded,
    ChildEnded,
    Event,
    ExecutionStarted,
)
from propeller.core.header import Accepted, ExecutionFailed, Header, Limits
from propeller.core.plan import Plan, UnsupportedPlan
from propeller.core.resume import outstanding
from propeller.core.state import ExecutionState
from propeller.engine.delivery import Delivery
from propeller.engine.effects import Effects
from propeller.engine.encoding import decode, encode
from propeller.engine.run import Run, Values
from propeller.engine.settings import EngineSettings
from propeller.engine.telling import entry_of
from propeller.ports import (
    AttemptKey,
    Blobs,
    Children,
    Clock,
    Closures,
    Commit,
    Conflict,
    EventSink,
    Executor,
    HistoryBatch,
    StateStore,
    StoreError,
)

_LOG = logging.getLogger(__name__)

PLANS_KEPT = 64


class Engine:
    """Drives executions. It is the listener of its executor; use on one event loop."""

    def __init__(
        self,
        *,
        store: StateStore,
        blobs: Blobs,
        sink: EventSink,
        children: Children,
        closures: Closures,
        clock: Clock,
        settings: EngineSettings,
    ) -> None:
        """Connect the ports; give the executor to `start`."""
        self._store = store
        self._closures = closures
        self._clock = clock
        self._settings = settings
        self._values = Values(store, blobs, settings)
        self._effects = Effects(self, self._values, blobs, children, clock, settings)
        self._delivery = Delivery(store, sink)
        self._runs: dict[ExecutionId, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._plans = Plans()
        self._loading: dict[ExecutionId, asyncio.Lock] = {}
        self._closed = False

    # --- the door ---------------------------------------------------------------------------

    async def start(self, executor: Executor) -> int:
        """Take the executor, go on with every unfinished execution, and return how many there are."""
        self._effects.executor = executor
        await self._delivery.start()
        unfinished = await self._store.unfinished()
        for execution in unfinished:
            await self._resume(execution)
        return len(unfinished)

    async def submit(self, request: LaunchRequest) -> None:
        """Take an execution over durably; a known one is not started twice."""
        if request.id in self._runs:
            return
        header = Header(limits=Limits(request.max_parallelism, request.timeout_ns, request.interruptible))
        commit = Commit(request.id, 0, encode([header, 0]), launch=encode(request))
        try:
            await self._store.commit(commit)
        except Conflict:
            return  # taken over before
        await self._resume(request.id)

    async def abort(self, execution: ExecutionId, cause: str, principal: str = "") -> None:
        """Ask that an execution ends. Unknown and ended executions are ignored."""
        self.post(execution, AbortRequested(self._clock.now_ns(), cause, principal))

    async def close(self) -> None:
        """Finish what is being committed, stop the attempts, and tell the rest of the history."""
        self._closed = True
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._effects.close()
        await self._delivery.close()
        await self._store.close()

    # --- news from the executor -------------------------------------------------------------

    def running(self, key: AttemptKey, at_ns: int) -> None:
        """Take the news that an attempt began its work."""
        self.post(key.execution, AttemptRunning(key.path, key.attempt, at_ns))

    def succeeded(self, key: AttemptKey, at_ns: int) -> None:
        """Take the news that an attempt ended well; its outputs are looked at first."""
        run = self._runs.get(key.execution)
        if run is not None and not self._closed:
            self.spawn(self._look_at_outputs(run, key, at_ns))

    def failed(self, key: AttemptKey, at_ns: int, failure: Failure) -> None:
        """Take the news that an attempt ended badly."""
        self.post(key.execution, AttemptFailed(key.path, key.attempt, at_ns, failure))

    def child_ended(self, parent: ExecutionId, event: ChildEnded) -> None:
        """Take the news that a child execution ended."""
        self.post(parent, event)

    # --- the loop ---------------------------------------------------------------------------

    def post(self, execution: ExecutionId, event: Event) -> None:
        """Put an event into an execution's inbox and wake its owner."""
        run = self._runs.get(execution)
        if run is None or self._closed:
            return
        run.inbox.append(event)
        if not run.busy:
            run.busy = True
            self.spawn(self._drive(run))

    def known(self, execution: ExecutionId) -> Run | None:
        """Return an execution that goes on."""
        return self._runs.get(execution)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine that `close` waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drive(self, run: Run) -> None:
        """Take an execution's events until there are none."""
        try:
            while run.inbox and not self._closed:
                await self._turn(run)
        except StoreError as error:
            self._give_back(run, error)
        except Exception as error:  # noqa: BLE001 - one execution must not stop the others
            _LOG.exception("the engine failed on %s", run.id)
            self._give_back(run, error)
        finally:
            run.busy = False

    async def _turn(self, run: Run) -> None:
        """Evaluate one batch, commit it, and act on it."""
        batch = list(run.inbox)
        decision = evaluate(run.plan, run.state, batch)
        if not decision.changes_nothing:
            entries = [
                entry_of(run, number, record, self._settings, self._effects.log_uri)
                for number, record in enumerate(decision.records, run.sequence + 1)
            ]
            await self._commit(run, decision, entries)
        del run.inbox[: len(batch)]
        run.failures = 0
        if decision.changes_nothing:
            return
        await self._act(run, decision.commands)
        if run.state.header.ended:
            await self._leave(run)

    async def _commit(self, run: Run, decision: Decision, entries: Sequence[HistoryEntry]) -> None:
        aborts = [command for command in decision.commands if isinstance(command, AbortAttempt | AbortChild)]
        sequence = run.sequence + len(entries)
        outputs, done = dict(run.outputs), list(run.done)
        history = HistoryBatch(run.sequence + 1, sequence, encode(list(entries))) if entries else None
        await self._store.commit(
            Commit(
                run.id,
                run.version,
                encode([decision.header, sequence]),
                closed=decision.header.ended,
                cells={path: encode(node) for path, node in decision.nodes.items()},
                outputs=outputs,
                commands={command.id: encode(command) for command in aborts},
                done=done,
                history=history,
            )
        )
        run.version += 1
        run.sequence = sequence
        for key in outputs:
            run.outputs.pop(key, None)
        del run.done[: len(done)]
        run.state.apply(decision)
        self._delivery.add(entries)

    async def _act(self, run: Run, commands: Iterable[Command]) -> None:
        for command in commands:
            await self._effects.carry_out(run, command)
            if isinstance(command, AbortAttempt | AbortChild):
                run.done.append(command.id)

    async def _leave(self, run: Run) -> None:
        """Forget a finished execution; its parent, if it has one, is told."""
        if run.done:
            header = encode([run.state.header, run.sequence])
            await self._store.commit(Commit(run.id, run.version, header, closed=True, done=list(run.done)))
        self._runs.pop(run.id, None)
        self._values.forget(run)
        await self._effects.tell_parent(run)

    def _give_back(self, run: Run, error: Exception) -> None:
        """Try again later; an execution that fails the engine again and again is ended."""
        run.failures += 1
        if isinstance(error, Conflict):
            self._runs.pop(run.id, None)
            self.spawn(self._resume(run.id))
            return
        if run.failures == self._settings.failures_max and not isinstance(error, StoreError):
            cause = f"the engine failed on this execution {run.failures} times: {type(error).__name__}: {error}"
            run.inbox[:] = [AbortRequested(self._clock.now_ns(), cause, "propeller")]
        _LOG.warning("trying %s again: %s", run.id, error)
        due = self._clock.now_ns() + self._settings.backoff_ns * 2 ** min(run.failures, 8)
        self._clock.call_at(due, lambda: self._wake(run))

    def _wake(self, run: Run) -> None:
        if not run.busy and not self._closed and self._runs.get(run.id) is run:
            run.busy = True
            self.spawn(self._drive(run))

    # --- taking over --------------------------------------------------------------------------

    async def _resume(self, execution: ExecutionId) -> None:
        """Load an execution and give again every command it waits for."""
        async with self._loading.setdefault(execution, asyncio.Lock()):
            if execution not in self._runs:
                await self._load(execution)
        self._loading.pop(execution, None)

    async def _load(self, execution: ExecutionId) -> None:
        snapshot = await self._store.load(execution)
        if snapshot is None:
            return
        request: LaunchRequest = decode(snapshot.launch)
        header, sequence = decode(snapshot.header)
        try:
            closure = await self._closures.get(request.closure_uri, request.closure_digest)
            plan = self._plans.of(closure)
        except (KeyError, UnsupportedPlan) as error:
            await self._refuse(request, header, sequence, snapshot.version, str(error))
            return
        nodes = {NodePath(path): decode(cell) for path, cell in snapshot.cells.items()}
        state = ExecutionState(plan, header, nodes)
        run = Run(request, closure, plan, state, snapshot.version, sequence)
        left = [decode(data) for data in snapshot.commands.values()]
        if snapshot.closed:
            await self._act(run, left)
            await self._leave(run)
            return
        self._runs[execution] = run
        run.busy = True
        try:
            await self._act(run, [*left, *outstanding(plan, state)])
        finally:
            run.busy = False
        if isinstance(header.status, Accepted):
            run.inbox.insert(0, ExecutionStarted(self._clock.now_ns()))
        self._wake(run)

    async def _refuse(self, request: LaunchRequest, header: Header, sequence: int, version: int, why: str) -> None:
        """End an execution that cannot be run at all."""
        failure = Failure("UnsupportedWorkflow", why, Fault.SYSTEM, retryable=False)
        ended = Header(header.limits, ExecutionFailed(failure), header.next_order)
        entry = HistoryEntry(request.id, sequence + 1, ExecutionChanged(ended.phase, self._clock.now_ns(), failure))
        history = HistoryBatch(sequence + 1, sequence + 1, encode([entry]))
        body = encode([ended, sequence + 1])
        await self._store.commit(Commit(request.id, version, body, closed=True, history=history))
        self._delivery.add([entry])

    async def _look_at_outputs(self, run: Run, key: AttemptKey, at_ns: int) -> None:
        event: Event = AttemptSucceeded(key.path, key.attempt, at_ns)
        failure = await self._effects.take_outputs(run, key)
        if failure is not None:
            event = AttemptFailed(key.path, key.attempt, at_ns, failure)
        self.post(run.id, event)


class Plans:
    """The plans of recent closures: executions of one closure share one plan."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[WorkflowClosure, Plan]] = OrderedDict()

    def of(self, closure: WorkflowClosure) -> Plan:
        """Return a closure's plan; raises UnsupportedPlan."""
        found = self._kept.get(id(closure))
        if found is not None:
            return found[1]
        plan = Plan.of(closure)
        self._kept[id(closure)] = (closure, plan)
        if len(self._kept) > PLANS_KEPT:
            self._kept.popitem(last=False)
        return plan
