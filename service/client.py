"""A small typed client of the screening service, for back ends and scripts. Needs httpx and nothing else of ours."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx

Decision = Literal["allow", "warn", "block"]
Mode = Literal["send", "preview"]
Context = Literal["new_ticket", "reply"]
OffsetEncoding = Literal["utf-16", "utf-32", "utf-8"]
Known = TypeVar("Known")


class ScreeningError(Exception):
    """The service refused: `status`, and its problem+json as `problem` (empty where it sent none)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("detail") or problem.get("title") or f"HTTP {status}")
        self.status = status
        self.problem = problem


@dataclass(frozen=True, slots=True)
class ScreeningFinding:
    """One thing a merchant should know; `start` and `end` count code points unless another encoding was asked for."""

    id: str
    label: str | None
    severity: Literal["block", "warn", "info"]
    field: str | None
    start: int | None
    end: int | None
    text: str | None
    message: str
    guidance: str
    policy_ref: str
    replacement: str | None = None
    replace_start: int | None = None
    replace_end: int | None = None


@dataclass(frozen=True, slots=True)
class ScreeningResult:
    """An answer of POST /screen. `granted` is the contract's `pass`; `raw` is the whole answer."""

    screening_id: str | None
    decision: Decision
    probabilities: Mapping[str, float]
    labels: frozenset[str]
    findings: tuple[ScreeningFinding, ...]
    reminders: tuple[str, ...]
    granted: str | None
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PassCheck:
    """Whether exactly this text may be sent; where not, the `reason` in a word and the `message` in a sentence."""

    valid: bool
    reason: str | None = None
    message: str | None = None
    screening_id: str | None = None


class ScreeningClient:
    """Calls one service with one key; a context manager. Methods raise ScreeningError, or httpx.HTTPError."""

    def __init__(
        self, url: str, key: str, *, timeout: float = 5.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        """`timeout` in seconds for each request; `transport` is httpx's, for proxies and tests."""
        headers = {"authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def screen(
        self, *, support_id: str, subject: str, body: str, mode: Mode = "send", cancelled_by: str | None = None,
        merchant_id: str | None = None, offset_encoding: OffsetEncoding = "utf-32",
        idempotency_key: str | None = None, context: Context = "new_ticket", customer_message: str = "",
        received_at: datetime | None = None,
    ) -> ScreeningResult:  # fmt: skip
        """Screen one draft. Offsets are code points unless `offset_encoding` says otherwise. A reply may come with the
        customer's message and the moment (with a zone) when it was received."""
        draft = {"support_id": support_id, "subject": subject, "body": body, "mode": mode}
        draft |= _thread(context, customer_message, received_at)
        known = {"order": {"cancelled_by": cancelled_by}} if cancelled_by else {}
        merchant = {"merchant_id": merchant_id} if merchant_id else {}
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        return _screening(
            self._post("/screen", {**draft, **known, **merchant, "offset_encoding": offset_encoding}, headers)
        )

    def screen_many(self, drafts: Iterable[Mapping[str, Any]]) -> list[ScreeningResult | ScreeningError]:
        """Up to 100 drafts in the words of the contract, in order; a draft that was refused gives its error."""
        answers = self._post("/screen/batch", {"drafts": [{"offset_encoding": "utf-32", **draft} for draft in drafts]})
        return [
            _screening(one) if "decision" in one else ScreeningError(int(one["status"]), one)
            for one in answers["answers"]
        ]

    def screening(self, screening_id: str) -> Mapping[str, Any]:
        """What became of a screening: the stored answer with acknowledgement and appeal."""
        return _answer(self._http.get(f"/screenings/{screening_id}"))

    def acknowledge(self, screening_id: str, reason: str | None = None, by: str | None = None) -> str:
        """Send a warned draft all the same; the pass."""
        said = {"reason": reason, "acknowledged_by": by}
        return str(self._post(f"/screenings/{screening_id}/acknowledge", said)["pass"])

    def appeal(self, screening_id: str, message: str) -> Mapping[str, Any]:
        """Contest a verdict; the appeal's state."""
        return self._post(f"/screenings/{screening_id}/appeal", {"message": message})

    def unscreened(
        self, *, support_id: str, subject: str, body: str, merchant_id: str | None = None,
        context: Context = "new_ticket", customer_message: str = "",
    ) -> str:  # fmt: skip
        """Report a draft that was sent while screening could not be reached. Returns the id of its screening."""
        draft = {"support_id": support_id, "subject": subject, "body": body, "merchant_id": merchant_id}
        draft |= _thread(context, customer_message, None)
        return str(self._post("/unscreened", draft)["screening_id"])

    def verify(
        self, token: str, *, support_id: str, subject: str, body: str, context: Context = "new_ticket"
    ) -> PassCheck:
        """Whether the pass fits exactly this text, as a new ticket or as a reply."""
        sent = {"token": token, "support_id": support_id, "subject": subject, "body": body}
        sent |= _thread(context, "", None)
        return _only_known(PassCheck, self._post("/passes/verify", sent))

    def redeem(
        self, token: str, *, support_id: str, subject: str, body: str, context: Context = "new_ticket",
        idempotency_key: str | None = None,
    ) -> PassCheck:  # fmt: skip
        """As `verify`, and spend the pass: once, or again under the same `idempotency_key`."""
        sent = {"token": token, "support_id": support_id, "subject": subject, "body": body}
        sent |= _thread(context, "", None)
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        return _only_known(PassCheck, self._post("/passes/redeem", sent, headers))

    def pass_keys(self) -> Mapping[str, Any]:
        """The public keys for offline verification, as a JWK set."""
        return _answer(self._http.get("/passes/keys"))

    def policy(self) -> Mapping[str, Any]:
        """The policy that is applied."""
        return _answer(self._http.get("/policy"))

    def _post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        return _answer(self._http.post(path, json=body, headers=headers))


def _thread(context: Context, customer_message: str, received_at: datetime | None) -> dict[str, str]:
    """What a request says of the thread; nothing of a new ticket, so that it is as it always was."""
    if context == "new_ticket":
        return {}
    said = {"context": context} | ({"customer_message": customer_message} if customer_message else {})
    return said | ({"received_at": received_at.isoformat()} if received_at else {})


def _answer(response: httpx.Response) -> dict[str, Any]:
    if response.is_success:
        answer: dict[str, Any] = response.json()
        return answer
    is_problem = response.headers.get("content-type", "").startswith("application/problem+json")
    raise ScreeningError(response.status_code, response.json() if is_problem else {})


def _screening(answer: dict[str, Any]) -> ScreeningResult:
    labels = answer["labels"]
    return ScreeningResult(
        screening_id=answer["screening_id"],
        decision=answer["decision"],
        probabilities={entry["label"]: entry["probability"] for entry in labels},
        labels=frozenset(entry["label"] for entry in labels if entry["asserted"]),
        findings=tuple(_only_known(ScreeningFinding, finding) for finding in answer["findings"]),
        reminders=tuple(reminder["message"] for reminder in answer["reminders"]),
        granted=answer["pass"],
        raw=answer,
    )


def _only_known(kind: type[Known], answer: Mapping[str, Any]) -> Known:
    """A newer service may add fields; an older client leaves them."""
    names = {known.name for known in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in answer.items() if name in names})
