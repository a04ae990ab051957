"""Statements on the hot path: written with SQLAlchemy, compiled once, run on the driver's own cursor.

SQLAlchemy's execution of a statement costs ten times what SQLite needs for it. Values are
passed as the driver takes them, so only columns of plain types may be used, and truth values.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Connection, Dialect, Executable, Select, Table
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.sql import ClauseElement

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresInsert

Row = tuple[Any, ...]  # as the driver gives it
Params = Mapping[str, str | int | bool | bytes | None]


def upsert(dialect: Dialect, table: Table) -> "SqliteInsert | PostgresInsert":
    """Return an insert that can say what to do about a row that is there already."""
    if dialect.name == "sqlite":
        return SqliteInsert(table)
    from sqlalchemy.dialects.postgresql import Insert  # noqa: PLC0415 - heavy, and not needed for SQLite

    return Insert(table)


class Prepared:
    """One statement, in the words of the database it is run on. Constants in it must be literal columns."""

    def __init__(self, build: Callable[[Dialect], Executable]) -> None:
        """Prepare for what `build` returns; it is compiled when first run."""
        self._build = build
        self._text: dict[str, str] = {}
        self._flags: tuple[int, ...] = ()

    def rows(self, connection: Connection, params: Params) -> Sequence[Row]:
        """Run it and return its rows."""
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self._compiled(connection.dialect), params)
            rows: Sequence[Row] = cursor.fetchall()
        finally:
            cursor.close()
        return [self._with_flags(row) for row in rows] if self._flags else rows

    def _with_flags(self, row: Row) -> Row:
        """Return a row with its truth values, which SQLite gives as numbers."""
        values = list(row)
        for index in self._flags:
            values[index] = bool(values[index])
        return tuple(values)

    def first(self, connection: Connection, params: Params) -> Row | None:
        """Run it and return its first row; None if there is none."""
        rows = self.rows(connection, params)
        return rows[0] if rows else None

    def run(self, connection: Connection, params: Sequence[Params]) -> None:
        """Run it for each of the rows."""
        if not params:
            return
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(self._compiled(connection.dialect), params)
        finally:
            cursor.close()

    def _compiled(self, dialect: Dialect) -> str:
        text = self._text.get(dialect.name)
        if text is None:
            # Both drivers take values by name, in this form.
            style = "named" if dialect.name == "sqlite" else "pyformat"
            named = type(dialect)(paramstyle=style)  # type: ignore[call-arg] # all dialects take it
            statement = self._build(dialect)
            assert isinstance(statement, ClauseElement)
            if isinstance(statement, Select):
                columns = enumerate(statement.selected_columns)
                self._flags = tuple(index for index, column in columns if isinstance(column.type, Boolean))
            text = self._text[dialect.name] = str(statement.compile(dialect=named))
        return text
