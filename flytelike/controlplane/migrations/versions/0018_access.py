"""Who may do what: tokens, grants, and the log of changes."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the tables; nobody has a token or a role yet."""
    _tokens()
    _grants()
    _audit()


def _tokens() -> None:
    op.create_table(
        "access_tokens",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        *[_text(name) for name in ("user", "name", "created_by")],
        *[_instant(name) for name in ("created_at", "expires_at", "used_at", "revoked_at")],
        sa.PrimaryKeyConstraint("id", name="pk_access_tokens"),
        sa.UniqueConstraint("digest", name="uq_access_tokens_digest"),
    )
    op.create_index("ix_access_tokens_user", "access_tokens", ["user"])


def _grants() -> None:
    places = ["team", "project", "domain"]
    op.create_table(
        "access_grants",
        sa.Column("id", _row_id(), nullable=False, autoincrement=True),
        sa.Column("subject_kind", sa.String(8), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        *[sa.Column(name, sa.String(64), server_default="", nullable=False) for name in places],
        _text("created_by"),
        _instant("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_access_grants"),
        sa.UniqueConstraint(
            "subject_kind",
            "subject",
            "role",
            *places,
            name="uq_access_grants_subject_kind_subject_role_team_project_domain",
        ),
    )


def _audit() -> None:
    texts = [
        "actor",
        "via",
        "credential",
        "method",
        "project",
        "domain",
        "target",
        "peer",
        "request_id",
        "outcome",
        "detail",
    ]
    op.create_table(
        "audit_log",
        sa.Column("id", _row_id(), nullable=False, autoincrement=True),
        _instant("at"),
        *[_text(name) for name in texts],
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_at", "audit_log", ["at"])
    op.create_index("ix_audit_log_project_id", "audit_log", ["project", "id"])


def _row_id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _instant(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
