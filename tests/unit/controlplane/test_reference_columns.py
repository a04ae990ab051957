"""Retention knows every column that may name stored things: who adds one must say so."""

from sqlalchemy import LargeBinary, Text

from flytelike.controlplane.repository.collecting import PARTS
from flytelike.controlplane.schema import executions, metadata

READ = frozenset(
    """
    tasks.body launch_plans.body workflows.closure_uri
    executions.closure_uri executions.inputs_uri executions.outputs_uri executions.reference
    node_executions.inputs_uri node_executions.output_uri node_executions.child node_executions.graph
    signals.value
    catalog_entries.outputs catalog_entries.outputs_uri catalog_entries.uris
    """.split()
)
"""What `collecting.sources` and `collecting.selection` read."""

OWN = frozenset("executions.reuse_uri task_executions.inputs_uri task_executions.output_uri".split())
"""Documents of the execution or the node itself: they lie in its own folders, or its node names them too."""

NAMES_NOTHING = frozenset(
    """
    projects.name projects.description projects.labels named_entities.name named_entities.description
    tasks.name tasks.version tasks.short_description tasks.type
    workflows.name workflows.version workflows.body workflows.short_description
    launch_plans.name launch_plans.version launch_plans.short_description launch_plans.workflow_name
    launch_plans.workflow_version
    descriptions.name descriptions.version descriptions.body
    executions.launched_project executions.launched_domain executions.launched_name executions.launched_version
    executions.workflow_project executions.workflow_domain executions.workflow_name executions.workflow_version
    executions.closure_digest executions.spec executions.user executions.parent_name executions.parent_path
    executions.reuse_digest executions.error executions.error_code executions.abort_cause executions.abort_principal
    executions.state_principal
    execution_tags.key execution_tags.value
    leases.holder
    node_executions.path node_executions.parent node_executions.spec_node_id node_executions.name
    node_executions.note node_executions.waits node_executions.cache_why node_executions.cache_key
    node_executions.cache_source node_executions.error
    element_chunks.attempts element_chunks.origins element_chunks.path element_chunks.phases
    element_failures.error element_failures.path
    task_executions.path task_executions.task_project task_executions.task_domain task_executions.task_name
    task_executions.task_version task_executions.log_uri task_executions.error task_executions.asked
    signals.signal signals.type signals.set_by gates.path gates.signal
    catalog_entries.task catalog_entries.cache_key catalog_entries.source catalog_entries.gone catalog_entries.replaced
    catalog_entries.version catalog_datasets.name catalog_datasets.version catalog_datasets.about
    catalog_artifacts.about catalog_artifacts.partitions
    catalog_tags.name catalog_tags.version catalog_tags.tag
    catalog_past.source catalog_past.gone catalog_past.replaced_by
    catalog_reservations.holder catalog_uses.task
    access_grants.created_by access_grants.subject access_tokens.created_by access_tokens.name
    access_tokens.user audit_log.actor audit_log.credential audit_log.detail audit_log.domain audit_log.method
    audit_log.outcome audit_log.peer audit_log.project audit_log.request_id audit_log.target audit_log.via
    projects.team quotas.terms teams.description teams.labels
    schedules.body schedules.name schedules.user schedules.version
    schedule_runs.execution_name schedule_runs.fault schedule_runs.name schedule_runs.version
    backfills.launch_plan backfills.version backfills.user backfills.ended_by
    backfill_runs.execution_name backfill_runs.fault
    quota_samples.used quota_reports.body matchable_attributes.body matchable_attributes.workflow
    """.split()
)
"""Names, texts, types, and what tells whence something came."""


def test_every_column_that_may_name_stored_things_is_known_to_retention() -> None:
    columns = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, Text | LargeBinary)
    }
    assert sorted(columns - READ - OWN - NAMES_NOTHING) == [], "does it refer to data? see collecting/sources.py"


def test_rows_of_executions_go_with_them() -> None:
    by_number = {table.name for table in metadata.tables.values() if "execution" in table.columns}
    assert {table.name for table, _ in PARTS} == by_number
    assert executions.name not in by_number
