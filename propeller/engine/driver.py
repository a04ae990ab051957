"""Taking turns: wakes the owner of each execution that has news, and deals with turns that fail.

An execution has one owner at a time: the task that takes its turns. Executions don't wait for each
other; the store puts the commits they make at the same time under one sync.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine

from flytelike.model.failure import Failure, Fault
from flytelike.model.ids import ROOT, ExecutionId
from propeller.engine import turn
from propeller.engine.delivery import Delivery
from propeller.engine.errands import Errands
from propeller.engine.run import Arrival, Run
from propeller.engine.settings import EngineSettings
from propeller.engine.telling import Telling
from propeller.engine.troubles import PAUSE_NS_MAX, Troubles, cause_of
from propeller.ports import Clock, Conflict, NotOwner, StateStore, StoreError

_LOG = logging.getLogger(__name__)

ENGINE_FAILED = "EngineFailed"
"""The code of the failure of an execution that the engine itself cannot go on with."""


class Driver:
    """Owns the executions in memory."""

    def __init__(
        self,
        store: StateStore,
        delivery: Delivery,
        clock: Clock,
        settings: EngineSettings,
        troubles: Troubles,
        replaced: Callable[[NotOwner], None],
    ) -> None:
        """Start without executions; `connect` comes first. `replaced` hears when another engine owns the store."""
        self.runs: dict[ExecutionId, Run] = {}
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._settings = settings
        self.troubles = troubles
        self._replaced = replaced
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def connect(self, errands: Errands, reload: Callable[[Run], Awaitable[None]], left: Callable[[Run], None]) -> None:
        """Take what carries errands out, what reads a run back from the store, and what hears of its end."""
        self._errands = errands
        self._reload = reload
        self._left = left

    def post(self, run: Run, arrival: Arrival, *, urgent: bool = True) -> None:
        """Put an event into an inbox. One that is not urgent waits a little for others."""
        if self._closed or self.runs.get(run.id) is not run:
            if arrival.taken is not None and not arrival.taken.done():
                arrival.taken.set_result(None)
            return
        run.inbox.append(arrival)
        if urgent:
            self.wake(run)
        else:
            self._linger(run)

    def wake(self, run: Run) -> None:
        """Let the owner take what is there."""
        run.urgent = True
        if not (run.busy or run.rests or self._closed):
            run.busy = True
            self.spawn(self._drive(run))

    def settle(self, run: Run) -> None:
        """Look whether an execution is over for the engine, or has something to store at last."""
        if self._closed or run.busy or run.rests or not run.state.header.ended or run.stale:
            return
        if run.done or run.inbox:
            self.wake(run)
        elif run.idle and self.runs.get(run.id) is run:
            self._forget(run)

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run a coroutine that `close` waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Let the turns under way end, and begin no more."""
        self._closed = True
        while self._tasks:
            await asyncio.wait(self._tasks)
        for run in self.runs.values():
            if run.lingers is not None:
                run.lingers.cancel()
            run.forget_timers(ROOT)
            for arrival in run.inbox:
                if arrival.taken is not None and not arrival.taken.done():
                    arrival.taken.set_exception(StoreError("the engine is closing"))

    # --- turns ------------------------------------------------------------------------------

    async def _drive(self, run: Run) -> None:
        try:
            while run.urgent and not self._closed:
                await self._turn(run)
        except Conflict as error:
            run.stale = True
            self._give_up_or_rest(run, error)
        except NotOwner as error:
            self._replaced(error)
        except StoreError as error:
            self._rest_for_store(run, error)
        except Exception as error:  # noqa: BLE001 - one execution must not stop the others
            run.stale = True
            self._doom_or_rest(run, error)
        finally:
            run.busy = False
        if run.inbox and not run.rests:
            self._linger(run)
        self.settle(run)

    async def _turn(self, run: Run) -> None:
        """Take one batch of events: decide, store, act."""
        if run.stale:
            await self._reload(run)
            run.stale = False
        run.urgent = False
        batch = run.inbox[: self._settings.events_max]
        prefix = self._settings.metadata_prefix
        telling: Telling | None = None
        if run.doomed is not None:
            decision = turn.doom(run, run.doomed, self._clock.now_ns())
        else:
            decision = turn.decide(run, batch)
        if not decision.changes_nothing:
            telling = await turn.commit(self._store, run, decision, batch, prefix)
        elif run.done and run.state.header.ended:
            await turn.commit_done(self._store, run)
        self._went_well(run)
        del run.inbox[: len(batch)]
        run.urgent = run.urgent or len(batch) == self._settings.events_max
        for arrival in batch:
            if arrival.taken is not None and not arrival.taken.done():
                arrival.taken.set_result(None)
        self._errands.add(run, turn.errands_of(decision))
        if telling is not None:
            # After the errands have begun: records are made ready while what they ask for goes on elsewhere.
            asyncio.get_running_loop().call_soon(self._delivery.add, telling)

    def _linger(self, run: Run) -> None:
        if not run.busy and run.lingers is None and not self._closed:
            due_ns = self._clock.now_ns() + self._settings.linger_ns
            run.lingers = self._clock.call_at(due_ns, lambda: self._lingered(run))

    def _lingered(self, run: Run) -> None:
        run.lingers = None
        if run.inbox:
            self.wake(run)

    # --- turns that fail --------------------------------------------------------------------

    def _went_well(self, run: Run) -> None:
        if run.failures:
            self.troubles.over(("commit", run.id))
        run.failures = 0

    def _rest_for_store(self, run: Run, error: StoreError) -> None:
        """Wait until the store can be written again. Nothing was stored and nothing was done."""
        cause = cause_of(error)
        if cause is not None:
            self.troubles.note(("commit", run.id), cause, run.id)
        run.failures += 1
        self._rest(run, PAUSE_NS_MAX)

    def _give_up_or_rest(self, run: Run, error: Conflict) -> None:
        run.failures += 1
        if run.failures >= self._settings.tries_max:
            _LOG.error("%s has another owner, it is left to it: %s", run.id, error)
            self._errands.drop(run)
            self._forget(run)
            return
        _LOG.warning("%s was changed by somebody else, it is read again: %s", run.id, error)
        self._rest(run)

    def _doom_or_rest(self, run: Run, error: Exception) -> None:
        run.failures += 1
        _LOG.error("the engine failed on %s (%d in a row)", run.id, run.failures, exc_info=error)
        if run.failures >= self._settings.tries_max:
            message = f"the engine failed on this execution {run.failures} times: {type(error).__name__}: {error}"
            run.doomed = Failure(ENGINE_FAILED, message, Fault.SYSTEM, retryable=False)
        self._rest(run)

    def _rest(self, run: Run, pause_ns_max: int = sys.maxsize) -> None:
        run.rests = True
        due_ns = self._clock.now_ns() + min(self._settings.pause_ns(run.failures), pause_ns_max)
        self._clock.call_at(due_ns, lambda: self._rested(run))

    def _rested(self, run: Run) -> None:
        run.rests = False
        if self.runs.get(run.id) is run:
            self.wake(run)

    def _forget(self, run: Run) -> None:
        if self.runs.pop(run.id, None) is not None:
            if run.lingers is not None:
                run.lingers.cancel()
            run.forget_timers(ROOT)
            self.troubles.forget(run.id)
            self._left(run)
