"""Alembic's entry: runs the revisions on the connection that `upgrade.migrate` hands over."""

from alembic import context

from flytelike.controlplane.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,
    render_as_batch=True,
)
context.run_migrations()
