"""Executions are found by their labels."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the table; old executions are not found by their labels."""
    op.create_table(
        "execution_tags",
        sa.Column("execution", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["execution"], ["executions.id"], name=op.f("fk_execution_tags_execution")),
        sa.PrimaryKeyConstraint("execution", "key", name=op.f("pk_execution_tags")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_execution_tags_key_value"), "execution_tags", ["key", "value"])
