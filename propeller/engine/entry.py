"""How executions come into memory: as many as there is room for, from what is stored of them."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from flytelike.codec.faults import MalformedError
from flytelike.model.failure import Failure, Fault
from flytelike.model.history import ExecutionChanged
from flytelike.model.ids import ROOT, Digest, ExecutionId, NodePath
from flytelike.model.launch import LaunchRequest
from propeller.core.commands import Command
from propeller.core.elements import Chunk, is_chunk
from propeller.core.events import ExecutionStarted
from propeller.core.header import Accepted, ExecutionFailed, ExecutionSucceeded, Header
from propeller.core.node_state import (
    END_STATES,
    Collecting,
    Decided,
    Expanded,
    Gathering,
    HandlingScopeFailure,
    LeftOut,
    Mapped,
    NodeState,
    Skipped,
    Succeeded,
)
from propeller.core.plan import UnsupportedPlan
from propeller.core.resume import outstanding
from propeller.core.state import ExecutionState
from propeller.engine.delivery import Delivery
from propeller.engine.driver import Driver
from propeller.engine.encoding import decode, encode
from propeller.engine.errands import Errands
from propeller.engine.outside import Ports
from propeller.engine.program import Programs
from propeller.engine.reuse import for_core, reuse_of
from propeller.engine.run import GRAPH, SEAL, Arrival, Errand, Restore, Run, StoreInputs
from propeller.engine.settings import EngineSettings
from propeller.engine.subgraphs import grafted
from propeller.engine.telling import Telling
from propeller.engine.troubles import PAUSE_NS_MAX, cause_of
from propeller.ports import Commit, Conflict, Snapshot, StoreError

_LOG = logging.getLogger(__name__)

NOT_EXECUTABLE = "WorkflowNotExecutable"
"""The code of the failure of an execution whose workflow cannot be read or executed here."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a snapshot says."""

    request: LaunchRequest
    header: Header
    sequence: int
    snapshot: Snapshot

    @staticmethod
    def new(request: LaunchRequest, header: Header) -> "_Stored":
        """Return what is stored of an execution that was taken over just now."""
        return _Stored(request, header, 0, Snapshot(1, False, b"", b"", {}, {}))

    @staticmethod
    def of(snapshot: Snapshot) -> "_Stored":
        header, sequence = cast("tuple[Header, int]", decode(snapshot.header))
        return _Stored(cast("LaunchRequest", decode(snapshot.launch)), header, sequence, snapshot)

    def nodes(self) -> dict[NodePath, NodeState]:
        cells = self.snapshot.cells.items()
        return {NodePath(key): decode(cell) for key, cell in cells if not (key.startswith(GRAPH) or is_chunk(key))}

    def graphs(self) -> dict[NodePath, Digest]:
        """Return the graphs that dynamic nodes gave, by scope."""
        cells = self.snapshot.cells.items()
        return {NodePath(key.removeprefix(GRAPH)): decode(cell) for key, cell in cells if key.startswith(GRAPH)}

    def chunks(self) -> dict[NodePath, Chunk]:
        """Return the elements of arrays, by chunk."""
        return {NodePath(key): decode(cell) for key, cell in self.snapshot.cells.items() if is_chunk(key)}

    def commands(self) -> list[Command]:
        return [decode(command) for id_, command in self.snapshot.commands.items() if id_ != SEAL]

    @property
    def seal(self) -> bool:
        """Whether it has ended, and is to be sealed."""
        return SEAL in self.snapshot.commands


class Entry:
    """Reads executions back and hands them to the driver."""

    def __init__(
        self,
        ports: Ports,
        driver: Driver,
        delivery: Delivery,
        errands: Errands,
        settings: EngineSettings,
        programs: Programs,
    ) -> None:
        """Start with none."""
        self._ports = ports
        self._driver = driver
        self._delivery = delivery
        self._errands = errands
        self._settings = settings
        self._programs = programs
        self._waiting: deque[ExecutionId] = deque()
        self._coming: dict[ExecutionId, asyncio.Future[Run | None]] = {}
        self._closed = False

    def queue(self, executions: Sequence[ExecutionId]) -> None:
        """Take executions that were unfinished."""
        self._waiting.extend(executions)
        self.make_room()

    def admit(self, request: LaunchRequest, header: Header | None) -> None:
        """Take an execution that is stored; `header` is that of one which is new, so that it need not be read.

        Children are let in at once: their parents have room already, and wait.
        """
        if request.id in self._driver.runs:
            return  # Somebody who wants it ended was quicker.
        if request.depth or (self._room and not self._waiting):
            _ = self._come(request.id, _Stored.new(request, header) if header is not None else None)
        else:
            self.queue([request.id])

    @property
    def _room(self) -> bool:
        room = self._settings.executions_max
        return len(self._driver.runs) + len(self._coming) < room and not self._closed

    def make_room(self) -> None:
        """Let those in that wait, as far as there is room."""
        while self._waiting and self._room:
            execution = self._waiting.popleft()
            if execution not in self._driver.runs:
                _ = self._come(execution)

    async def bring(self, execution: ExecutionId) -> Run | None:
        """Return an execution, read back if it is not in memory; None if there is none or it is closed."""
        run = self._driver.runs.get(execution)
        return run if run is not None else await asyncio.shield(self._come(execution))

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed = True
        self._waiting.clear()

    # --- reading back -----------------------------------------------------------------------

    def _come(self, execution: ExecutionId, stored: _Stored | None = None) -> "asyncio.Future[Run | None]":
        coming = self._coming.get(execution)
        if coming is None:
            coming = self._coming[execution] = asyncio.get_running_loop().create_future()
            self._driver.spawn(self._try(execution, coming, 1, stored))
        return coming

    async def _try(
        self,
        execution: ExecutionId,
        coming: "asyncio.Future[Run | None]",
        tries: int,
        stored: _Stored | None = None,
    ) -> None:
        run = None
        try:
            run = await self._enter(execution, stored)
        except Exception as error:  # noqa: BLE001 - one execution must not stop the others
            if not self._closed and not (isinstance(error, StoreError) and error.lasting):
                if (cause := cause_of(error)) is not None:
                    self._driver.troubles.note(("entry", execution), cause, execution)
                else:
                    _LOG.warning("%s cannot be read back yet: %s", execution, error)
                due_ns = self._ports.clock.now_ns() + min(self._settings.pause_ns(tries), PAUSE_NS_MAX)
                self._ports.clock.call_at(due_ns, lambda: self._try_again(execution, coming, tries + 1))
                return
            _LOG.error("%s cannot be read back, it rests until the next start: %s", execution, error)
        self._coming.pop(execution, None)
        self._driver.troubles.over(("entry", execution))
        if not coming.done():
            coming.set_result(run)
        self.make_room()

    def _try_again(self, execution: ExecutionId, coming: "asyncio.Future[Run | None]", tries: int) -> None:
        if not self._closed:
            self._driver.spawn(self._try(execution, coming, tries))

    async def _enter(self, execution: ExecutionId, stored: _Stored | None) -> Run | None:
        if stored is None:
            snapshot = await self._ports.store.load(execution)
            if snapshot is None or (snapshot.closed and not snapshot.commands):
                return None
            stored = _Stored.of(snapshot)
        request = stored.request
        try:
            shared = await self._programs.get(request.closure_uri, request.closure_digest)
            program = await grafted(shared, stored.graphs(), self._programs)
            reuse = await reuse_of(request, self._ports.blobs)
        except (KeyError, UnsupportedPlan, MalformedError) as error:
            await self._refuse(stored, str(error))
            return None
        state = ExecutionState(
            program.plan, stored.header, stored.nodes(), for_core(reuse), stored.graphs(), stored.chunks()
        )
        run = Run(request, program, state, stored.snapshot.version, stored.sequence, seal=stored.seal, reuse=reuse)
        run.grafts.update(stored.graphs())
        self._driver.runs[execution] = run
        if stored.sequence:
            # The last commit of an engine that died may have come after the history was read.
            self._delivery.look_again()
        self._errands.add(run, _errands(run, stored))
        if isinstance(stored.header.status, Accepted):
            run.fresh = True
            self._driver.post(run, Arrival(ExecutionStarted(self._ports.clock.now_ns())))
        else:
            self._errands.add(run, _restoring(run))
            self._driver.settle(run)
        return run

    async def read_again(self, run: Run) -> None:
        """Replace what is in memory of an execution by what is stored. Raises `StoreError`."""
        snapshot = await self._ports.store.load(run.id)
        if snapshot is None:
            raise Conflict(f"{run.id} is gone from the store")
        stored = _Stored.of(snapshot)
        graphs = stored.graphs()
        for scope, digest in graphs.items():
            run.program.graft(scope, await self._programs.graph(digest))
        run.grafts.update(graphs)
        plan, reuse = run.program.plan, run.state.reuse
        run.state = ExecutionState(plan, stored.header, stored.nodes(), reuse, graphs, stored.chunks())
        run.version, run.sequence, run.seal = snapshot.version, stored.sequence, stored.seal
        run.done.clear()
        run.fresh = False
        # What a commit decided that was stored but not heard of is neither told nor carried out.
        self._delivery.look_again()
        self._errands.add(run, _errands(run, stored))

    async def _refuse(self, stored: _Stored, why: str) -> None:
        """End an execution that cannot be executed at all."""
        execution, sequence = stored.request.id, stored.sequence + 1
        failure = Failure(NOT_EXECUTABLE, why, Fault.SYSTEM, retryable=False)
        header = Header(stored.header.limits, ExecutionFailed(failure), stored.header.next_order)
        record = ExecutionChanged(header.phase, self._ports.clock.now_ns(), failure)
        prefix, inputs_uri = self._settings.metadata_prefix, stored.request.inputs_uri
        telling = Telling(execution, prefix, inputs_uri, sequence, [record], [None], [None])
        await self._ports.store.commit(
            Commit(
                execution,
                stored.snapshot.version,
                encode([header, sequence]),
                closed=True,
                done=list(stored.snapshot.commands),
                history=telling.batch(),
            )
        )
        self._delivery.add(telling)


def _errands(run: Run, stored: _Stored) -> list[Errand]:
    """Return what the execution waits for, and the aborts that nobody knows to be done."""
    scopes = [
        StoreInputs(path)
        for path, node in run.state.active()
        if isinstance(node, Expanded | Collecting | Mapped | Gathering | HandlingScopeFailure | Decided)
    ]
    return [*scopes, *stored.commands(), *outstanding(run.program.plan, run.state)]


def _restoring(run: Run) -> list[Errand]:
    """Return what may have been lost with an earlier engine: the documents of what is over."""
    ended = {path: node for path, node in run.state.nodes.items() if type(node) in END_STATES}
    nodes: list[Errand] = [
        Restore(path, node.attempt if isinstance(node, Succeeded) else None)
        for path, node in ended.items()
        if not isinstance(node, Skipped | LeftOut)
    ]
    return [Restore(ROOT, 0), *nodes] if isinstance(run.state.header.status, ExecutionSucceeded) else nodes
