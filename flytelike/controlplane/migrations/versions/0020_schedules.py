"""Schedules of launch plans, what came of their times, and backfills."""

import sqlalchemy as sa
from alembic import op

from flytelike_idl.admin import launch_plan_pb2

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add the tables; schedules that were activated before fire from their first time after this on."""
    op.create_table(
        "schedules",
        *_place("name", sa.Text()),
        _text("version"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        _text("user"),
        *[_instant(name) for name in ("since", "done_at", "next_at", "missed_from", "missed_to")],
        sa.PrimaryKeyConstraint("project", "domain", "name", name="pk_schedules"),
    )
    op.create_index("ix_schedules_next_at", "schedules", ["next_at"])
    op.create_table(
        "schedule_runs",
        *_place("name", sa.Text()),
        sa.Column("at", sa.BigInteger(), nullable=False, autoincrement=False),
        *[_text(name) for name in ("version", "execution_name", "fault")],
        _instant("decided_at"),
        sa.PrimaryKeyConstraint("project", "domain", "name", "at", name="pk_schedule_runs"),
    )
    _backfills()
    _adopt()


def _backfills() -> None:
    op.create_table(
        "backfills",
        *_place("name", sa.String(63)),
        *[_text(name) for name in ("launch_plan", "version")],
        *[_instant(name) for name in ("from_at", "to_at")],
        sa.Column("parallel", sa.Integer(), nullable=False),
        *[sa.Column(name, sa.Boolean(), nullable=False) for name in ("newest_first", "again")],
        sa.Column("phase", sa.SmallInteger(), nullable=False),
        *[_text(name) for name in ("user", "ended_by")],
        *[_instant(name) for name in ("created_at", "ended_at")],
        sa.PrimaryKeyConstraint("project", "domain", "name", name="pk_backfills"),
    )
    op.create_index("ix_backfills_phase", "backfills", ["phase"])
    op.create_table(
        "backfill_runs",
        *_place("backfill", sa.String(63)),
        sa.Column("at", sa.BigInteger(), nullable=False, autoincrement=False),
        _text("execution_name"),
        sa.Column("phase", sa.SmallInteger(), nullable=False),
        _text("fault"),
        sa.PrimaryKeyConstraint("project", "domain", "backfill", "at", name="pk_backfill_runs"),
    )


def _adopt() -> None:
    """Take over the schedules that are registered: of each name that of the active version, else of the newest.

    Those that are active are counted from now on by who starts them (`next_at` 1).
    """
    connection = op.get_bind()
    names = ("project", "domain", "name", "version")
    plans = sa.table("launch_plans", *[sa.column(name) for name in (*names, "body", "state", "id")])
    rows = sa.select(*[plans.c[name] for name in names], plans.c.body, plans.c.state)
    found: dict[tuple[str, ...], dict[str, object]] = {}
    for row in connection.execute(rows.order_by(plans.c.state, plans.c.id)):
        schedule = launch_plan_pb2.LaunchPlan.FromString(row.body).spec.entity_metadata.schedule
        active = row.state == 1
        if schedule.WhichOneof("ScheduleExpression"):
            values = {"body": schedule.SerializeToString(), "active": active, "next_at": int(active)}
            found[tuple(row[:3])] = dict(zip(names, row[:4], strict=True)) | values
    schedules = sa.table("schedules", *[sa.column(name) for name in (*names, "body", "active", "next_at")])
    if found:
        connection.execute(sa.insert(schedules), list(found.values()))


def _place(last: str, kind: sa.types.TypeEngine[str]) -> list[sa.Column[str]]:
    places = [sa.Column(name, sa.String(64), nullable=False) for name in ("project", "domain")]
    return [*places, sa.Column(last, kind, nullable=False)]


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _instant(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
