"""How much executions have stored, for limits on it."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add the column; what ended before is looked at once there is a limit."""
    op.add_column("executions", sa.Column("stored_bytes", sa.BigInteger(), server_default="-1", nullable=False))
    op.create_index("ix_executions_project_domain_stored_bytes", "executions", ["project", "domain", "stored_bytes"])
