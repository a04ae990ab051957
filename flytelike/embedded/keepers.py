"""What the control plane must reach of the engine's house to delete an execution whole."""

import asyncio
from collections.abc import Collection, Sequence

from flytelike.model.ids import ExecutionId, NodePath
from propeller.engine import Engine, places
from propeller.executors.process import AttemptLogs, ProcessExecutor


class EngineLayout:
    """Where the engine puts documents and data."""

    def __init__(self, metadata_prefix: str) -> None:
        """Speak of documents below `metadata_prefix`."""
        self._documents = metadata_prefix

    @property
    def documents(self) -> str:
        """The uri below which executions have their folders."""
        return self._documents

    def document_folder(self, execution: ExecutionId) -> str:
        """Return the name of an execution's folder."""
        return places.execution_folder(execution)

    def data_folder(self, execution: ExecutionId, path: NodePath, attempt: int) -> str:
        """Return the name of the folder of an attempt's data."""
        return places.data_folder(execution, path, attempt)

    def shard(self, execution: ExecutionId, folder: str) -> str:
        """Return the folder in which an execution's data folder of this name lies."""
        return places.shard(execution, folder)


class LogFiles:
    """What the process executor captured."""

    def __init__(self) -> None:
        """Wait for `connect`."""
        self._logs: AttemptLogs | None = None

    def connect(self, logs: AttemptLogs) -> None:
        """Give the executor's logs."""
        self._logs = logs

    async def log_bytes(self, execution: ExecutionId) -> int:
        """Return how much an execution's attempts printed."""
        assert self._logs is not None, "the platform was composed"
        return await asyncio.to_thread(self._logs.size, execution)

    async def delete_logs(self, execution: ExecutionId) -> int:
        """Delete what an execution's attempts printed."""
        assert self._logs is not None, "the platform was composed"
        return await asyncio.to_thread(self._logs.delete, execution)


class StatesOfEngine:
    """What the engine in this process and its executor know of executions."""

    def __init__(self) -> None:
        """Wait for `connect`."""
        self._engine: Engine | None = None
        self._executor: ProcessExecutor | None = None

    def connect(self, engine: Engine, executor: ProcessExecutor) -> None:
        """Give the engine and its executor."""
        self._engine, self._executor = engine, executor

    async def forget(self, executions: Sequence[ExecutionId]) -> Collection[ExecutionId]:
        """Drop the states of executions that have ended."""
        assert self._engine is not None, "the platform was composed"
        assert self._executor is not None, "the platform was composed"
        held = await self._engine.forget(executions)
        self._executor.forget(set(executions).difference(held))
        return held
