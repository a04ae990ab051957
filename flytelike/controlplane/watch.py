"""Streams of what happens to an execution: its state now, then each change, until it ends."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Status, not_found, refusal
from flytelike.controlplane.messages import attempt_message, execution_message, node_message
from flytelike.controlplane.notifier import Notifier
from flytelike.controlplane.repository.executions import changed_attempts, changed_nodes, find_execution
from flytelike.controlplane.repository.rows import AttemptRow, ExecutionRow, NodeRow
from flytelike.model.ids import ExecutionId
from flytelike.model.phases import WorkflowPhase
from flytelike_idl.service import watch_pb2

ROWS_PER_UPDATE = 1_000


@dataclass(frozen=True, slots=True)
class _Seen:
    """How far a watcher has been told: the execution's row, and up to which history entry."""

    row: ExecutionRow | None = None
    nodes: int = 0
    attempts: int = 0


@dataclass(slots=True)
class _News:
    row: ExecutionRow
    nodes: list[NodeRow] = field(default_factory=list)
    attempts: list[AttemptRow] = field(default_factory=list)


class Watch:
    """The use cases of watching."""

    def __init__(self, database: Database, notifier: Notifier) -> None:
        """Read from `database` whenever `notifier` says so."""
        self._database = database
        self._notifier = notifier

    async def execution(
        self, execution: ExecutionId, *, attempts: bool
    ) -> AsyncIterator[watch_pb2.WatchExecutionResponse]:
        """Yield what there is, then what changes; ends behind the final phase.

        Raises:
            Refusal: NOT_FOUND, or UNAVAILABLE when the server goes down meanwhile.
        """
        seen = _Seen()
        with self._notifier.watching(execution) as woken:
            while True:
                woken.clear()
                news = await self._database.glance(partial(_news, execution=execution, seen=seen, attempts=attempts))
                update = _update(execution, news, seen)
                if update is not None:
                    yield update
                more = len(news.nodes) == ROWS_PER_UPDATE or len(news.attempts) == ROWS_PER_UPDATE
                seen = _Seen(
                    news.row if not more else seen.row,
                    news.nodes[-1].sequence if news.nodes else seen.nodes,
                    news.attempts[-1].sequence if news.attempts else seen.attempts,
                )
                if more:
                    continue
                if WorkflowPhase(news.row.phase).terminal:
                    return
                if self._notifier.closed:
                    raise refusal(Status.UNAVAILABLE, "shutting-down", "the server is going down")
                await woken.wait()


def _news(connection: Connection, execution: ExecutionId, seen: _Seen, *, attempts: bool) -> _News:
    """Return what is new, all of one state of the database."""
    row = find_execution(connection, execution)
    if row is None:
        raise not_found("execution", execution)
    news = _News(row)
    if row.sequence > seen.nodes:
        news.nodes = changed_nodes(connection, row.id, seen.nodes, ROWS_PER_UPDATE)
    if attempts and row.sequence > seen.attempts:
        news.attempts = changed_attempts(connection, row.id, seen.attempts, ROWS_PER_UPDATE)
    return news


def _update(execution: ExecutionId, news: _News, seen: _Seen) -> watch_pb2.WatchExecutionResponse | None:
    """Return the message of the news; the execution comes with the last part, so that its end is seen last."""
    more = len(news.nodes) == ROWS_PER_UPDATE or len(news.attempts) == ROWS_PER_UPDATE
    changed = not more and (seen.row is None or _visible(news.row) != _visible(seen.row))
    if not (changed or news.nodes or news.attempts):
        return None
    return watch_pb2.WatchExecutionResponse(
        execution=execution_message(news.row) if changed else None,
        node_executions=[node_message(execution, row, brief=True) for row in news.nodes],
        task_executions=[attempt_message(execution, row) for row in news.attempts],
    )


def _visible(row: ExecutionRow) -> tuple[int, int, int, str]:
    return row.phase, row.state, row.updated_at, row.abort_cause
