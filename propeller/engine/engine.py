"""The engine: owns executions, turns events into commits, and commits into errands."""

import asyncio
import logging
from collections.abc import Collection, Sequence

from flytelike.model.caching import CacheUse
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.failure import Failure
from flytelike.model.ids import ExecutionId, NodeExecutionId
from flytelike.model.launch import LaunchRequest
from flytelike.model.queued import Queued
from flytelike.model.trouble import Trouble
from flytelike.model.usage import AskedResources, AttemptUse
from propeller.core.events import AbortRequested, AttemptFailed, AttemptRunning, AttemptWaits, Event
from propeller.core.header import Header, Limits
from propeller.core.node_state import ChildRunning
from propeller.engine.delivery import Delivery
from propeller.engine.driver import Driver
from propeller.engine.effects import Effects
from propeller.engine.encoding import encode
from propeller.engine.entry import Entry
from propeller.engine.errands import Errands
from propeller.engine.gates import waiting_for
from propeller.engine.lease import Lease
from propeller.engine.outside import Ports
from propeller.engine.program import Programs
from propeller.engine.retention import Retention
from propeller.engine.run import Arrival, Errand, Run, TakeChild, TakeElements, TakeGraph, TakeOutputs
from propeller.engine.seal import Sealer
from propeller.engine.settings import EngineSettings
from propeller.engine.troubles import Cause, Troubles, cause_of
from propeller.engine.values import Values
from propeller.engine.waits import waits_of
from propeller.ports import (
    AttemptKey,
    Commit,
    Conflict,
    Executor,
    NotOwner,
    StoreError,
)
from propeller.ports_elements import ElementResult

_LOG = logging.getLogger(__name__)


class Engine:
    """Drives executions. It is the listener of its executor; use on one event loop."""

    def __init__(self, ports: Ports, settings: EngineSettings) -> None:
        """Connect the ports; give the executor to `start`."""
        store, blobs, sink, clock = ports.store, ports.blobs, ports.sink, ports.clock
        self._store = store
        self._clock = clock
        self._settings = settings
        self._values = Values(store, blobs, settings)
        self._troubles = Troubles(clock)
        self._delivery = Delivery(store, sink, clock, settings, self._troubles)
        self._sealer = Sealer(store, blobs, clock, settings)
        self._retention = Retention(store, clock, settings)
        self._lease = Lease(store, clock, settings, self._troubles, self._replaced_by)
        self._driver = Driver(store, self._delivery, clock, settings, self._troubles, self._replaced_by)
        programs = Programs(ports.closures)
        self._effects = Effects(self._driver.post, self._give, self._values, ports, settings, programs)
        carry_out, settle = self._effects.carry_out, self._driver.settle
        self._errands = Errands(carry_out, self._tell, settle, clock, settings, self._troubles)
        self._entry = Entry(ports, self._driver, self._delivery, self._errands, settings, programs)
        self._driver.connect(self._errands, self._entry.read_again, self._left)
        self._closed = False
        self._closing: asyncio.Task[None] | None = None
        self._replaced: NotOwner | None = None

    @property
    def replaced(self) -> NotOwner | None:
        """Set for good once another engine has taken the store over: this one closes."""
        return self._replaced

    @property
    def troubles(self) -> Sequence[Trouble]:
        """What executions wait for now that is no fault of theirs: one for each kind, the oldest first."""
        return self._troubles.current()

    async def queued(self, execution: ExecutionId) -> Sequence[Queued]:
        """Return what of an execution waits for a worker, and where in the executor's line."""
        executor = self._effects.executor
        return await executor.queued(execution) if executor is not None else ()

    @property
    def executions(self) -> int:
        """How many executions are in memory."""
        return len(self._driver.runs)

    @property
    def history_waiting(self) -> int:
        """How many records the sink has not taken, of those in memory."""
        return self._delivery.waiting

    def waits_for(self, execution: ExecutionId) -> str:
        """Return what an execution waits for, in one phrase; empty if it goes on, or is not in memory."""
        cause = self._troubles.of(execution)
        if cause is not None:
            return f"{cause.message} [{cause.code}]"
        run = self._driver.runs.get(execution)
        return waits_of(run) if run is not None else ""

    async def start(self, executor: Executor) -> int:
        """Take the executor, go on with every unfinished execution, and return how many there are.

        They are read back in the background. Raises `Owned` when another engine runs on the store
        (with `settings.lease_waits` it waits instead), and any other `StoreError`.
        """
        await self._lease.take()
        self._effects.executor = executor
        self._delivery.start()
        self._retention.start()
        unfinished = await self._store.unfinished()
        self._entry.queue(unfinished)
        return len(unfinished)

    async def submit(self, request: LaunchRequest) -> None:
        """Take an execution over durably; a known one is not started twice. Raises `StoreError`."""
        self._check_open()
        cached = request.cache is not CacheUse.OFF
        limits = Limits(request.max_parallelism, request.timeout_ns, request.interruptible, cached)
        header = Header(limits=limits)
        new: Header | None = header
        try:
            await self._store.commit(Commit(request.id, 0, encode([header, 0]), launch=encode(request)))
        except Conflict:
            new = None
            # It was taken over before. It is here or has ended, but for one whose commit was stored
            # while an error was told.
            if request.id in self._driver.runs:
                return
        except StoreError as error:
            if (cause := cause_of(error)) is not None:
                self._troubles.note(("submit", request.id), cause, request.id)
            raise
        self._troubles.over(("submit", request.id))
        self._entry.admit(request, new)

    async def abort(self, execution: ExecutionId, cause: str, principal: str = "") -> None:
        """Ask that an execution ends; returns once that is stored.

        Unknown and ended executions are ignored. Raises `StoreError`.
        """
        self._check_open()
        run = await self._entry.bring(execution)
        if run is None:
            return
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        event = AbortRequested(self._clock.now_ns(), cause, principal)
        self._driver.post(run, Arrival(event, taken=taken))
        await taken

    async def forget(self, executions: Collection[ExecutionId]) -> Collection[ExecutionId]:
        """Drop the states of executions that have ended; return those that cannot be dropped yet.

        Raises:
            StoreError: The store does not answer.
        """
        self._check_open()
        return await self._retention.drop(executions)

    async def close(self) -> None:
        """Finish what is being committed, stop the attempts, tell the rest of the history, close the store.

        What is not finished goes on with the next engine.
        """
        if self._closing is None:
            self._closed = True
            self._closing = asyncio.get_running_loop().create_task(self._close(), name="propeller-close")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._entry.close()
        await self._driver.close()
        self._effects.lookups.close()
        await self._errands.close()
        if self._effects.executor is not None:
            await self._effects.executor.close()
        await self._sealer.close()
        await self._delivery.close()
        await self._retention.close()
        await self._lease.close()
        await self._store.close()

    # --- news -------------------------------------------------------------------------------

    def running(self, key: AttemptKey, at_ns: int, asked: AskedResources | None = None) -> None:
        """Take the news that an attempt began its work."""
        run = self._driver.runs.get(key.execution)
        if run is not None:
            self._driver.post(run, Arrival(AttemptRunning(key.path, key.attempt, at_ns, asked)), urgent=False)

    def succeeded(
        self, key: AttemptKey, at_ns: int, outputs: bytes | None = None, used: AttemptUse | None = None
    ) -> None:
        """Take the news that an attempt ended well; its outputs are looked at first."""
        run = self._driver.runs.get(key.execution)
        if run is not None and not self._closed:
            self._errands.add(run, [TakeOutputs(key.path, key.attempt, at_ns, outputs, used)])

    def expanded(self, key: AttemptKey, at_ns: int, used: AttemptUse | None = None) -> None:
        """Take the news that an attempt gave nodes to run next; they are compiled first."""
        run = self._driver.runs.get(key.execution)
        if run is not None and not self._closed:
            self._errands.add(run, [TakeGraph(key.path, key.attempt, at_ns, used)])

    def failed(self, key: AttemptKey, at_ns: int, failure: Failure, used: AttemptUse | None = None) -> None:
        """Take the news that an attempt ended badly."""
        run = self._driver.runs.get(key.execution)
        if run is not None:
            self._driver.post(run, Arrival(AttemptFailed(key.path, key.attempt, at_ns, failure, used)))

    def held_up(self, key: AttemptKey, why: Diagnostic | None) -> None:
        """Take the news that an attempt waits for what it cannot do without, or goes on."""
        run = self._driver.runs.get(key.execution)
        if why is None or run is None:
            news, what = self._troubles.over(key), ""
        else:
            news, what = self._troubles.note(key, Cause(why.code, why.headline), key.execution), why.headline
        if run is not None and news:
            event = AttemptWaits(key.path, key.attempt, self._clock.now_ns(), what)
            self._driver.post(run, Arrival(event), urgent=False)

    def elements_ended(self, key: AttemptKey, at_ns: int, results: Sequence[ElementResult]) -> None:
        """Take the news that attempts of an array's elements ended; what they gave is looked at first."""
        run = self._driver.runs.get(key.execution)
        if run is not None and not self._closed:
            self._errands.add(run, [TakeElements(key.path, key.attempt, at_ns, results)])

    def child_ended(self, parent: NodeExecutionId, attempt: int, child: ExecutionId) -> None:
        """Take the news that the execution which an attempt of a launch-plan node started has ended.

        A parent that is not in memory looks for itself when it is read back.
        """
        run = self._driver.runs.get(parent.execution)
        if run is not None and not self._closed:
            self._errands.add(run, [TakeChild(parent.path, attempt, child)])

    def look_at_children(self) -> None:
        """Ask how each child goes that is waited for: the end of some may not have been told."""
        for run in [] if self._closed else list(self._driver.runs.values()):
            for path, children in run.children.items():
                state = run.state.get(path)
                if isinstance(state, ChildRunning) and (child := children.get(state.attempt)) is not None:
                    self._errands.add(run, [TakeChild(path, state.attempt, child)])

    async def signalled(self, execution: ExecutionId, signal: str) -> None:
        """Take the news that a signal was given: the gates that wait for it look at it.

        Unknown and ended executions are ignored. An execution that is read back later looks for itself.
        """
        self._check_open()
        run = await self._entry.bring(execution)
        if run is not None:
            self._errands.add(run, waiting_for(run, signal))

    # --- within -----------------------------------------------------------------------------

    def _tell(self, run: Run, event: Event) -> None:
        self._driver.post(run, Arrival(event))

    def _give(self, run: Run, errand: Errand) -> None:
        if self._driver.runs.get(run.id) is run and not self._closed:
            self._errands.add(run, [errand])

    def _left(self, run: Run) -> None:
        self._values.forget(run.id)
        self._effects.lookups.forget(run.id)
        if run.seal and run.state.header.ended and not run.stale:
            self._sealer.add(run)
            self._retention.start()
        self._entry.make_room()

    def _replaced_by(self, error: NotOwner) -> None:
        """Stop everything: what is done from now on is the other engine's."""
        if self._closing is None:
            _LOG.error("%s: this engine stops", error)
            self._replaced, self._closed = error, True
            self._closing = asyncio.get_running_loop().create_task(self._close(), name="propeller-close")

    def _check_open(self) -> None:
        if self._replaced is not None:
            raise self._replaced
        if self._closed:
            raise StoreError("the engine is closing")
