"""The store of record in memory: for tests, simulation and runs nobody wants to keep."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from flytelike.model.ids import ExecutionId
from propeller.ports import Commit, Conflict, Forgotten, HistoryBatch, NotOwner, Owned, Snapshot, StoreError


@dataclass(slots=True)
class _Row:
    launch: bytes
    version: int = 0
    closed: bool = False
    closed_ns: int = 0
    header: bytes = b""
    cells: dict[str, bytes] = field(default_factory=dict)
    outputs: dict[str, bytes] = field(default_factory=dict)
    commands: dict[str, bytes] = field(default_factory=dict)
    history: list[HistoryBatch] = field(default_factory=list)


@dataclass(slots=True)
class _Owner:
    epoch: int = 0
    holder: str = ""
    until_ns: int = 0


class MemoryStateStore:
    """A `StateStore` that lives as long as the object. Survives nothing."""

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        """Begin empty; leases run by the given clock."""
        self._rows: dict[ExecutionId, _Row] = {}
        self._owner = _Owner()
        self._epoch: int | None = None
        self._now_ns = now_ns
        self._closed = False

    def beside(self) -> "MemoryStateStore":
        """Return another handle on the same data, as another engine would have."""
        other = MemoryStateStore(self._now_ns)
        other._rows, other._owner = self._rows, self._owner
        return other

    async def own(self, holder: str, lease_ns: int) -> None:
        """Become the owner; see `StateStore.own`."""
        self._check_open()
        owner, now_ns = self._owner, self._now_ns()
        if owner.holder != holder and owner.until_ns > now_ns:
            raise Owned(owner.holder, owner.until_ns - now_ns)
        owner.epoch, owner.holder, owner.until_ns = owner.epoch + 1, holder, now_ns + lease_ns
        self._epoch = owner.epoch

    async def renew(self, lease_ns: int) -> None:
        """Stay the owner; see `StateStore.renew`."""
        self._check_open()
        if self._epoch != self._owner.epoch:
            raise self._replaced()
        self._owner.until_ns = self._now_ns() + lease_ns

    async def release(self) -> None:
        """Let anybody be the owner; see `StateStore.release`."""
        if self._epoch == self._owner.epoch:
            self._owner.until_ns = 0

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the store is closed")

    def _check_owner(self) -> None:
        self._check_open()
        if self._epoch not in {None, self._owner.epoch}:
            raise self._replaced()

    def _replaced(self) -> NotOwner:
        return NotOwner(f"the engine `{self._owner.holder}` has taken this store over")

    async def commit(self, commit: Commit) -> None:
        """Store one step; see `StateStore.commit`."""
        self._check_owner()
        row = self._rows.get(commit.execution)
        if (row.version if row else 0) != commit.expected:
            raise Conflict(f"{commit.execution} does not have version {commit.expected}")
        if row is None:
            row = self._rows[commit.execution] = _Row(commit.launch)
        row.version += 1
        if commit.closed and not row.closed:
            row.closed_ns = self._now_ns()
        row.closed = commit.closed
        row.header = commit.header
        row.cells.update(commit.cells)
        row.outputs.update(commit.outputs)
        for key in commit.drop:
            row.cells.pop(key, None)
            row.outputs.pop(key, None)
        for id_ in commit.done:
            row.commands.pop(id_, None)
        row.commands.update(commit.commands)
        if commit.history is not None:
            row.history.append(commit.history)

    async def load(self, execution: ExecutionId) -> Snapshot | None:
        """Return what is stored of the execution, or None."""
        row = self._rows.get(execution)
        if row is None:
            return None
        commands = dict(sorted(row.commands.items()))
        return Snapshot(row.version, row.closed, row.launch, row.header, dict(row.cells), commands)

    async def unfinished(self) -> Sequence[ExecutionId]:
        """Return the executions that are not closed or have commands left, oldest first."""
        return [id_ for id_, row in self._rows.items() if not row.closed or row.commands]

    async def output(self, execution: ExecutionId, key: str) -> bytes | None:
        """Return a result kept by `Commit.outputs`, or None."""
        row = self._rows.get(execution)
        return row.outputs.get(key) if row else None

    async def outputs(self, execution: ExecutionId, keys: Sequence[str]) -> Sequence[bytes | None]:
        """Return results kept by `Commit.outputs`; see `StateStore.outputs`."""
        row = self._rows.get(execution)
        return [row.outputs.get(key) if row else None for key in keys]

    async def undelivered(
        self, limit: int, apart: Collection[ExecutionId] = ()
    ) -> Sequence[tuple[ExecutionId, HistoryBatch]]:
        """Return at most `limit` batches that are not delivered; see `StateStore.undelivered`."""
        pending = [(id_, batch) for id_, row in self._rows.items() if id_ not in apart for batch in row.history]
        return pending[:limit]

    async def delivered(self, upto: Mapping[ExecutionId, int]) -> None:
        """Drop delivered history; see `StateStore.delivered`."""
        self._check_owner()
        for id_, last in upto.items():
            row = self._rows.get(id_)
            if row is None:
                continue
            row.history = [batch for batch in row.history if batch.last > last]

    async def forget(self, age_ns: int, rows_max: int) -> Forgotten:
        """Drop the oldest executions; see `StateStore.forget`."""
        self._check_owner()
        due_ns = self._now_ns() - age_ns
        closed = sorted((row.closed_ns, id_) for id_, row in self._rows.items() if row.closed)
        rows, dropped = 0, 0
        for closed_ns, id_ in closed:
            row = self._rows[id_]
            if closed_ns > due_ns or rows >= rows_max:
                break
            if not row.commands and not row.history:
                rows += 1 + len(row.cells)
                dropped += 1
                del self._rows[id_]
        return Forgotten(dropped, full=rows >= rows_max, left=dropped < len(closed))

    async def expire(self, executions: Collection[ExecutionId]) -> None:
        """Take closed executions for old ones; see `StateStore.expire`."""
        self._check_owner()
        for execution in executions:
            row = self._rows.get(execution)
            if row is not None and row.closed:
                row.closed_ns = 0

    async def close(self) -> None:
        """Refuse further commits."""
        self._closed = True
