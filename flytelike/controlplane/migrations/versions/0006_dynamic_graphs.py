"""Nodes know the graph that their dynamic task gave."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; nodes that were recorded before gave none."""
    op.add_column("node_executions", sa.Column("graph", sa.Text(), server_default="", nullable=False))
