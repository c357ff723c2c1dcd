"""Every queue and filter of the desk walks an index in the order of what is due."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ORDER = ["decided_at", "due_at", "id"]


def upgrade() -> None:
    """Forward."""
    op.drop_index("ix_cases_queue", "cases")
    op.drop_index("ix_cases_merchant", "cases")
    op.create_index("ix_cases_state", "cases", ["state", *ORDER])
    op.create_index("ix_cases_merchant", "cases", ["merchant_id", *ORDER])
    op.create_index("ix_cases_model", "cases", ["model_version", *ORDER])
    op.create_index("ix_cases_language", "cases", ["language", *ORDER])


def downgrade() -> None:
    """Back."""
    for name in ("state", "merchant", "model", "language"):
        op.drop_index(f"ix_cases_{name}", "cases")
    op.create_index("ix_cases_merchant", "cases", ["merchant_id"])
    op.create_index("ix_cases_queue", "cases", ["state", "due_at"])
