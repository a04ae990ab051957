"""Nodes keep their names."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; nodes that were recorded before have no name."""
    op.add_column("node_executions", sa.Column("name", sa.Text(), server_default="", nullable=False))
