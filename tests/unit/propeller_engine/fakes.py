"""The world around an engine, made up: each port in memory, driven by the test."""

import asyncio
import heapq
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from flytelike.model.closure import WorkflowClosure
from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import TaskTemplate
from flytelike.model.history import Gap, HistoryEntry, HistoryGap
from flytelike.model.ids import Digest, ExecutionId, Identifier, NodeExecutionId, NodePath
from flytelike_idl.core import literals_pb2 as pb
from propeller.core.elements import Span, spans_of
from propeller.ports import (
    AttemptKey,
    AttemptListener,
    AttemptSpec,
    BlobsUnavailable,
    ChildRefused,
    ChildStatus,
)
from propeller.ports_elements import ElementResult, ElementsOrder
from propeller.ports_signals import SignalRefused, SignalWanted

S = 1_000_000_000


class FakeAlarm:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeClock:
    """Stands still until it is told to go on; skips over waiting when all else rests."""

    def __init__(self) -> None:
        self.now = 1_000 * S
        self._alarms: list[tuple[int, int, FakeAlarm]] = []
        self._numbers = count()

    def now_ns(self) -> int:
        return self.now

    def call_at(self, due_ns: int, callback: Callable[[], None]) -> FakeAlarm:
        alarm = FakeAlarm(callback)
        heapq.heappush(self._alarms, (due_ns, next(self._numbers), alarm))
        return alarm

    def pending(self) -> list[int]:
        return sorted(due for due, _, alarm in self._alarms if alarm.callback is not None)

    def advance(self, ns: int) -> None:
        """Let time pass, ringing every alarm on the way."""
        end = self.now + ns
        while self._alarms and self._alarms[0][0] <= end:
            due, _, alarm = heapq.heappop(self._alarms)
            self.now = max(self.now, due)
            if alarm.callback is not None:
                callback, alarm.callback = alarm.callback, None
                callback()
        self.now = end


class FakeBlobs:
    """Objects in memory; `fail` makes the next calls fail."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.written: set[str] = set()
        self.synced: set[str] = set()
        self.fail = 0

    def _check(self) -> None:
        if self.fail:
            self.fail -= 1
            raise BlobsUnavailable("the store is away")

    async def read(self, uri: str) -> bytes:
        self._check()
        return self.objects[uri]

    async def write(self, uri: str, data: bytes) -> None:
        self._check()
        self.written.add(uri)
        self.objects[uri] = data

    async def pack(self, folder: str, documents: Mapping[str, bytes]) -> None:
        self._check()
        for name, data in documents.items():
            uri = f"{folder}/{name}"
            if uri not in self.written or uri not in self.objects:
                self.objects[uri] = data

    async def sizes(self, uris: Collection[str]) -> Mapping[str, int]:
        self._check()
        return {uri: len(self.objects[uri]) for uri in uris if uri in self.objects}

    async def digests(self, uris: Collection[str]) -> Mapping[str, str]:
        self._check()
        return {uri: self.objects[uri].hex() for uri in uris if uri in self.objects}

    async def sync(self, uri: str) -> None:
        self._check()
        if uri not in self.objects:
            raise KeyError(uri)
        self.synced.add(uri)

    async def sync_all(self, uris: Collection[str]) -> None:
        self._check()
        self.synced.update(uri for uri in uris if uri in self.objects)

    async def sync_below(self, folder: str) -> None:
        self._check()
        self.synced.update(uri for uri in self.objects if uri.startswith(f"{folder}/"))


class FakeSink:
    """Keeps what it is told, like the control plane: in order, each record once."""

    def __init__(self) -> None:
        self.entries: dict[ExecutionId, list[HistoryEntry]] = {}
        self.calls: list[list[HistoryEntry]] = []
        self.fail = 0
        self.refuses: Exception | None = None
        self.lost: set[ExecutionId] = set()
        """Of these it misses records."""
        self.changed = asyncio.Event()

    async def record(self, batch: Sequence[HistoryEntry]) -> None:
        if self.refuses is not None:
            raise self.refuses
        if self.fail:
            self.fail -= 1
            raise OSError("the sink is away")
        lost = sorted(self.lost.intersection(entry.execution for entry in batch))
        if lost:
            raise HistoryGap([Gap(execution, 1, 2) for execution in lost])
        self.calls.append(list(batch))
        for entry in batch:
            known = self.entries.setdefault(entry.execution, [])
            if entry.sequence <= len(known):
                assert known[entry.sequence - 1] == entry, "a record changed"
                continue
            assert entry.sequence == len(known) + 1, "a record is missing"
            known.append(entry)
        self.changed.set()


class FakeClosures:
    def __init__(self, closures: Mapping[str, WorkflowClosure]) -> None:
        self.closures = dict(closures)
        self.graphs: dict[Digest, WorkflowClosure] = {}
        self.gives: tuple[Digest, WorkflowClosure] | None = None
        """The graph that the next dynamic task gives."""
        self.fail = 0

    async def get(self, uri: str, digest: Digest) -> WorkflowClosure:
        if self.fail:
            self.fail -= 1
            raise BlobsUnavailable("the store is away")
        return self.closures[uri]

    async def compile(self, execution: ExecutionId, task: TaskTemplate, futures_uri: str) -> Digest:
        assert self.gives is not None
        digest, graph = self.gives
        self.graphs[digest] = graph
        return digest

    async def graph(self, digest: Digest) -> WorkflowClosure:
        return self.graphs[digest]


@dataclass
class FakeChild:
    status: ChildStatus
    aborted: str = ""


class FakeChildren:
    """Children that the test ends."""

    def __init__(self) -> None:
        self.children: dict[ExecutionId, FakeChild] = {}
        self.names: dict[tuple[NodeExecutionId, int], ExecutionId] = {}
        self.refuse: Failure | None = None
        self.earlier: ExecutionId | None = None
        self.priority = 0

    async def start(
        self,
        parent: NodeExecutionId,
        attempt: int,
        launch_plan: Identifier,
        inputs_uri: str,
        earlier: ExecutionId | None = None,
        priority: int = 0,
    ) -> ExecutionId:
        if self.refuse is not None:
            raise ChildRefused(self.refuse)
        self.earlier = earlier
        self.priority = priority
        from flytelike.model.phases import WorkflowPhase

        above = parent.execution
        name = ExecutionId(above.project, above.domain, f"{above.name}-{parent.path}-{attempt}")
        self.names.setdefault((parent, attempt), name)
        self.children.setdefault(name, FakeChild(ChildStatus(WorkflowPhase.RUNNING)))
        return name

    async def abort(self, child: ExecutionId, reason: str) -> None:
        self.children[child].aborted = reason

    async def phase(self, child: ExecutionId) -> ChildStatus:
        return self.children[child].status


Script = Callable[[AttemptSpec], "Mapping[str, object] | Failure | None"]
"""What an attempt comes to: outputs, a failure, or None to let it run on."""


def succeed(spec: AttemptSpec) -> "Mapping[str, object] | Failure | None":
    """Give the number of inputs for each declared output."""
    return dict.fromkeys(spec.task.interface.outputs, 1)


@dataclass
class FakeExecutor:
    """Runs attempts by script, in the listener's own loop; remembers them as the real world would."""

    blobs: FakeBlobs
    script: Script = succeed
    tell_running: bool = True
    expanding: set[str] = field(default_factory=set)
    """Paths of nodes whose tasks give graphs."""
    starts: list[AttemptKey] = field(default_factory=list)
    specs: dict[AttemptKey, AttemptSpec] = field(default_factory=dict)
    running: set[AttemptKey] = field(default_factory=set)
    waiting: set[AttemptKey] = field(default_factory=set)
    """Those of the running that a test says have not begun."""
    ended: dict[AttemptKey, Failure | None] = field(default_factory=dict)
    aborted: dict[AttemptKey, str] = field(default_factory=dict)
    listener: AttemptListener | None = None
    clock: FakeClock | None = None
    closed: bool = False
    fail: int = 0
    arrays: dict[AttemptKey, tuple[AttemptKey, int]] = field(default_factory=dict)

    async def start(self, spec: AttemptSpec) -> None:
        if self.fail:
            self.fail -= 1
            raise OSError("no process can be started")
        if spec.key in self.running:
            return
        if spec.key in self.ended:
            self._tell(spec.key)
            return
        self.starts.append(spec.key)
        self.specs[spec.key] = spec
        self.running.add(spec.key)
        assert self.listener is not None
        if self.tell_running and spec.key not in self.arrays:
            self.listener.running(spec.key, self._now())
        if spec.key.path in self.expanding:
            self.running.discard(spec.key)
            self.listener.expanded(spec.key, self._now())
            return
        outcome = self.script(spec)
        if outcome is not None:
            self.end(spec.key, outcome)

    def forget(self, executions: Collection[ExecutionId]) -> None:
        """Remember attempts of executions no more."""
        for key in [key for key in self.ended if key.execution in executions]:
            del self.ended[key]

    def end(self, key: AttemptKey, outcome: "Mapping[str, object] | Failure") -> None:
        """Let an attempt end."""
        if not isinstance(outcome, Failure):
            self.blobs.objects[f"{self.specs[key].output_prefix}/outputs.pb"] = literals(outcome)
        self.running.discard(key)
        self.ended[key] = outcome if isinstance(outcome, Failure) else None
        self._tell(key)

    async def abort(self, key: AttemptKey, reason: str) -> None:
        self.running.discard(key)
        self.aborted[key] = reason

    async def start_elements(self, order: ElementsOrder) -> None:
        if self.fail:
            self.fail -= 1
            raise OSError("no process can be started")
        for first, length, attempt in order.elements:
            for index in range(first, first + length):
                spec = order.array.attempt(index, attempt, interruptible=order.interruptible)
                self.arrays[spec.key] = (order.array.key, index)
                await self.start(spec)

    async def abort_elements(self, key: AttemptKey, reason: str) -> None:
        for attempt, (array, _) in self.arrays.items():
            if array == key and attempt in self.running:
                await self.abort(attempt, reason)

    async def withdraw_elements(self, key: AttemptKey, elements: Sequence[Span]) -> Sequence[Span]:
        wanted = {(index, it.attempt) for it in elements for index in range(it.first, it.end)}
        waiting = [it for it, (array, _) in self.arrays.items() if array == key and it in self.running & self.waiting]
        taken = [it for it in waiting if (self.arrays[it][1], it.attempt) in wanted]
        self.running.difference_update(taken)
        return spans_of(sorted((self.arrays[it][1], it.attempt) for it in taken))

    async def close(self) -> None:
        self.closed = True
        self.running.clear()

    def _tell(self, key: AttemptKey) -> None:
        assert self.listener is not None
        failure = self.ended[key]
        if key in self.arrays:
            array, index = self.arrays[key]
            self.listener.elements_ended(array, self._now(), [ElementResult(index, key.attempt, failure)])
        elif failure is None:
            self.listener.succeeded(key, self._now())
        else:
            self.listener.failed(key, self._now(), failure)

    def _now(self) -> int:
        return self.clock.now if self.clock else 1


def literals(values: Mapping[str, object]) -> bytes:
    """Return a serialised `LiteralMap` of numbers, texts and lists."""
    message = pb.LiteralMap()
    for name, value in values.items():
        fill(value, message.literals[name])
    return message.SerializeToString(deterministic=True)


def fill(value: object, out: pb.Literal) -> None:
    match value:
        case pb.Literal():
            out.CopyFrom(value)
        case bool():
            out.scalar.primitive.boolean = value
        case int():
            out.scalar.primitive.integer = value
        case float():
            out.scalar.primitive.float_value = value
        case str():
            out.scalar.primitive.string_value = value
        case list():
            out.collection.SetInParent()
            for item in value:
                fill(item, out.collection.literals.add())
        case dict():
            out.map.SetInParent()
            for key, item in value.items():
                fill(item, out.map.literals[key])
        case None:
            out.scalar.none_type.SetInParent()
        case _:
            raise TypeError(type(value))


def user_failure(message: str = "boom", *, retryable: bool = False) -> Failure:
    return Failure("USER:ValueError", message, Fault.USER, retryable)


class FakeSignals:
    """Keeps signals; a test gives them."""

    def __init__(self) -> None:
        self.given: dict[tuple[ExecutionId, str], pb.Literal] = {}
        self.wanted: dict[tuple[ExecutionId, NodePath], SignalWanted] = {}

    async def wait(self, wanted: SignalWanted) -> bytes | None:
        for other in self.wanted.values():
            if (other.execution, other.signal) == (wanted.execution, wanted.signal) and other.type != wanted.type:
                told = f"another gate waits for {wanted.signal} with another type"
                raise SignalRefused(Failure("SignalRefused", told, Fault.USER, retryable=False))
        self.wanted[wanted.execution, wanted.path] = wanted
        given = self.given.get((wanted.execution, wanted.signal))
        return None if given is None else given.SerializeToString()
