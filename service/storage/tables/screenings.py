"""The tables, and who writes which.

| table | written by | changed later |
|---|---|---|
| screenings | POST /screen in send mode (`group_commit.py`) | only `purge`: `draft`, and a merchant's `merchant_id` |
| findings | with the screening: one row per finding, and per rule that matched without one | never |
| shadow_verdicts | with the screening, where a challenger model is in shadow | never |
| idempotency | with the screening, where the caller sent an Idempotency-Key | aged out by `purge` |
| acknowledgements, appeals, withdrawals | the routes of those names | appeals: state and outcome, when decided |
| redemptions | POST /passes/redeem | never |
| cases | blocks (`group_commit.py`); acknowledge and appeal (routes); suggestions, disagreements | the console |
| case_decisions | the console | never: an undo is a row of its own |
| search | with the case (`search.py`), not where text is encrypted at rest | emptied with the text |
| users, sessions, saved_views, rule_versions | the console and `python -m service` | by the same |
| api_keys | `python -m service keys` | revoked_at, last_used_at |
| audit, audit_head | everyone, through `audit.py` | audit: never, the database refuses it; the head with each row |
| upkeep | the purge: the moments of its runs (`clock.py`) | by the same |
| outbox | the decision on an appeal, in the same transaction (`outbox.py`) | the delivery loop |
| orders | `python -m service orders load`, the CommerceInterface follower | by the same |
| unscreened | the compose box's fail-open path (POST /unscreened) | when it is screened later |

Text that a merchant or reviewer typed is stored as bytes (`encryption.py`): read it with `Encryptor`, never as text.
Verdict and evidence are JSON bytes with a format number and hold offsets (code points), not words: once a draft is
purged, no word of it is left.
"""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from service.storage.tables.columns import Base, UtcTime

ID = String(32)
FORMAT = 1
"""Format of `screenings.verdict` and `.evidence`; old formats stay readable (`documents.py`)."""


class ScreeningRow(Base):
    """A stored screening: what was seen, frozen beside the verdict."""

    __tablename__ = "screenings"
    __table_args__ = (
        Index("ix_screenings_merchant", "merchant_id", "created_at"),
        Index("ix_screenings_support", "support_hash"),
        Index("ix_screenings_template", "template_hash"),
    )
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    format: Mapped[int]
    caller: Mapped[str] = mapped_column(String(100))
    merchant_id: Mapped[str | None] = mapped_column(String(200))
    draft: Mapped[bytes | None] = mapped_column(LargeBinary)  # encrypted; None once purged
    text_hash: Mapped[str] = mapped_column(String(64))
    support_hash: Mapped[str] = mapped_column(String(64))
    template_hash: Mapped[str] = mapped_column(String(64))
    order_state: Mapped[dict[str, object]] = mapped_column(JSON)
    evidence: Mapped[bytes] = mapped_column(LargeBinary)
    verdict: Mapped[bytes] = mapped_column(LargeBinary)
    decision: Mapped[str] = mapped_column(String(5))
    labels: Mapped[str] = mapped_column(String(200))  # asserted labels, joined by spaces
    language: Mapped[str] = mapped_column(String(8))
    complete: Mapped[bool]
    model_version: Mapped[str] = mapped_column(String(100))
    rules_version: Mapped[str] = mapped_column(String(100))
    policy_version: Mapped[str] = mapped_column(String(100))
    previous_id: Mapped[str | None] = mapped_column(ID)
    purged_at: Mapped[datetime | None] = mapped_column(UtcTime)
    verdict_hash: Mapped[str | None] = mapped_column(String(64))  # `verdict_hash`; None before schema 4


class FindingRow(Base):
    """A finding by its rule id; `severity` is `shadow` for a shadow rule that matched, `hit` for another one that
    matched and led to no finding."""

    __tablename__ = "findings"
    __table_args__ = (Index("ix_findings_rule", "rule_id", "created_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    screening_id: Mapped[str] = mapped_column(ID, ForeignKey("screenings.id"), index=True)
    rule_id: Mapped[str] = mapped_column(String(100))
    label: Mapped[str | None] = mapped_column(String(40))
    severity: Mapped[str] = mapped_column(String(6))
    witness: Mapped[str] = mapped_column(String(6))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class ShadowVerdictRow(Base):
    """What a challenger would have said of the same draft."""

    __tablename__ = "shadow_verdicts"
    screening_id: Mapped[str] = mapped_column(ID, ForeignKey("screenings.id"), primary_key=True)
    model_version: Mapped[str] = mapped_column(String(100), primary_key=True)
    live_version: Mapped[str] = mapped_column(String(100))
    decision: Mapped[str] = mapped_column(String(5))
    live_decision: Mapped[str] = mapped_column(String(5))
    labels: Mapped[str] = mapped_column(String(200))
    live_labels: Mapped[str] = mapped_column(String(200))
    probabilities: Mapped[dict[str, float]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class IdempotencyRow(Base):
    """The screening that an Idempotency-Key stands for."""

    __tablename__ = "idempotency"
    caller: Mapped[str] = mapped_column(String(100), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    text_hash: Mapped[str] = mapped_column(String(64))
    screening_id: Mapped[str] = mapped_column(ID)
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class AcknowledgementRow(Base):
    """A warned draft that is sent all the same: who, why (encrypted)."""

    __tablename__ = "acknowledgements"
    screening_id: Mapped[str] = mapped_column(ID, ForeignKey("screenings.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    caller: Mapped[str] = mapped_column(String(100))
    acknowledged_by: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[bytes | None] = mapped_column(LargeBinary)


class AppealRow(Base):
    """A contested block or warning, with the merchant's words (encrypted). `state`: open or decided; `outcome`:
    upheld or overturned; `note`: the reviewer's words to the merchant (encrypted)."""

    __tablename__ = "appeals"
    screening_id: Mapped[str] = mapped_column(ID, ForeignKey("screenings.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    caller: Mapped[str] = mapped_column(String(100))
    words: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(10), default="open")
    outcome: Mapped[str | None] = mapped_column(String(12))
    note: Mapped[bytes | None] = mapped_column(LargeBinary)
    event_id: Mapped[str | None] = mapped_column(ID)  # its news in the outbox
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)


class WithdrawalRow(Base):
    """A draft that will not be sent."""

    __tablename__ = "withdrawals"
    screening_id: Mapped[str] = mapped_column(ID, ForeignKey("screenings.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    caller: Mapped[str] = mapped_column(String(100))


class RedemptionRow(Base):
    """A pass that was spent. `key_hash`: the SHA-256 of the Idempotency-Key that it was spent under, where there was
    one."""

    __tablename__ = "redemptions"
    screening_id: Mapped[str] = mapped_column(ID, ForeignKey("screenings.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    caller: Mapped[str] = mapped_column(String(100))
    key_hash: Mapped[str | None] = mapped_column(String(64))


class UpkeepRow(Base):
    """A moment that the upkeep remembers, such as the last purge."""

    __tablename__ = "upkeep"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)


class OrderRow(Base):
    """An order from the operators' table or from CommerceInterface. `support_id` in upper case."""

    __tablename__ = "orders"
    support_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    status: Mapped[str | None] = mapped_column(String(200))
    cancelled_by: Mapped[str | None] = mapped_column(String(10))
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class UnscreenedRow(Base):
    """A draft that was sent while screening could not be reached; screened later."""

    __tablename__ = "unscreened"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    caller: Mapped[str] = mapped_column(String(100))
    merchant_id: Mapped[str | None] = mapped_column(String(200))
    draft: Mapped[bytes | None] = mapped_column(LargeBinary)
    reason: Mapped[str] = mapped_column(String(200))
    support_hash: Mapped[str] = mapped_column(String(64))
    screening_id: Mapped[str | None] = mapped_column(ID)


class OutboxRow(Base):
    """A webhook that must arrive: written with the decision, delivered with back-off, kept until it is."""

    __tablename__ = "outbox"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    event: Mapped[str] = mapped_column(String(50))
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    next_attempt_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)
    last_error: Mapped[str | None] = mapped_column(String(200))
