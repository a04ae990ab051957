"""How the process executor is set up."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flytelike.model.quota import ATTEMPTS, CPU, GPU, MEMORY
from propeller.core.fairness import Amounts
from propeller.executors.process.eager_slots import slots_for
from propeller.executors.process.images import ImageEnvironment

TASK_DEFAULTS: Amounts = {CPU: 1000}
"""What an attempt asks for that says nothing of it."""


def _cpu_count() -> int:
    return os.cpu_count() or 1


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """Settings of the process executor.

    Attributes:
        logs: Folder for what attempts print.
        slots: How many attempts run at once, and how many processors they may use.
        eager_slots: How many attempts of eager tasks run beside them: they wait for others most of the time. By default
            as many as a quarter of the memory is enough for, at most 128.
        idle_workers: How many warm workers may wait for work beside the running ones.
        idle_s: How long a warm worker waits for work before it is ended.
        env: Set for every attempt: where code bundles lie, the platform's address, and so on.
        inherit_env: Whether attempts also get this process's own environment.
        images: Which images stand for an environment of their own; the first that covers a task's counts.
        preload: Modules that every worker has loaded from its first moment.
        durable: Whether the data that tasks store survives a power cut.
        durable_documents: Whether `outputs.pb` and `error.pb` do too once an end is told. An engine
            that keeps them in a commit of its own may do without: a sync costs more than a no-op task.
        small_outputs_stored: Whether `outputs.pb` is stored too where the outputs come along with the news
            of a success. An engine that keeps them may do without; programs of their own always store it.
        grace_s: Time between SIGTERM and SIGKILL.
        attempts_per_worker: After so many a worker is replaced.
        rss_growth_bytes: A worker that grew by more since its first attempt is replaced.
        log_bytes: What an attempt may print; the rest is dropped, and the log says so.
        memory_poll_s: How often the memory of attempts with a limit is looked at.
        gpus: The GPUs that attempts are given, each one's own while it runs; not counted where none are named.
        disks: Folders on the disks that attempts write to. While one is full, attempts that it stopped wait.
    """

    logs: Path
    slots: int = field(default_factory=_cpu_count)
    eager_slots: int = field(default_factory=lambda: slots_for(_memory_bytes()))
    idle_workers: int = field(default_factory=_cpu_count)
    idle_s: float = 300.0
    env: Mapping[str, str] = field(default_factory=dict)
    inherit_env: bool = True
    images: tuple[ImageEnvironment, ...] = ()
    preload: tuple[str, ...] = ()
    durable: bool = True
    durable_documents: bool = True
    small_outputs_stored: bool = True
    grace_s: float = 5.0
    attempts_per_worker: int = 10_000
    rss_growth_bytes: int = 512 << 20
    log_bytes: int = 64 << 20
    memory_poll_s: float = 0.05
    disks: tuple[Path, ...] = ()
    gpus: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.slots < 1 or self.eager_slots < 1 or self.idle_workers < 0 or self.attempts_per_worker < 1:
            raise ValueError("slots, eager_slots and attempts_per_worker are at least 1, idle_workers at least 0")

    @property
    def machine(self) -> Amounts:
        """What all attempts together may use: the outermost quota. Without known GPUs they are not counted."""
        whole = {ATTEMPTS: self.slots, CPU: self.slots * 1000, MEMORY: _memory_bytes()}
        return {**whole, GPU: len(self.gpus)} if self.gpus else whole
