"""What the SQL store promises beyond the contract: what it says of bad files, and what survives."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from flytelike.model.ids import ExecutionId
from propeller.ports import (
    Commit,
    Conflict,
    HistoryBatch,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreTooNew,
)
from propeller.stores import drivers, schema
from propeller.stores.drivers import Cursor, Durability
from propeller.stores.sql import SqlStateStore
from propeller.stores.writer import Result, Work, Writer

E = ExecutionId("p", "d", "e")


def ids(count: int) -> list[ExecutionId]:
    return [ExecutionId("p", "d", f"e{number}") for number in range(count)]


def refused(path: Path) -> StoreError:
    async def body() -> StoreError:
        with pytest.raises(StoreError) as caught:
            await SqlStateStore.open(f"sqlite:///{path}")
        return caught.value

    return asyncio.run(body())


def made(path: Path) -> None:
    async def body() -> None:
        store = await SqlStateStore.open(str(path))
        await store.commit(Commit(E, 0, b"h", launch=b"l", cells={"n": b"s"}))
        await store.close()

    asyncio.run(body())


def test_a_database_of_a_newer_version_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE propeller_schema (version INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO propeller_schema VALUES (99)")
    connection.close()
    error = refused(path)
    assert isinstance(error, StoreTooNew)
    assert "newer-database" in str(error)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'propeller_c%'").fetchone() == (0,)
    connection.close()


@pytest.mark.parametrize("damage", ["header", "page", "text"])
def test_a_damaged_database_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "state.db"
    made(path)
    data = bytearray(path.read_bytes())
    match damage:
        case "header":
            data[:16] = b"x" * 16
        case "page":
            for page in range(1, len(data) // 4096):
                data[page * 4096 : page * 4096 + 200] = b"\xff" * 200
        case _:
            data = bytearray(b"not a database, but a long enough text to be read as one. " * 100)
    path.write_bytes(data)
    error = refused(path)
    assert isinstance(error, StoreCorrupt)
    assert error.lasting
    assert str(path) in str(error)
    assert path.read_bytes() == bytes(data)


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    assert refused(tmp_path / "missing" / "state.db").code == "store-unavailable"


def test_a_full_disk_stores_nothing_and_says_so_until_there_is_room(tmp_path: Path) -> None:
    async def body() -> None:
        store = await SqlStateStore.open(f"sqlite:///{tmp_path}/state.db")
        await store.commit(Commit(E, 0, b"h", launch=b"l"))
        connection = store._writer._connection
        assert connection is not None
        cursor: Cursor = connection.cursor()
        cursor.execute("PRAGMA page_count")
        pages = cursor.fetchone()
        assert pages is not None
        cursor.execute(f"PRAGMA max_page_count = {pages[0]}")
        cursor.fetchall()
        large = {f"n{n}": bytes(4000) for n in range(10)}
        with pytest.raises(StoreFull, match="disk-full"):
            await store.commit(Commit(E, 1, b"h2", cells=large))
        found = await store.load(E)
        assert found is not None
        assert (found.version, found.cells) == (1, {})
        cursor.execute("PRAGMA max_page_count = 1000000")
        cursor.fetchall()
        cursor.close()
        await store.commit(Commit(E, 1, b"h2", cells=large))
        await store.close()

    asyncio.run(body())


def test_a_locked_file_refuses_a_group_at_once_and_takes_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried one by one, each of them would wait for the lock in turn."""
    monkeypatch.setattr(drivers, "LOCK_TIMEOUT_S", 0.01)

    async def body() -> None:
        store = await SqlStateStore.open(f"sqlite:///{tmp_path}/state.db")
        begun: list[int] = []
        whole = Writer._transaction

        def counted(writer: Writer, group: Sequence[Work]) -> Sequence[Result]:
            begun.append(len(group))
            return whole(writer, group)

        store._writer._transaction = counted.__get__(store._writer)  # type: ignore[method-assign]
        other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        commits = [Commit(id_, 0, b"h", launch=b"l") for id_ in ids(20)]
        refused = await asyncio.gather(*(store.commit(it) for it in commits), return_exceptions=True)
        assert {type(it) for it in refused} == {StoreLocked}
        assert sum(begun) == 20, "each was tried once"
        other.execute("ROLLBACK")
        other.close()
        await asyncio.gather(*(store.commit(it) for it in commits))
        await store.close()

    asyncio.run(body())


def test_commits_that_wait_together_share_a_transaction(tmp_path: Path) -> None:
    async def body() -> None:
        store = await SqlStateStore.open(f"sqlite:///{tmp_path}/state.db")
        groups: list[int] = []
        whole = Writer._transaction

        def counted(writer: Writer, group: object) -> object:
            groups.append(len(group))  # type: ignore[arg-type]
            return whole(writer, group)  # type: ignore[arg-type]

        store._writer._transaction = counted.__get__(store._writer)  # type: ignore[method-assign]
        await asyncio.gather(*(store.commit(Commit(id_, 0, b"h", launch=b"l")) for id_ in ids(200)))
        assert sum(groups) == 200
        assert len(groups) < 50
        await store.close()

    asyncio.run(body())


def test_a_commit_that_the_database_refuses_fails_alone(tmp_path: Path) -> None:
    """Not a conflict, but a row that cannot be: its neighbours in the group are stored."""

    async def body() -> None:
        store = await SqlStateStore.open(f"sqlite:///{tmp_path}/state.db")
        bad = Commit(E, 0, None, launch=b"l")  # type: ignore[arg-type]
        commits = [Commit(id_, 0, b"h", launch=b"l") for id_ in ids(20)]
        results = await asyncio.gather(
            *(store.commit(commit) for commit in (*commits[:10], bad, *commits[10:])), return_exceptions=True
        )
        assert [type(result) for result in results].count(type(None)) == 20
        assert isinstance(results[10], StoreError)
        assert await store.unfinished() == ids(20)
        await store.close()

    asyncio.run(body())


def test_two_stores_on_one_file_see_each_others_commits(tmp_path: Path) -> None:
    async def body() -> None:
        first, second = [await SqlStateStore.open(f"sqlite:///{tmp_path}/state.db") for _ in range(2)]
        await first.commit(Commit(E, 0, b"h", launch=b"l"))
        with pytest.raises(Conflict):
            await second.commit(Commit(E, 0, b"h", launch=b"l"))
        await second.commit(Commit(E, 1, b"h2"))
        with pytest.raises(Conflict):
            await first.commit(Commit(E, 1, b"late"))
        found = await first.load(E)
        assert found is not None
        assert (found.version, found.header) == (2, b"h2")
        await first.close()
        await second.close()

    asyncio.run(body())


WRITES = """
import asyncio, sys
from flytelike.model.ids import ExecutionId
from propeller.ports import Commit, HistoryBatch
from propeller.stores.drivers import Durability
from propeller.stores.sql import SqlStateStore

async def main():
    store = await SqlStateStore.open(sys.argv[1], Durability(sys.argv[2]))
    execution = ExecutionId("p", "d", "e")
    await store.commit(Commit(execution, 0, b"0", launch=b"l"))
    for n in range(1, 100_000):
        told, cells = HistoryBatch(n, n, b""), {f"n{n % 7}": b"%d" % n}
        await store.commit(Commit(execution, n, b"%d" % n, cells=cells, history=told))
        print(n, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("durability", list(Durability))
def test_what_was_committed_survives_a_kill(tmp_path: Path, durability: Durability) -> None:
    """And what was under way is there as a whole, or not at all."""
    path = tmp_path / "state.db"
    child = subprocess.Popen([sys.executable, "-c", WRITES, str(path), durability.value], stdout=subprocess.PIPE)
    assert child.stdout is not None
    told = 0
    while told < 50:
        told = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    rest = child.stdout.read().split()
    child.stdout.close()
    child.wait()
    told = int(rest[-1]) if rest else told

    async def body() -> None:
        store = await SqlStateStore.open(f"sqlite:///{path}")
        found = await store.load(E)
        assert found is not None
        last = found.version - 1
        assert last in {told, told + 1}
        assert found.header == b"%d" % last
        assert found.cells == {f"n{n % 7}": b"%d" % n for n in range(last - 6, last + 1)}
        history = [batch.last for _, batch in await store.undelivered(1000)]
        assert history == list(range(1, last + 1))
        await store.close()

    asyncio.run(body())


def test_the_history_batches_of_many_executions_come_back_in_order(tmp_path: Path) -> None:
    async def body() -> None:
        store = await SqlStateStore.open(f"sqlite:///{tmp_path}/state.db")
        for id_ in ids(5):
            await store.commit(Commit(id_, 0, b"h", launch=b"l", history=HistoryBatch(1, 3, b"a")))
            await store.commit(Commit(id_, 1, b"h", history=HistoryBatch(4, 4, b"b")))
        found = await store.undelivered(100)
        for id_ in ids(5):
            assert [batch.first for execution, batch in found if execution == id_] == [1, 4]
        await store.close()

    asyncio.run(body())


def test_a_database_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    async def use() -> None:
        store = await SqlStateStore.open(f"{tmp_path}/state.db")
        await store.own("ada", 0)
        await store.close()

    asyncio.run(use())
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.execute("DROP TABLE propeller_owner")
        connection.execute("DROP INDEX propeller_execution_closed")
        connection.execute("ALTER TABLE propeller_execution DROP COLUMN closed_ms")
        connection.execute("DELETE FROM propeller_schema")
        connection.execute("INSERT INTO propeller_schema VALUES (1)")
        connection.commit()
    asyncio.run(use())
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        assert connection.execute("SELECT max(version) FROM propeller_schema").fetchone() == (schema.VERSION,)
