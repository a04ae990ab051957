"""What the control plane needs from the world around it."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flytelike.model.ids import ExecutionId, NodeExecutionId, TaskExecutionId
from flytelike.model.launch import LaunchRequest
from flytelike.model.queued import Queued
from flytelike.model.quota import PlaceUse, QuotaPlace
from flytelike.model.trouble import Trouble


class Launcher(Protocol):
    """Starts and stops executions (propeller does)."""

    async def launch(self, request: LaunchRequest) -> None:
        """Take the execution over durably. Asked again about a known id, do nothing."""

    async def abort(self, execution: ExecutionId, cause: str, principal: str) -> None:
        """Ask the execution to end. Unknown and ended executions are ignored."""

    def troubles(self) -> Sequence[Trouble]:
        """Return what executions wait for now that is no fault of theirs; see `model.trouble`."""

    async def queued(self, execution: ExecutionId) -> Sequence[Queued]:
        """Return what of an execution waits for a worker, with its place in line; none where nobody here knows."""

    async def signalled(self, execution: ExecutionId, signal: str) -> None:
        """Tell that a signal was given its value. Unknown and ended executions are ignored."""


class LogReader(Protocol):
    """Gives what attempts printed."""

    def read(self, attempt: TaskExecutionId, offset: int, *, follow: bool) -> AsyncIterator[bytes]:
        """Yield the bytes from position `offset` on; with `follow`, until the attempt ended.

        Raises `LogNotFound` when nothing is known of the attempt.
        """


class LogNotFound(Exception):
    """There is no log for the attempt (yet)."""


class NoLogs:
    """A log reader that knows of no attempt."""

    async def read(self, attempt: TaskExecutionId, offset: int, *, follow: bool) -> AsyncIterator[bytes]:
        """Raise `LogNotFound`."""
        raise LogNotFound(f"no logs are kept; asked for {attempt.node.path} from {offset}, follow={follow}")
        yield b""


class Meter(Protocol):
    """Tells what attempts use (propeller's allocator knows)."""

    def uses(self) -> Mapping[QuotaPlace, PlaceUse]:
        """Return what is used now, by place; places where nothing is used and nothing waits may be missing."""


class NoMeter:
    """Knows of no use."""

    def uses(self) -> Mapping[QuotaPlace, PlaceUse]:
        """Return nothing."""
        return {}


@dataclass(frozen=True, slots=True)
class Bearer:
    """What runs an attempt, as a token tells of it.

    Attributes:
        name: Which one it is, as people may read it; see `AttemptTokens.name_of`.
        attempt: The number of its attempt.
        credential: Tells tokens apart, and gives nothing away.
    """

    name: str
    attempt: int
    credential: str = ""


class AttemptTokens(Protocol):
    """Knows the tokens with which attempts call from where they run."""

    def claims(self, token: str) -> bool:
        """Tell whether a token says of itself that it is one of these. Nothing of it is verified."""

    async def bearer(self, token: str) -> Bearer | None:
        """Return who holds a token; None for one that is not good, or is not held by what runs an attempt.

        Raises Refusal UNAVAILABLE when nobody can say.
        """

    def name_of(self, node: NodeExecutionId, attempt: int) -> str:
        """Return the name of what runs an attempt: another one for each, whether it runs or not."""


class Clock(Protocol):
    """Time, so that tests can set it."""

    def now_ns(self) -> int:
        """Return nanoseconds since 1970."""


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Return nanoseconds since 1970."""
        return time.time_ns()
