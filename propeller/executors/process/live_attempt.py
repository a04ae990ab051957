"""An attempt that the executor has taken over, for as long as it has not ended."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

from flytelike.model.failure import Failure
from flytelike.model.redactor import Redactor
from flytelike.model.usage import AttemptUse
from propeller.core.fairness import Amounts
from propeller.executors.process.outcome import Stop
from propeller.executors.process.plan import Plan
from propeller.executors.process.secrets import NONE_GIVEN, GivenSecrets
from propeller.executors.process.worker import Worker
from propeller.ports import AttemptSpec


@dataclass(slots=True, eq=False)
class LiveAttempt:
    """An attempt that was taken over and has not ended."""

    spec: AttemptSpec
    plan: Plan | None = None
    memory_bytes: int = 0
    worker: Worker | None = None
    stop: Stop | None = None
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    kernel_kills: int = 0
    secrets: GivenSecrets = NONE_GIVEN
    redactor: Redactor | None = None
    folder: Path | None = None
    amounts: Amounts = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    used: AttemptUse | None = None

    @property
    def eager(self) -> bool:
        """Whether it waits for others most of the time."""
        return self.spec.task.metadata.is_eager

    @property
    def level(self) -> int:
        """How many callers wait for it, one for another."""
        return self.spec.depth


def redacted(attempt: LiveAttempt, failure: Failure) -> Failure:
    """Return a failure without the secrets of its attempt; the same one when it holds none."""
    message = failure.message if attempt.redactor is None else attempt.redactor.text(failure.message)
    return failure if message == failure.message else replace(failure, message=message)


def cancel(attempt: LiveAttempt) -> None:
    """Stop its timers."""
    for timer in attempt.timers:
        timer.cancel()
    attempt.timers.clear()
