"""Whose results stood in the catalog before they were replaced."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"


def upgrade() -> None:
    """Add the table; what was replaced before is not known."""
    op.create_table(
        "catalog_past",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duration_ns", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("hits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("gone", sa.Text(), server_default="", nullable=False),
        sa.Column("gone_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("replaced_by", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("digest", "created_at", name=op.f("pk_catalog_past")),
    )
    op.create_index(op.f("ix_catalog_past_gone_at"), "catalog_past", ["gone_at"], unique=False)
