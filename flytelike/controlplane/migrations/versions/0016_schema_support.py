"""The database says which versions of Flytelike can work on its tables."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the table with its one row; the upgrade writes the version itself."""
    table = op.create_table("schema_support", sa.Column("readable_since", sa.String(32), nullable=False))
    op.bulk_insert(table, [{"readable_since": revision}])
