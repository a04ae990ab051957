"""Sealing: the documents of ended executions are made to survive a power cut.

While an execution goes on, its inputs and outputs are written without a sync, which would cost each
task more than all else: the store of record can give them again. Once it has ended nobody
reads its states again, so its documents must last by themselves. The commit that ends an
execution puts a mark (`Seal`) into its outbox; here many executions' documents are synced
together, off the way of those that go on, and then the marks are dropped. An engine that finds a
mark from an earlier one writes again what is missing before it seals (`Restore`).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from flytelike.model.ids import ROOT, ExecutionId, NodePath
from propeller.core.header import ExecutionSucceeded
from propeller.core.node_state import LeftOut, Skipped, Succeeded
from propeller.core.plan import ArrayWork, TaskWork, Work, parent_of
from propeller.engine import places
from propeller.engine.encoding import encode
from propeller.engine.run import SEAL, Run
from propeller.engine.settings import EngineSettings
from propeller.ports import Alarm, Blobs, Clock, Commit, Conflict, StateStore

_LOG = logging.getLogger(__name__)

DOCUMENTS_AT_ONCE = 500
"""How many documents are synced by one call, which bounds how long the object store is kept busy."""
EXECUTIONS_AT_ONCE = 200
"""How many executions are sealed together."""
WAITING_MAX = 10_000
"""How many ended executions wait at most; those beyond are left to the next engine."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An ended execution: how to commit its seal, and what is to be synced."""

    execution: ExecutionId
    version: int
    header: bytes
    documents: tuple[str, ...]
    folder: str = ""
    """All that lies below it is to be synced, too; empty where `documents` are all there are."""

    @staticmethod
    def of(run: Run, prefix: str) -> "Ended":
        """Return what is to be sealed of a run; `prefix` is where metadata lies."""
        header = encode([run.state.header, run.sequence])
        folder = places.folder(prefix, run.id) if _dropped_elements(run) else ""
        return Ended(run.id, run.version, header, tuple(_documents(run, prefix)), folder)


class Sealer:
    """Seals ended executions, some at a time, a while after their end."""

    def __init__(self, store: StateStore, blobs: Blobs, clock: Clock, settings: EngineSettings) -> None:
        """Start with none."""
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._settings = settings
        self._waiting: deque[Ended] = deque()
        self._alarm: Alarm | None = None
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._closed = False

    def add(self, run: Run) -> None:
        """Take an execution that has ended and for which nothing else is left to be done."""
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append(Ended.of(run, self._settings.metadata_prefix))
            self._wait(self._settings.seal_pause_ns)

    async def close(self) -> None:
        """Seal what waits, unless it takes too long: the next engine seals it then."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        last = asyncio.get_running_loop().create_task(self._seal_rest())
        due_ns = self._clock.now_ns() + self._settings.close_patience_ns
        patience = self._clock.call_at(due_ns, lambda: _break_off(last))
        await asyncio.wait([last])
        patience.cancel()

    def _wait(self, pause_ns: int) -> None:
        if self._alarm is None and self._task is None and not self._closed:
            self._alarm = self._clock.call_at(self._clock.now_ns() + pause_ns, self._due)

    def _due(self) -> None:
        self._alarm = None
        if not self._closed:
            self._task = asyncio.get_running_loop().create_task(self._seal_some(), name="propeller-sealer")

    async def _seal_rest(self) -> None:
        if self._task is not None:
            await self._task
        while self._waiting and await self._seal_next():
            pass

    async def _seal_some(self) -> None:
        done = await self._seal_next()
        self._task = None
        if self._waiting:
            self._wait(self._settings.seal_pause_ns if done else self._settings.pause_ns(self._failures))

    async def _seal_next(self) -> bool:
        """Seal the executions that have waited longest; tell whether it could be done."""
        ended = list(islice(self._waiting, EXECUTIONS_AT_ONCE))
        documents = [uri for one in ended for uri in one.documents]
        try:
            for first in range(0, len(documents), DOCUMENTS_AT_ONCE):
                await self._blobs.sync_all(documents[first : first + DOCUMENTS_AT_ONCE])
            for one in ended:
                if one.folder:
                    await self._blobs.sync_below(one.folder)
            await asyncio.gather(*(self._drop_mark(one) for one in ended))
        except Exception as error:  # noqa: BLE001 - whatever the ports do, it is tried again
            self._failures += 1
            if self._failures == 1:
                _LOG.warning("ended executions cannot be sealed yet: %s", error)
            return False
        self._failures = 0
        for _ in ended:
            self._waiting.popleft()
        return True

    async def _drop_mark(self, ended: Ended) -> None:
        try:
            await self._store.commit(Commit(ended.execution, ended.version, ended.header, closed=True, done=[SEAL]))
        except Conflict:
            # It was stored before though an error was told, or the execution has another owner, who seals it.
            _LOG.info("%s is sealed already, or by somebody else", ended.execution)


def _documents(run: Run, prefix: str) -> Iterator[str]:
    """Yield where the documents of an ended execution lie, as its history tells."""
    if isinstance(run.state.header.status, ExecutionSucceeded) and run.program.plan.primary.has_outputs:
        yield places.outputs_uri(prefix, run.id, ROOT, 0)
    for path, node in run.state.nodes.items():
        if not isinstance(node, Skipped | LeftOut):
            yield places.inputs_uri(prefix, run.id, path)
        if isinstance(node, Succeeded):
            yield places.outputs_uri(prefix, run.id, path, node.attempt)


def _dropped_elements(run: Run) -> bool:
    """Tell whether elements of arrays had states of their own: nobody knows any more which documents they left."""
    scopes = {key.partition("#")[0] for key in run.state.chunks}
    return any(_has_nodes(run.state.plan.place(parent_of(NodePath(scope))).node.work) for scope in scopes)


def _has_nodes(work: Work) -> bool:
    return isinstance(work, ArrayWork) and not isinstance(work.element.work, TaskWork)


def _break_off(task: asyncio.Task[None]) -> None:
    task.cancel()
