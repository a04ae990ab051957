"""What the machine itself costs: the figures beside which the others are to be read."""

import os
import sqlite3
import tempfile
from pathlib import Path

from bench.figure import Figure, command_s, median_s


def measure() -> list[Figure]:
    """Measure one synced write, one synced SQLite commit, one fork and one Python start."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            Figure("one fsync", synced_write(Path(folder)) * 1e3, "ms"),
            Figure("one synced SQLite commit", sqlite_commit(Path(folder)) * 1e3, "ms"),
            Figure("one fork", median_s(fork, 50) * 1e3, "ms"),
            Figure("one Python start", command_s(["-c", "pass"]) * 1e3, "ms"),
        ]


def synced_write(folder: Path) -> float:
    """Return the time of writing and syncing a few bytes, in seconds."""
    with (folder / "file").open("wb") as file:

        def work() -> None:
            file.write(b"x" * 512)
            file.flush()
            os.fsync(file.fileno())

        return median_s(work, 100)


def sqlite_commit(folder: Path) -> float:
    """Return the time of one durable commit in WAL mode, in seconds."""
    connection = sqlite3.connect(folder / "db", isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute("create table t (x)")
    taken = median_s(lambda: connection.execute("insert into t values (1)"), 200)
    connection.close()
    return taken


def fork() -> None:
    """Fork a child that ends at once."""
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
