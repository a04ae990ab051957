"""Executions know what they take over from which other one, and nodes what is to be said of that."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns; executions from before took nothing over."""
    for name in ("reference", "reuse_uri", "reuse_digest"):
        op.add_column("executions", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column("node_executions", sa.Column("note", sa.Text(), server_default="", nullable=False))
