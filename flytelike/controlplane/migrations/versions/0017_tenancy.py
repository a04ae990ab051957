"""Teams own projects, and quotas bound them."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add the tables; projects that there are belong to the team `default`."""
    op.add_column("projects", sa.Column("team", sa.Text(), server_default="default", nullable=False))
    op.create_table(
        "teams",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("labels", sa.Text(), server_default="{}", nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column("executions", sa.Column("held_since", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("executions", sa.Column("held_order", sa.BigInteger(), server_default="0", nullable=False))
    held = sa.text("held_since != 0")
    op.create_index("ix_executions_held", "executions", ["held_order"], sqlite_where=held, postgresql_where=held)
    op.create_table(
        "matchable_attributes",
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("domain", sa.String(64), primary_key=True),
        sa.Column("workflow", sa.Text(), primary_key=True),
        sa.Column("kind", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.create_table(
        "quota_samples",
        sa.Column("team", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("domain", sa.String(64), primary_key=True),
        sa.Column("at", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("used", sa.Text(), server_default="", nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
    )
    op.create_index("ix_quota_samples_at", "quota_samples", ["at"])
    op.create_table(
        "quotas",
        sa.Column("team", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), primary_key=True),
        sa.Column("domain", sa.String(64), primary_key=True),
        sa.Column("terms", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False),
    )
