"""A chain of hashes over the audit, a hash of each verdict, passes that are spent, what the purge remembers."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from service.storage.tables.columns import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

GROWING = ("audit", "case_decisions")
REFUSING = {
    # INSERT OR REPLACE removes the row that is there without asking the triggers of DELETE
    "sqlite": "CREATE TRIGGER {table}_is_not_replaced BEFORE INSERT ON {table}"
    " WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, '{table} only grows'); END",
    "postgresql": "CREATE TRIGGER {table}_is_not_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
    " EXECUTE FUNCTION {table}_only_grows()",
}
DROPPING = {
    "sqlite": "DROP TRIGGER {table}_is_not_replaced",
    "postgresql": "DROP TRIGGER {table}_is_not_emptied ON {table}",
}


def upgrade() -> None:
    """Forward."""
    op.add_column("audit", sa.Column("hash", sa.String(length=64), nullable=True))
    op.add_column("screenings", sa.Column("verdict_hash", sa.String(length=64), nullable=True))
    op.add_column("saved_views", sa.Column("created_at", UtcTime(), nullable=True))
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "redemptions",
        sa.Column("screening_id", sa.String(length=32), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["screening_id"], ["screenings.id"], name=op.f("fk_redemptions_screening_id")),
        sa.PrimaryKeyConstraint("screening_id", name=op.f("pk_redemptions")),
    )
    op.create_table(
        "upkeep",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_upkeep")),
    )
    connection = op.get_bind()
    for table in GROWING:
        op.execute(REFUSING[connection.dialect.name].format(table=table))
    from service.storage.audit import seal

    seal(connection, datetime.now(UTC))


def downgrade() -> None:
    """Back."""
    dialect = op.get_bind().dialect.name
    for table in GROWING:
        op.execute(DROPPING[dialect].format(table=table))
    for table in ("upkeep", "redemptions", "audit_head"):
        op.drop_table(table)
    op.drop_column("saved_views", "created_at")
    op.drop_column("screenings", "verdict_hash")
    op.drop_column("audit", "hash")
