"""An engine in a made-up world whose time the test turns; the engine can die at any call it makes."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from flytelike.model.closure import WorkflowClosure
from flytelike.model.history import AttemptChanged, ElementsChanged, ExecutionChanged, HistoryEntry, NodeChanged, Record
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.launch import LaunchRequest
from flytelike.model.phases import WorkflowPhase
from flytelike_idl.core import literals_pb2 as pb
from propeller.engine import Engine, EngineSettings, Ports
from propeller.ports import AttemptKey, StateStore
from propeller.stores.memory import MemoryStateStore
from propeller.stores.memory_catalog import MemoryCatalog
from tests.unit.propeller_engine.fakes import (
    FakeBlobs,
    FakeChildren,
    FakeClock,
    FakeClosures,
    FakeExecutor,
    FakeSignals,
    FakeSink,
    Script,
    succeed,
)

R = TypeVar("R")

SETTINGS = EngineSettings("mem://meta", "mem://raw")


class Fuse:
    """Lets the engine die at its n-th call to a port: before the call has its effect, or after it."""

    def __init__(self, calls: int = -1, *, after: bool = False) -> None:
        self.left = calls
        self.after = after
        self.blown = asyncio.Event()
        self.made: list[str] = []

    async def call(self, name: str, make: Callable[[], Awaitable[R]]) -> R:
        if self.blown.is_set():
            raise asyncio.CancelledError  # The dead touch nothing.
        dies = self.left == 0
        self.left -= 1
        self.made.append(name)
        if dies and not self.after:
            await self._die()
        result = await make()
        if dies:
            await self._die()
        return result

    async def _die(self) -> None:
        self.blown.set()
        await asyncio.get_running_loop().create_future()


class Fused:
    """A port behind a fuse."""

    def __init__(self, port: object, fuse: Fuse) -> None:
        self._port = port
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        label = f"{type(self._port).__name__}.{name}"
        return lambda *given: self._fuse.call(label, lambda: method(*given))


@dataclass
class World:
    """Everything around an engine. What is kept here outlives engines."""

    closure: WorkflowClosure
    store: StateStore = field(default_factory=MemoryStateStore)
    settings: EngineSettings = SETTINGS
    script: Script = succeed
    clock: FakeClock = field(default_factory=FakeClock)
    blobs: FakeBlobs = field(default_factory=FakeBlobs)
    sink: FakeSink = field(default_factory=FakeSink)
    children: FakeChildren = field(default_factory=FakeChildren)
    signals: FakeSignals = field(default_factory=FakeSignals)

    def __post_init__(self) -> None:
        self.closures = FakeClosures({"mem://closure": self.closure})
        self.catalog = MemoryCatalog(self.clock.now_ns)
        self.executor = FakeExecutor(self.blobs, self.script, clock=self.clock)

    async def engine(self, fuse: Fuse | None = None) -> Engine:
        """Return a started engine on what an earlier one left."""

        if isinstance(self.store, MemoryStateStore):
            self.store._closed = False  # as if opened again

        def port(of: Any) -> Any:
            return Fused(of, fuse) if fuse is not None else of

        ports = Ports(
            store=port(self.store),
            blobs=port(self.blobs),
            sink=port(self.sink),
            children=port(self.children),
            closures=port(self.closures),
            clock=self.clock,
            signals=port(self.signals),
            catalog=port(self.catalog),
        )
        engine = Engine(ports, self.settings)
        self.executor.listener = engine
        await engine.start(port(self.executor))
        return engine

    def machine_restarts(self) -> None:
        """Everything that ran is gone; what was stored is not."""
        self.executor.running.clear()
        self.executor.listener = None
        self.clock._alarms.clear()

    async def settle(self, turns: int = 60) -> None:
        """Let everything happen that needs no time to pass."""
        for _ in range(turns):
            await asyncio.sleep(0)

    async def ended(self, *executions: ExecutionId, rounds: int = 300) -> None:
        """Let time pass until executions have ended, as far as the sink knows."""
        for _ in range(rounds):
            await self.settle()
            if all(self.phase(execution).terminal for execution in executions):
                return
            pending = self.clock.pending()
            if pending:
                self.clock.advance(max(0, pending[0] - self.clock.now))
        raise AssertionError(f"not ended: {[self.story(execution) for execution in executions]}")

    async def executed(self, request: LaunchRequest) -> WorkflowPhase:
        """Execute on an engine of its own; return how it ended."""
        engine = await self.engine()
        await engine.submit(request)
        await self.ended(request.id)
        await engine.close()
        return self.phase(request.id)

    # --- what was told ----------------------------------------------------------------------

    def entries(self, execution: ExecutionId) -> Sequence[HistoryEntry]:
        return self.sink.entries.get(execution, [])

    def last(self, execution: ExecutionId, path: str) -> HistoryEntry:
        """Return what was told last of a node."""
        return next(entry for entry in reversed(self.entries(execution)) if getattr(entry.record, "path", "") == path)

    def phase(self, execution: ExecutionId) -> WorkflowPhase:
        told = [e.record.phase for e in self.entries(execution) if isinstance(e.record, ExecutionChanged)]
        return told[-1] if told else WorkflowPhase.UNDEFINED

    def story(self, execution: ExecutionId) -> list[str]:
        """Return the history in words, such as `n0 SUCCEEDED` or `n0/0 RUNNING`."""
        return [_told(entry.record) for entry in self.entries(execution)]

    def outputs(self, uri: str) -> Mapping[str, object]:
        message = pb.LiteralMap.FromString(self.blobs.objects[uri])
        return {name: plain(literal) for name, literal in message.literals.items()}

    def inputs(self, execution: ExecutionId, path: str) -> Mapping[str, object]:
        return self.outputs(f"mem://meta/p-d-{execution.name}/{path}/data/inputs.pb")


def _told(record: Record) -> str:
    match record:
        case ExecutionChanged(phase=phase):
            return phase.name
        case NodeChanged(path=path, phase=node_phase):
            return f"{path} {node_phase.name}"
        case AttemptChanged(path=path, attempt=attempt, phase=task_phase):
            return f"{path}/{attempt} {task_phase.name}"
        case ElementsChanged(path=path, length=length, succeeded=succeeded, failed=failed):
            return f"{path} {succeeded} of {length}, {failed} failed"


def plain(literal: pb.Literal) -> object:
    match literal.WhichOneof("value"):
        case "collection":
            return [plain(item) for item in literal.collection.literals]
        case "map":
            return {key: plain(item) for key, item in literal.map.literals.items()}
        case "scalar":
            match literal.scalar.WhichOneof("value"):
                case "primitive":
                    return getattr(literal.scalar.primitive, literal.scalar.primitive.WhichOneof("value") or "")
                case "union":
                    return ("union", plain(literal.scalar.union.value))
                case "none_type":
                    return None
                case other:
                    return other
        case other:
            return other


def key(request: LaunchRequest, path: str, attempt: int = 0) -> AttemptKey:
    return AttemptKey(request.id, NodePath(path), attempt)


def live(body: Coroutine[Any, Any, None]) -> None:
    """Run a test's body; a task left behind by a dead engine is not a fault."""
    asyncio.run(body)


async def kill(keep: set["asyncio.Task[Any]"]) -> None:
    """End every task but those to keep, as the end of the process would."""
    tasks = asyncio.all_tasks() - keep
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def settings(**changes: int) -> EngineSettings:
    return replace(SETTINGS, **changes)  # type: ignore[arg-type]
