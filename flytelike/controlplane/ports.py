"""What the control plane needs from the world around it."""

import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Protocol

from flytelike.model.ids import ExecutionId, TaskExecutionId
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

    def waits(self, most: int) -> Iterable[tuple[ExecutionId, Queued]]:
        """Return the first `most` of each line that attempts wait in; a line is that of a project's domain."""


class NoMeter:
    """Knows of no use, and of nobody who waits."""

    def uses(self) -> Mapping[QuotaPlace, PlaceUse]:
        """Return nothing."""
        return {}

    def waits(self, most: int) -> Iterable[tuple[ExecutionId, Queued]]:  # noqa: ARG002 - of none, none
        """Return nothing."""
        return ()


class Clock(Protocol):
    """Time, so that tests can set it."""

    def now_ns(self) -> int:
        """Return nanoseconds since 1970."""


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Return nanoseconds since 1970."""
        return time.time_ns()
