"""States, requests and history as bytes: msgpack, each value a map of its class's number to its fields.

Why not protobuf: what is stored here is read by the engine alone, is written on every task's way,
and has the shape of the core's own dataclasses; messages for them would be a second set of
forty classes and three times the cost. What protobuf would give is kept by rules instead:

- a class's number is never given to another class, and never changes;
- fields are stored by position; a class gets new fields at its end only, with defaults, which is
  what a value stored without them reads as;
- `NUMBERS` and the fields are frozen by a test, so that a change is seen when it is made.

A value with a number or fields of which this version does not know was written by a newer one.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import Enum
from operator import attrgetter
from typing import Any, Final, get_type_hints

import msgpack

from flytelike.model import caching, failure, history, ids, launch, usage
from propeller.core import commands, elements, header, node_state
from propeller.engine import run
from propeller.ports import StoreCorrupt, StoreTooNew

NUMBERS: Final[Mapping[int, type]] = {
    1: ids.ExecutionId,
    2: ids.Identifier,
    3: ids.NodeExecutionId,
    4: failure.Failure,
    5: launch.LaunchRequest,
    50: caching.CacheKey,
    51: caching.CacheSource,
    52: caching.CacheNote,
    10: header.Header,
    11: header.Limits,
    12: header.Accepted,
    13: header.InProgress,
    14: header.Succeeding,
    15: header.ExecutionSucceeded,
    16: header.ExecutionFailed,
    17: header.ExecutionTimedOut,
    18: header.ExecutionAborted,
    19: header.HandlingFailure,
    30: node_state.Held,
    31: node_state.Started,
    32: node_state.Running,
    33: node_state.BackingOff,
    34: node_state.ChildRunning,
    35: node_state.Expanded,
    36: node_state.Collecting,
    37: node_state.Succeeded,
    38: node_state.Failed,
    39: node_state.Skipped,
    40: node_state.Aborted,
    41: node_state.HandlingScopeFailure,
    42: node_state.Deciding,
    43: node_state.Decided,
    44: node_state.AtGate,
    53: node_state.LookingUp,
    54: node_state.WaitingForCache,
    58: node_state.TakingOver,
    59: node_state.LeftOut,
    64: node_state.Measuring,
    65: node_state.Mapped,
    66: node_state.Gathering,
    67: elements.Chunk,
    60: commands.AbortAttempt,
    61: commands.AbortChild,
    62: run.Seal,
    63: commands.AbortElements,
    80: history.ExecutionChanged,
    81: history.NodeChanged,
    82: history.AttemptChanged,
    83: history.ElementsChanged,
    84: usage.ResourceAmounts,
    85: usage.AskedResources,
    86: usage.AttemptUse,
}
"""All classes that are stored."""


def encode(value: object) -> bytes:
    """Return a value's bytes: a listed class, or a list or dict of such."""
    return bytes(msgpack.packb(value, default=_numbered))


def decode(data: bytes) -> Any:  # noqa: ANN401 - whatever was encoded
    """Return the value of bytes written by `encode`.

    Raises:
        StoreTooNew: A newer version wrote it.
        StoreCorrupt: Nobody wrote it.
    """
    try:
        return msgpack.unpackb(data, object_hook=_value, use_list=False, strict_map_key=False)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise StoreCorrupt(f"what is stored of an execution cannot be read: {error}") from error


class _Form:
    """How the fields of one class are stored."""

    __slots__ = ("kind", "number", "restored", "stored", "width")

    def __init__(self, number: int, kind: type) -> None:
        names = tuple(found.name for found in fields(kind))
        self.number = number
        self.kind = kind
        self.width = len(names)
        # `attrgetter` gives a tuple for two names and more.
        self.stored: Callable[[Any], object] = attrgetter(*names) if len(names) > 1 else _few(names)
        hints = get_type_hints(kind)
        self.restored: list[tuple[int, Callable[[Any], Any]]] = [
            (position, hints[name])
            for position, name in enumerate(names)
            if isinstance(hints[name], type) and issubclass(hints[name], Enum)
        ]


def _few(names: tuple[str, ...]) -> Callable[[Any], object]:
    return lambda value: tuple(getattr(value, name) for name in names)


_FORMS = {number: _Form(number, kind) for number, kind in NUMBERS.items()}
_FORM_OF = {kind: _FORMS[number] for number, kind in NUMBERS.items()}


def _numbered(value: Any) -> object:  # noqa: ANN401 - called by msgpack
    form = _FORM_OF.get(type(value))
    if form is not None:
        return {form.number: form.stored(value)}
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} has no number to be stored under")


def _value(stored: dict[Any, Any]) -> Any:  # noqa: ANN401 - called by msgpack
    """Return what a map stands for: maps of the classes' own have text as keys."""
    for number, values in stored.items():
        if not isinstance(number, int):
            return stored
        form = _FORMS.get(number)
        if form is None or len(values) > form.width:
            raise StoreTooNew("what is stored of an execution was written by a newer version of the platform")
        if not form.restored:
            return form.kind(*values)
        restored = list(values)
        for position, kind in form.restored:
            if position < len(restored):
                restored[position] = kind(restored[position])
        return form.kind(*restored)
    return stored
