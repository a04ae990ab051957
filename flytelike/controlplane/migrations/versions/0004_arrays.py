"""Arrays keep how it is with their elements."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_COUNTS = ("elements", "elements_open", "elements_succeeded", "elements_failed")


def upgrade() -> None:
    """Add the columns and tables; no array was recorded before."""
    op.add_column("node_executions", sa.Column("is_array", sa.Boolean(), server_default=sa.false(), nullable=False))
    for name in _COUNTS:
        op.add_column("node_executions", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    row_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "element_chunks",
        sa.Column("execution", row_id, autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("phases", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["execution"], ["executions.id"], name=op.f("fk_element_chunks_execution")),
        sa.PrimaryKeyConstraint("execution", "path", "number", name=op.f("pk_element_chunks")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "element_failures",
        sa.Column("execution", row_id, autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("element", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("error", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["execution"], ["executions.id"], name=op.f("fk_element_failures_execution")),
        sa.PrimaryKeyConstraint("execution", "path", "element", name=op.f("pk_element_failures")),
        sqlite_with_rowid=False,
    )
