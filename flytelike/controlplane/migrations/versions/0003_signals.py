"""Signals, and the gates that wait for them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add both tables; executions of before have no gates."""
    op.create_table(
        "signals",
        sa.Column("execution", _ROW_ID, autoincrement=False, nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("type", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("set_by", sa.Text(), server_default="", nullable=False),
        sa.Column("set_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("untold", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["execution"], ["executions.id"], name=op.f("fk_signals_execution")),
        sa.PrimaryKeyConstraint("execution", "signal", name=op.f("pk_signals")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_signals_untold"),
        "signals",
        ["untold"],
        unique=False,
        sqlite_where=sa.text("untold"),
        postgresql_where=sa.text("untold"),
    )
    op.create_table(
        "gates",
        sa.Column("execution", _ROW_ID, autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("approval", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("until", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["execution"], ["executions.id"], name=op.f("fk_gates_execution")),
        sa.PrimaryKeyConstraint("execution", "path", name=op.f("pk_gates")),
        sqlite_with_rowid=False,
    )
