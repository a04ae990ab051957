"""Replicas work on tables of their own version, and on later ones that say so; on no others."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from flytelike.cli import db
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.migrations.upgrade import HEAD, READABLE_SINCE, check, migrate, upgrade


def changed(database: Database, *statements: str) -> None:
    for statement in statements:
        database.write_now(lambda connection, it=statement: connection.execute(text(it)))


@pytest.fixture
def database(tmp_path: Path):
    made = Database(f"sqlite:///{tmp_path}/cp.db")
    yield made
    made.close()


def test_tables_of_this_version_will_do(database: Database) -> None:
    upgrade(database)
    check(database)


def test_there_must_be_tables(database: Database) -> None:
    with pytest.raises(Refusal, match=r"is empty.*older-database"):
        check(database)


def test_older_tables_are_to_be_upgraded_first(database: Database) -> None:
    database.write_now(lambda connection: migrate(connection, "0015"))
    with pytest.raises(Refusal, match=r"revision 0015.*older-database") as refused:
        check(database)
    assert refused.value.diagnostics[0].help == ("run `flytelike db upgrade`",)
    upgrade(database)
    check(database)


@pytest.mark.parametrize(("since", "works"), [(HEAD, True), ("0001", True), ("9998", False)])
def test_newer_tables_say_who_can_work_on_them(database: Database, since: str, works: bool) -> None:
    upgrade(database)
    changed(
        database, "UPDATE alembic_version SET version_num='9999'", f"UPDATE schema_support SET readable_since='{since}'"
    )
    if works:
        check(database)
        return
    with pytest.raises(Refusal, match="newer-database"):
        check(database)


def test_an_upgrade_writes_who_can_work_on_the_tables(database: Database) -> None:
    database.write_now(lambda connection: migrate(connection, "0015"))
    upgrade(database)
    found = database.read_now(lambda connection: connection.execute(text("SELECT * FROM schema_support")).all())
    assert [tuple(row) for row in found] == [(READABLE_SINCE,)]
    assert READABLE_SINCE <= HEAD


def test_the_commands_do_so(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/cp.db"

    def run(verb: str) -> object:
        return CliRunner().invoke(db.command, [verb, "--database", url], standalone_mode=False)

    assert isinstance(run("check").exception, Refusal)
    assert run("upgrade").output == f"the database is up to date: revision {HEAD}\n"
    assert run("upgrade").exception is None
    assert run("check").output == f"the database can be worked on: revision {HEAD}\n"
