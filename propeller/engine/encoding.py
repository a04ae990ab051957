"""States, requests and history as bytes: msgpack, each value an extension that its class numbers.

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
from typing import Any, Final, get_type_hints

import msgpack

from flytelike.model import failure, history, ids, launch
from propeller.core import commands, header, node_state
from propeller.ports import StoreCorrupt, StoreTooNew

NUMBERS: Final[Mapping[int, type]] = {
    1: ids.ExecutionId,
    2: ids.Identifier,
    3: ids.NodeExecutionId,
    4: failure.Failure,
    5: launch.LaunchRequest,
    10: header.Header,
    11: header.Limits,
    12: header.Accepted,
    13: header.InProgress,
    14: header.Succeeding,
    15: header.ExecutionSucceeded,
    16: header.ExecutionFailed,
    17: header.ExecutionTimedOut,
    18: header.ExecutionAborted,
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
    60: commands.AbortAttempt,
    61: commands.AbortChild,
    80: history.ExecutionChanged,
    81: history.NodeChanged,
    82: history.AttemptChanged,
    83: history.HistoryEntry,
}
"""All classes that are stored. Numbers up to 127."""


def encode(value: object) -> bytes:
    """Return a value's bytes: a listed class, or a list or dict of such."""
    return bytes(msgpack.packb(value, default=_extended))


def decode(data: bytes) -> Any:  # noqa: ANN401 - whatever was encoded
    """Return the value of bytes written by `encode`.

    Raises:
        StoreTooNew: A newer version wrote it.
        StoreCorrupt: Nobody wrote it.
    """
    try:
        return msgpack.unpackb(data, ext_hook=_value, use_list=False, strict_map_key=False)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise StoreCorrupt(f"what is stored of an execution cannot be read: {error}") from error


class _Form:
    """How the fields of one class are stored."""

    __slots__ = ("kind", "names", "restored")

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.names = tuple(found.name for found in fields(kind))
        hints = get_type_hints(kind)
        self.restored: list[tuple[int, Callable[[Any], Any]]] = [
            (position, hints[name])
            for position, name in enumerate(self.names)
            if isinstance(hints[name], type) and issubclass(hints[name], Enum)
        ]


_FORMS = {number: _Form(kind) for number, kind in NUMBERS.items()}
_NUMBER_OF = {kind: number for number, kind in NUMBERS.items()}


def _extended(value: Any) -> msgpack.ExtType:  # noqa: ANN401 - called by msgpack
    number = _NUMBER_OF.get(type(value))
    if number is None:
        if isinstance(value, Enum):
            return value.value  # stored as its number
        raise TypeError(f"{type(value).__name__} has no number to be stored under")
    stored = [getattr(value, name) for name in _FORMS[number].names]
    return msgpack.ExtType(number, msgpack.packb(stored, default=_extended))


def _value(number: int, data: bytes) -> Any:  # noqa: ANN401 - called by msgpack
    form = _FORMS.get(number)
    if form is None:
        raise StoreTooNew("what is stored of an execution was written by a newer version of the platform")
    stored = msgpack.unpackb(data, ext_hook=_value, use_list=False, strict_map_key=False)
    if len(stored) > len(form.names):
        raise StoreTooNew("what is stored of an execution was written by a newer version of the platform")
    if form.restored:
        stored = list(stored)
        for position, kind in form.restored:
            if position < len(stored):
                stored[position] = kind(stored[position])
    return form.kind(*stored)
