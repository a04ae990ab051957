"""Bringing a database up to date."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from flytelike.controlplane.database import Database, corrupt
from flytelike.controlplane.errors import Refusal, Status, refusal
from flytelike.controlplane.schema import metadata

HEAD = "0022"
"""The newest revision; a test holds it equal to the newest file in `versions`."""

READABLE_SINCE = "0016"
"""The oldest version of Flytelike, named by its newest revision, that can work on tables of this revision.

It is written into the database, so that servers of the former version go on while those of this one take over. Raise it
to `HEAD` with a revision that the former version could not work on.
"""

QUICK_CHECK_PAGES_MAX = 4_096
"""Databases up to this size are checked for damage at each start (a few milliseconds)."""


def upgrade(database: Database) -> None:
    """Make the database's tables today's.

    Raises:
        Refusal: `corrupt-database`, or `newer-database` when its tables are of a later version.
    """
    if database.read_now(_state) != HEAD:
        database.write_now(_bring_up)


def check(database: Database) -> None:
    """Look whether the database's tables are such that this version can work on them; change nothing.

    Raises:
        Refusal: `older-database`, `newer-database` or `corrupt-database`.
    """
    database.read_now(check_revision)


def check_revision(connection: Connection) -> None:
    """Do what `check` does, within a transaction."""
    found = _state(connection)
    if found == HEAD:
        return
    if found is None or found in known_revisions():
        raise older(found)
    if readable_since(connection) > HEAD:
        raise newer(found)


def readable_since(connection: Connection) -> str:
    """Return what a newer version has written of who can work on its tables."""
    return str(connection.execute(text("SELECT readable_since FROM schema_support")).scalar())


def known_revisions() -> list[str]:
    """Return the numbers of all revisions, oldest first."""
    return sorted(path.stem.split("_")[0] for path in (Path(__file__).parent / "versions").glob("[0-9]*.py"))


def _state(connection: Connection) -> str | None:
    """Return the database's revision, None when it is empty."""
    if connection.dialect.name == "sqlite":
        _check_pages(connection)
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _check_pages(connection: Connection) -> None:
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
    if int(pages) > QUICK_CHECK_PAGES_MAX:
        return
    verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if verdict != "ok":
        raise corrupt(str(verdict))


def _bring_up(connection: Connection) -> None:
    # Two servers that start at once on one PostgreSQL take turns here; SQLite's write lock does it there.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(20130101)"))
    found = _state(connection)
    if found == HEAD:
        return
    if found is None:
        metadata.create_all(connection, checkfirst=False)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
        connection.execute(text("INSERT INTO schema_support VALUES (:since)"), {"since": READABLE_SINCE})
        return
    if found not in known_revisions():
        raise newer(found)
    migrate(connection, HEAD)
    connection.execute(text("UPDATE schema_support SET readable_since = :since"), {"since": READABLE_SINCE})


def migrate(connection: Connection, target: str) -> None:
    """Run the revisions from the database's own up to `target`, inside the open transaction."""
    from alembic import command  # noqa: PLC0415 - heavy, and rarely needed
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def older(found: str | None) -> Refusal:
    """Return the refusal for a database that this version has not migrated yet."""
    state = "is empty" if found is None else f"has revision {found}"
    return refusal(
        Status.FAILED_PRECONDITION,
        "older-database",
        f"the control plane's database {state}; this Flytelike works on revision {HEAD}",
        "run `flytelike db upgrade`",
    )


def newer(found: str) -> Refusal:
    """Return the refusal for a database that a later version has migrated."""
    return refusal(
        Status.FAILED_PRECONDITION,
        "newer-database",
        f"the control plane's database has revision {found}; this Flytelike knows revisions up to {HEAD}",
        "upgrade Flytelike, or use another database",
    )
