"""What attempts asked of their machines, and what they used."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the columns; of attempts that there are already nothing is known."""
    op.add_column("task_executions", sa.Column("asked", sa.LargeBinary(), nullable=True))
    op.add_column(
        "task_executions", sa.Column("memory_peak_bytes", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column("task_executions", sa.Column("processor_ns", sa.BigInteger(), server_default="0", nullable=False))
