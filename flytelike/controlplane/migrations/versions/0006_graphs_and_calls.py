"""Nodes know the graph that their dynamic task gave, executions the eager task that called them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns; what was recorded before has none of either."""
    op.add_column("node_executions", sa.Column("graph", sa.Text(), server_default="", nullable=False))
    for name in ("eager", "calls"):
        op.add_column("executions", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_executions_project_domain_parent_name_parent_path", "executions",
                    ["project", "domain", "parent_name", "parent_path"])  # fmt: skip
