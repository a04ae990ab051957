"""Whence results of elements came: from the cache, or from an earlier execution."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the columns; of elements of old executions nothing is known."""
    for name in ("elements_cached", "elements_recovered"):
        op.add_column("node_executions", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.add_column(
        "element_chunks", sa.Column("origins", sa.LargeBinary(), server_default=sa.text("''"), nullable=False)
    )
