"""The control plane's log reader in a cluster: what pods print lies in the object store while they print it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.reading import Reading
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath, TaskExecutionId
from flytelike.model.phases import NodePhase, TaskPhase
from flytelike.storage import Store
from propeller.executors.pod.stored_logs import StoredLogs
from propeller.ports import AttemptKey

LOOK_S = 1.0
"""How often a log that is followed is looked at."""

LAST_LOOK_S = 3.0
"""How long after its end, or after the piece before, an attempt's next piece may be stored."""

Ended = Callable[[TaskExecutionId], Awaitable[bool]]


class LogsInStore:
    """Reads what operators have stored below a uri."""

    def __init__(self, store: Store, prefix: str) -> None:
        """Read below `prefix`."""
        self._logs = StoredLogs(store, prefix, limit_bytes=0)
        self._ended: Ended = _never

    def connect(self, ended: Ended) -> None:
        """Give what tells whether an attempt has ended."""
        self._ended = ended

    async def log_bytes(self, execution: ExecutionId) -> int:
        """Return how much the attempts of an execution printed, in bytes."""
        return await self._logs.size(execution)

    async def delete_logs(self, execution: ExecutionId) -> int:
        """Delete what the attempts of an execution printed, and return how many bytes that was."""
        return await self._logs.delete(execution)

    async def read(self, attempt: TaskExecutionId, offset: int, *, follow: bool) -> AsyncIterator[bytes]:
        """Yield what an attempt printed; with `follow`, until it has ended."""
        key = AttemptKey(attempt.node.execution, attempt.node.path, attempt.attempt)
        last = not follow
        while True:
            before = offset
            async for data, following in self._logs.stream(key, offset):
                offset = following
                yield data
            if last and (not follow or offset == before):
                return
            last = last or await self._ended(attempt)
            await asyncio.sleep(LAST_LOOK_S if last else LOOK_S)


async def _never(_attempt: TaskExecutionId) -> bool:
    return False


def ended_in(reading: Reading) -> Ended:
    """Return what tells whether an attempt has ended, as the history says."""

    async def ended(attempt: TaskExecutionId) -> bool:
        try:
            row = await reading.attempt_row(attempt.node, attempt.attempt)
        except Refusal:
            # An element of an array has no row of its own.
            array = attempt.node.path.rpartition(".")[0].rpartition(".")[0]
            node = await reading.node_row(NodeExecutionId(attempt.node.execution, NodePath(array)))
            return NodePhase(node.phase).terminal
        return TaskPhase(row.phase).terminal

    return ended
