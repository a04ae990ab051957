"""What collecting needs from the world around the control plane."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from flytelike.controlplane.collecting.policy import Policies
from flytelike.model.ids import ExecutionId


class Layout(Protocol):
    """Where the engine puts what belongs to an execution; the same for the same execution, always."""

    @property
    def documents(self) -> str:
        """The uri below which each execution has a folder for the inputs and outputs of its nodes."""

    def document_folder(self, execution: ExecutionId) -> str:
        """Return the name of an execution's folder of documents."""

    def shard(self, execution: ExecutionId, folder: str) -> str:
        """Return the folder below the raw prefix in which an execution's data folder of this name lies."""


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
class Keepers:
    """Who keeps what belongs to executions beside the control plane, and what the owner has decided."""

    layout: Layout
    logs: LogKeeper = field(default_factory=NoLogFiles)
    states: States = field(default_factory=NoStates)
    policies: Policies = field(default_factory=Policies)
