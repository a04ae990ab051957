"""What several callers write goes under one sync, and each sees what it would see of a transaction of its own."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError

from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.group_commit import GROUP_MAX

Writes = Callable[[Connection], int]


class _Notes:
    """A database with one table of numbers, whose transactions are counted."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.commits = 0
        database.write_now(
            lambda connection: connection.execute(text("CREATE TABLE notes (number INTEGER PRIMARY KEY)"))
        )
        event.listen(database.engine, "commit", self._committed)

    def _committed(self, _connection: Connection) -> None:
        self.commits += 1

    def add(self, number: int) -> Writes:
        def work(connection: Connection) -> int:
            connection.execute(text("INSERT INTO notes VALUES (:number)"), {"number": number})
            return number

        return work

    async def behind(self, works: Sequence[Writes], called_off: int | None = None) -> list[int | BaseException]:
        """Let a transaction wait until all has been asked for, and one called off; return what came of it."""
        begun, asked = threading.Event(), threading.Event()

        def first(_connection: Connection) -> None:
            begun.set()
            asked.wait()

        held = asyncio.ensure_future(self.database.write(first))
        await asyncio.to_thread(begun.wait)
        self.commits = 0
        futures = [asyncio.ensure_future(self.database.write(work)) for work in works]
        await asyncio.sleep(0)  # each has asked
        if called_off is not None:
            futures[called_off].cancel()
            await asyncio.sleep(0)  # it has heard of it
        asked.set()
        await held
        return await asyncio.gather(*futures, return_exceptions=True)

    def stored(self) -> list[int]:
        return self.database.read_now(lambda connection: list(connection.scalars(text("SELECT number FROM notes"))))


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[_Notes]:
    database = Database(f"sqlite:///{tmp_path / 'notes.db'}")
    yield _Notes(database)
    database.close()


def test_what_waits_together_is_stored_together(notes: _Notes) -> None:
    assert asyncio.run(notes.behind([notes.add(number) for number in range(10)])) == list(range(10))
    assert notes.commits == 2, "that of the first one, and one for all others"
    assert notes.stored() == list(range(10))


def test_a_group_has_a_limit(notes: _Notes) -> None:
    asyncio.run(notes.behind([notes.add(number) for number in range(GROUP_MAX + 1)]))
    assert notes.commits == 3
    assert len(notes.stored()) == GROUP_MAX + 1


def test_one_that_fails_fails_alone(notes: _Notes) -> None:
    done = asyncio.run(notes.behind([notes.add(1), notes.add(2), notes.add(2), notes.add(3)]))
    assert [type(one) for one in done] == [int, int, IntegrityError, int]
    assert notes.stored() == [1, 2, 3]


def test_what_nobody_waits_for_any_more_is_not_begun(notes: _Notes) -> None:
    done = asyncio.run(notes.behind([notes.add(1), notes.add(2)], called_off=1))
    assert [type(one) for one in done] == [int, asyncio.CancelledError]
    assert notes.stored() == [1]


def test_a_locked_database_is_told_to_all_at_once(notes: _Notes) -> None:
    begins = 0

    def locked(_connection: Connection) -> int:
        nonlocal begins
        begins += 1
        raise sqlite3.OperationalError("database is locked")

    done = asyncio.run(notes.behind([locked, notes.add(1), notes.add(2)]))
    assert [one.diagnostics[0].code for one in done if isinstance(one, Refusal)] == ["database-locked"] * 3
    assert begins == 1


def test_a_glance_sees_what_was_written(notes: _Notes) -> None:
    async def seen() -> int | None:
        await notes.database.write(notes.add(7))
        return await notes.database.glance(lambda connection: connection.scalar(text("SELECT number FROM notes")))

    assert asyncio.run(seen()) == 7


def test_a_glance_that_would_have_to_wait_waits_on_a_thread(notes: _Notes) -> None:
    threads: list[str] = []

    def busy_here(_connection: Connection) -> str:
        threads.append(threading.current_thread().name)
        if len(threads) == 1:
            raise sqlite3.OperationalError("database is locked")
        return "read"

    assert asyncio.run(notes.database.glance(busy_here)) == "read"
    assert threads[0] == threading.current_thread().name
    assert threads[1].startswith("controlplane-read")
