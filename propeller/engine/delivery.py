"""Telling the history: in order for each execution, batched over all, at least once."""

import asyncio
import logging
from collections.abc import Sequence

from flytelike.model.history import HistoryEntry
from flytelike.model.ids import ExecutionId
from propeller.engine.encoding import decode
from propeller.ports import EventSink, StateStore, StoreError

_LOG = logging.getLogger(__name__)

BATCH_MAX = 1000
CLEAN_AFTER = 2000
RETRY_S = 0.5


class Delivery:
    """Hands committed records to the sink, off the path of the executions themselves.

    What was handed over is dropped from the store later, many at once: a crash in between
    only means that the sink sees some again.
    """

    def __init__(self, store: StateStore, sink: EventSink) -> None:
        """Prepare; `start` begins."""
        self._store = store
        self._sink = sink
        self._waiting: list[HistoryEntry] = []
        self._wake = asyncio.Event()
        self._told: dict[ExecutionId, int] = {}
        self._told_count = 0
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        """Hand over what an earlier engine left, then begin."""
        left = await self._store.undelivered(1_000_000)
        for _, batch in left:
            self._waiting.extend(decode(batch.payload))
        self._wake.set()
        self._task = asyncio.create_task(self._run(), name="propeller-delivery")

    def add(self, entries: Sequence[HistoryEntry]) -> None:
        """Take entries that were committed."""
        self._waiting.extend(entries)
        self._wake.set()

    async def close(self) -> None:
        """Hand over what is waiting, as far as the sink takes it, then stop."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = self._waiting[:BATCH_MAX]
                if not await self._hand_over(batch):
                    if self._closing:
                        return
                    await asyncio.sleep(RETRY_S)
                    continue
                del self._waiting[: len(batch)]
            if self._closing or self._told_count >= CLEAN_AFTER:
                await self._clean()
            if self._closing and not self._waiting:
                return

    async def _hand_over(self, batch: Sequence[HistoryEntry]) -> bool:
        try:
            await self._sink.record(batch)
        except Exception:  # noqa: BLE001 - whatever the sink does, the history must not be lost
            _LOG.exception("the history could not be handed over; trying again")
            return False
        for entry in batch:
            self._told[entry.execution] = entry.sequence
        self._told_count += len(batch)
        return True

    async def _clean(self) -> None:
        told, self._told, self._told_count = self._told, {}, 0
        try:
            await self._store.delivered(told)
        except StoreError as error:
            _LOG.warning("delivered history could not be dropped: %s", error)
