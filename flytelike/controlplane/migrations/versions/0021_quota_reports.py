"""What operators say of what attempts use, and of who waits."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the table; nobody has said anything yet."""
    op.create_table(
        "quota_reports",
        sa.Column("id", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("heard_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_quota_reports"),
    )
