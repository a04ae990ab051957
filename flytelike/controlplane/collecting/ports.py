"""What collecting needs from the world around the control plane."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from flytelike.controlplane.collecting.policy import Policies
from flytelike.controlplane.layout import Layout
from flytelike.model.ids import ExecutionId


class LogKeeper(Protocol):
    """Keeps what attempts printed."""

    async def log_bytes(self, execution: ExecutionId) -> int:
        """Return how much an execution's attempts printed, in bytes."""

    async def delete_logs(self, execution: ExecutionId) -> int:
        """Delete what an execution's attempts printed, and return how many bytes that was. Again is harmless."""


class States(Protocol):
    """The engine's own states of executions."""

    async def forget(self, executions: Sequence[ExecutionId]) -> Collection[ExecutionId]:
        """Drop what is kept of executions that have ended; return those that cannot be dropped yet.

        Until that is done, an execution of the same name would be taken for the old one.
        """


class NoStates:
    """Of an engine that keeps no states."""

    async def forget(self, executions: Sequence[ExecutionId]) -> Collection[ExecutionId]:  # noqa: ARG002 - none is kept
        """Return that all is dropped."""
        return ()


class NoLogFiles:
    """Of a platform that keeps no logs."""

    async def log_bytes(self, execution: ExecutionId) -> int:  # noqa: ARG002 - there are none
        """Return 0."""
        return 0

    async def delete_logs(self, execution: ExecutionId) -> int:  # noqa: ARG002 - there are none
        """Return 0."""
        return 0


@dataclass(frozen=True, slots=True)
class Stranger:
    """An execution that the engine may run without the control plane's knowing, and the document of its inputs."""

    execution: ExecutionId
    inputs_uri: str


class Strangers(Protocol):
    """What the engine was given to run, by whomever."""

    async def strangers(self) -> Sequence[Stranger]:
        """Return all executions that the engine may run; those of the control plane may be among them."""


class NoStrangers:
    """Of an engine that is told by the control plane alone."""

    async def strangers(self) -> Sequence[Stranger]:
        """Return none."""
        return ()


@dataclass(frozen=True, slots=True)
class Keepers:
    """Who keeps what belongs to executions beside the control plane, and what the owner has decided.

    An engine that is not through with executions, which tells the last of their history shortly after their end,
    is asked again `looks` times, each after `look_s` seconds.
    """

    layout: Layout
    logs: LogKeeper = field(default_factory=NoLogFiles)
    states: States = field(default_factory=NoStates)
    policies: Policies = field(default_factory=Policies)
    strangers: Strangers = field(default_factory=NoStrangers)
    looks: int = 20
    look_s: float = 0.05
