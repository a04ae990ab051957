"""Telling the history: in order for each execution, batched over all, at least once.

An execution of which the sink misses records is set apart, and tried again from time to time; those of others go on.

Off the path of the executions: they only hand over what is committed already. What the sink has
taken is dropped from the store later, many records at once; a crash in between means that the
sink sees them again, and it keeps the first.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from itertools import islice

from flytelike.model.history import ExecutionChanged, Gap, HistoryEntry, HistoryGap
from flytelike.model.ids import ExecutionId
from propeller.engine.settings import EngineSettings
from propeller.engine.telling import Telling, telling_in
from propeller.engine.troubles import PAUSE_NS_MAX, Troubles, cause_of
from propeller.ports import Alarm, Clock, EventSink, StateStore, StoreError

_LOG = logging.getLogger(__name__)

_HISTORY = "history"
BATCHES_READ = 500
"""How many commits' history is read back from the store at once."""
GAP_PAUSE_NS = 10_000_000_000
"""After so long, executions whose history was not taken are tried again."""


class Delivery:
    """Hands committed records to the sink.

    Records wait in memory. When too many do, since the sink is slow or away, those that come
    are left in the store, and read back from there once the sink has caught up.
    """

    def __init__(
        self, store: StateStore, sink: EventSink, clock: Clock, settings: EngineSettings, troubles: Troubles
    ) -> None:
        """Prepare; `start` begins."""
        self._store = store
        self._sink = sink
        self._clock = clock
        self._settings = settings
        self._troubles = troubles
        self._waiting: deque[HistoryEntry] = deque()
        self._behind = True
        self._missed = True
        self._urgent = False
        self._gathering = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._failures = 0
        self._told: dict[ExecutionId, int] = {}
        self._told_count = 0
        self._drop_due = False
        self._drop_alarm: Alarm | None = None
        self._over: asyncio.Future[None] | None = None
        self._gaps: dict[ExecutionId, Gap] = {}
        self._apart: set[ExecutionId] = set()
        self._gap_alarm: Alarm | None = None

    @property
    def waiting(self) -> int:
        """How many records wait in memory."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin, with what an earlier engine left in the store."""
        self._wake.set()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="propeller-delivery")

    def add(self, telling: Telling) -> None:
        """Take records that were committed; others gather with them, but for those of an execution itself."""
        if len(self._waiting) + len(telling.records) > self._settings.history_waiting_max:
            self._behind = True
        if self._behind:
            self._missed = True
        elif telling.execution not in self._apart:
            self._waiting.extend(telling.entries())
        if any(isinstance(record, ExecutionChanged) for record in telling.records):
            self._urgent = True
        if self._gathering and self._pressing:
            self._go_on()
        self._wake.set()

    def look_again(self) -> None:
        """Read from the store once more: something was committed that `add` was not told of."""
        self._behind = self._missed = True
        self._wake.set()

    async def close(self) -> None:
        """Hand over what waits, as far as the sink takes it in reasonable time, then stop."""
        if self._task is None:
            return
        self._closing = True
        self._wake.set()
        self._go_on()
        task, self._task = self._task, None
        due_ns = self._clock.now_ns() + self._settings.close_patience_ns
        patience = self._clock.call_at(due_ns, lambda: _break_off(task))
        await asyncio.wait([task])
        patience.cancel()
        if self._gap_alarm is not None:
            self._gap_alarm.cancel()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._drop_due:
                await self._drop()
            while self._waiting or self._behind:
                batch = await self._next()
                if batch and not await self._hand_over(batch):
                    if self._closing:
                        return  # It is in the store; the next engine tells it.
                    await self._pause(min(self._settings.pause_ns(self._failures), PAUSE_NS_MAX))
                elif batch and not self._closing:
                    await self._gather()
            if self._closing:
                await self._drop()
                return

    async def _next(self) -> Sequence[HistoryEntry]:
        """Return the oldest entries, from memory or from the store; none when all is told."""
        self._urgent = False
        if self._waiting:
            return list(islice(self._waiting, self._settings.history_batch))
        await self._drop()  # What is told already is not read back.
        self._missed = False
        try:
            apart = frozenset(self._apart)
            left = [one for one in await self._store.undelivered(BATCHES_READ, apart) if one[0] not in apart]
        except StoreError as error:
            _LOG.warning("the history cannot be read back: %s", error)
            if self._closing:
                self._behind = False
            else:
                await self._pause(self._settings.backoff_ns)
            return ()
        self._waiting.extend(entry for execution, batch in left for entry in telling_in(execution, batch).entries())
        # What was committed while the store was read may not have been seen there.
        if not left and not self._missed:
            self._behind = False
        return list(islice(self._waiting, self._settings.history_batch))

    async def _hand_over(self, batch: Sequence[HistoryEntry]) -> bool:
        try:
            await self._sink.record(batch)
        except HistoryGap as missing:
            self._set_apart(missing)
            return True
        except Exception as error:  # noqa: BLE001 - whatever the sink does, the history must not be lost
            self._failures += 1
            cause = cause_of(error)
            if cause is not None:
                self._troubles.note(_HISTORY, cause)
            elif self._failures == 1:
                _LOG.warning("the history cannot be handed over; trying again", exc_info=error)
            return False
        if self._failures:
            _LOG.warning("the history is handed over again, after %d failures", self._failures)
            self._failures = 0
            self._troubles.over(_HISTORY)
        for entry in batch:
            self._waiting.popleft()
            self._told[entry.execution] = entry.sequence
            if self._gaps and self._gaps.pop(entry.execution, None) is not None:
                _LOG.warning("the history of %s is taken again", entry.execution)
        self._told_count += len(batch)
        if self._told_count >= self._settings.history_batch:
            await self._drop()
        else:
            self._drop_later()
        return True

    def _set_apart(self, missing: HistoryGap) -> None:
        """Leave executions whose history is not taken to the store for a while, and say so once."""
        for gap in missing.gaps:
            if self._gaps.get(gap.execution) != gap:
                told = "%s [history-gap]; it is kept, that of others goes on; restore both databases as of one moment, "
                told += "or give up what is lost: flytelike db accept-gap %s %d"
                _LOG.error(told, gap, gap.execution, gap.came)
            self._gaps[gap.execution] = gap
        self._waiting = deque(entry for entry in self._waiting if entry.execution not in missing.executions)
        if self._gap_alarm is None and not self._closing:
            self._gap_alarm = self._clock.call_at(self._clock.now_ns() + GAP_PAUSE_NS, self._try_again)
        self._apart |= missing.executions

    def _try_again(self) -> None:
        """Look whether somebody has mended what was missing."""
        self._gap_alarm = None
        self._apart.clear()
        self.look_again()

    def _drop_later(self) -> None:
        if self._drop_alarm is None and not self._closing:
            due_ns = self._clock.now_ns() + self._settings.history_keep_ns
            self._drop_alarm = self._clock.call_at(due_ns, self._make_drop_due)

    def _make_drop_due(self) -> None:
        self._drop_alarm = None
        self._drop_due = True
        self._wake.set()

    async def _drop(self) -> None:
        """Drop what was told: many records at once, since each call costs the store a sync."""
        self._drop_due = False
        if self._drop_alarm is not None:
            self._drop_alarm.cancel()
            self._drop_alarm = None
        told, self._told, self._told_count = self._told, {}, 0
        if not told:
            return
        try:
            await self._store.delivered(told)
        except StoreError as error:
            _LOG.warning("delivered history could not be dropped yet: %s", error)
            self._told, self._told_count = {**told, **self._told}, self._told_count + len(told)
            self._drop_later()

    @property
    def _pressing(self) -> bool:
        """Whether there is more to tell than can gain by waiting."""
        return self._urgent or self._behind or len(self._waiting) >= self._settings.history_batch

    async def _gather(self) -> None:
        """Let records come together: those of one node lead to one row, however many they are."""
        due_ns = self._clock.now_ns() + self._settings.history_gather_ns
        await self._pause(self._settings.history_pause_ns)
        left_ns = due_ns - self._clock.now_ns()
        if self._waiting and left_ns > 0 and not self._pressing:
            self._gathering = True
            await self._pause(left_ns)
            self._gathering = False

    async def _pause(self, pause_ns: int) -> None:
        """Wait for the clock, or until the engine closes."""
        if self._closing:
            return
        self._over = over = asyncio.get_running_loop().create_future()
        alarm = self._clock.call_at(self._clock.now_ns() + pause_ns, self._go_on)
        await over
        alarm.cancel()

    def _go_on(self) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(None)


def _break_off(task: asyncio.Task[None]) -> None:
    task.cancel()
