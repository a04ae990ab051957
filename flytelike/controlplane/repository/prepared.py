"""Statements on the hot path: written with SQLAlchemy, compiled once, run on the driver's own cursor.

SQLAlchemy's execution of a statement costs ten times what SQLite needs for it. Values are
passed as the driver takes them, so only columns of plain types may be used.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

Row = tuple[Any, ...]  # as the driver gives it
Params = Mapping[str, str | int | bool | bytes | None]
DIALECTS = ("sqlite", "postgresql")


class Prepared:
    """One statement in the words of both databases. Constants in it must be literal columns."""

    def __init__(self, build: Callable[[str], Executable]) -> None:
        """Compile what `build` returns for each dialect's name."""
        self._text = {name: _text(build(name), name) for name in DIALECTS}

    def rows(self, connection: Connection, params: Params) -> Sequence[Row]:
        """Run it and return its rows."""
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self._text[connection.dialect.name], params)
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def run(self, connection: Connection, params: Sequence[Params]) -> None:
        """Run it for each of the rows."""
        if not params:
            return
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(self._text[connection.dialect.name], params)
        finally:
            cursor.close()


def _text(statement: Executable, name: str) -> str:
    dialect: Dialect = (
        sqlite.dialect(paramstyle="named")  # type: ignore[no-untyped-call] # SQLAlchemy does not type it
        if name == "sqlite"
        else postgresql.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call] # as above
    )
    assert isinstance(statement, ClauseElement)
    return str(statement.compile(dialect=dialect))
