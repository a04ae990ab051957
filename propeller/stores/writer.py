"""The one thread that writes: all that waits goes into one transaction, under one sync.

Callers of all executions put their work into a queue. While a transaction is being synced the next
ones gather; the writer then takes them all. A commit whose version does not fit is left out of
the transaction without disturbing the others: the version check is its first statement, and
nothing else can fail for one commit alone. Should the database refuse a transaction of
several nevertheless, each is tried again in a transaction of its own, so that only the one at
fault fails.
"""

import asyncio
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import TypeAlias, cast

from flytelike.model.ids import ExecutionId
from propeller.ports import Commit, Conflict, Forgotten, NotOwner, Owned, StoreError, StoreLocked
from propeller.stores.drivers import Connection, Cursor, Driver, Durability
from propeller.stores.statements import Row, Statements

GROUP_MAX = 256
"""How many commits go into one transaction at most, which bounds how long the first one waits."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Drop history up to a sequence, an execution each."""

    upto: Mapping[ExecutionId, int]


@dataclass(frozen=True, slots=True)
class Own:
    """Become the owner."""

    holder: str
    lease_ms: int


@dataclass(frozen=True, slots=True)
class Renew:
    """Stay the owner from now on; `gone` is nothing to complain of."""

    lease_ms: int
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop closed executions of an age, up to a number of rows."""

    age_ms: int
    rows_max: int


@dataclass(frozen=True, slots=True)
class Expire:
    """Take closed executions for old ones."""

    executions: Collection[ExecutionId]


Alone: TypeAlias = Own | Renew | Forget | Expire
"""Work that has a transaction of its own."""

Work: TypeAlias = Commit | Delivered | Alone
Result: TypeAlias = StoreError | Forgotten | None


class Writer:
    """Stores commits in groups. Made and used on one event loop; writes in a thread of its own."""

    def __init__(self, driver: Driver, statements: Statements, durability: Durability) -> None:
        """Start the thread."""
        self._driver = driver
        self._statements = statements
        self._durability = durability
        self._connection: Connection | None = None
        self._epoch: int | None = None
        self._queue: SimpleQueue[tuple[Work, asyncio.Future[Forgotten | None]] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="propeller-store", daemon=True)
        self._thread.start()

    def write(self, work: Work) -> asyncio.Future[Forgotten | None]:
        """Put work into the queue; the future is done once it is stored, or tells why not."""
        future: asyncio.Future[Forgotten | None] = self._loop.create_future()
        if self._closed:
            future.set_exception(StoreError("the store is closed"))
        else:
            self._queue.put((work, future))
        return future

    async def close(self) -> None:
        """Write what waits, then end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await self._loop.run_in_executor(None, self._thread.join)

    # --- in the thread ------------------------------------------------------------------

    def _run(self) -> None:
        going = True
        while going:
            taken, going = self._take()
            if taken:
                results = self._store([work for work, _ in taken])
                futures = [future for _, future in taken]
                try:
                    self._loop.call_soon_threadsafe(_settle, futures, results)
                except RuntimeError:
                    # The event loop is closed: nobody waits any more, and what is stored is stored.
                    going = False
        self._disconnect()

    def _take(self) -> tuple[list[tuple[Work, asyncio.Future[Forgotten | None]]], bool]:
        taken = []
        item = self._queue.get()
        while item is not None:
            taken.append(item)
            if len(taken) == GROUP_MAX:
                return taken, True
            try:
                item = self._queue.get_nowait()
            except Empty:
                return taken, True
        return taken, False

    def _store(self, taken: Sequence[Work]) -> list[Result]:
        results: list[Result] = []
        for alone, part in groupby(taken, lambda work: isinstance(work, Alone)):
            if alone:
                results += [self._store_group([work])[0] for work in part]
            else:
                results += self._store_group(list(part))
        return results

    def _store_group(self, group: Sequence[Work]) -> Sequence[Result]:
        try:
            return self._transaction(group)
        except StoreError as error:
            # A locked database refuses all of them alike, each after a while.
            if len(group) == 1 or error.lasting or isinstance(error, StoreLocked) or self._connection is None:
                return [error] * len(group)
        return [self._store_group([work])[0] for work in group]

    def _transaction(self, group: Sequence[Work]) -> Sequence[Result]:
        try:
            if self._connection is None:
                self._connection = self._driver.connect(self._durability)
            cursor = self._connection.cursor()
            cursor.execute(self._driver.begin)
            epoch = self._epoch
            results: Sequence[Result] = [None]
            match group[0]:
                case Own() as own:
                    epoch = self._own(cursor, own)
                case Renew() as renew:
                    self._renew(cursor, renew)
                case Forget() as forget:
                    self._check_owner(cursor)
                    results = [_forget(cursor, self._statements, forget)]
                case Expire() as expire:
                    self._check_owner(cursor)
                    for execution in expire.executions:
                        cursor.execute(self._statements.expire, named(execution))
                case _:
                    self._check_owner(cursor)
                    results = _Step(cursor, self._statements).write(group)
            cursor.execute("COMMIT")
            cursor.close()
        except Exception as error:
            self._rollback()
            raise (error if isinstance(error, StoreError) else self._driver.explain(error)) from error
        self._epoch = epoch
        return results

    # --- who may write ------------------------------------------------------------------

    def _check_owner(self, cursor: Cursor) -> None:
        if self._epoch is None:
            return
        cursor.execute(self._statements.owned, (self._epoch,))
        if cursor.fetchone() is None:
            raise self._replaced(cursor)

    def _own(self, cursor: Cursor, own: Own) -> int:
        cursor.execute(self._statements.make_owner)
        cursor.execute(self._statements.own, (own.holder, own.lease_ms, own.holder))
        found = cursor.fetchone()
        if found is None:
            holder, lapses_ms = self._owner(cursor)
            raise Owned(holder, lapses_ms * 1_000_000)
        return cast("int", found[0])

    def _renew(self, cursor: Cursor, renew: Renew) -> None:
        cursor.execute(self._statements.renew, (renew.lease_ms, -1 if self._epoch is None else self._epoch))
        if cursor.fetchone() is None and not renew.gone:
            raise self._replaced(cursor)

    def _replaced(self, cursor: Cursor) -> NotOwner:
        return NotOwner(f"the engine `{self._owner(cursor)[0]}` has taken this store over")

    def _owner(self, cursor: Cursor) -> tuple[str, int]:
        cursor.execute(self._statements.owner)
        return cast("tuple[str, int]", tuple(cursor.fetchone() or ("", 0)))

    def _rollback(self) -> None:
        if self._connection is None:
            return
        try:
            self._connection.cursor().execute("ROLLBACK")
        except Exception as error:  # noqa: BLE001 - SQLite may have rolled back by itself
            if "no transaction" not in str(error):
                self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _settle(futures: Sequence[asyncio.Future[Forgotten | None]], results: Sequence[Result]) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.done():
            continue  # Its caller was cancelled; what is stored is stored.
        if isinstance(result, StoreError):
            future.set_exception(result)
        else:
            future.set_result(result)


def _forget(cursor: Cursor, statements: Statements, forget: Forget) -> Forgotten:
    """Drop executions, oldest first; of one that is too large a part now and the rest next time."""
    cursor.execute(statements.closed, (forget.age_ms, forget.rows_max))
    found = [row[0] for row in cursor.fetchall()]
    rows, dropped = 0, 0
    for id_ in found:
        left = forget.rows_max - rows
        cursor.execute(statements.forget_cells, (id_, id_, left))
        rows += cursor.rowcount
        if rows >= forget.rows_max:
            break
        cursor.execute(statements.forget, (id_,))
        rows += 1
        dropped += 1
    cursor.execute(statements.closed_left)
    return Forgotten(dropped, full=rows >= forget.rows_max, left=cursor.fetchone() is not None)


class _Step:
    """The rows of one transaction, gathered so that each table is written by one call."""

    __slots__ = ("_cells", "_commands", "_cursor", "_delivered", "_done", "_dropped", "_history", "_statements")

    def __init__(self, cursor: Cursor, statements: Statements) -> None:
        self._cursor = cursor
        self._statements = statements
        self._cells: list[Row] = []
        self._dropped: list[Row] = []
        self._commands: list[Row] = []
        self._done: list[Row] = []
        self._history: list[Row] = []
        self._delivered: list[Row] = []

    def write(self, group: Sequence[Work]) -> list[StoreError | None]:
        results = [self._take(work) for work in group]
        s = self._statements
        self._many(s.put_cell, self._cells)
        self._many(s.drop_cell, self._dropped)
        self._many(s.drop_command, self._done)
        self._many(s.put_command, self._commands)
        self._many(s.put_history, self._history)
        self._many(s.drop_history, self._delivered)
        return results

    def _many(self, sql: str, rows: list[Row]) -> None:
        if len(rows) == 1:
            self._cursor.execute(sql, rows[0])
        elif rows:
            self._cursor.executemany(sql, rows)

    def _take(self, work: Work) -> StoreError | None:
        if isinstance(work, Delivered):
            self._delivered += [(*named(execution), last) for execution, last in work.upto.items()]
            return None
        assert isinstance(work, Commit), "who owns the store is decided in a transaction of its own"
        number = self._advance(work)
        if number is None:
            return Conflict(f"{work.execution} does not have version {work.expected}")
        self._gather(number, work)
        return None

    def _advance(self, commit: Commit) -> object:
        """Return the execution's number; None if it does not have the expected version."""
        s, name = self._statements, named(commit.execution)
        if not commit.expected:
            self._cursor.execute(s.create, (*name, commit.closed, commit.header, commit.launch))
        elif commit.closed:
            self._cursor.execute(s.conclude, (commit.header, *name, commit.expected))
        else:
            self._cursor.execute(s.advance, (commit.header, *name, commit.expected))
        found = self._cursor.fetchone()
        return None if found is None else found[0]

    def _gather(self, number: object, commit: Commit) -> None:
        cells, outputs = commit.cells, commit.outputs
        if commit.drop:
            drop = frozenset(commit.drop)
            cells = {key: state for key, state in cells.items() if key not in drop}
            outputs = {key: output for key, output in outputs.items() if key not in drop}
            self._dropped += [(number, key) for key in commit.drop]
        self._cells += [(number, key, state, outputs.get(key)) for key, state in cells.items()]
        self._cells += [(number, key, None, output) for key, output in outputs.items() if key not in cells]
        self._done += [(number, id_) for id_ in commit.done]
        self._commands += [(number, id_, payload) for id_, payload in commit.commands.items()]
        if commit.history is not None:
            told = commit.history
            self._history.append((number, told.first, told.last, told.payload))


def named(execution: ExecutionId) -> tuple[str, str, str, str]:
    """Return the parameters that name an execution."""
    return (execution.project, execution.domain, execution.name, execution.org)
