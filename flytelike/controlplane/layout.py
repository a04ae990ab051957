"""Where the engine puts what belongs to executions, as far as the control plane must know."""

from typing import Protocol

from flytelike.model.ids import ExecutionId, NodePath


class Layout(Protocol):
    """Where the engine puts what belongs to an execution; the same for the same execution, always."""

    @property
    def documents(self) -> str:
        """The uri below which each execution has a folder for the inputs and outputs of its nodes."""

    def document_folder(self, execution: ExecutionId) -> str:
        """Return the name of an execution's folder of documents."""

    def data_folder(self, execution: ExecutionId, path: NodePath, attempt: int) -> str:
        """Return the name of the folder of an attempt's data."""

    def shard(self, execution: ExecutionId, folder: str) -> str:
        """Return the folder below the raw prefix in which an execution's data folder of this name lies."""
