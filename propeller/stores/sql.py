"""The store of record in SQLite or PostgreSQL.

One row an execution (version, header), one a cell, one a command that is left, one a commit's
history until it is delivered. Writes go through one thread that groups them (`writer`), reads
through another with a connection of its own, so that neither waits for the other.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

from sqlalchemy.schema import CreateIndex, CreateTable

from flytelike.model.ids import ExecutionId
from propeller.ports import Commit, Forgotten, HistoryBatch, Snapshot, StoreTooNew
from propeller.stores import schema
from propeller.stores.drivers import Connection, Cursor, Driver, Durability, driver_for
from propeller.stores.statements import Row, statements
from propeller.stores.writer import Delivered, Expire, Forget, Own, Renew, Writer, named

R = TypeVar("R")

APART_MAX = 8_000
"""So many executions are left out of what is read: each takes four parameters, and SQLite takes 32,766 of them."""

_WITH_CLOSED_MS = 3
"""The version of the tables that knows when executions closed."""


class SqlStateStore:
    """A `StateStore` in a SQL database. Made by `open`."""

    def __init__(self, driver: Driver, durability: Durability, reader: Connection) -> None:
        """Take a prepared database; use `open`."""
        self._driver = driver
        self._statements = statements(driver.placeholder, driver.now_ms, driver.hold)
        self._writer = Writer(driver, self._statements, durability)
        self._durability = durability
        self._reader: Connection | None = reader
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="propeller-store-reader")
        self._closed = False

    @classmethod
    async def open(cls, url: str, durability: Durability = Durability.POWER, part: int = 0) -> "SqlStateStore":
        """Open the database at `sqlite:///<path>` (or a bare path) or `postgresql://...`.

        Each `part` of a database is a store of its own, with an owner of its own. Makes the tables when there are
        none. Raises `StoreTooNew` (`newer-database`), `StoreCorrupt` (`corrupt-database`), `StoreFull` (`disk-full`)
        or another `StoreError`.
        """
        driver = driver_for(url, part)
        reader = await asyncio.to_thread(_prepared, driver, durability)
        return cls(driver, durability, reader)

    async def commit(self, commit: Commit) -> None:
        """Store one step; see `StateStore.commit`."""
        await self._writer.write(commit)

    async def delivered(self, upto: Mapping[ExecutionId, int]) -> None:
        """Drop delivered history; see `StateStore.delivered`."""
        await self._writer.write(Delivered(dict(upto)))

    async def forget(self, age_ns: int, rows_max: int) -> Forgotten:
        """Drop the oldest executions; see `StateStore.forget`."""
        forgotten = await self._writer.write(Forget(age_ns // 1_000_000, rows_max))
        assert forgotten is not None
        return forgotten

    async def expire(self, executions: Collection[ExecutionId]) -> None:
        """Take closed executions for old ones; see `StateStore.expire`."""
        await self._writer.write(Expire(executions))

    async def own(self, holder: str, lease_ns: int) -> None:
        """Become the owner; see `StateStore.own`."""
        await self._writer.write(Own(holder, lease_ns // 1_000_000))

    async def renew(self, lease_ns: int) -> None:
        """Stay the owner; see `StateStore.renew`."""
        await self._writer.write(Renew(lease_ns // 1_000_000))

    async def release(self) -> None:
        """Let anybody be the owner; see `StateStore.release`."""
        await self._writer.write(Renew(0, gone=True))

    async def load(self, execution: ExecutionId) -> Snapshot | None:
        """Return what is stored of the execution, or None."""
        return await self._read(lambda cursor: self._load(cursor, execution))

    async def unfinished(self) -> Sequence[ExecutionId]:
        """Return the executions that are not closed or have commands left, oldest first."""
        rows = await self._read(lambda cursor: _rows(cursor, self._statements.unfinished, ()))
        return [ExecutionId(*cast("tuple[str, str, str, str]", tuple(row))) for row in rows]

    async def output(self, execution: ExecutionId, key: str) -> bytes | None:
        """Return a result kept by `Commit.outputs`, or None."""
        row = (*named(execution), key)
        rows = await self._read(lambda cursor: _rows(cursor, self._statements.output, row))
        return cast("bytes | None", rows[0][0]) if rows else None

    async def outputs(self, execution: ExecutionId, keys: Sequence[str]) -> Sequence[bytes | None]:
        """Return results kept by `Commit.outputs`; see `StateStore.outputs`."""

        def read(cursor: Cursor) -> Sequence[bytes | None]:
            found = []
            for key in keys:
                rows = _rows(cursor, self._statements.output, (*named(execution), key))
                found.append(cast("bytes | None", rows[0][0]) if rows else None)
            return found

        return await self._read(read)

    async def undelivered(
        self, limit: int, apart: Collection[ExecutionId] = ()
    ) -> Sequence[tuple[ExecutionId, HistoryBatch]]:
        """Return at most `limit` batches that are not delivered; see `StateStore.undelivered`."""
        left_out = sorted(apart)[:APART_MAX]
        text = self._statements.undelivered
        if left_out:
            text = self._statements.undelivered_but
            one = f"({', '.join([self._driver.placeholder] * len(named(left_out[0])))})"
            text = text.replace("{apart}", ", ".join([one] * len(left_out)))
        given = (*(part for execution in left_out for part in named(execution)), limit)
        rows = await self._read(lambda c: _rows(c, text, given))
        return [
            (
                ExecutionId(*cast("tuple[str, str, str, str]", tuple(row[:4]))),
                HistoryBatch(*cast("tuple[int, int, bytes]", tuple(row[4:]))),
            )
            for row in rows
        ]

    async def close(self) -> None:
        """Finish what was asked for, then release everything."""
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        await asyncio.to_thread(self._reading.shutdown)
        self._drop_reader()

    async def _read(self, read: Callable[[Cursor], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._reads, read)

    def _reads(self, read: Callable[[Cursor], R]) -> R:
        try:
            if self._reader is None:
                self._reader = self._driver.connect(self._durability)
            cursor = self._reader.cursor()
            # One transaction, so that the parts of a snapshot belong together.
            cursor.execute(self._driver.begin_reading)
            try:
                return read(cursor)
            finally:
                cursor.execute("COMMIT")
                cursor.close()
        except Exception as error:
            # The server may have been restarted: the next one has a connection that works.
            self._drop_reader()
            raise self._driver.explain(error) from error

    def _drop_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _load(self, cursor: Cursor, execution: ExecutionId) -> Snapshot | None:
        found = _rows(cursor, self._statements.find, named(execution))
        if not found:
            return None
        number, version, closed, launch, header = cast("tuple[int, int, object, bytes, bytes]", found[0])
        of = (number,)
        cells = cast("list[tuple[str, bytes]]", _rows(cursor, self._statements.cells, of))
        commands = cast("list[tuple[str, bytes]]", _rows(cursor, self._statements.commands, of))
        return Snapshot(version, bool(closed), launch, header, dict(cells), dict(commands))


def _rows(cursor: Cursor, sql: str, row: Row) -> Sequence[Sequence[object]]:
    cursor.execute(sql, row)
    return cursor.fetchall()


def _prepared(driver: Driver, durability: Durability) -> Connection:
    """Open a connection and make the tables, or check that they are of this version."""
    connection: Connection | None = None
    try:
        connection = driver.connect(durability)
        _make_tables(driver, connection.cursor())
    except Exception as error:
        if connection is not None:
            connection.close()
        raise (error if isinstance(error, StoreTooNew) else driver.explain(error)) from error
    return connection


def _make_tables(driver: Driver, cursor: Cursor) -> None:
    for sql in driver.exclusive:
        cursor.execute(sql)
    cursor.execute(_ddl(CreateTable(schema.schema_version, if_not_exists=True), driver))
    cursor.execute("SELECT max(version) FROM propeller_schema")
    row = cursor.fetchone()
    found = cast("int | None", row[0]) if row else None
    if found is None or found < schema.VERSION:
        if found is not None and found < _WITH_CLOSED_MS:
            # What closed before is taken for closed now: it is kept for as long as what closes today.
            cursor.execute("ALTER TABLE propeller_execution ADD COLUMN closed_ms BIGINT")
            cursor.execute(f"UPDATE propeller_execution SET closed_ms = {driver.now_ms} WHERE closed")  # noqa: S608 - the driver's own text
        for table in schema.metadata.sorted_tables:
            cursor.execute(_ddl(CreateTable(table, if_not_exists=True), driver))
            for index in table.indexes:
                cursor.execute(_ddl(CreateIndex(index, if_not_exists=True), driver))
        cursor.execute(f"INSERT INTO propeller_schema (version) VALUES ({schema.VERSION})")  # noqa: S608 - a constant
    elif found > schema.VERSION:
        cursor.execute("ROLLBACK")
        raise StoreTooNew(
            f"the data was written by a newer version of the platform (its schema is {found}, this "
            f"version knows {schema.VERSION}): use that version or a newer one"
        )
    cursor.execute("COMMIT")


def _ddl(element: CreateTable | CreateIndex, driver: Driver) -> str:
    return str(element.compile(dialect=driver.dialect))
