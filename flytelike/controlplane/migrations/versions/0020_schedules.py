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
    """Take the schedules of active launch plans over, to be counted from now on by who starts them (`next_at` 1)."""
    connection = op.get_bind()
    plans = sa.table("launch_plans", *[sa.column(name) for name in ("project", "domain", "name", "version", "body")])
    active = sa.select(plans).where(sa.literal_column("state") == 1)
    schedules = sa.table(
        "schedules",
        *[sa.column(name) for name in ("project", "domain", "name", "version", "body", "active", "next_at")],
    )
    for plan in connection.execute(active).all():
        metadata = launch_plan_pb2.LaunchPlan.FromString(plan.body).spec.entity_metadata
        if metadata.schedule.WhichOneof("ScheduleExpression"):
            row = dict(zip(("project", "domain", "name", "version"), plan[:4], strict=True))
            body = metadata.schedule.SerializeToString()
            connection.execute(sa.insert(schedules).values(**row, body=body, active=True, next_at=1))


def _place(last: str, kind: sa.types.TypeEngine[str]) -> list[sa.Column[str]]:
    places = [sa.Column(name, sa.String(64), nullable=False) for name in ("project", "domain")]
    return [*places, sa.Column(last, kind, nullable=False)]


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _instant(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
