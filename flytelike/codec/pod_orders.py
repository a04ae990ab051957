"""What an executor orders of a pod that runs one attempt after another, and what such a pod answers in its log.

An order is JSON in an annotation of the pod. The answer is marks among what the attempt prints: each is a control
character (RS) and a line, with a word that only the order tells. Between the two marks of an order lies what its
attempt printed. Who forges a mark, with the word from the mailbox, disturbs its own attempt and those after it of the
same kind: what counts are an attempt's documents.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

ORDER_BYTES_MAX = 64 << 10
"""All annotations of an object may have 256 KiB."""

HOT_S = 1.5
"""How long after an order has ended a worker looks for the next one in the object store, too."""

_START = b"\x1eflytelike "
_LINE = re.compile(
    rb"\x1eflytelike ([0-9a-f]{8,64}) (?:(begin) ([0-9]{1,20})|(end) ([0-9]{1,20}) ([0-9]{1,3})( oom)?"
    rb"|(at) ([0-9]{1,9})|(used) ([0-9]{1,16}) ([0-9]{1,16}))\n"
)
_LINE_MAX = 160


class OrderError(Exception):
    """The text is no order."""


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """Some elements of an array, to be run one after the other.

    `args` are those of all, `elements` index and attempt of each. Inputs named in `shared` are not gone through. How
    they end is stored below `results_uri`; see `flytelike.codec.worker_frames.RunElements`.
    """

    args: tuple[str, ...]
    shared: tuple[str, ...]
    elements: tuple[tuple[int, int], ...]
    results_uri: str


@dataclass(frozen=True, slots=True)
class Order:
    """One attempt that a pod is to run next; or, with `stop`, to end, whether it has begun or not.

    `mark` is a random word in hexadecimal digits; `env` the attempt's own part of the environment. Between SIGTERM and
    SIGKILL lie `grace_s`. A copy of the order after this one lies at `next_uri` if it comes soon. With a `batch` the
    order is that, and has no `args`: a program that knows none of them has nothing to run.
    """

    mark: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    stop: bool = False
    grace_s: float = 0.0
    next_uri: str = ""
    batch: BatchOrder | None = None


def order_to_json(order: Order) -> str:
    """Return the text of an order."""
    told: dict[str, object] = {"mark": order.mark, "args": order.args, "env": dict(order.env), "grace_s": order.grace_s}
    if order.next_uri:
        told["next_uri"] = order.next_uri
    if order.batch is not None:
        told["batch"] = asdict(order.batch)
    return json.dumps({**told, "stop": True} if order.stop else told, sort_keys=True)


def order_from_json(text: str) -> Order:
    """Return the order of a text. Raises `OrderError`."""
    try:
        told = json.loads(text)
        args, env = tuple(map(str, told["args"])), {str(name): str(value) for name, value in told["env"].items()}
        mark, stop, grace_s = str(told["mark"]), bool(told.get("stop")), float(told["grace_s"])
        batch = _batch(told["batch"]) if "batch" in told else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OrderError(f"{type(error).__name__}: {error}") from error
    if re.fullmatch(r"[0-9a-f]{8,64}", mark) is None:
        raise OrderError(f"{mark!r} is no mark")
    return Order(mark, args, env, stop, grace_s, str(told.get("next_uri", "")), batch)


def _batch(told: Mapping[str, Any]) -> BatchOrder:
    elements = tuple((int(index), int(attempt)) for index, attempt in told["elements"])
    return BatchOrder(
        tuple(map(str, told["args"])), tuple(map(str, told["shared"])), elements, str(told["results_uri"])
    )


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt has begun; what is printed from now on is its own."""

    mark: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt has ended, and all that it had started. `code` is an exit code as a container has it.

    `out_of_memory` tells that the kernel killed it for its memory.
    """

    mark: str
    at_ns: int
    code: int
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class At:
    """The process of a batch has ended of its own while it ran the element at this place of its order."""

    mark: str
    place: int


@dataclass(frozen=True, slots=True)
class Used:
    """What an attempt used that is about to end: its processes' largest peak of memory, and their processor time."""

    mark: str
    memory_peak_bytes: int
    processor_ns: int


Mark: TypeAlias = Begun | At | Used | Ended


def mark_line(mark: Mark) -> bytes:
    """Return the bytes of a mark."""
    if isinstance(mark, Begun):
        return _START + f"{mark.mark} begin {mark.at_ns}\n".encode()
    if isinstance(mark, At):
        return _START + f"{mark.mark} at {mark.place}\n".encode()
    if isinstance(mark, Used):
        return _START + f"{mark.mark} used {mark.memory_peak_bytes} {mark.processor_ns}\n".encode()
    oom = " oom" if mark.out_of_memory else ""
    return _START + f"{mark.mark} end {mark.at_ns} {mark.code}{oom}\n".encode()


class MarkReader:
    """Takes a log apart: what was printed, and the marks between."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[bytes | Mark]:
        """Return what more of the log tells, in its order."""
        text, self._held = self._held + data, b""
        found: list[bytes | Mark] = []
        at = printed = 0
        while (at := text.find(_START[:1], at)) >= 0:
            match = _LINE.match(text, at)
            if match is not None:
                found += [text[printed:at], _mark(match)]
                at = printed = match.end()
            elif _may_become_mark(text[at : at + _LINE_MAX]):
                self._held = text[at:]
                text = text[:at]
            else:
                at += 1
        found.append(text[printed:])
        return [one for one in found if one]

    def rest(self) -> bytes:
        """Return what was held back in the hope that it was a mark; the log has ended."""
        held, self._held = self._held, b""
        return held


def _may_become_mark(text: bytes) -> bool:
    if b"\n" in text or len(text) >= _LINE_MAX:
        return False
    return text.startswith(_START) if len(text) >= len(_START) else _START.startswith(text)


def _mark(match: "re.Match[bytes]") -> Mark:
    word = match[1].decode()
    if match[2]:
        return Begun(word, int(match[3]))
    if match[8]:
        return At(word, int(match[9]))
    if match[10]:
        return Used(word, int(match[11]), int(match[12]))
    return Ended(word, int(match[5]), int(match[6]), bool(match[7]))
