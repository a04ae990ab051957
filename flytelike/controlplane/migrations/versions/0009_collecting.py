"""Executions that are being deleted, and leases on what one server at a time may do."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"


def upgrade() -> None:
    """Add the column and the table; nothing is being deleted yet."""
    for name in ("deleting_at", "deleted_at"):
        op.add_column("executions", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    op.create_index(
        "ix_executions_deleting",
        "executions",
        ["id"],
        unique=False,
        sqlite_where=sa.text("deleting_at != 0"),
        postgresql_where=sa.text("deleting_at != 0"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.Text(), server_default="", nullable=False),
        sa.Column("until", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("done_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
