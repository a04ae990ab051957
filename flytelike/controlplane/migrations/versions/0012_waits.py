"""Nodes say what they wait for."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the columns; what waits already says so with its next change."""
    op.add_column("node_executions", sa.Column("waits", sa.Text(), server_default="", nullable=False))
    op.add_column("node_executions", sa.Column("waits_until", sa.BigInteger(), server_default="0", nullable=False))
