"""Everything the store says to its database, as SQL that SQLite and PostgreSQL both speak.

The text is written out and given to the driver library itself: to build a statement at each use, or to
bind its parameters by name, costs several times what SQLite needs to carry it out, and a commit
is on the way of every task.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

Row: TypeAlias = Sequence[object]
"""A statement's parameters, in the order in which its text names them."""


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements' text."""

    create: str
    advance: str
    conclude: str
    put_cell: str
    drop_cell: str
    put_command: str
    drop_command: str
    put_history: str
    drop_history: str
    find: str
    cells: str
    commands: str
    output: str
    unfinished: str
    undelivered: str
    undelivered_but: str
    """With `{apart}`: as many rows of names as there are executions to leave out."""
    closed: str
    forget_cells: str
    forget: str
    expire: str
    closed_left: str
    make_owner: str
    own: str
    owner: str
    renew: str
    owned: str


def statements(placeholder: str, now_ms: str, hold: str) -> Statements:
    """Return all statements as a driver's database wants them.

    Args:
        placeholder: What stands for a parameter (`?` or `%s`).
        now_ms: The database's clock.
        hold: What ends a SELECT whose rows are to stay as they are.
    """

    def written(text: str) -> str:
        return _NAME.sub(placeholder, text.replace("{now_ms}", now_ms).replace("{hold}", hold))

    return Statements(**{found.name: written(_SQL[found.name]) for found in fields(Statements)})


_NAME = re.compile(r":\w+")

_NAMED = "project = :project AND domain = :domain AND name = :name AND org = :org"

_UNDELIVERED = """
        SELECT e.project, e.domain, e.name, e.org, h.first_sequence, h.last_sequence, h.payload
        FROM propeller_history h JOIN propeller_execution e ON e.id = h.execution"""

_SQL = {
    "create": """
        INSERT INTO propeller_execution (project, domain, name, org, version, closed, header, launch)
        VALUES (:project, :domain, :name, :org, 1, :closed, :header, :launch)
        ON CONFLICT DO NOTHING RETURNING id""",
    # Two statements, since one that names `closed` writes the index of open executions too.
    "advance": f"""
        UPDATE propeller_execution SET version = version + 1, header = :header
        WHERE {_NAMED} AND version = :expected RETURNING id""",
    "conclude": f"""
        UPDATE propeller_execution SET version = version + 1, header = :header, closed = TRUE,
            closed_ms = COALESCE(closed_ms, {{now_ms}})
        WHERE {_NAMED} AND version = :expected RETURNING id""",
    # A part that is not given (null) stays as it is.
    "put_cell": """
        INSERT INTO propeller_cell (execution, key, state, output)
        VALUES (:execution, :key, :state, :output)
        ON CONFLICT (execution, key) DO UPDATE SET
            state = COALESCE(excluded.state, propeller_cell.state),
            output = COALESCE(excluded.output, propeller_cell.output)""",
    "drop_cell": "DELETE FROM propeller_cell WHERE execution = :execution AND key = :key",
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
    "undelivered": f"{_UNDELIVERED} ORDER BY h.execution, h.last_sequence LIMIT :limit",
    "undelivered_but": f"""{_UNDELIVERED}
        WHERE (e.project, e.domain, e.name, e.org) NOT IN (VALUES {{apart}})
        ORDER BY h.execution, h.last_sequence LIMIT :limit""",
    "closed": """
        SELECT e.id FROM propeller_execution e
        WHERE e.closed_ms <= {now_ms} - :age
            AND NOT EXISTS (SELECT 1 FROM propeller_command c WHERE c.execution = e.id)
            AND NOT EXISTS (SELECT 1 FROM propeller_history h WHERE h.execution = e.id)
        ORDER BY e.closed_ms LIMIT :limit""",
    "forget_cells": """
        DELETE FROM propeller_cell WHERE execution = :execution
            AND key IN (SELECT key FROM propeller_cell WHERE execution = :same LIMIT :limit)""",
    "forget": "DELETE FROM propeller_execution WHERE id = :id",
    "expire": f"UPDATE propeller_execution SET closed_ms = 0 WHERE {_NAMED} AND closed_ms IS NOT NULL",
    "closed_left": "SELECT id FROM propeller_execution WHERE closed_ms IS NOT NULL LIMIT 1",
    "make_owner": """
        INSERT INTO propeller_owner (id, epoch, holder, until_ms) VALUES (1, 0, '', 0) ON CONFLICT DO NOTHING""",
    "own": """
        UPDATE propeller_owner SET epoch = epoch + 1, holder = :holder, until_ms = {now_ms} + :lease
        WHERE holder = :same OR until_ms <= {now_ms} RETURNING epoch""",
    "owner": "SELECT holder, until_ms - {now_ms} FROM propeller_owner",
    "renew": "UPDATE propeller_owner SET until_ms = {now_ms} + :lease WHERE epoch = :epoch RETURNING epoch",
    "owned": "SELECT epoch FROM propeller_owner WHERE epoch = :epoch {hold}",
}
