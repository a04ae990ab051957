"""Everything the store says to its database, as SQL that SQLite and PostgreSQL both speak.

The statements are compiled once for a driver's parameter style and given to the driver itself:
building a statement at each use costs several times what SQLite needs to carry it out, and a
commit is on the way of every task.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import sqlalchemy as sa

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text in a driver's own parameter style.

    `order` holds the names of positional parameters; None when the driver takes them by name.
    """

    sql: str
    order: tuple[str, ...] | None

    def bind(self, row: Row) -> Sequence[object] | Row:
        """Return the row as the driver wants it."""
        return row if self.order is None else [row[name] for name in self.order]


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements, compiled."""

    create: Statement
    advance: Statement
    conclude: Statement
    put_cell: Statement
    put_command: Statement
    drop_command: Statement
    put_history: Statement
    drop_history: Statement
    find: Statement
    cells: Statement
    commands: Statement
    output: Statement
    unfinished: Statement
    undelivered: Statement


def statements(dialect: sa.Dialect) -> Statements:
    """Compile all statements for a database."""
    return Statements(**{f.name: _compiled(_SQL[f.name], dialect) for f in fields(Statements)})


def _compiled(sql: str, dialect: sa.Dialect) -> Statement:
    result = sa.text(sql).compile(dialect=dialect)
    positions = getattr(result, "positiontup", None)
    return Statement(str(result), None if positions is None else tuple(positions))


_NAMED = "project = :project AND domain = :domain AND name = :name AND org = :org"

_SQL = {
    "create": """
        INSERT INTO propeller_execution (org, project, domain, name, version, closed, header, launch)
        VALUES (:org, :project, :domain, :name, 1, :closed, :header, :launch)
        ON CONFLICT DO NOTHING RETURNING id""",
    # Two statements, since one that names `closed` writes the index of open executions too.
    "advance": f"""
        UPDATE propeller_execution SET version = version + 1, header = :header
        WHERE {_NAMED} AND version = :expected RETURNING id""",
    "conclude": f"""
        UPDATE propeller_execution SET version = version + 1, header = :header, closed = :closed
        WHERE {_NAMED} AND version = :expected RETURNING id""",
    # A part that is not given (null) stays as it is.
    "put_cell": """
        INSERT INTO propeller_cell (execution, key, state, output)
        VALUES (:execution, :key, :state, :output)
        ON CONFLICT (execution, key) DO UPDATE SET
            state = COALESCE(excluded.state, propeller_cell.state),
            output = COALESCE(excluded.output, propeller_cell.output)""",
    "put_command": """
        INSERT INTO propeller_command (execution, id, payload) VALUES (:execution, :id, :payload)
        ON CONFLICT (execution, id) DO UPDATE SET payload = excluded.payload""",
    "drop_command": "DELETE FROM propeller_command WHERE execution = :execution AND id = :id",
    "put_history": """
        INSERT INTO propeller_history (execution, first_sequence, last_sequence, payload)
        VALUES (:execution, :first_sequence, :last_sequence, :payload)""",
    "drop_history": f"""
        DELETE FROM propeller_history
        WHERE execution = (SELECT id FROM propeller_execution WHERE {_NAMED})
            AND last_sequence <= :upto""",
    "find": f"SELECT id, version, closed, launch, header FROM propeller_execution WHERE {_NAMED}",
    "cells": "SELECT key, state FROM propeller_cell WHERE execution = :execution AND state IS NOT NULL",
    "commands": "SELECT id, payload FROM propeller_command WHERE execution = :execution ORDER BY id",
    "output": f"""
        SELECT output FROM propeller_cell
        WHERE execution = (SELECT id FROM propeller_execution WHERE {_NAMED}) AND key = :key""",
    "unfinished": """
        SELECT project, domain, name, org FROM propeller_execution
        WHERE NOT closed OR id IN (SELECT execution FROM propeller_command) ORDER BY id""",
    "undelivered": """
        SELECT e.project, e.domain, e.name, e.org, h.first_sequence, h.last_sequence, h.payload
        FROM propeller_history h JOIN propeller_execution e ON e.id = h.execution
        ORDER BY h.execution, h.last_sequence LIMIT :limit""",
}
