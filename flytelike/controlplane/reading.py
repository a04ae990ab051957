"""Reading executions, their nodes and attempts, and the data that went in and came out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from flytelike.codec.parse import parse
from flytelike.controlplane.database import Database
from flytelike.controlplane.decks import deck_uri
from flytelike.controlplane.errors import Status, invalid, not_found, refusal
from flytelike.controlplane.executions import found
from flytelike.controlplane.listing import ListQuery
from flytelike.controlplane.messages import attempt_message, execution_message, fill_elements, node_message
from flytelike.controlplane.repository import executions as repository
from flytelike.controlplane.repository.elements import ElementRow, list_elements
from flytelike.controlplane.repository.rows import AttemptRow, ExecutionRow, NodeRow
from flytelike.controlplane.settings import Settings
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath, TaskExecutionId
from flytelike.storage import NotFound, Store, TooLarge
from flytelike_idl.admin import common_pb2, execution_pb2, node_execution_pb2, task_execution_pb2
from flytelike_idl.core import literals_pb2

EXTERNAL_RESOURCES_MAX = 1_000
"""How many elements of an array a list of its attempts tells of; `ListElements` tells of all, in pages."""

EVERYWHERE = "*"
"""As parent in a list of nodes: nodes at any depth."""

DECKS_AT_ONCE = 64
"""How many reports are looked for at once."""


@dataclass(frozen=True, slots=True)
class Data:
    """What went in or came out: where it lies, its size, and the values when they are small enough to send."""

    blob: common_pb2.UrlBlob
    literals: literals_pb2.LiteralMap


class Reading:
    """The use cases of reading."""

    def __init__(self, database: Database, store: Store, settings: Settings) -> None:
        """Read rows from `database` and values from `store`."""
        self._database = database
        self._store = store
        self._inline_bytes = settings.limits.inline_bytes

    async def execution(self, execution: ExecutionId) -> execution_pb2.Execution:
        """Return an execution; raises Refusal NOT_FOUND, as all methods here do."""
        return execution_message(await self.execution_row(execution))

    async def execution_row(self, execution: ExecutionId) -> ExecutionRow:
        """Return an execution's row."""
        return await self._database.read(lambda connection: found(connection, execution))

    async def executions(self, project: str, domain: str, name: str, query: ListQuery) -> list[execution_pb2.Execution]:
        """Return a page of executions."""
        rows = await self._database.read(
            lambda connection: repository.list_executions(connection, project, domain, name, query)
        )
        return [execution_message(row) for row in rows]

    async def node(self, node: NodeExecutionId) -> node_execution_pb2.NodeExecution:
        """Return a node of an execution."""
        row = await self.node_row(node)
        out = node_message(node.execution, row)
        out.closure.deck_uri = await self._deck_of(node, row)
        return out

    async def deck_uri(self, node: NodeExecutionId) -> str:
        """Return where a node's report lies; empty when it has none."""
        return await self._deck_of(node, await self.node_row(node))

    async def _deck_of(self, node: NodeExecutionId, row: NodeRow) -> str:
        if row.output_uri and (uri := await deck_uri(row, 0, self._store)):
            return uri
        attempts = await self._database.read(
            lambda connection: repository.count_attempts(connection, found(connection, node.execution).id, node.path)
        )
        return await deck_uri(row, attempts, self._store)

    async def node_row(self, node: NodeExecutionId) -> NodeRow:
        """Return a node's row."""

        def look(connection: Connection) -> NodeRow:
            row = repository.find_node(connection, found(connection, node.execution).id, node.path)
            if row is None:
                raise not_found("node execution", f"{node.execution}/{node.path}")
            return row

        return await self._database.read(look)

    async def nodes(
        self, execution: ExecutionId, parent: str, query: ListQuery
    ) -> list[node_execution_pb2.NodeExecution]:
        """Return a page of the nodes that lie in the node `parent`: `""` for the top, `*` for all."""
        within = None if parent == EVERYWHERE else parent
        rows = await self._database.read(
            lambda connection: repository.list_nodes(connection, found(connection, execution).id, within, query)
        )
        messages = [node_message(execution, row) for row in rows]
        looking = asyncio.Semaphore(DECKS_AT_ONCE)

        async def add_deck(message: node_execution_pb2.NodeExecution, row: NodeRow) -> None:
            async with looking:
                message.closure.deck_uri = await self._deck_of(NodeExecutionId(execution, NodePath(row.path)), row)

        # What has begun to run may have one; nodes around others have none of their own.
        begun = [(message, row) for message, row in zip(messages, rows, strict=True) if row.inputs_uri]
        await asyncio.gather(*[add_deck(message, row) for message, row in begun if not row.is_child])
        return messages

    async def attempt(self, attempt: TaskExecutionId) -> task_execution_pb2.TaskExecution:
        """Return an attempt of a task node."""

        def look(connection: Connection) -> tuple[AttemptRow, str]:
            row = _attempt_row(connection, attempt.node, attempt.attempt)
            node = repository.find_node(connection, row.execution, attempt.node.path)
            return row, "" if node is None else node.waits

        row, waits = await self._database.read(look)
        return attempt_message(attempt.node.execution, row, waits)

    async def attempt_row(self, node: NodeExecutionId, attempt: int) -> AttemptRow:
        """Return an attempt's row."""
        return await self._database.read(lambda connection: _attempt_row(connection, node, attempt))

    async def attempts(self, node: NodeExecutionId, query: ListQuery) -> list[task_execution_pb2.TaskExecution]:
        """Return a page of a node's attempts."""

        def look(connection: Connection) -> tuple[Sequence[AttemptRow], Sequence[ElementRow], str]:
            execution = found(connection, node.execution).id
            rows = repository.list_attempts(connection, execution, node.path, query)
            row = repository.find_node(connection, execution, node.path)
            if row is None or not row.is_array:
                return rows, (), "" if row is None else row.waits
            shown = list_elements(connection, execution, node.path, 0, EXTERNAL_RESOURCES_MAX, only_failed=False)
            return rows, shown, row.waits

        rows, elements, waits = await self._database.read(look)
        messages = [attempt_message(node.execution, row, waits) for row in rows]
        if messages:
            fill_elements(messages[-1], elements)
        return messages

    async def elements(
        self, node: NodeExecutionId, first: int, limit: int, *, only_failed: bool
    ) -> Sequence[ElementRow]:
        """Return elements of an array from an index on; raises Refusal INVALID_ARGUMENT for other nodes."""
        row = await self.node_row(node)
        if not row.is_array:
            raise invalid("not-an-array", f"{node.execution}/{node.path} is no array: it has no elements")
        return await self._elements(row, first, limit, only_failed=only_failed)

    async def has_printed(self, attempt: TaskExecutionId) -> None:
        """Check that there is an attempt whose output may be read: a task node's, or that of an array's element."""
        scope, _, index = attempt.node.path.rpartition(".")
        owner = NodeExecutionId(attempt.node.execution, NodePath(scope.rpartition(".")[0]))
        if index.isdecimal() and owner.path:
            row = await self.node_row(owner)
            if row.is_array and int(index) < row.elements:
                return
        await self.attempt_row(attempt.node, attempt.attempt)

    async def _elements(
        self, row: NodeRow, first: int, limit: int, *, only_failed: bool = False
    ) -> Sequence[ElementRow]:
        return await self._database.read(
            lambda connection: list_elements(connection, row.execution, row.path, first, limit, only_failed=only_failed)
        )

    async def data(self, uri: str) -> Data:
        """Return the literals at `uri`; an empty uri gives empty data.

        Values that are too large for a message are left out: the blob says where they are.
        """
        blob = common_pb2.UrlBlob(url=uri)
        if not uri:
            return Data(blob, literals_pb2.LiteralMap())
        try:
            stored = await self._store.get_async(uri, max_bytes=self._inline_bytes)
        except TooLarge:
            blob.bytes = (await asyncio.to_thread(self._store.head, uri)).size_bytes
            return Data(blob, literals_pb2.LiteralMap())
        except NotFound:
            raise refusal(Status.NOT_FOUND, "unknown-data", f"the data at {uri} is gone") from None
        blob.bytes = len(stored)
        return Data(blob, parse(literals_pb2.LiteralMap, stored))


def _attempt_row(connection: Connection, node: NodeExecutionId, attempt: int) -> AttemptRow:
    row = repository.find_attempt(connection, found(connection, node.execution).id, node.path, attempt)
    if row is None:
        raise not_found("task execution", f"{node.execution}/{node.path}/{attempt}")
    return row
