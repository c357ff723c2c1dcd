"""The first schema."""

import sqlalchemy as sa
from alembic import op

from service.storage.tables.columns import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=100), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.Column("last_used_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix")),
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_keys_caller"), ["caller"], unique=False)

    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("action", sa.String(length=50), nullable=False),
        sa.Column("subject", sa.String(length=150), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_action"), ["action"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_actor"), ["actor"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_subject"), ["subject"], unique=False)

    op.create_table(
        "idempotency",
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("screening_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotency")),
    )
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_created_at"), ["created_at"], unique=False)

    op.create_table(
        "orders",
        sa.Column("support_id", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=200), nullable=True),
        sa.Column("cancelled_by", sa.String(length=10), nullable=True),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("support_id", name=op.f("pk_orders")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("event", sa.String(length=50), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("next_attempt_at", UtcTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("delivered_at", UtcTime(), nullable=True),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_delivered_at"), ["delivered_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_outbox_next_attempt_at"), ["next_attempt_at"], unique=False)

    op.create_table(
        "rule_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.String(length=100), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=100), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_versions")),
        sa.UniqueConstraint("rule_id", "version", name=op.f("uq_rule_versions_rule_id_version")),
    )
    with op.batch_alter_table("rule_versions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rule_versions_rule_id"), ["rule_id"], unique=False)

    op.create_table(
        "screenings",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("format", sa.Integer(), nullable=False),
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("merchant_id", sa.String(length=200), nullable=True),
        sa.Column("draft", sa.LargeBinary(), nullable=True),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("support_hash", sa.String(length=64), nullable=False),
        sa.Column("template_hash", sa.String(length=64), nullable=False),
        sa.Column("order_state", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.Column("verdict", sa.LargeBinary(), nullable=False),
        sa.Column("decision", sa.String(length=5), nullable=False),
        sa.Column("labels", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("model_version", sa.String(length=100), nullable=False),
        sa.Column("rules_version", sa.String(length=100), nullable=False),
        sa.Column("policy_version", sa.String(length=100), nullable=False),
        sa.Column("previous_id", sa.String(length=32), nullable=True),
        sa.Column("purged_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screenings")),
    )
    with op.batch_alter_table("screenings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_screenings_created_at"), ["created_at"], unique=False)
        batch_op.create_index("ix_screenings_merchant", ["merchant_id", "created_at"], unique=False)
        batch_op.create_index("ix_screenings_support", ["support_hash"], unique=False)
        batch_op.create_index("ix_screenings_template", ["template_hash"], unique=False)

    op.create_table(
        "unscreened",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("merchant_id", sa.String(length=200), nullable=True),
        sa.Column("draft", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("support_hash", sa.String(length=64), nullable=False),
        sa.Column("screening_id", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unscreened")),
    )
    with op.batch_alter_table("unscreened", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unscreened_created_at"), ["created_at"], unique=False)

    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=15), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("disabled_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
    )
    op.create_table(
        "acknowledgements",
        sa.Column("screening_id", sa.String(length=32), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("acknowledged_by", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["screening_id"], ["screenings.id"], name=op.f("fk_acknowledgements_screening_id")),
        sa.PrimaryKeyConstraint("screening_id", name=op.f("pk_acknowledgements")),
    )
    op.create_table(
        "appeals",
        sa.Column("screening_id", sa.String(length=32), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("event_id", sa.String(length=32), nullable=True),
        sa.Column("decided_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["screening_id"], ["screenings.id"], name=op.f("fk_appeals_screening_id")),
        sa.PrimaryKeyConstraint("screening_id", name=op.f("pk_appeals")),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("screening_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("decided_at", UtcTime(), nullable=True),
        sa.Column("claimed_by", sa.Integer(), nullable=True),
        sa.Column("lock_expires_at", UtcTime(), nullable=True),
        sa.Column("second_review", sa.Boolean(), nullable=False),
        sa.Column("decision", sa.String(length=5), nullable=False),
        sa.Column("labels", sa.String(length=200), nullable=False),
        sa.Column("merchant_id", sa.String(length=200), nullable=True),
        sa.Column("model_version", sa.String(length=100), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["claimed_by"], ["users.id"], name=op.f("fk_cases_claimed_by")),
        sa.ForeignKeyConstraint(["screening_id"], ["screenings.id"], name=op.f("fk_cases_screening_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("screening_id", "kind", name=op.f("uq_cases_screening_id_kind")),
    )
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.create_index("ix_cases_kind", ["kind", "decided_at", "due_at", "id"], unique=False)
        batch_op.create_index("ix_cases_counts", ["decided_at", "kind", "state", "created_at"], unique=False)
        batch_op.create_index("ix_cases_decision", ["decision", "decided_at", "due_at", "id"], unique=False)
        batch_op.create_index("ix_cases_claims", ["claimed_by"], unique=False)
        batch_op.create_index("ix_cases_decided", ["decided_at", "id"], unique=False)
        batch_op.create_index("ix_cases_merchant", ["merchant_id"], unique=False)
        batch_op.create_index("ix_cases_queue", ["state", "due_at"], unique=False)
        batch_op.create_index("ix_cases_waiting", ["decided_at", "due_at", "id"], unique=False)

    op.create_table(
        "findings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("screening_id", sa.String(length=32), nullable=False),
        sa.Column("rule_id", sa.String(length=100), nullable=False),
        sa.Column("label", sa.String(length=40), nullable=True),
        sa.Column("severity", sa.String(length=6), nullable=False),
        sa.Column("witness", sa.String(length=6), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["screening_id"], ["screenings.id"], name=op.f("fk_findings_screening_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
    )
    with op.batch_alter_table("findings", schema=None) as batch_op:
        batch_op.create_index("ix_findings_rule", ["rule_id", "created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_findings_screening_id"), ["screening_id"], unique=False)

    op.create_table(
        "saved_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_saved_views_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
    )
    with op.batch_alter_table("saved_views", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_saved_views_user_id"), ["user_id"], unique=False)

    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_user_id"), ["user_id"], unique=False)

    op.create_table(
        "shadow_verdicts",
        sa.Column("screening_id", sa.String(length=32), nullable=False),
        sa.Column("model_version", sa.String(length=100), nullable=False),
        sa.Column("live_version", sa.String(length=100), nullable=False),
        sa.Column("decision", sa.String(length=5), nullable=False),
        sa.Column("live_decision", sa.String(length=5), nullable=False),
        sa.Column("labels", sa.String(length=200), nullable=False),
        sa.Column("live_labels", sa.String(length=200), nullable=False),
        sa.Column("probabilities", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["screening_id"], ["screenings.id"], name=op.f("fk_shadow_verdicts_screening_id")),
        sa.PrimaryKeyConstraint("screening_id", "model_version", name=op.f("pk_shadow_verdicts")),
    )
    with op.batch_alter_table("shadow_verdicts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shadow_verdicts_created_at"), ["created_at"], unique=False)

    op.create_table(
        "withdrawals",
        sa.Column("screening_id", sa.String(length=32), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["screening_id"], ["screenings.id"], name=op.f("fk_withdrawals_screening_id")),
        sa.PrimaryKeyConstraint("screening_id", name=op.f("pk_withdrawals")),
    )
    op.create_table(
        "case_decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("labels", sa.String(length=200), nullable=True),
        sa.Column("rule_id", sa.String(length=100), nullable=True),
        sa.Column("details", sa.LargeBinary(), nullable=True),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.Column("format", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_case_decisions_actor_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_decisions_case_id")),
        sa.ForeignKeyConstraint(["undoes"], ["case_decisions.id"], name=op.f("fk_case_decisions_undoes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_decisions")),
    )
    with op.batch_alter_table("case_decisions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_decisions_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_case_decisions_case_id"), ["case_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_case_decisions_rule_id"), ["rule_id"], unique=False)

    _search_and_growing_tables()


CREATE = {
    "sqlite": ["CREATE VIRTUAL TABLE search USING fts5(screening_id UNINDEXED, words, tokenize='unicode61')"],
    "postgresql": [
        "CREATE TABLE search (screening_id varchar(32) PRIMARY KEY, words tsvector NOT NULL)",
        "CREATE INDEX ix_search_words ON search USING gin (words)",
    ],
}
GROWING = [
    ("audit", "stays", "UPDATE", ""),
    ("audit", "is_kept", "DELETE", ""),
    ("case_decisions", "is_kept", "DELETE", ""),
    (
        "case_decisions",
        "stays",
        "UPDATE OF id, case_id, at, actor_id, action, labels, rule_id, undoes, format",
        "",
    ),
    ("case_decisions", "details_stay", "UPDATE OF details", "WHEN (NEW.details IS NOT NULL)"),  # purged, never changed
]
REFUSING = {
    "sqlite": [
        "CREATE TRIGGER {table}_{name} BEFORE {verb} ON {table} {when} BEGIN"
        " SELECT RAISE(ABORT, '{table} only grows'); END"
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION {table}_only_grows() RETURNS trigger AS $$ BEGIN"
        " RAISE EXCEPTION '{table} only grows'; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER {table}_{name} BEFORE {verb} ON {table} FOR EACH ROW {when}"
        " EXECUTE FUNCTION {table}_only_grows()",
    ],
}


def _search_and_growing_tables() -> None:
    dialect = op.get_bind().dialect.name
    for statement in CREATE[dialect]:
        op.execute(statement)
    for table, name, verb, when in GROWING:
        for statement in REFUSING[dialect]:
            op.execute(statement.format(table=table, name=name, verb=verb, when=when))


def downgrade() -> None:
    """There is nothing before the first schema."""
    raise NotImplementedError
