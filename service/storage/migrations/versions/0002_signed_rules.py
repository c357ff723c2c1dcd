"""Versions of rules are signed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("rule_versions", sa.Column("signature", sa.String(length=200), nullable=True))


def downgrade() -> None:
    """Back."""
    op.drop_column("rule_versions", "signature")
