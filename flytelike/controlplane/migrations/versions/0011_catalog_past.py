"""Whose results stood in the catalog before they were replaced; datasets of clients."""

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
    _add_datasets()


def _add_datasets() -> None:
    op.add_column("catalog_entries", sa.Column("version", sa.Text(), server_default="", nullable=False))
    if op.get_bind().dialect.name == "sqlite":
        op.execute("UPDATE catalog_entries SET version = json_extract(cache_key, '$[4]')")
    else:
        op.execute("UPDATE catalog_entries SET version = cache_key::json ->> 4")
    op.create_table(
        "catalog_datasets",
        *_place(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("about", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("project", "domain", "name", "version", name=op.f("pk_catalog_datasets")),
    )
    op.create_table(
        "catalog_artifacts",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("about", sa.LargeBinary(), nullable=False),
        sa.Column("partitions", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_catalog_artifacts")),
    )
    op.create_table(
        "catalog_tags",
        *_place(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("project", "domain", "name", "version", "tag", name=op.f("pk_catalog_tags")),
    )
    op.create_index(op.f("ix_catalog_tags_digest"), "catalog_tags", ["digest"], unique=False)


def _place() -> "list[sa.Column[str]]":
    return [sa.Column(name, sa.String(length=64), nullable=False) for name in ("project", "domain")]
