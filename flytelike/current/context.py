"""The context of the task that runs."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from flytelike.current.checkpoint import Checkpoint
from flytelike.current.deck import Deck, collected, publisher
from flytelike.current.secrets import Secrets
from flytelike.current.stats import NoStats
from flytelike.model.ids import ExecutionId, Identifier, ResourceKind
from flytelike.storage import Store, StoreConfig

_current: ContextVar["TaskContext | None"] = ContextVar("flytelike_task_context", default=None)
_LOCAL = "local"


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What is known of an attempt.

    Attributes:
        execution_id: The execution it belongs to; all parts are `local` in plain Python.
        task_id: The task, with its version.
        attempt: Counts from 0.
        execution_date: When the execution began, in UTC: equal for all its tasks and their retries.
        working_directory: A folder of its own, gone with the attempt.
        raw_output_prefix: Where its data are stored.
        checkpoint: What it leaves to the next attempt, and what the last one left.
        secrets: The secrets it asked for.
        decks: The parts of its report so far; see `flytelike.Deck`.
        publish: Stores the report as it is now.
    """

    execution_id: ExecutionId
    task_id: Identifier
    attempt: int
    execution_date: datetime
    working_directory: Path
    raw_output_prefix: str
    checkpoint: Checkpoint
    secrets: Secrets
    decks: list[Deck] = field(default_factory=list)
    publish: Callable[[], None] = lambda: None

    @property
    def stats(self) -> NoStats:
        """Takes measurements and drops them; code written for a platform with a collector runs unchanged."""
        return NoStats()

    @property
    def logging(self) -> logging.Logger:
        """A logger for the task's own messages."""
        return logging.getLogger("flytelike.task")


def current_context() -> TaskContext:
    """Return the context of the task that runs; outside of a platform, one for this process."""
    return _current.get() or _local()


@contextmanager
def entered(context: TaskContext) -> Iterator[None]:
    """Let a context be the current one."""
    token = _current.set(context)
    decks, publishing = collected.set(context.decks), publisher.set(context.publish)
    try:
        yield
    finally:
        publisher.reset(publishing)
        collected.reset(decks)
        _current.reset(token)


@cache
def _local() -> TaskContext:
    folder = Path(tempfile.mkdtemp(prefix="flytelike-local-"))
    return TaskContext(
        execution_id=ExecutionId(_LOCAL, _LOCAL, _LOCAL),
        task_id=Identifier(ResourceKind.TASK, _LOCAL, _LOCAL, _LOCAL, _LOCAL),
        attempt=0,
        execution_date=datetime.now(UTC),
        working_directory=folder,
        raw_output_prefix=str(folder / "raw"),
        checkpoint=Checkpoint(Store(StoreConfig()), str(folder / "checkpoint")),
        secrets=Secrets(os.environ),
        decks=collected.get(),
    )
