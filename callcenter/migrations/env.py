"""Alembic's entry point. `callcenter.db.migrate` hands in a connection whose transaction and lock it holds."""

from alembic import context

from callcenter.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
