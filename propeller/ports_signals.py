"""What gates wait for: values that people and programs give from outside."""

from dataclasses import dataclass
from typing import Protocol

from flytelike.model.failure import Failure
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.types import LiteralType


@dataclass(frozen=True, slots=True)
class SignalWanted:
    """A signal that a gate has begun to wait for.

    `approval` tells that it is a yes or no (then `type` is a boolean); the gate's inputs, which are
    what is to be approved, lie at `inputs_uri`. `until_ns` is when the gate stops waiting; 0 for never.
    """

    execution: ExecutionId
    signal: str
    type: LiteralType
    path: NodePath
    approval: bool
    since_ns: int
    until_ns: int
    inputs_uri: str


class SignalRefused(Exception):
    """The gate cannot wait for the signal; carries why."""

    def __init__(self, failure: Failure) -> None:
        """Keep the failure."""
        self.failure = failure
        super().__init__(failure.message)


class Signals(Protocol):
    """Keeps signals (the control plane does). An execution has each signal once, however many gates wait for it."""

    async def wait(self, wanted: SignalWanted) -> bytes | None:
        """Let the signal exist; return the serialised `core.Literal` that was given, None if none was yet.

        Asked again for the same gate, it changes nothing. What is given later is told to
        `Engine.signalled`. Raises `SignalRefused` when another gate waits for it with another type.
        """


class NoSignals:
    """Signals that nobody can give."""

    async def wait(self, wanted: SignalWanted) -> bytes | None:
        """Return None: the gate that wants it waits until its own timeout."""
        del wanted
        return None
