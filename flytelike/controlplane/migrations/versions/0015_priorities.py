"""Workflows say how urgent their executions are, and nodes how urgent they are themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the columns; what was registered and what ran before says nothing."""
    op.add_column("workflows", sa.Column("priority", sa.SmallInteger(), nullable=True))
    op.add_column("node_executions", sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False))
