"""The tables. Instants are nanoseconds since 1970; messages are serialised protobuf."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
)

from flytelike.controlplane.columns import RowId as _RowId
from flytelike.controlplane.columns import amount as _amount
from flytelike.controlplane.columns import binary as _bytes
from flytelike.controlplane.columns import flag as _flag
from flytelike.controlplane.columns import instant as _instant
from flytelike.controlplane.columns import metadata as metadata  # noqa: PLC0414 - all take it from here
from flytelike.controlplane.columns import row_id as _id
from flytelike.controlplane.columns import text as _text
from flytelike.controlplane.schedule_tables import backfill_runs, backfills, schedule_runs, schedules

projects = Table(
    "projects",
    metadata,
    Column("id", String(64), primary_key=True),
    _text("name"),
    _text("description"),
    _bytes("labels"),
    Column("state", SmallInteger, nullable=False),
    _instant("created_at"),
    _instant("updated_at"),
    _text("team", default="default"),
)

teams = Table(
    "teams",
    metadata,
    Column("name", String(64), primary_key=True),
    _text("description"),
    _text("labels", default="{}"),
    Column("archived", Boolean, nullable=False),
    _instant("created_at"),
    _instant("updated_at"),
)
"""`labels`: a JSON object."""

quotas = Table(
    "quotas",
    metadata,
    Column("team", String(64), primary_key=True),
    Column("project", String(64), primary_key=True),
    Column("domain", String(64), primary_key=True),
    _text("terms"),
    _instant("updated_at"),
)
"""A team's quota names the team only, a project's the project, a domain's both project and domain. `terms`: JSON."""

matchable_attributes = Table(
    "matchable_attributes",
    metadata,
    Column("project", String(64), primary_key=True),
    Column("domain", String(64), primary_key=True),
    Column("workflow", Text, primary_key=True),
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    _bytes("body"),
    _instant("updated_at"),
)
"""`kind`: admin.MatchableResource; `body`: admin.MatchingAttributes."""

quota_samples = Table(
    "quota_samples",
    metadata,
    Column("team", String(64), primary_key=True),
    Column("project", String(64), primary_key=True),
    Column("domain", String(64), primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    _text("used"),
    Column("waiting", Integer, nullable=False),
    Index(None, "at"),
)
"""What was used at a place when it had changed, at most once a minute. `at`: the minute; `used`: JSON."""

quota_reports = Table(
    "quota_reports",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    _instant("at"),
    _instant("heard_at"),
    _bytes("body"),
)
"""What operators said last of all that they grant, in one row. `at`: milliseconds of their database's time; `body`:
service.ReportQuotaUseRequest.
"""

named_entities = Table(
    "named_entities",
    metadata,
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("project", String(64), primary_key=True),
    Column("domain", String(64), primary_key=True),
    Column("name", Text, primary_key=True),
    _text("description"),
    Column("state", SmallInteger, nullable=False),
    _instant("created_at"),
    _instant("updated_at"),
)


def _entity(name: str, *extra: Column[str] | Column[bytes] | Column[int]) -> Table:
    """Return a table of versioned entities; a row's content never changes once it is there."""
    return Table(
        name,
        metadata,
        _id(),
        Column("project", String(64), nullable=False),
        Column("domain", String(64), nullable=False),
        Column("name", Text, nullable=False),
        Column("version", Text, nullable=False),
        Column("digest", String(71), nullable=False),
        _bytes("body"),
        _text("short_description"),
        _instant("created_at"),
        _instant("updated_at"),
        *extra,
        UniqueConstraint("project", "domain", "name", "version"),
        Index(None, "project", "domain", "created_at"),
    )


tasks = _entity("tasks", _text("type"))
"""`body`: core.CompiledTask."""

workflows = _entity("workflows", _text("closure_uri"), Column("priority", SmallInteger))
"""`body`: core.TypedInterface; the compiled closure lies at `closure_uri`. `priority` is null where it says none."""

launch_plans = _entity(
    "launch_plans",
    Column("state", SmallInteger, nullable=False, server_default="0"),
    _text("workflow_name"),
    _text("workflow_version"),
)
"""`body`: admin.LaunchPlan without what changes (state and update time)."""

Index(
    "uq_launch_plans_active",
    launch_plans.c.project,
    launch_plans.c.domain,
    launch_plans.c.name,
    unique=True,
    sqlite_where=launch_plans.c.state == 1,
)

descriptions = Table(
    "descriptions",
    metadata,
    _id(),
    Column("kind", SmallInteger, nullable=False),
    Column("project", String(64), nullable=False),
    Column("domain", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    _bytes("body"),
    _instant("created_at"),
    UniqueConstraint("kind", "project", "domain", "name", "version"),
)
"""`body`: admin.DescriptionEntity."""

executions = Table(
    "executions",
    metadata,
    _id(),
    Column("project", String(64), nullable=False),
    Column("domain", String(64), nullable=False),
    Column("name", String(63), nullable=False),
    Column("phase", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("mode", SmallInteger, nullable=False),
    # What was run: the launch plan (or, with kind TASK, the task) and the workflow it gave.
    Column("launched_kind", SmallInteger, nullable=False),
    _text("launched_project"),
    _text("launched_domain"),
    _text("launched_name"),
    _text("launched_version"),
    _text("workflow_project"),
    _text("workflow_domain"),
    _text("workflow_name"),
    _text("workflow_version"),
    _text("closure_uri"),
    _text("closure_digest"),
    _bytes("spec"),
    _text("inputs_uri"),
    _text("outputs_uri"),
    _text("user"),
    _text("parent_name"),
    _text("parent_path"),
    Column("parent_attempt", Integer, nullable=False, server_default="0"),
    Column("depth", Integer, nullable=False, server_default="0"),
    # The execution this one was made from (PROJECT/DOMAIN/NAME), and the list of what it takes over.
    _text("reference"),
    _text("reuse_uri"),
    _text("reuse_digest"),
    Column("error", LargeBinary),
    _text("error_code"),
    _text("abort_cause"),
    _text("abort_principal"),
    _text("state_principal"),
    _instant("state_at"),
    _instant("created_at"),
    _instant("started_at"),
    _instant("updated_at"),
    # The number of the last history record taken over. 0 means that nothing was heard yet.
    Column("sequence", BigInteger, nullable=False, server_default="0"),
    # When it was decided that the execution goes; whoever reads takes it for gone from then on.
    _instant("deleting_at"),
    # When all but its name was deleted. The name stays taken as long as anybody refers to data of it.
    _instant("deleted_at"),
    # Whether an eager task called it, and whether its own eager tasks have called any.
    Column("eager", Boolean, nullable=False, server_default=false()),
    Column("calls", Boolean, nullable=False, server_default=false()),
    # Since when a limit on running executions keeps it from starting; 0 once it may. And its place in line: the
    # smallest goes first.
    _instant("held_since"),
    _instant("held_order"),
    # How much its data and documents take, looked at when it has ended; -1 as long as nobody has looked.
    Column("stored_bytes", BigInteger, nullable=False, server_default="-1"),
    UniqueConstraint("project", "domain", "name"),
    Index(None, "project", "domain", "parent_name", "parent_path"),
    Index(None, "project", "domain", "stored_bytes"),
    Index(None, "project", "domain", "created_at"),
    Index(None, "phase"),
)
"""`spec`: admin.ExecutionSpec; `error`: core.ExecutionError. Children live in their parent's project and domain."""

Index(
    "ix_executions_deleting",
    executions.c.id,
    sqlite_where=executions.c.deleting_at != 0,
)

Index(
    "ix_executions_held",
    executions.c.held_order,
    sqlite_where=executions.c.held_since != 0,
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    _text("holder"),
    _instant("until"),
    _instant("done_at"),
)
"""What one server at a time may do: who does it until when, and when it was done last."""

node_executions = Table(
    "node_executions",
    metadata,
    Column("execution", _RowId, ForeignKey("executions.id"), primary_key=True, autoincrement=False),
    Column("path", Text, primary_key=True),
    _text("parent"),
    _text("spec_node_id"),
    _text("name"),
    Column("phase", SmallInteger, nullable=False),
    _flag("is_parent"),
    _flag("is_child"),
    _text("inputs_uri"),
    _text("output_uri"),
    _text("child"),
    _text("note"),
    _text("waits"),
    _instant("waits_until"),
    Column("priority", SmallInteger, nullable=False, server_default="0"),
    Column("cache_status", SmallInteger, nullable=False, server_default="0"),
    _text("cache_why"),
    _text("cache_key"),
    _text("cache_source"),
    Column("error", LargeBinary),
    _instant("created_at"),
    _instant("started_at"),
    _instant("updated_at"),
    Column("sequence", BigInteger, nullable=False),
    # The digest of the closure that a dynamic task gave.
    _text("graph"),
    # Of an array: how many elements there are, and how many of them are open, succeeded and failed.
    Column("is_array", Boolean, nullable=False, server_default=false()),
    Column("elements", Integer, nullable=False, server_default="0"),
    Column("elements_open", Integer, nullable=False, server_default="0"),
    Column("elements_succeeded", Integer, nullable=False, server_default="0"),
    Column("elements_failed", Integer, nullable=False, server_default="0"),
    # Of those that succeeded: how many the cache served, and how many an earlier execution gave.
    Column("elements_cached", Integer, nullable=False, server_default="0"),
    Column("elements_recovered", Integer, nullable=False, server_default="0"),
    Index(None, "execution", "sequence"),
    sqlite_with_rowid=False,
)
"""`error`: core.ExecutionError; `child`: the name of the execution that a launch-plan node started; `note`: for
people.

`cache_status`: core.CatalogCacheStatus; `cache_key` and `cache_source` are JSON, as in `catalog_entries`.
"""

task_executions = Table(
    "task_executions",
    metadata,
    Column("execution", _RowId, ForeignKey("executions.id"), primary_key=True, autoincrement=False),
    Column("path", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    _text("task_project"),
    _text("task_domain"),
    _text("task_name"),
    _text("task_version"),
    Column("phase", SmallInteger, nullable=False),
    _text("inputs_uri"),
    _text("output_uri"),
    _text("log_uri"),
    Column("error", LargeBinary),
    _instant("created_at"),
    _instant("started_at"),
    _instant("updated_at"),
    Column("sequence", BigInteger, nullable=False),
    Column("asked", LargeBinary),
    _amount("memory_peak_bytes"),
    _amount("processor_ns"),
    Index(None, "execution", "sequence"),
    sqlite_with_rowid=False,
)
"""`error`: core.ExecutionError. `asked`: core.AskedResources; with the two after it, see `flytelike.model.usage`."""

execution_tags = Table(
    "execution_tags",
    metadata,
    Column("execution", _RowId, ForeignKey("executions.id"), primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Index(None, "key", "value"),
    sqlite_with_rowid=False,
)
"""The labels of executions, by which lists of them are filtered (Flyte's `execution_tag`)."""

element_chunks = Table(
    "element_chunks",
    metadata,
    Column("execution", _RowId, ForeignKey("executions.id"), primary_key=True, autoincrement=False),
    Column("path", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _bytes("phases"),
    _bytes("attempts"),
    _bytes("origins"),
    sqlite_with_rowid=False,
)
"""How it is with the elements of an array, some hundred a row: a byte each for the phase and the last attempt.

`origins`: a byte each for what the cache had to do with their results (core.CatalogCacheStatus), or `RECOVERED` where
an earlier execution gave them; empty while that is so of none.
"""

element_failures = Table(
    "element_failures",
    metadata,
    Column("execution", _RowId, ForeignKey("executions.id"), primary_key=True, autoincrement=False),
    Column("path", Text, primary_key=True),
    Column("element", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, nullable=False),
    _bytes("error"),
    sqlite_with_rowid=False,
)
"""Why elements failed last, of at most some of them. `error`: core.ExecutionError."""

signals = Table(
    "signals",
    metadata,
    Column("execution", _RowId, ForeignKey("executions.id"), primary_key=True, autoincrement=False),
    Column("signal", Text, primary_key=True),
    _bytes("type"),
    Column("value", LargeBinary),
    _instant("created_at"),
    _text("set_by"),
    _instant("set_at"),
    # The value was given, and the launcher was not told of it yet.
    _flag("untold"),
    sqlite_with_rowid=False,
)
"""`type`: core.LiteralType; `value`: core.Literal."""

Index("ix_signals_untold", signals.c.untold, sqlite_where=signals.c.untold)

gates = Table(
    "gates",
    metadata,
    Column("execution", _RowId, ForeignKey("executions.id"), primary_key=True, autoincrement=False),
    Column("path", Text, primary_key=True),
    Column("signal", Text, nullable=False),
    _flag("approval"),
    _instant("since"),
    _instant("until"),
    sqlite_with_rowid=False,
)
"""Gates that have waited for a signal; those whose nodes run wait now. `until` is 0 for no end."""

catalog_entries = Table(
    "catalog_entries",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("domain", String(64), nullable=False),
    _text("task"),
    _text("version"),
    _text("cache_key"),
    _text("source"),
    _bytes("outputs"),
    _text("outputs_uri"),
    _text("uris"),
    Column("size_bytes", BigInteger, nullable=False, server_default="0"),
    Column("duration_ns", BigInteger, nullable=False, server_default="0"),
    _instant("created_at"),
    _instant("used_at"),
    _instant("expires_at"),
    Column("hits", BigInteger, nullable=False, server_default="0"),
    # Why there is a result no more; its row stays for a while, so that a miss can be explained.
    _text("gone"),
    _instant("gone_at"),
    # Why an earlier result of the same key did not serve when this one was computed.
    _text("replaced"),
    Index(None, "project", "domain", "task", "created_at"),
)
"""Cached results by the digest of their key. `cache_key`, `source` and `uris` are JSON; `outputs`: core.LiteralMap.

`version` is that of the key: with project, domain and task the dataset, as DataCatalog has it.
"""

catalog_datasets = Table(
    "catalog_datasets",
    metadata,
    Column("project", String(64), primary_key=True),
    Column("domain", String(64), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    _bytes("about"),
    _instant("created_at"),
)
"""Datasets that clients created. `about`: datacatalog.Dataset without its id."""

catalog_artifacts = Table(
    "catalog_artifacts",
    metadata,
    Column("digest", String(64), primary_key=True),
    _bytes("about"),
    _text("partitions"),
)
"""What clients say of their results in `catalog_entries`. `about`: datacatalog.Artifact, metadata and partitions only;
`partitions`: a JSON list of name and value a line, to be searched."""

catalog_tags = Table(
    "catalog_tags",
    metadata,
    Column("project", String(64), primary_key=True),
    Column("domain", String(64), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("digest", String(64), nullable=False, index=True),
)
"""Names that clients gave results of a dataset."""

catalog_past = Table(
    "catalog_past",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("created_at", BigInteger, primary_key=True, autoincrement=False),
    _text("source"),
    Column("size_bytes", BigInteger, nullable=False, server_default="0"),
    Column("duration_ns", BigInteger, nullable=False, server_default="0"),
    Column("hits", BigInteger, nullable=False, server_default="0"),
    _text("gone"),
    _instant("gone_at"),
    _text("replaced_by"),
    Index(None, "gone_at"),
)
"""The last results that stood in the catalog where another stands now: whose they were, why they went (`gone`:
`overwritten` or as in `catalog_entries`), and the source of what came instead. They name no data."""

catalog_reservations = Table(
    "catalog_reservations",
    metadata,
    Column("digest", String(64), primary_key=True),
    _text("holder"),
    _instant("until"),
)
"""Who computes the result of a key right now; free once `until` has passed."""

catalog_uses = Table(
    "catalog_uses",
    metadata,
    Column("project", String(64), primary_key=True),
    Column("domain", String(64), primary_key=True),
    Column("task", Text, primary_key=True),
    Column("hits", BigInteger, nullable=False, server_default="0"),
    Column("misses", BigInteger, nullable=False, server_default="0"),
    Column("saved_ns", BigInteger, nullable=False, server_default="0"),
)
"""How often results of a task were looked for, and the time that finding them saved."""

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    _text("user"),
    _text("name"),
    _text("created_by"),
    _instant("created_at"),
    _instant("expires_at"),
    _instant("used_at"),
    _instant("revoked_at"),
    Index(None, "user"),
)
"""Tokens: `id` is the part that is shown, `digest` the SHA-256 of the whole in hexadecimal. An `expires_at` of 0 is
never."""

access_grants = Table(
    "access_grants",
    metadata,
    _id(),
    Column("subject_kind", String(8), nullable=False),
    Column("subject", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("team", String(64), nullable=False, server_default=""),
    Column("project", String(64), nullable=False, server_default=""),
    Column("domain", String(64), nullable=False, server_default=""),
    _text("created_by"),
    _instant("created_at"),
    UniqueConstraint("subject_kind", "subject", "role", "team", "project", "domain"),
)
"""Roles that users and groups have: in a team's projects, a project, a domain of one; all empty is everywhere."""

audit_log = Table(
    "audit_log",
    metadata,
    _id(),
    _instant("at"),
    _text("actor"),
    _text("via"),
    _text("credential"),
    _text("method"),
    _text("project"),
    _text("domain"),
    _text("target"),
    _text("peer"),
    _text("request_id"),
    _text("outcome"),
    _text("detail"),
    Index(None, "at"),
    Index(None, "project", "id"),
)
"""Who changed what; rows are added, never changed, and go when they are old."""

SCHEDULING = (schedules, schedule_runs, backfills, backfill_runs)
"""Tables in a file of their own: `metadata` has them, too."""

schema_support = Table("schema_support", metadata, Column("readable_since", String(32), nullable=False))
"""One row: the oldest version, named by its newest revision, that can work on these tables."""


@event.listens_for(metadata, "before_create")
def _say_for_postgresql(target: MetaData, connection: Connection, **_: object) -> None:
    """Say in PostgreSQL's name too which rows an index is of: above, that loads a dialect SQLite does not need."""
    if connection.dialect.name == "postgresql":
        for index in (index for table in target.tables.values() for index in table.indexes):
            where = index.dialect_options["sqlite"]["where"]
            if where is not None:
                index.dialect_kwargs["postgresql_where"] = where
