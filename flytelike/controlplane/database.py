"""The database: doors for reading and one for writing, each in a transaction.

The drivers are blocking, so they run on threads. SQLite gets a single writing thread, since it has a single writer,
and puts what several callers write under one sync; PostgreSQL gets several, and does that itself.

A few rows of SQLite, found by their keys, take tens of microseconds, less than a thread takes to hand them
over: `glance` reads them where it is called.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import ConnectionPoolEntry

from flytelike.controlplane.attendant import attendant
from flytelike.controlplane.errors import Refusal, Status, refusal
from flytelike.controlplane.group_commit import Done, GroupCommit, Work

T = TypeVar("T")

READERS = 4
POSTGRES_WRITERS = 4
ATTEMPTS_MAX = 5
SQLITE_BUSY_MS = 5_000
"""How long a write waits for another process that writes the same file, before it is told."""
FULL_BYTES = 1 << 20
"""A disk with less room than this counts as full."""
POSTGRES_PATIENCE: Mapping[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A server that vanished without a word is given up after half a minute (libpq's settings)."""
RETRIED_SQLSTATES = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization failure and deadlock."""

_SQLITE_PRAGMAS = (
    # Of new files only, before anything else is written: what is deleted can be given back to the disk.
    "PRAGMA auto_vacuum=INCREMENTAL",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA busy_timeout={SQLITE_BUSY_MS}",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
)


class Database:
    """A SQLite file or a PostgreSQL database. Threads start when first used; `close` ends them."""

    def __init__(self, url: str) -> None:
        """Prepare for `url`, SQLAlchemy's form; nothing is opened yet."""
        parsed = make_url(url)
        self.sqlite = parsed.get_backend_name() == "sqlite"
        writers = 1 if self.sqlite else POSTGRES_WRITERS
        self.engine = _engine(parsed, READERS + writers)
        # Hot statements run on the driver's cursor, whose errors nobody wraps.
        driver = self.engine.dialect.dbapi
        assert driver is not None
        self._errors: tuple[type[Exception], ...] = (DBAPIError, driver.Error)
        self._unreached: type[Exception] = driver.OperationalError
        self._reading = ThreadPoolExecutor(READERS, "controlplane-read")
        self._writing = ThreadPoolExecutor(writers, "controlplane-write")
        self._group = GroupCommit(self._writing, self._together) if self.sqlite else None
        self._glancing: Connection | None = None

    async def glance(self, work: Work[T]) -> T:
        """Do as `read` with work that only finds a few rows by their keys."""
        if not self.sqlite:
            return await self.read(work)
        try:
            if self._glancing is None:
                self._glancing = self.engine.connect()
                self._glancing.exec_driver_sql("PRAGMA busy_timeout=0")
                self._glancing.commit()
            with self._glancing.begin():
                return work(self._glancing)
        except self._errors:
            return await self.read(work)  # Where it may wait; and what is wrong, it tells.

    async def read(self, work: Work[T]) -> T:
        """Run `work` in a transaction that sees one state of the database, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, self.read_now, work)

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction that is durable once this returns, or undone if it raises.

        A conflict with another writer runs it again; the second time it sees what the other wrote. What attends the
        call is written in the same transaction.
        """
        beside = attendant()
        if beside is None:
            return await self._write(work)

        def both(connection: Connection) -> T:
            result = work(connection)
            beside.work(connection)
            return result

        result = await self._write(both)
        beside.done = True
        return result

    async def _write(self, work: Work[T]) -> T:
        if self._group is not None:
            return await self._group.write(work)
        return await asyncio.get_running_loop().run_in_executor(self._writing, self.write_now, work)

    def read_now(self, work: Work[T]) -> T:
        """Do what `read` does on the calling thread."""
        try:
            with self.engine.connect() as connection, connection.begin():
                return work(connection)
        except self._errors as error:
            raise self._translated(error) from error

    def write_now(self, work: Work[T]) -> T:
        """Do what `write` does on the calling thread."""
        for attempt in range(ATTEMPTS_MAX):
            try:
                with self._writing_connection() as connection, connection.begin():
                    return work(connection)
            except self._errors as error:
                if attempt + 1 == ATTEMPTS_MAX or not _worth_another_try(error):
                    raise self._translated(error) from error
        raise AssertionError("the loop above returns or raises")

    def _together(self, group: Sequence[Work[Any]]) -> Sequence[Done[Any]]:
        """Do work of several callers in one transaction; if that fails, each in one of its own."""
        if len(group) > 1:
            try:
                with self._writing_connection() as connection, connection.begin():
                    return [Done(work(connection)) for work in group]
            except Exception as error:  # noqa: BLE001 - whose it is comes out when each is done by itself
                if _is_locked(error):  # It refuses all of them alike, each after a while.
                    return [Done(error=self._translated(error))] * len(group)
        return [self._alone(work) for work in group]

    def _alone(self, work: Work[Any]) -> Done[Any]:
        try:
            return Done(self.write_now(work))
        except Exception as error:  # noqa: BLE001 - the caller gets it
            return Done(error=error)

    def close(self) -> None:
        """Wait for what is under way, and close every connection."""
        self._reading.shutdown()
        self._writing.shutdown()
        if self._glancing is not None:
            self._glancing.close()
        self.engine.dispose()

    def _translated(self, error: Exception) -> Exception:
        """Return what a fault of the database means to a caller; others stay as they are."""
        text = str(_cause(error))
        if is_corrupt(error):
            return corrupt(text)
        if self._is_full(error):
            return refusal(Status.RESOURCE_EXHAUSTED, "disk-full", "the database's disk is full", "free some space")
        if _is_locked(error):
            told = f"another process holds the database {self.engine.url.database} and does not let go"
            return refusal(Status.UNAVAILABLE, "database-locked", told, "try again; end that process if it lasts")
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        if lost or self._is_unreached(error) or any(sign in text for sign in ("unable to open", "disk I/O error")):
            told = f"the database does not answer: {' '.join(text.split())}"
            return refusal(Status.UNAVAILABLE, "database-unavailable", told)
        return error

    def _is_unreached(self, error: Exception) -> bool:
        """Tell whether a server was not reached, or let nobody in: it gives no SQLSTATE before it has."""
        if self.sqlite:
            return False
        cause = _cause(error)
        return isinstance(cause, self._unreached) and getattr(cause, "sqlstate", None) is None

    def _is_full(self, error: Exception) -> bool:
        cause = _cause(error)
        if "disk is full" in str(cause) or getattr(cause, "sqlstate", None) == "53100":
            return True
        # SQLite reports a full disk as an I/O error where it cannot grow the files beside the database.
        failed = "disk I/O error" in str(cause) and self.engine.url.database is not None
        return failed and shutil.disk_usage(Path(str(self.engine.url.database)).parent).free < FULL_BYTES

    def _writing_connection(self) -> Connection:
        connection = self.engine.connect()
        return connection.execution_options(writes=True) if self.sqlite else connection


def database_url(text: str) -> str:
    """Return SQLAlchemy's url: `postgresql://` stands for our driver."""
    scheme, separator, rest = text.partition("://")
    return f"postgresql+psycopg{separator}{rest}" if scheme in {"postgres", "postgresql"} else text


def _engine(url: URL, connections: int) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(
            url,
            hide_parameters=True,
            pool_size=connections,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args=dict(POSTGRES_PATIENCE),
        )
    engine = create_engine(
        url, pool_size=connections + 1, max_overflow=0, hide_parameters=True, connect_args={"check_same_thread": False}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # Python's driver begins transactions late and on its own terms; we say BEGIN ourselves.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: upgrading a read lock later can fail without waiting.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _worth_another_try(error: Exception) -> bool:
    return isinstance(error, IntegrityError) or getattr(_cause(error), "sqlstate", None) in RETRIED_SQLSTATES


def _is_locked(error: BaseException) -> bool:
    return "database is locked" in str(_cause(error))


def _cause(error: BaseException) -> BaseException:
    """Return the driver's own error."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def is_corrupt(error: BaseException) -> bool:
    """Tell whether SQLite says that the file is damaged or not a database at all."""
    cause = _cause(error)
    text = str(cause) if isinstance(cause, sqlite3.DatabaseError) else ""
    return any(sign in text for sign in ("malformed", "not a database", "database corrupt"))


def corrupt(reason: str) -> Refusal:
    """Return the refusal for a damaged database."""
    return refusal(
        Status.DATA_LOSS,
        "corrupt-database",
        f"the control plane's database (controlplane.db in an embedded data folder) is damaged: {reason}",
        "restore the file from a backup, or move it away to start with an empty registry",
    )
