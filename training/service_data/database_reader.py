"""The one reader of the service's documented tables: reviewed cases, screenings, shadow verdicts.

Its connections cannot write; `queue`, which opens cases for the reviewers, has one of its own (`queue_writer`).
Reviewed cases are the tickets that the service exports, word for word. Text that is encrypted at rest cannot be read
here: use the service's own export, which has the keys.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from classifier import Draft, Order
from training.service_data.archive import IncomingDraft
from training.service_data.export_client import ServiceDataError
from training.service_data.queue_writer import open_cases, wanted_rows, writing
from training.tickets.importing import checked
from training.tickets.loading import BadRow, TicketError

_READ = ("screenings", "findings", "cases", "case_decisions", "shadow_verdicts", "users")
_DECIDING = {"uphold": "upheld", "overturn": "overturned", "relabel": "relabelled"}
"""The acts that give a case its labels, and the service's words for them."""


@dataclass(frozen=True, slots=True)
class ScreenedDraft:
    """A stored screening with its draft: what was judged, how, and whether a person overturned it."""

    incoming: IncomingDraft
    created_at: datetime
    decision: str
    labels: frozenset[str]
    rules: frozenset[str]
    model_version: str
    reviewed: bool
    overturned: bool


@dataclass(frozen=True, slots=True)
class ShadowPair:
    """Live verdict and challenger's on one draft."""

    screening_id: str
    live_version: str
    version: str
    live_decision: str
    decision: str
    live_labels: str
    labels: str


class ServiceStore:
    """The service's database, by its URL (SQLAlchemy) or the path of its SQLite file."""

    def __init__(self, url: str) -> None:
        """Raises ServiceDataError if there is no such store."""
        if "://" not in url and not Path(url).is_file():  # SQLite would make an empty one
            raise ServiceDataError(f"{url}: no such file")
        named = url if "://" in url else f"sqlite:///{url}"
        self._url = named.replace("postgresql://", "postgresql+psycopg://", 1)
        self._engine = _read_only(self._url)
        self._tables = sa.MetaData()
        try:
            self._tables.reflect(self._engine, only=[*_READ, "audit"])
        except (sa.exc.SQLAlchemyError, ModuleNotFoundError) as error:
            raise ServiceDataError(f"no database of the service: {type(error).__name__}") from error

    def _rows(self, table: str, *where: Callable[[Any], Any]) -> Iterator[Mapping[str, Any]]:
        source = self._tables.tables[table]
        with self._engine.connect() as connection:
            query = sa.select(source).where(*(clause(source.c) for clause in where)).order_by(*source.primary_key)
            for row in connection.execution_options(yield_per=500).execute(query):
                yield dict(row._mapping)

    def reviewed(self) -> list[dict[str, Any]]:
        """Tickets from decided cases: the labels of the last decision that was not undone, as the service's export has
        them, without what the machine said.

        Drafts of one template form a scenario; each merchant is a writer. Raises ServiceDataError, TicketError.
        """
        decisions = self._decisions_in_force()
        names = {row["id"]: row["name"] for row in self._rows("users")}
        tickets, bad, seen = [], [], {}  # type: ignore[var-annotated]
        for row in self._rows("screenings", lambda c: c.draft.is_not(None)):
            if row["id"] in decisions:
                raw = _ticket(row, decisions[row["id"]], names)
                ticket = checked(raw, seen, raw["id"])
                if isinstance(ticket, str):
                    bad.append(BadRow(f"case of screening {row['id']}", 0, ticket))
                else:
                    tickets.append(ticket)
        if bad:
            raise TicketError(bad)
        return tickets

    def _decisions_in_force(self) -> dict[str, list[Mapping[str, Any]]]:
        """Screening id -> the decisions of its decided case that were not undone, the last one at the end."""
        cases = {c["id"]: c["screening_id"] for c in self._rows("cases", lambda c: c.decided_at.is_not(None))}
        rows = list(self._rows("case_decisions"))
        undone = {(row["case_id"], row["undoes"]) for row in rows}
        found: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            if row["case_id"] in cases and (row["case_id"], row["id"]) not in undone and row["action"] in _DECIDING:
                found.setdefault(cases[row["case_id"]], []).append(row)
        return found

    def screenings(self, since: datetime | None = None) -> list[ScreenedDraft]:
        """Every screening whose text is still there, oldest first. Raises ServiceDataError."""
        rules: dict[str, set[str]] = {}
        for row in self._rows("findings", lambda c: c.witness == "rule"):
            rules.setdefault(row["screening_id"], set()).add(row["rule_id"])
        decided = self._decisions_in_force()
        found = []
        for row in self._rows("screenings", lambda c: c.draft.is_not(None)):
            if since is None or _moment(row["created_at"]) >= since:
                decisions = decided.get(row["id"], [])
                overturned = bool(decisions) and decisions[-1]["action"] != "uphold"
                found.append(_screening(row, frozenset(rules.get(row["id"], ())), bool(decisions), overturned))
        return found

    def shadow_pairs(self, version: str | None = None) -> list[ShadowPair]:
        """The verdicts of challengers (or of one of them) beside the live model's."""
        where = [lambda c: c.model_version == version] if version else []
        return [
            ShadowPair(
                r["screening_id"], r["live_version"], r["model_version"], r["live_decision"], r["decision"],
                r["live_labels"], r["labels"],
            )
            for r in self._rows("shadow_verdicts", *where)
        ]  # fmt: skip

    def queue(self, screening_ids: Iterable[str], kind: str) -> int:
        """Open a case of this kind for each screening that has none; how many are new. Raises ServiceDataError."""
        with writing(sa.create_engine(self._url, poolclass=sa.NullPool)) as connection:
            rows = wanted_rows(connection, self._tables, screening_ids)
            words = {row["id"]: "\n".join(_words(row["draft"])) for row in rows if _is_open(row["draft"])}
            open_cases(connection, self._tables, rows, kind, words)
        return len(rows)


def _read_only(url: str) -> sa.Engine:
    """An engine whose connections the database itself keeps from writing."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    command = "PRAGMA query_only = ON" if engine.dialect.name == "sqlite" else "SET default_transaction_read_only = on"

    @sa.event.listens_for(engine, "connect")
    def _(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(command)
        cursor.close()
        if engine.dialect.name != "sqlite":
            connection.commit()  # else the end of the first transaction takes the setting back

    return engine


def _open(sealed: bytes) -> str:
    """Text as the service seals it: a first byte `p` for plain, `f` for encrypted. Raises ServiceDataError."""
    if not _is_open(sealed):
        raise ServiceDataError("the text is encrypted at rest; import from the service's export instead")
    return sealed[1:].decode("utf-8", "surrogatepass")


def _is_open(sealed: bytes) -> bool:
    return sealed[:1] == b"p"


def _words(sealed: bytes) -> list[Any]:
    """Support ID, subject and body of a sealed draft; of a reply also its context and the customer's message. Raises
    ServiceDataError."""
    words: list[Any] = json.loads(_open(sealed))
    return words


def _draft(row: Mapping[str, Any]) -> Draft:
    return Draft(*_words(row["draft"]))


def _order(row: Mapping[str, Any]) -> dict[str, Any] | None:
    state = row["order_state"] or {}
    known = {"cancelled_by": state.get("cancelled_by"), "status": state.get("status")}
    return known if any(known.values()) else None


def _ticket(row: Mapping[str, Any], decisions: Sequence[Mapping[str, Any]], names: Mapping[int, str]) -> dict[str, Any]:
    draft, decision = _draft(row), decisions[-1]
    labels = (decision["labels"] or "").split()
    evidence: dict[str, list[str]] = {}
    details = json.loads(_open(decision["details"])) if decision["details"] else {}
    for mark in details.get("evidence", []):
        text = getattr(draft, mark.get("field", "body"), "")[mark["start"] : mark["end"]]
        if mark.get("label") in labels and text:
            evidence.setdefault(mark["label"], []).append(text)
    return {
        "id": f"screening-{row['id']}",
        "writer": f"merchant-{row['merchant_id'] or 'unknown'}",
        "scenario": f"template-{row['template_hash'][:16]}",
        "support_id": draft.support_id, "subject": draft.subject, "body": draft.body,
        "order": _order(row), "labels": labels, "evidence": evidence, "note": str(details.get("note", "")),
        "language": row["language"],
        "date": _moment(row["created_at"]).isoformat(), "provenance": _provenance(row, decisions, names),
        **({"context": draft.context, "customer_message": draft.customer_message} if draft.context == "reply" else {}),
    }  # fmt: skip


def _provenance(row: Mapping[str, Any], decisions: Sequence[Mapping[str, Any]], names: Mapping[int, str]) -> str:
    """Who decided what and when, and what the machine had said, in the words of the service's export."""
    who = "; ".join(
        f"{_DECIDING[one['action']]} by {names[one['actor_id']]} on {_moment(one['at']):%Y-%m-%d}" for one in decisions
    )
    versions = f"{row['model_version']}, {row['rules_version']}, {row['policy_version']}"
    case = decisions[-1]["case_id"]
    return f"reviewed case {case}: {who}; machine said {row['decision']} ({versions})"


def _screening(row: Mapping[str, Any], rules: frozenset[str], reviewed: bool, overturned: bool) -> ScreenedDraft:
    order = _order(row)
    seen = IncomingDraft(row["id"], _draft(row), Order(order["cancelled_by"], order["status"]) if order else None)
    return ScreenedDraft(
        seen, _moment(row["created_at"]), row["decision"], frozenset(row["labels"].split()), rules,
        row["model_version"], reviewed, overturned,
    )  # fmt: skip


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
