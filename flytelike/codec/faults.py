"""How a message that cannot be parsed is told, with the path of the field at fault.

Decoders raise `MalformedError` without a path; whoever called them for a field adds the step.
Nothing is paid for paths until something is wrong.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from google.protobuf.message import Message

from flytelike.model.diagnostic import Diagnostic, DiagnosticError

MAX_NESTING = 25
"""Levels of types or values inside each other.

Protobuf readers refuse more than 100 messages inside each other, and a level takes up to three.
"""

MALFORMED = "malformed-message"

T = TypeVar("T")
S = TypeVar("S")
K = TypeVar("K", bound=int | str)


class MalformedError(DiagnosticError):
    """A message (or a value to be written as one) breaks a rule of the format.

    `path` leads to the field, such as `nodes[3].inputs[0].binding`; `problem` says what is wrong.
    """

    def __init__(self, problem: str, path: str = "") -> None:
        """Keep the parts; the diagnostic's code is `malformed-message`."""
        self.path = path
        self.problem = problem
        super().__init__([Diagnostic(MALFORMED, f"{path}: {problem}" if path else problem)])

    def below(self, step: str) -> "MalformedError":
        """Return the same fault seen from one level higher."""
        return MalformedError(self.problem, f"{step}.{self.path}" if self.path else step)


def required(message: Message, field: str) -> None:
    """Raise unless `message` has `field`."""
    if not message.HasField(field):
        raise MalformedError(f"{field} required")


def inside(step: str, decode: Callable[[S], T], item: S) -> T:
    """Return `decode(item)`; faults get `step` in front of their path."""
    try:
        return decode(item)
    except MalformedError as fault:
        raise fault.below(step) from None


def each(step: str, decode: Callable[[S], T], items: Iterable[S]) -> tuple[T, ...]:
    """Return what `decode` gives for each item; faults name the index."""
    done: list[T] = []
    try:
        for item in items:
            done.append(decode(item))  # noqa: PERF401 - the length so far is the index at fault
    except MalformedError as fault:
        raise fault.below(f"{step}[{len(done)}]") from None
    return tuple(done)


def each_value(step: str, decode: Callable[[S], T], items: Mapping[str, S]) -> dict[str, T]:
    """Return the map with its values decoded, keys sorted; faults name the key."""
    done: dict[str, T] = {}
    key = ""
    try:
        for key in sorted(items):
            done[key] = decode(items[key])
    except MalformedError as fault:
        raise fault.below(f'{step}["{key}"]') from None
    return done


def known(members: Mapping[int, T], value: int, what: str) -> T:
    """Return the member of an enum for a number from the wire."""
    try:
        return members[value]
    except KeyError:
        raise MalformedError(f"unknown {what} {value}") from None


def descend(depth: int) -> int:
    """Return the depth one level down; raise when it goes too deep."""
    if depth >= MAX_NESTING:
        raise MalformedError(f"nested deeper than {MAX_NESTING} levels")
    return depth + 1
