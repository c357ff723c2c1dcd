"""Alembic's entry: runs the migrations on the connection that `Database.migrate` brings."""

from alembic import context

from service.storage.tables.columns import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    include_name=lambda name, kind, parents: kind != "table" or not str(name).startswith("search"),
)
with context.begin_transaction():
    context.run_migrations()
