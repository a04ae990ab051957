"""The tables of grants that several engines share, on SQLite and PostgreSQL."""

import sqlalchemy as sa

metadata = sa.MetaData()

state = sa.Table(
    "allocation_state",
    metadata,
    # One row, locked by every round, so that rounds come one after the other. `change` counts them.
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change", sa.BigInteger, nullable=False),
    # Who decides, and until when nobody else does.
    sa.Column("decider", sa.Text, nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
)

holders = sa.Table(
    "allocation_holders",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    # The fencing token: whoever comes back with an older one has lost everything.
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
)

asks = sa.Table(
    "allocation_asks",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("path", sa.JSON, nullable=False),
    sa.Column("amounts", sa.JSON, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("since_ms", sa.BigInteger, nullable=False),
    sa.Column("granted_ms", sa.BigInteger),
    # Why it can never be granted.
    sa.Column("refused", sa.JSON),
    # Its holder wants it no longer; the decider takes it out.
    sa.Column("ended", sa.Boolean, nullable=False),
    # The round that changed it last.
    sa.Column("change", sa.BigInteger, nullable=False),
)
sa.Index("allocation_asks_change", asks.c.change)
sa.Index("allocation_asks_holder", asks.c.holder, asks.c.change)
