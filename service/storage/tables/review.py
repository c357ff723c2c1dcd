"""The tables of people: cases and what reviewers decide, users, keys, saved views, rule versions, the audit."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.storage.tables.columns import Base, UtcTime
from service.storage.tables.screenings import ID

ROLES = ("reviewer", "lead", "administrator", "auditor")


class CaseRow(Base):
    """A stored screening that awaits a person. Decision, labels and the rest are copied from the screening, so that
    the queue filters on one table. `state`: open, second (awaits a blind second reviewer), held, disputed or decided.
    A held case is locked for `claimed_by` until `lock_expires_at`. A decided case that gets a further reason (an
    appeal) waits again: `created_at` is when it began to, and its state follows from the decisions after
    `earlier_round`, the id of the newest one before. `template_hash` is the screening's; cases of the workbench may
    lack it."""

    __tablename__ = "cases"
    __table_args__ = (
        UniqueConstraint("screening_id", "kind"),
        Index("ix_cases_state", "state", "decided_at", "due_at", "id"),
        Index("ix_cases_waiting", "decided_at", "due_at", "id"),  # the desk's order, page by page
        Index("ix_cases_kind", "kind", "decided_at", "due_at", "id"),
        Index("ix_cases_counts", "decided_at", "kind", "state", "created_at"),
        Index("ix_cases_decision", "decision", "decided_at", "due_at", "id"),
        Index("ix_cases_claims", "claimed_by"),
        Index("ix_cases_decided", "decided_at", "id"),
        Index("ix_cases_merchant", "merchant_id", "decided_at", "due_at", "id"),
        Index("ix_cases_model", "model_version", "decided_at", "due_at", "id"),
        Index("ix_cases_language", "language", "decided_at", "due_at", "id"),
        Index("ix_cases_template", "template_hash", "decided_at", "due_at", "id"),
    )
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    screening_id: Mapped[str] = mapped_column(ID, ForeignKey("screenings.id"))
    kind: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(10), default="open")
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    due_at: Mapped[datetime] = mapped_column(UtcTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    claimed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    lock_expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    second_review: Mapped[bool] = mapped_column(default=False)
    decision: Mapped[str] = mapped_column(String(5))
    labels: Mapped[str] = mapped_column(String(200))
    merchant_id: Mapped[str | None] = mapped_column(String(200))
    model_version: Mapped[str] = mapped_column(String(100))
    language: Mapped[str] = mapped_column(String(8))
    template_hash: Mapped[str | None] = mapped_column(String(64))
    earlier_round: Mapped[int | None]


class CaseDecisionRow(Base):
    """What a reviewer did to a case; only added. `action`: uphold, overturn, relabel, wrong_rule, hold, undo …
    `details` is encrypted JSON (evidence spans, note); `undoes` is the decision that this row takes back."""

    __tablename__ = "case_decisions"
    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ID, ForeignKey("cases.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    actor_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    action: Mapped[str] = mapped_column(String(20))
    labels: Mapped[str | None] = mapped_column(String(200))
    rule_id: Mapped[str | None] = mapped_column(String(100), index=True)
    details: Mapped[bytes | None] = mapped_column(LargeBinary)
    undoes: Mapped[int | None] = mapped_column(ForeignKey("case_decisions.id"))
    format: Mapped[int] = mapped_column(default=1)


class UserRow(Base):
    """Someone who signs in to the console; the password as argon2 hash."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    role: Mapped[str] = mapped_column(String(15))
    password_hash: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTime)


class IdentityRow(Base):
    """A person of an OpenID Connect provider, and who that is here."""

    __tablename__ = "identities"
    issuer: Mapped[str] = mapped_column(String(300), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class SecondFactorRow(Base):
    """The second factor of somebody's password. `secret`: base32, encrypted where text is. It counts once it is
    `confirmed_at`. `last_step` is the time step of the newest code that was taken: none of it or before is taken again.
    `recovery`: SHA-256 of the recovery codes that are left."""

    __tablename__ = "second_factors"
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, autoincrement=False)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_step: Mapped[int] = mapped_column(default=0)
    recovery: Mapped[list[str]] = mapped_column(JSON, default=list)


class SessionRow(Base):
    """A signed-in browser: the SHA-256 of its cookie, and the CSRF token of its forms."""

    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)


class ApiKeyRow(Base):
    """A caller's key: found by its prefix, proven by its hash. Scopes, joined by spaces: screen,
    review-export, admin."""

    __tablename__ = "api_keys"
    id: Mapped[int] = mapped_column(primary_key=True)
    caller: Mapped[str] = mapped_column(String(100), index=True)
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    key_hash: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)


class AuditRow(Base):
    """Who did what to what, before and after; the database itself refuses to change or delete a row. `hash` covers the
    row and all before it (`audit.py`)."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    actor: Mapped[str] = mapped_column(String(120), index=True)
    action: Mapped[str] = mapped_column(String(50), index=True)
    subject: Mapped[str] = mapped_column(String(150), index=True)
    before: Mapped[dict[str, object] | None] = mapped_column(JSON)
    after: Mapped[dict[str, object] | None] = mapped_column(JSON)
    hash: Mapped[str | None] = mapped_column(String(64))


class AuditHeadRow(Base):
    """The newest hash of the audit and how many there are; one row, none before the first."""

    __tablename__ = "audit_head"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rows: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


class SavedViewRow(Base):
    """A queue with filters that a reviewer keeps; without a user it is everyone's. Views older than schema 4 bear no
    date."""

    __tablename__ = "saved_views"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    query: Mapped[dict[str, object]] = mapped_column(JSON)
    created_at: Mapped[datetime | None] = mapped_column(UtcTime)


class PreferenceRow(Base):
    """What somebody likes at the desk: `chosen` has `off` (no single-letter keys), `letters` (by the usual one) and
    `starred` (queues: query to name)."""

    __tablename__ = "preferences"
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, autoincrement=False)
    chosen: Mapped[dict[str, object]] = mapped_column(JSON)


class RuleVersionRow(Base):
    """A version of one rule written in the console, as TOML; hashed, dated and signed by its author
    (`signature`: key id and Ed25519 signature, joined by a dot)."""

    __tablename__ = "rule_versions"
    __table_args__ = (UniqueConstraint("rule_id", "version"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[str] = mapped_column(String(100), index=True)
    version: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(10))
    source: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(100))
    note: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    signature: Mapped[str | None] = mapped_column(String(200))
