"""The two databases the store of record can lie in, and what their errors mean.

A driver opens connections in autocommit mode (transactions are begun and ended by SQL text) and
turns the driver library's exceptions into `StoreError`s.
"""

import shutil
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from typing_extensions import override

from propeller.ports import StoreCorrupt, StoreError, StoreFull, StoreLocked
from propeller.stores.schema import say_for_postgresql
from propeller.stores.statements import Row

FULL_BYTES = 1 << 20
"""A disk with less room than this counts as full."""
CHECKED_BYTES_MAX = 64 * 1024 * 1024
"""SQLite files up to this size are checked for damage when opened; larger ones take too long."""

LOCK_TIMEOUT_S = 2.0
"""How long a write waits for another process that writes the same SQLite file, before it is told."""


PATIENCE: Mapping[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A PostgreSQL that vanished without a word is given up after half a minute (libpq's settings)."""

IDLE_MS_MAX = 10_000
"""How long PostgreSQL lets an engine that has begun a transaction say nothing, before it takes it back."""


class Durability(Enum):
    """What a commit survives."""

    POWER = "power"
    """A power cut: every commit is synced to the disk before it counts."""

    PROCESS = "process"
    """The end of the process (`kill -9`), but not of the machine. Faster."""


class Cursor(Protocol):
    """What the store uses of a DBAPI cursor."""

    def execute(self, sql: str, parameters: Row = ..., /) -> object:
        """Carry a statement out."""

    def executemany(self, sql: str, rows: Iterable[Row], /) -> object:
        """Carry a statement out for each row."""

    @property
    def rowcount(self) -> int:
        """How many rows the last statement changed."""

    def fetchone(self) -> Sequence[object] | None:
        """Return the next row."""

    def fetchall(self) -> Sequence[Sequence[object]]:
        """Return all rows."""

    def close(self) -> object:
        """Release the cursor."""


class Connection(Protocol):
    """What the store uses of a DBAPI connection."""

    def cursor(self) -> Cursor:
        """Return a new cursor."""

    def close(self) -> object:
        """Close the connection."""


class Driver(Protocol):
    """One database, reachable by one library."""

    @property
    def dialect(self) -> sa.Dialect:
        """How SQL is written for it."""

    @property
    def placeholder(self) -> str:
        """What stands for a parameter in a statement."""

    @property
    def begin(self) -> str:
        """The statement that begins a transaction that will write."""

    @property
    def begin_reading(self) -> str:
        """The statement that begins a transaction that sees one state of the database."""

    @property
    def exclusive(self) -> Sequence[str]:
        """The statements that begin a transaction nobody else can change the schema in."""

    @property
    def now_ms(self) -> str:
        """The database's clock, as an expression: milliseconds since 1970."""

    @property
    def hold(self) -> str:
        """What ends a SELECT so that the rows it found stay as they are until the transaction ends."""

    def connect(self, durability: Durability) -> Connection:
        """Open a connection. Raises what `explain` explains."""

    def explain(self, error: Exception) -> StoreError:
        """Return what an exception of the library means."""


def driver_for(url: str, part: int = 0) -> Driver:
    """Return the driver for `sqlite:///<path>` (or a bare path) or `postgresql://...`.

    Each `part` but the first has tables of its own: a file beside the first one, a schema of the PostgreSQL database.
    """
    if url.startswith(("postgresql://", "postgresql+psycopg://", "postgres://")):
        return PostgresDriver(url, part)
    path = Path(url.removeprefix("sqlite:///"))
    return SqliteDriver(path.with_name(f"{path.stem}-{part}{path.suffix}") if part else path)


class SqliteDriver:
    """A SQLite file in WAL mode."""

    placeholder = "?"
    begin = "BEGIN IMMEDIATE"
    begin_reading = "BEGIN"
    exclusive = ("BEGIN IMMEDIATE",)
    now_ms = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    hold = ""  # Nobody else writes during a transaction.

    def __init__(self, path: Path) -> None:
        """Take the file's path; its folder exists."""
        self._path = path
        self._dialect = sqlite.dialect()

    @property
    def dialect(self) -> sa.Dialect:
        """How SQL is written for SQLite."""
        return self._dialect

    def connect(self, durability: Durability) -> Connection:
        """Open the file. Small files are checked for damage first."""
        connection = sqlite3.connect(self._path, timeout=LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            # FULL syncs the log at each commit. NORMAL hands it to the operating system, which
            # keeps it when the process dies; a power cut may lose the last commits, never the file.
            level = "FULL" if durability is Durability.POWER else "NORMAL"
            connection.execute(f"PRAGMA synchronous={level}")
            connection.execute("PRAGMA temp_store=MEMORY")
            self._check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        if self._path.stat().st_size > CHECKED_BYTES_MAX:
            return
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)

    def explain(self, error: Exception) -> StoreError:
        """Return what an exception of `sqlite3` means, by SQLite's own codes."""
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None:
            code &= 0xFF  # The low byte is the primary code.
        # A full disk is an I/O error where the files beside the database cannot grow.
        full = code == sqlite3.SQLITE_IOERR and shutil.disk_usage(self._path.parent).free < FULL_BYTES
        if full or code == sqlite3.SQLITE_FULL:
            return StoreFull(f"there is no room left to write {self._path}")
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return StoreLocked(f"another process holds the database {self._path} and does not let go")
        damaged = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
        if code in damaged or (code is None and type(error) is sqlite3.DatabaseError):
            return StoreCorrupt(
                f"the database {self._path} is damaged ({error}); restore it from a copy, or move it "
                "away to begin with an empty one"
            )
        return StoreError(f"the database {self._path} cannot be used: {error}")

    @override
    def __repr__(self) -> str:
        """Name the file."""
        return f"SqliteDriver({self._path})"


class PostgresDriver:
    """A PostgreSQL database through psycopg."""

    placeholder = "%s"
    begin = "BEGIN"
    begin_reading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    now_ms = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
    hold = "FOR SHARE"

    def __init__(self, url: str, part: int = 0) -> None:
        """Take the url of the database, and which part of it is meant."""
        self._url = "postgresql://" + url.split("://", 1)[1]
        self._schema = f"propeller_{part}" if part else ""
        made = (f"CREATE SCHEMA IF NOT EXISTS {self._schema}",) if part else ()
        self.exclusive: Sequence[str] = ("BEGIN", "SELECT pg_advisory_xact_lock(7461920)", *made)
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - heavy, and not needed for SQLite

        self._dialect = postgresql.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]
        say_for_postgresql()

    @property
    def dialect(self) -> sa.Dialect:
        """How SQL is written for PostgreSQL."""
        return self._dialect

    def connect(self, durability: Durability) -> Connection:
        """Connect. Raises `psycopg.Error`."""
        import psycopg  # noqa: PLC0415 - an optional library, loaded where PostgreSQL is used

        connection = psycopg.connect(self._url, autocommit=True, **PATIENCE)
        # A commit goes through two statements a row: preparing them at first use pays at once.
        connection.prepare_threshold = 1
        if durability is Durability.PROCESS:
            connection.execute("SET synchronous_commit = off")
        if self._schema:
            connection.execute(f"SET search_path TO {self._schema}")
        # A process that is paused in the midst of a transaction must not hold its rows for ever.
        connection.execute(f"SET idle_in_transaction_session_timeout = {IDLE_MS_MAX}")
        return connection

    def explain(self, error: Exception) -> StoreError:
        """Return what an exception of psycopg means, by its SQLSTATE."""
        state = getattr(error, "sqlstate", None) or ""
        if state == "53100":
            return StoreFull("PostgreSQL has no room left on its disk")
        if state in {"XX001", "XX002"}:
            return StoreCorrupt(f"the PostgreSQL database is damaged: {error}")
        return StoreError(f"PostgreSQL cannot be used: {error}")
