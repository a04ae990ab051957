"""Damaged, locked and foreign databases are told apart, each by its own code."""

import sqlite3
from pathlib import Path

import pytest

from flytelike.controlplane import database as faulty
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Refusal, Status
from flytelike.controlplane.migrations.upgrade import upgrade
from flytelike.controlplane.settings import Settings
from tests.unit.controlplane.builders import settings_for


def refused(path: Path) -> Refusal:
    """Return how opening the database at `path` is refused."""
    database = Database(f"sqlite:///{path}")
    try:
        with pytest.raises(Refusal) as told:
            upgrade(database)
    finally:
        database.close()
    return told.value


def code(error: Refusal) -> str:
    return error.diagnostics[0].code


def a_database(path: Path) -> Path:
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"this is not a database, it is a text\n" * 200)
    error = refused(path)
    assert (code(error), error.status) == ("corrupt-database", Status.DATA_LOSS)


@pytest.mark.parametrize("size", [5_000, 20_000])
def test_a_file_that_was_cut_off(tmp_path: Path, size: int) -> None:
    path = a_database(tmp_path / "x.db")
    path.write_bytes(path.read_bytes()[:size])
    assert code(refused(path)) == "corrupt-database"


def test_a_file_with_a_page_of_noise(tmp_path: Path) -> None:
    path = a_database(tmp_path / "x.db")
    content = bytearray(path.read_bytes())
    content[4096 : 4096 * 3] = b"\xa5" * 8192
    path.write_bytes(bytes(content))
    assert code(refused(path)) == "corrupt-database"


def test_a_file_of_a_later_version(tmp_path: Path) -> None:
    path = a_database(tmp_path / "x.db")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0900'")
    connection.close()
    assert code(refused(path)) == "newer-database"


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    assert code(refused(tmp_path / "nowhere" / "x.db")) == "database-unavailable"


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)])
def test_commits_are_synced_and_keys_are_checked(tmp_path: Path, pragma: str, value: str | int) -> None:
    database = Database(f"sqlite:///{tmp_path}/x.db")
    assert database.read_now(lambda c: c.exec_driver_sql(f"PRAGMA {pragma}").scalar()) == value
    database.close()


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/x.db")
    upgrade(database)
    with pytest.raises(Refusal) as told:
        database.write_now(
            lambda c: [
                c.exec_driver_sql("PRAGMA max_page_count = 1"),
                c.exec_driver_sql("CREATE TABLE large AS SELECT zeroblob(1000000)"),
            ]
        )
    database.close()
    assert (code(told.value), told.value.status) == ("disk-full", Status.RESOURCE_EXHAUSTED)


def test_a_file_that_another_process_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faulty, "_SQLITE_PRAGMAS", [*faulty._SQLITE_PRAGMAS, "PRAGMA busy_timeout=10"])
    database = Database(f"sqlite:///{a_database(tmp_path / 'x.db')}")
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Refusal) as told:
        database.write_now(lambda c: c.exec_driver_sql("DELETE FROM leases"))
    assert (code(told.value), told.value.status, told.value.passing) == ("database-locked", Status.UNAVAILABLE, True)
    other.execute("ROLLBACK")
    other.close()
    database.write_now(lambda c: c.exec_driver_sql("DELETE FROM leases"))
    database.close()


def test_settings_show_where_things_go(tmp_path: Path) -> None:
    settings: Settings = settings_for(tmp_path)
    assert settings.raw_prefix == f"{settings.base}/data"
