"""Alembic revisions of the schema; applied by `callcenter.db.migrate`."""
