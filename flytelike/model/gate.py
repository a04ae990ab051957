"""What gate nodes wait for."""

from dataclasses import dataclass
from typing import TypeAlias

from flytelike.model.types import LiteralType


@dataclass(frozen=True, slots=True)
class Approval:
    """A person says yes. The gate's inputs are its outputs then."""

    signal_id: str


@dataclass(frozen=True, slots=True)
class Signal:
    """A value of a type is given from outside; it becomes the output named `output`."""

    signal_id: str
    type: LiteralType
    output: str


@dataclass(frozen=True, slots=True)
class Sleep:
    """A time passes; in nanoseconds."""

    duration_ns: int


Gate: TypeAlias = Approval | Signal | Sleep
