"""What the process executor, its zygote and its workers tell each other, and the bytes of it.

Every frame is a length (4 bytes, big endian) and a msgpack array whose first item is the
frame's tag. File descriptors travel beside `Fork` and `Exec` (SCM_RIGHTS). Both ends come from
one installation; the version in `Hello` guards against a stale one. Nothing that a reader gets
is trusted: a worker runs its author's code, which may write to any descriptor it finds.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import msgpack

from flytelike.model.failure import Failure, Fault
from flytelike.model.usage import AttemptUse, use_told

PROTOCOL_VERSION = 4

MAX_FRAME_BYTES = 8 << 20
"""Environment and arguments of an attempt stay far below; the kernel's own bound is 2 MiB."""

INLINE_BYTES_MAX = 64 << 10
"""Inputs and outputs up to this size travel in frames too; larger ones are read from the object store."""

_HEADER = struct.Struct(">I")


class FrameError(Exception):
    """The bytes are no frame of this protocol."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Zygote to executor: it listens."""

    version: int


@dataclass(frozen=True, slots=True)
class Fork:
    """Executor to zygote: fork a warm worker; its control socket and output pipe come along.

    `scratch` is the folder that is the worker's own; `env` is added to its environment.
    """

    worker: int
    scratch: str
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exec:
    """Executor to zygote: run a program of its own; its output pipe comes along."""

    worker: int
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str


@dataclass(frozen=True, slots=True)
class Signal:
    """Executor to zygote: send a signal to a worker and all that it started."""

    worker: int
    signal: int


@dataclass(frozen=True, slots=True)
class Forked:
    """Zygote to executor: the process lives."""

    worker: int
    pid: int


@dataclass(frozen=True, slots=True)
class NotForked:
    """Zygote to executor: the process could not be made; `error` is an errno, 0 for none."""

    worker: int
    error: int
    message: str


@dataclass(frozen=True, slots=True)
class Exited:
    """Zygote to executor: the process ended. `status` is negative for a signal; `used` is since the process began."""

    worker: int
    status: int
    used: AttemptUse


@dataclass(frozen=True, slots=True)
class Run:
    """Executor to worker: run one attempt. `env` is the attempt's own part of the environment.

    `inputs` are the serialised inputs; None when they are to be read from the object store.
    """

    args: tuple[str, ...]
    env: Mapping[str, str]
    inputs: bytes | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """Worker to executor: the attempt ended, its documents are stored.

    `retire` says why the worker must not be used again; empty when it may. Small `outputs` come
    along, serialised as they are stored. `gave_nodes` tells that the attempt left nodes to run next
    instead of outputs. `used` is what it used, or all of a batch of elements.
    """

    failure: Failure | None
    rss_bytes: int
    retire: str = ""
    outputs: bytes | None = None
    gave_nodes: bool = False
    used: AttemptUse | None = None


@dataclass(frozen=True, slots=True)
class RunElements:
    """Executor to worker: run some elements of an array, one after the other; answered by `ElementsDone`, then `Done`.

    `args` and `env` are those of all; `raw_output_prefix` is where data of the array lie. `elements` are index and
    attempt. Inputs named in `shared` are not gone through. With `tell_each` each element is told as it ends, else those
    that end within a moment are told together; the same holds for what they print. With `results_uri` nothing is told:
    the frames that would be are stored below it, as documents that are named by their numbers.
    """

    args: tuple[str, ...]
    env: Mapping[str, str]
    shared: tuple[str, ...]
    elements: tuple[tuple[int, int], ...]
    tell_each: bool = False
    results_uri: str = ""


@dataclass(frozen=True, slots=True)
class ElementDone:
    """How an element ended: its failure, or its outputs (None when they are stored, since they are large)."""

    element: int
    attempt: int
    failure: Failure | None = None
    outputs: bytes | None = None
    printed: bytes = b""


@dataclass(frozen=True, slots=True)
class ElementsDone:
    """Worker to executor: some elements have ended."""

    results: tuple[ElementDone, ...]


Frame: TypeAlias = Hello | Fork | Exec | Signal | Forked | NotForked | Exited | Run | Done | RunElements | ElementsDone

_HELLO, _FORK, _EXEC, _SIGNAL, _FORKED, _NOT_FORKED, _EXITED, _RUN, _DONE, _RUN_ELEMENTS, _ELEMENTS_DONE = range(11)


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes with its length before them.

    Raises `FrameError` when it is longer than `MAX_FRAME_BYTES`.
    """
    body: bytes = msgpack.packb(_fields(frame))
    if len(body) > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {len(body)} bytes; at most {MAX_FRAME_BYTES} are allowed")
    return _HEADER.pack(len(body)) + body


class FrameReader:
    """Cuts a stream of bytes into frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames completed by `data`. Raises `FrameError` for anything else."""
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        at = 0
        while len(buffer) - at >= _HEADER.size:
            (length,) = _HEADER.unpack_from(buffer, at)
            if length > MAX_FRAME_BYTES:
                raise FrameError(f"a frame of {length} bytes; at most {MAX_FRAME_BYTES} are allowed")
            end = at + _HEADER.size + length
            if len(buffer) < end:
                break
            frames.append(_decode(bytes(buffer[at + _HEADER.size : end])))
            at = end
        del buffer[:at]
        return frames


def _fields(frame: Frame) -> tuple[object, ...]:  # noqa: PLR0911 - one for each kind of frame
    match frame:
        case Run(args, env, inputs):
            return (_RUN, args, env, inputs)
        case Done(failure, rss_bytes, retire, outputs, gave_nodes, used):
            return (_DONE, _failure_fields(failure), rss_bytes, retire, outputs, gave_nodes, _use_fields(used))
        case RunElements(args, env, shared, elements, tell_each, results_uri):
            return (_RUN_ELEMENTS, args, env, shared, elements, tell_each, results_uri)
        case ElementsDone(results):
            return (_ELEMENTS_DONE, [_element_fields(result) for result in results])
        case Hello(version):
            return (_HELLO, version)
        case Fork(worker, scratch, env):
            return (_FORK, worker, scratch, env)
        case Exec(worker, argv, env, cwd):
            return (_EXEC, worker, argv, env, cwd)
        case Signal(worker, signal):
            return (_SIGNAL, worker, signal)
        case Forked(worker, pid):
            return (_FORKED, worker, pid)
        case NotForked(worker, error, message):
            return (_NOT_FORKED, worker, error, message)
        case Exited(worker, status, used):
            return (_EXITED, worker, status, _use_fields(used))


def _element_fields(done: ElementDone) -> tuple[object, ...]:
    return (done.element, done.attempt, _failure_fields(done.failure), done.outputs, done.printed)


def _failure_fields(failure: Failure | None) -> tuple[str, str, int, bool, str] | None:
    if failure is None:
        return None
    return (failure.code, failure.message, failure.fault.value, failure.retryable, failure.origin)


def _use_fields(used: AttemptUse | None) -> tuple[int, int] | None:
    return None if used is None else (used.memory_peak_bytes, used.processor_ns)


def _decode(body: bytes) -> Frame:
    try:
        tag, *items = msgpack.unpackb(body)
        return _frame(tag, items)
    except FrameError:
        raise
    except Exception as error:  # whatever msgpack and the fields' checks raise: it is no frame
        raise FrameError(f"not a frame: {error}") from error


def _frame(tag: object, items: list[object]) -> Frame:  # noqa: PLR0911 - one for each kind of frame
    match tag, items:
        case int(), [list(args), dict(env), (bytes() | None) as inputs] if tag == _RUN:
            return Run(_texts(args), _text_map(env), inputs)
        case int(), [failure, int(rss), str(retire), (bytes() | None) as outputs, bool(gave), used] if tag == _DONE:
            return Done(_failure(failure), rss, retire, outputs, gave, _use(used))
        case int(), [list(args), dict(env), list(shared), list(elements), bool(each), str(uri)] if tag == _RUN_ELEMENTS:
            return RunElements(_texts(args), _text_map(env), _texts(shared), _pairs(elements), each, uri)
        case int(), [list(results)] if tag == _ELEMENTS_DONE:
            return ElementsDone(tuple(_element(result) for result in results))
        case int(), [int(version)] if tag == _HELLO:
            return Hello(version)
        case int(), [int(worker), str(scratch), dict(env)] if tag == _FORK:
            return Fork(worker, scratch, _text_map(env))
        case int(), [int(worker), list(argv), dict(env), str(cwd)] if tag == _EXEC:
            return Exec(worker, _texts(argv), _text_map(env), cwd)
        case int(), [int(worker), int(signal)] if tag == _SIGNAL:
            return Signal(worker, signal)
        case int(), [int(worker), int(pid)] if tag == _FORKED:
            return Forked(worker, pid)
        case int(), [int(worker), int(error), str(message)] if tag == _NOT_FORKED:
            return NotForked(worker, error, message)
        case int(), [int(worker), int(status), [int(peak), int(processor_ns)]] if tag == _EXITED:
            return Exited(worker, status, AttemptUse(peak, processor_ns))
        case _:
            raise FrameError(f"no frame has tag {tag!r} with {len(items)} such fields")


def _element(fields: object) -> ElementDone:
    match fields:
        case [int(element), int(attempt), failure, bytes() | None as outputs, bytes(printed)]:
            return ElementDone(element, attempt, _failure(failure), outputs, printed)
        case _:
            raise FrameError("an element has an index, an attempt, a failure, outputs and what it printed")


def _pairs(items: list[object]) -> tuple[tuple[int, int], ...]:
    pairs = []
    for item in items:
        match item:
            case [int(first), int(second)]:
                pairs.append((first, second))
            case _:
                raise FrameError("a list of pairs of numbers holds something else")
    return tuple(pairs)


def _failure(fields: object) -> Failure | None:
    match fields:
        case None:
            return None
        case [str(code), str(message), int(fault), bool(retryable), str(origin)]:
            return Failure(code, message, Fault(fault), retryable, origin)
        case _:
            raise FrameError("a failure has a code, a message, a fault, whether to retry, and an origin")


def _use(fields: object) -> AttemptUse | None:
    match fields:
        case None:
            return None
        case [int(peak), int(processor_ns)]:
            return use_told(peak, processor_ns)
        case _:
            raise FrameError("what was used is two numbers")


def _texts(items: list[object]) -> tuple[str, ...]:
    texts = tuple(item for item in items if isinstance(item, str))
    if len(texts) != len(items):
        raise FrameError("a list of texts holds something else")
    return texts


def _text_map(items: dict[object, object]) -> dict[str, str]:
    texts = {key: value for key, value in items.items() if isinstance(key, str) and isinstance(value, str)}
    if len(texts) != len(items):
        raise FrameError("a map of texts holds something else")
    return texts
