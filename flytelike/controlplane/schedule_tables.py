"""The tables of schedules and backfills; see `schema`."""

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String, Table, Text

from flytelike.controlplane.columns import binary, flag, instant, metadata, text

schedules = Table(
    "schedules",
    metadata,
    Column("project", String(64), primary_key=True),
    Column("domain", String(64), primary_key=True),
    Column("name", Text, primary_key=True),
    text("version"),
    binary("body"),
    flag("active"),
    text("user"),
    instant("since"),
    # All times up to here have been dealt with, and the first one behind it; 0 where none comes.
    instant("done_at"),
    instant("next_at"),
    # The last times that were too many to be caught up.
    instant("missed_from"),
    instant("missed_to"),
    Index(None, "next_at"),
)
"""The schedules of launch plans, one a name: that of the active version, else of the one registered last.
`body`: admin.Schedule; `user`: who activated it, at `since`."""

schedule_runs = Table(
    "schedule_runs",
    metadata,
    Column("project", String(64), primary_key=True),
    Column("domain", String(64), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    text("version"),
    text("execution_name"),
    text("fault"),
    instant("decided_at"),
)
"""What came of the last times of schedules: an execution, or (`fault`) why there is none."""

backfills = Table(
    "backfills",
    metadata,
    Column("project", String(64), primary_key=True),
    Column("domain", String(64), primary_key=True),
    Column("name", String(63), primary_key=True),
    text("launch_plan"),
    text("version"),
    instant("from_at"),
    instant("to_at"),
    Column("parallel", Integer, nullable=False),
    flag("newest_first"),
    flag("again"),
    Column("phase", SmallInteger, nullable=False),
    text("user"),
    text("ended_by"),
    instant("created_at"),
    instant("ended_at"),
    Index(None, "phase"),
)
"""Executions of a launch plan for past times of its schedule. `phase`: BackfillPhase."""

backfill_runs = Table(
    "backfill_runs",
    metadata,
    Column("project", String(64), primary_key=True),
    Column("domain", String(64), primary_key=True),
    Column("backfill", String(63), primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    text("execution_name"),
    Column("phase", SmallInteger, nullable=False),
    text("fault"),
)
"""The times of a backfill, each with its execution. `phase`: RunPhase."""
