"""What tables are made of: kinds of columns, and the collection that all tables belong to."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows itself only when the key's type is exactly INTEGER.
RowId = BigInteger().with_variant(Integer(), "sqlite")


def row_id() -> Column[int]:
    """Return a key that the database numbers."""
    return Column("id", RowId, primary_key=True, autoincrement=True)


def text(name: str, *, default: str = "") -> Column[str]:
    """Return a column of texts."""
    return Column(name, Text, nullable=False, server_default=default)


def instant(name: str) -> Column[int]:
    """Return a column of instants, 0 for none."""
    return Column(name, BigInteger, nullable=False, server_default="0")


def amount(name: str) -> Column[int]:
    """Return a column of whole amounts, 0 for none."""
    return Column(name, BigInteger, nullable=False, server_default="0")


def binary(name: str) -> Column[bytes]:
    """Return a column of serialised messages."""
    return Column(name, LargeBinary, nullable=False)


def flag(name: str) -> Column[bool]:
    """Return a column of truth values."""
    return Column(name, Boolean, nullable=False)
