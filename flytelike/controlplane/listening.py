"""Waking watchers that are connected to other servers: PostgreSQL's LISTEN and NOTIFY.

What is told in a transaction is heard once it is committed, and never if it is undone. A server that
lost its connection may have missed something: when it listens again all its watchers look for themselves.
"""

import asyncio
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from typing_extensions import override

from flytelike.controlplane.child_news import ChildEnded
from flytelike.controlplane.database import POSTGRES_PATIENCE
from flytelike.controlplane.notifier import Notifier
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath

if TYPE_CHECKING:
    import psycopg

_LOG = logging.getLogger(__name__)

CHANNEL = "flytelike_changed"
CHILDREN_CHANNEL = "flytelike_child_ended"
RULES_CHANNEL = "flytelike_rules"
PAYLOAD_BYTES_MAX = 7_900
"""PostgreSQL takes payloads of less than 8,000 bytes."""
FRAME_BYTES = 30
"""What a message has besides its executions: the server's name and brackets."""
PAUSE_S = 0.2
PAUSE_S_MAX = 10.0


class ListeningNotifier(Notifier):
    """Watchers of this server, woken by what any server on the same database records."""

    def __init__(self, url: URL) -> None:
        """Prepare for the database at `url`; `start` connects."""
        super().__init__()
        self._address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._name = os.urandom(8).hex()
        self._task: asyncio.Task[None] | None = None
        self._first: asyncio.Future[None] | None = None

    @override
    async def start(self) -> None:
        """Begin to listen; returns once it does, or once it is known that it cannot yet."""
        self._first = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._listen(), name="controlplane-listen")
        await self._first

    @override
    async def stop(self) -> None:
        """Listen no more, and disconnect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    @override
    def tell(self, connection: Connection, executions: Iterable[ExecutionId], ended: Sequence[ChildEnded] = ()) -> None:
        """Tell the other servers with this transaction."""
        told = [(CHANNEL, payload) for payload in payloads(self._name, executions)]
        told.extend((CHILDREN_CHANNEL, _child_payload(self._name, child)) for child in ended)
        for channel, payload in told:
            connection.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": channel, "payload": payload})

    @override
    def tell_rules(self, connection: Connection) -> None:
        """Tell the other servers with this transaction."""
        payload = json.dumps([self._name, []])
        connection.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": RULES_CHANNEL, "payload": payload})

    async def _listen(self) -> None:
        import psycopg  # noqa: PLC0415 - an optional library, loaded where PostgreSQL is used

        pause_s = PAUSE_S
        while not self.closed:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._address, autocommit=True, **POSTGRES_PATIENCE
                ) as connection:
                    await connection.execute(f"LISTEN {RULES_CHANNEL}")
                    await connection.execute(f"LISTEN {CHILDREN_CHANNEL}")
                    await connection.execute(f"LISTEN {CHANNEL}")
                    pause_s = PAUSE_S
                    self._began()
                    await self._hear(connection)
            except psycopg.Error as error:
                _LOG.warning("changes that other servers record are not heard for a while: %s", error)
            self._answer()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_S_MAX)

    async def _hear(self, connection: "psycopg.AsyncConnection[tuple[object, ...]]") -> None:
        async for told in connection.notifies():
            name, changed = json.loads(told.payload)
            if name == self._name:
                continue
            if told.channel == CHILDREN_CHANNEL:
                self._child_ended(changed)
            elif told.channel == RULES_CHANNEL:
                self.rules_changed()
            else:
                self.changed(ExecutionId(*ids) for ids in changed)

    def _child_ended(self, told: Sequence[Any]) -> None:
        if not told:
            self.children.missed()
            return
        parent, path, attempt, child = told
        ended = ChildEnded(NodeExecutionId(ExecutionId(*parent), NodePath(path)), attempt, ExecutionId(*child))
        self.children.told([ended])

    def _began(self) -> None:
        self.changed_any()
        self.rules_changed()
        self.children.missed()
        self._answer()

    def _answer(self) -> None:
        if self._first is not None and not self._first.done():
            self._first.set_result(None)


def _child_payload(name: str, ended: ChildEnded) -> str:
    """Return the message of a child that ended; one that says nothing where it would be too long."""
    parent = _ids(ended.parent.execution)
    payload = json.dumps([name, [parent, ended.parent.path, ended.attempt, _ids(ended.child)]])
    return payload if len(payload) <= PAYLOAD_BYTES_MAX else json.dumps([name, []])


def _ids(execution: ExecutionId) -> tuple[str, str, str, str]:
    return execution.project, execution.domain, execution.name, execution.org


def payloads(name: str, executions: Iterable[ExecutionId]) -> Iterator[str]:
    """Yield messages that name the executions, each of them short enough."""
    ids: list[tuple[str, str, str, str]] = []
    size = 0
    for execution in executions:
        one = _ids(execution)
        length = len(json.dumps(one)) + len(", ")
        if ids and size + length > PAYLOAD_BYTES_MAX - FRAME_BYTES:
            yield json.dumps([name, ids])
            ids, size = [], 0
        ids.append(one)
        size += length
    if ids:
        yield json.dumps([name, ids])
