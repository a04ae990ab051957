"""The tables of the store of record, one schema for SQLite and PostgreSQL."""

import sqlalchemy as sa

VERSION = 3
"""The version of the tables below. A database of a higher version is refused.

1: the first. 2: `propeller_owner`. 3: `propeller_execution.closed_ms` and the index of closed ones.
"""

metadata = sa.MetaData()

schema_version = sa.Table(
    "propeller_schema",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
)

execution = sa.Table(
    "propeller_execution",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("org", sa.Text, nullable=False),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("domain", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("closed", sa.Boolean, nullable=False),
    sa.Column("header", sa.LargeBinary, nullable=False),
    sa.Column("launch", sa.LargeBinary, nullable=False),
    # When it was closed, by the database's clock; null while it is not.
    sa.Column("closed_ms", sa.BigInteger),
    sa.UniqueConstraint("project", "domain", "name", "org"),
)
sa.Index(
    "propeller_execution_open",
    execution.c.id,
    sqlite_where=sa.not_(execution.c.closed),
)
sa.Index(
    "propeller_execution_closed",
    execution.c.closed_ms,
    sqlite_where=execution.c.closed_ms.is_not(None),
)

cell = sa.Table(
    "propeller_cell",
    metadata,
    sa.Column("execution", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("state", sa.LargeBinary),
    # The last column: SQLite reads a row's front without touching what overflows behind it.
    sa.Column("output", sa.LargeBinary),
    sqlite_with_rowid=False,
)

command = sa.Table(
    "propeller_command",
    metadata,
    sa.Column("execution", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

history = sa.Table(
    "propeller_history",
    metadata,
    sa.Column("execution", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("last_sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("first_sequence", sa.BigInteger, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

owner = sa.Table(
    "propeller_owner",
    metadata,
    # One row: the engine that may write. Each new owner gets the next epoch.
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
)


def say_for_postgresql() -> None:
    """Say in PostgreSQL's name too which rows an index is of: above, that loads a dialect SQLite does not need."""
    for index in (index for table in metadata.tables.values() for index in table.indexes):
        where = index.dialect_options["sqlite"]["where"]
        if where is not None:
            index.dialect_kwargs["postgresql_where"] = where
