"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create them."""
    _descriptions()
    _executions()
    _launch_plans()
    _named_entities()
    _projects()
    _tasks()
    _workflows()
    _node_executions()
    _task_executions()


def _descriptions() -> None:
    op.create_table(
        "descriptions",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("domain", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_descriptions")),
        sa.UniqueConstraint(
            "kind",
            "project",
            "domain",
            "name",
            "version",
            name=op.f("uq_descriptions_kind_project_domain_name_version"),
        ),
    )


def _executions() -> None:
    op.create_table(
        "executions",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("domain", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("phase", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("mode", sa.SmallInteger(), nullable=False),
        sa.Column("launched_kind", sa.SmallInteger(), nullable=False),
        sa.Column("launched_project", sa.Text(), server_default="", nullable=False),
        sa.Column("launched_domain", sa.Text(), server_default="", nullable=False),
        sa.Column("launched_name", sa.Text(), server_default="", nullable=False),
        sa.Column("launched_version", sa.Text(), server_default="", nullable=False),
        sa.Column("workflow_project", sa.Text(), server_default="", nullable=False),
        sa.Column("workflow_domain", sa.Text(), server_default="", nullable=False),
        sa.Column("workflow_name", sa.Text(), server_default="", nullable=False),
        sa.Column("workflow_version", sa.Text(), server_default="", nullable=False),
        sa.Column("closure_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("closure_digest", sa.Text(), server_default="", nullable=False),
        sa.Column("spec", sa.LargeBinary(), nullable=False),
        sa.Column("inputs_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("outputs_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("user", sa.Text(), server_default="", nullable=False),
        sa.Column("parent_name", sa.Text(), server_default="", nullable=False),
        sa.Column("parent_path", sa.Text(), server_default="", nullable=False),
        sa.Column("parent_attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("depth", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.LargeBinary(), nullable=True),
        sa.Column("error_code", sa.Text(), server_default="", nullable=False),
        sa.Column("abort_cause", sa.Text(), server_default="", nullable=False),
        sa.Column("abort_principal", sa.Text(), server_default="", nullable=False),
        sa.Column("state_principal", sa.Text(), server_default="", nullable=False),
        sa.Column("state_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("started_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executions")),
        sa.UniqueConstraint("project", "domain", "name", name=op.f("uq_executions_project_domain_name")),
    )
    op.create_index(op.f("ix_executions_phase"), "executions", ["phase"], unique=False)
    op.create_index(
        op.f("ix_executions_project_domain_created_at"), "executions", ["project", "domain", "created_at"], unique=False
    )


def _launch_plans() -> None:
    op.create_table(
        "launch_plans",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("domain", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("short_description", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("workflow_name", sa.Text(), server_default="", nullable=False),
        sa.Column("workflow_version", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_launch_plans")),
        sa.UniqueConstraint(
            "project", "domain", "name", "version", name=op.f("uq_launch_plans_project_domain_name_version")
        ),
    )
    op.create_index(
        op.f("ix_launch_plans_project_domain_created_at"),
        "launch_plans",
        ["project", "domain", "created_at"],
        unique=False,
    )
    op.create_index(
        "uq_launch_plans_active",
        "launch_plans",
        ["project", "domain", "name"],
        unique=True,
        sqlite_where=sa.text("state = 1"),
        postgresql_where=sa.text("state = 1"),
    )


def _named_entities() -> None:
    op.create_table(
        "named_entities",
        sa.Column("kind", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("domain", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("kind", "project", "domain", "name", name=op.f("pk_named_entities")),
    )


def _projects() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("labels", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
    )


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("domain", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("short_description", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("type", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("project", "domain", "name", "version", name=op.f("uq_tasks_project_domain_name_version")),
    )
    op.create_index(
        op.f("ix_tasks_project_domain_created_at"), "tasks", ["project", "domain", "created_at"], unique=False
    )


def _workflows() -> None:
    op.create_table(
        "workflows",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("domain", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("short_description", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("closure_uri", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflows")),
        sa.UniqueConstraint(
            "project", "domain", "name", "version", name=op.f("uq_workflows_project_domain_name_version")
        ),
    )
    op.create_index(
        op.f("ix_workflows_project_domain_created_at"), "workflows", ["project", "domain", "created_at"], unique=False
    )


def _node_executions() -> None:
    op.create_table(
        "node_executions",
        sa.Column("execution", _ROW_ID, autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), server_default="", nullable=False),
        sa.Column("spec_node_id", sa.Text(), server_default="", nullable=False),
        sa.Column("phase", sa.SmallInteger(), nullable=False),
        sa.Column("is_parent", sa.Boolean(), nullable=False),
        sa.Column("is_child", sa.Boolean(), nullable=False),
        sa.Column("inputs_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("output_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("child", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("started_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["execution"], ["executions.id"], name=op.f("fk_node_executions_execution")),
        sa.PrimaryKeyConstraint("execution", "path", name=op.f("pk_node_executions")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_node_executions_execution_sequence"), "node_executions", ["execution", "sequence"], unique=False
    )


def _task_executions() -> None:
    op.create_table(
        "task_executions",
        sa.Column("execution", _ROW_ID, autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("task_project", sa.Text(), server_default="", nullable=False),
        sa.Column("task_domain", sa.Text(), server_default="", nullable=False),
        sa.Column("task_name", sa.Text(), server_default="", nullable=False),
        sa.Column("task_version", sa.Text(), server_default="", nullable=False),
        sa.Column("phase", sa.SmallInteger(), nullable=False),
        sa.Column("inputs_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("output_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("log_uri", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("started_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["execution"], ["executions.id"], name=op.f("fk_task_executions_execution")),
        sa.PrimaryKeyConstraint("execution", "path", "attempt", name=op.f("pk_task_executions")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_task_executions_execution_sequence"), "task_executions", ["execution", "sequence"], unique=False
    )
