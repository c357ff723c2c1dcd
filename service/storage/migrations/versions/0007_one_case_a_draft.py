"""A case that waits again after it was decided, and the template of its draft, by which the queue folds."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = max(path.name[:4] for path in Path(__file__).parent.glob("0*.py") if path.name[:4] < revision)
branch_labels = None
depends_on = None

TEMPLATES = "UPDATE cases SET template_hash = (SELECT template_hash FROM screenings WHERE id = cases.screening_id)"


def upgrade() -> None:
    """Forward."""
    op.add_column("cases", sa.Column("template_hash", sa.String(length=64), nullable=True))
    op.add_column("cases", sa.Column("earlier_round", sa.Integer(), nullable=True))
    op.execute(TEMPLATES)
    op.create_index("ix_cases_template", "cases", ["template_hash", "decided_at", "due_at", "id"])


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_cases_template", "cases")
    op.drop_column("cases", "earlier_round")
    op.drop_column("cases", "template_hash")
