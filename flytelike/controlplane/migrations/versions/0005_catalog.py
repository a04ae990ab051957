"""Cached results, reservations, their statistics; nodes tell what the cache had to say."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables and columns; nodes that were recorded before were not cached."""
    op.add_column("node_executions", sa.Column("cache_status", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("node_executions", sa.Column("cache_why", sa.Text(), server_default="", nullable=False))
    op.add_column("node_executions", sa.Column("cache_key", sa.Text(), server_default="", nullable=False))
    op.add_column("node_executions", sa.Column("cache_source", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "catalog_entries",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("domain", sa.String(64), nullable=False),
        sa.Column("task", sa.Text(), server_default="", nullable=False),
        sa.Column("cache_key", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("outputs", sa.LargeBinary(), nullable=False),
        sa.Column("outputs_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("uris", sa.Text(), server_default="", nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duration_ns", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("used_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("hits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("gone", sa.Text(), server_default="", nullable=False),
        sa.Column("gone_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("replaced", sa.Text(), server_default="", nullable=False),
    )
    op.create_index(
        "ix_catalog_entries_project_domain_task_created_at",
        "catalog_entries",
        ["project", "domain", "task", "created_at"],
    )
    op.create_table(
        "catalog_reservations",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("holder", sa.Text(), server_default="", nullable=False),
        sa.Column("until", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.create_table(
        "catalog_uses",
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("domain", sa.String(64), primary_key=True),
        sa.Column("task", sa.Text(), primary_key=True),
        sa.Column("hits", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("misses", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("saved_ns", sa.BigInteger(), server_default="0", nullable=False),
    )
