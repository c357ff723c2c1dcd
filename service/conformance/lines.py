"""The lines of the contract, each with its check. A check raises BrokenError, or NotCheckedError."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from service.conformance.deployment import (
    ALLOWED,
    BLOCKED,
    DRAFTS,
    LABELS,
    WARNED,
    Answer,
    Deployment,
    NotCheckedError,
    expect,
)

PROHIBITED = {"substitute_offer", "cancellation_probing"}
ANSWERED = (
    "screening_id", "decision", "labels", "findings", "reminders", "pass", "model_version", "rules_version",
    "policy_version",
)  # fmt: skip
FOUND = ("id", "label", "severity", "field", "start", "end", "text", "message", "guidance", "policy_ref")
ENCODINGS = {"utf-16": "utf-16-le", "utf-32": "utf-32-le", "utf-8": "utf-8"}
WIDTH = {"utf-16": 2, "utf-32": 4, "utf-8": 1}
Check = Callable[[Deployment], None]


@dataclass(frozen=True, slots=True)
class ContractLine:
    """`id` names it for good; `words` are the contract's."""

    id: str
    words: str
    check: Check


LINES: list[ContractLine] = []


def line(id: str, words: str) -> Callable[[Check], Check]:
    """The check that follows is that of a line."""

    def add(check: Check) -> Check:
        LINES.append(ContractLine(id, words, check))
        return check

    return add


# The request


@line("decision.status", "Answer, 200 whatever the decision: allow, warn or block.")
def _decisions(at: Deployment) -> None:
    for wanted, answer in at.previews_by_decision.items():
        expect(
            answer.get("decision") == wanted, f"{DRAFTS[wanted]['subject']!r}: {answer.get('decision')}, not {wanted}"
        )


@line("mode.default", "`mode` is `send` by default: a screening is stored and has an id.")
def _send_is_default(at: Deployment) -> None:
    for decision, answer in at.sends_by_decision.items():
        found = answer.get("screening_id")
        expect(isinstance(found, str) and bool(found), f"{decision}: screening_id {found!r}")


@line("mode.preview", "`preview`: nothing is stored, no pass is issued; `screening_id` is null.")
def _preview(at: Deployment) -> None:
    for decision, answer in at.previews_by_decision.items():
        expect("screening_id" in answer and answer["screening_id"] is None, f"{decision}: a screening_id")
        expect("pass" in answer and answer["pass"] is None, f"{decision}: a pass")


@line("mode.alike", "A preview and a send of one draft are judged alike.")
def _alike(at: Deployment) -> None:
    for decision, sent in at.sends_by_decision.items():
        seen = at.previews_by_decision[decision]
        differing = [name for name in ("decision", "labels", "findings") if seen.get(name) != sent.get(name)]
        expect(not differing, f"{decision}: {', '.join(differing)} differ")


@line("order", '`order`: {"cancelled_by": "customer" | "merchant" | null, "status": string | null}.')
def _order(at: Deployment) -> None:
    for by in ("customer", "merchant", None):
        for status in ("cancelled", None):
            at.preview(ALLOWED, order={"cancelled_by": by, "status": status})
    at.refused(422, "POST", "/screen", json={**ALLOWED, "mode": "preview", "order": {"cancelled_by": "nobody"}})


@line("merchant_id", "`merchant_id`: a string, opaque.")
def _merchant(at: Deployment) -> None:
    at.preview(ALLOWED, merchant_id="M-1042")


@line(
    "context.reply", "`context` `reply`: no approved reason is needed; `customer_message` and `received_at` may come."
)
def _reply(at: Deployment) -> None:
    thread = {"customer_message": "Thank you, it arrived.", "received_at": "2026-11-25T15:00:00-06:00"}
    expect(
        at.preview(WARNED, context="reply", **thread).get("decision") == "allow", "a thank-you as a reply is no allow"
    )
    expect(at.preview(BLOCKED, context="reply").get("decision") == "block", "an offer as a reply is no block")


@line("explain", "`explain` adds to each finding why it was found.")
def _explain(at: Deployment) -> None:
    explained = at.preview(BLOCKED, explain=True).get("findings") or []
    plain = at.previews_by_decision["block"].get("findings") or []
    expect(len(explained) == len(plain) > 0, "other findings than without it")
    expect(all(set(more) > set(less) for more, less in zip(explained, plain, strict=True)), "nothing is added")


@line("offset_encoding", "`offset_encoding`: `utf-16` (default), `utf-32`, `utf-8` is the unit of `start` and `end`.")
def _offsets(at: Deployment) -> None:
    draft = {**BLOCKED, "body": "👩‍🎨 Grüße! " + BLOCKED["body"]}
    for asked in (None, *ENCODINGS):
        answer = at.preview(draft, **({"offset_encoding": asked} if asked else {}))
        placed = [finding for finding in answer.get("findings", ()) if finding.get("start") is not None]
        expect(bool(placed), f"{asked or 'default'}: nothing has a place")
        unit = asked or "utf-16"
        for finding in placed:
            raw = draft[finding["field"]].encode(ENCODINGS[unit])
            cut = raw[WIDTH[unit] * finding["start"] : WIDTH[unit] * finding["end"]]
            found = cut.decode(ENCODINGS[unit], "replace")
            expect(found == finding["text"], f"{asked or 'default'}: {found!r} stands there, not {finding['text']!r}")


@line("idempotency.same", "The same Idempotency-Key and draft give the same stored screening again.")
def _repeated(at: Deployment) -> None:
    key = {"Idempotency-Key": f"conformance-{secrets.token_hex(8)}"}
    first, second = at.sent(ALLOWED, key), at.sent(ALLOWED, key)
    expect(first.get("screening_id") == second.get("screening_id"), "another screening")


@line("idempotency.conflict", "The same key with another draft is a 409.")
def _conflict(at: Deployment) -> None:
    key = {"Idempotency-Key": f"conformance-{secrets.token_hex(8)}"}
    at.sent(ALLOWED, key)
    at.refused(409, "POST", "/screen", json={**BLOCKED, "merchant_id": at.mark}, headers=key)


# The answer


@line(
    "answer.fields", "An answer has `screening_id`, `decision`, `labels`, `findings`, `reminders`, `pass` and versions."
)
def _fields(at: Deployment) -> None:
    for decision, answer in at.previews_by_decision.items():
        missing = [name for name in ANSWERED if name not in answer]
        expect(not missing, f"{decision}: no {', '.join(missing)}")
        versions = [name for name in ANSWERED if name.endswith("_version")]
        expect(
            all(isinstance(answer[name], str) and answer[name] for name in versions), f"{decision}: an empty version"
        )


@line("labels.six", "`labels` always has the six, each with probability, asserted and policy.")
def _six(at: Deployment) -> None:
    for decision, answer in at.previews_by_decision.items():
        entries = answer.get("labels") or []
        names = sorted(str(entry.get("label")) for entry in entries)
        expect(names == sorted(LABELS), f"{decision}: {', '.join(names) or 'none'}")
        for entry in entries:
            chance, policy = entry.get("probability"), "prohibited" if entry["label"] in PROHIBITED else "permitted"
            expect(isinstance(chance, int | float) and 0 <= chance <= 1, f"{entry['label']}: probability {chance!r}")
            expect(isinstance(entry.get("asserted"), bool), f"{entry['label']}: asserted {entry.get('asserted')!r}")
            expect(entry.get("policy") == policy, f"{entry['label']}: policy {entry.get('policy')!r}")


@line("findings.fields", "A finding has id, label, severity, field, start, end, text, message, guidance, policy_ref.")
def _finding_fields(at: Deployment) -> None:
    for finding in _all_findings(at):
        missing = [name for name in FOUND if name not in finding]
        expect(not missing, f"{finding.get('id')}: no {', '.join(missing)}")
        expect(finding["severity"] in ("block", "warn", "info"), f"{finding['id']}: severity {finding['severity']!r}")
        expect(finding["label"] in (*LABELS, None), f"{finding['id']}: label {finding['label']!r}")


@line("findings.spans", "`start` and `end` are null where no span is to blame, and only together.")
def _spans(at: Deployment) -> None:
    for finding in _all_findings(at):
        start, end = finding.get("start"), finding.get("end")
        expect((start is None) == (end is None), f"{finding.get('id')}: start {start!r}, end {end!r}")
        expect(start is None or 0 <= start < end, f"{finding.get('id')}: start {start!r}, end {end!r}")


@line("decision.block", "**block** if a prohibited label is sure.")
def _block(at: Deployment) -> None:
    answer = at.previews_by_decision["block"]
    expect(bool(_asserted(answer) & PROHIBITED), "a block that asserts no prohibited label")
    expect("block" in _severities(answer), "a block without a finding of severity block")


@line("decision.warn", "**warn** if no approved reason is recognised; that finding has no label.")
def _warn(at: Deployment) -> None:
    answer = at.previews_by_decision["warn"]
    warnings = [finding for finding in answer.get("findings", ()) if finding.get("severity") == "warn"]
    expect(bool(warnings), "a warning without a finding of severity warn")
    expect("block" not in _severities(answer), "a warning with a finding of severity block")
    expect(any(finding.get("label") is None for finding in warnings), "the finding has a label")


@line("decision.allow", "An `allow` always has an asserted label.")
def _allow(at: Deployment) -> None:
    answer = at.previews_by_decision["allow"]
    expect(bool(_asserted(answer)), "an allow that asserts nothing")
    expect(not _asserted(answer) & PROHIBITED, "an allow that asserts a prohibited label")


@line("severity.info", "`info` never changes the decision.")
def _info(at: Deployment) -> None:
    found = _severities(at.previews_by_decision["allow"]) - {"info"}
    expect(not found, f"an allow with a finding of severity {', '.join(sorted(found))}")


def _form_fault(field: str, text: str) -> Check:
    def check(at: Deployment) -> None:
        answer = at.preview({**ALLOWED, field: text})
        expect(answer.get("decision") == "warn", f"{field} {text!r}: {answer.get('decision')}")
        blamed = [finding for finding in answer["findings"] if finding["severity"] == "warn" and not finding["label"]]
        expect(bool(blamed), f"{field} {text!r}: no finding without a label says so")

    return check


for _name, _words, _field, _text in (
    ("form.support_id", "Support ID malformed", "support_id", "order 5"),
    ("form.subject", "subject empty", "subject", ""),
    ("form.body", "body empty", "body", ""),
    ("form.one_word", "a one-word body", "body", "Hello"),
):
    line(_name, f"**warn** if the form is at fault: {_words}.")(_form_fault(_field, _text))


@line("form.placeholders", "Unfilled placeholders are a fault of the form: finding `placeholder-unfilled`, a warning.")
def _placeholders(at: Deployment) -> None:
    for mark in ("{{name}}", "${order}", "%{x}", "[NUMBER]", "<first name>"):
        answer = at.preview({**ALLOWED, "body": f"Hello {mark}. {ALLOWED['body']}"})
        found = {finding["id"]: finding["severity"] for finding in answer["findings"]}
        expect(found.get("placeholder-unfilled") == "warn", f"{mark}: not found")
        expect(answer.get("decision") == "warn", f"{mark}: {answer.get('decision')}")


@line("reminders", "`reminders` has `reply-within-one-business-day`.")
def _reminders(at: Deployment) -> None:
    for decision, answer in at.previews_by_decision.items():
        ids = [reminder.get("id") for reminder in answer.get("reminders") or ()]
        expect("reply-within-one-business-day" in ids, f"{decision}: {ids}")


def _unknowable(why: str) -> Check:
    def check(at: Deployment) -> None:
        raise NotCheckedError(why)

    return check


for _name, _words, _why in (
    (
        "decision.possible",
        "**warn** if a prohibited label is possible.",
        "which draft is in doubt depends on the model",
    ),
    ("decision.unjudged", "**warn** if the draft could not be judged.", "would have to break the deployment"),
    ("form.unknown_id", "**warn** if the Support ID is unknown.", "depends on the orders that the deployment knows"),
    ("order.source", "What an order source knows wins over the caller's `order`.", "depends on those orders too"),
):
    line(_name, _words)(_unknowable(_why))


# Passes


@line("pass.allowed", "`pass` is a token for an allowed draft; a block and an unacknowledged warning have none.")
def _pass(at: Deployment) -> None:
    for decision, answer in at.sends_by_decision.items():
        granted = answer.get("pass")
        wanted = decision == "allow"
        expect(isinstance(granted, str) == wanted, f"{decision}: {'no pass' if wanted else 'a pass'}")


@line("pass.binds", "It binds the exact `support_id`, `subject` and `body`; `POST /passes/verify`: valid or why not.")
def _binds(at: Deployment) -> None:
    token = str(at.sends_by_decision["allow"].get("pass"))
    expect(_verified(at, token, ALLOWED).get("valid") is True, "the pass of this text is not valid")
    for name in ("support_id", "subject", "body"):
        changed = _verified(at, token, {**ALLOWED, name: ALLOWED[name] + " "})
        expect(changed.get("valid") is False, f"valid for another {name}")
        expect(bool(changed.get("reason") or changed.get("message")), "refused without a reason")


@line("pass.signed", "It is signed: a token that was changed is not valid.")
def _signed(at: Deployment) -> None:
    token = str(at.sends_by_decision["allow"].get("pass"))
    middle = len(token) // 2
    for forged in (token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :], token[:-8], "x", ""):
        expect(_verified(at, forged, ALLOWED).get("valid") is False, "a changed token is valid")


@line("pass.expires", "It expires.")
def _expires(at: Deployment) -> None:
    answer = _verified(at, str(at.sends_by_decision["allow"].get("pass")), ALLOWED)
    if "expires_at" not in answer:
        raise NotCheckedError("/passes/verify does not say until when")
    expect(bool(answer["expires_at"]), "no end")


@line("acknowledge", "`POST /screenings/{id}/acknowledge`: send a warned draft all the same; answers with the pass.")
def _acknowledge(at: Deployment) -> None:
    number = at.sends_by_decision["warn"]["screening_id"]
    answer = at.json("POST", f"/screenings/{number}/acknowledge", json={})
    expect(isinstance(answer.get("pass"), str), "no pass")
    expect(_verified(at, answer["pass"], WARNED).get("valid") is True, "its pass is not valid")


@line("acknowledge.block", "A blocked draft gets no pass by acknowledging it.")
def _no_way_around(at: Deployment) -> None:
    number = at.sends_by_decision["block"]["screening_id"]
    response = at.client.post(f"/screenings/{number}/acknowledge", json={})
    expect(response.status_code >= 400, f"{response.status_code}")


@line("appeal", "`POST /screenings/{id}/appeal`: contest a block.")
def _appeal(at: Deployment) -> None:
    number = at.sends_by_decision["block"]["screening_id"]
    at.json("POST", f"/screenings/{number}/appeal", json={"message": "A check of the contract; nothing to decide."})


@line("screenings", "`GET /screenings/{id}` is the stored answer.")
def _stored(at: Deployment) -> None:
    sent = at.sends_by_decision["allow"]
    stored = at.json("GET", f"/screenings/{sent['screening_id']}")
    differing = [name for name in ("screening_id", "decision", "labels") if stored.get(name) != sent.get(name)]
    expect(not differing, f"{', '.join(differing)} differ")


@line("batch", "`POST /screen/batch`: up to 100 drafts; answers in order, an answer or a problem each.")
def _batch(at: Deployment) -> None:
    drafts = [{**draft, "mode": "preview"} for draft in (BLOCKED, {**ALLOWED, "body": 5}, ALLOWED, WARNED)]
    answers = at.json("POST", "/screen/batch", json={"drafts": drafts}).get("answers") or []
    found = [answer.get("decision") or answer.get("status") for answer in answers]
    expect(found == ["block", 422, "allow", "warn"], f"{found}")
    at.refused(422, "POST", "/screen/batch", json={"drafts": [drafts[2]] * 101})


# Errors


@line("error.401", "401 no or unknown key, as application/problem+json.")
def _no_key(at: Deployment) -> None:
    for key in ("", "gs_00000000_none", "x"):
        at.refused(401, "POST", "/screen", key=key, json=ALLOWED)


@line("error.403", "403 a key without this right.")
def _no_right(at: Deployment) -> None:
    if not at.limited:
        raise NotCheckedError("needs a key without the right to screen: --limited-key")
    at.refused(403, "POST", "/screen", key=at.limited, json=ALLOWED)


@line("error.413", "413 too large.")
def _too_large(at: Deployment) -> None:
    kind = {"content-type": "application/json"}
    for size in (1_000_001, 8_000_001):  # the limit is a setting of theirs
        if at.client.post("/screen", content=b" " * size, headers=kind).status_code == 413:
            break
    at.refused(413, "POST", "/screen", content=b" " * size, headers=kind)


@line("error.422", "422 invalid, naming the field.")
def _invalid(at: Deployment) -> None:
    for field, draft in (
        ("body", {"support_id": "GG-8K2P-4L7Q-XY19", "subject": "x"}),
        ("body", {**ALLOWED, "body": 5}),
        ("mode", {**ALLOWED, "mode": "later"}),
        ("offset_encoding", {**ALLOWED, "offset_encoding": "latin-1"}),
    ):
        problem = at.refused(422, "POST", "/screen", json=draft)
        expect(field in str(problem.get("detail")) or field in str(problem.get("errors")), f"{field} is not named")


@line("error.429", "429 too many.")
def _too_many(at: Deployment) -> None:
    raise NotCheckedError("would take the key's rate from its owner")


@line("error.503", "503 not ready.")
def _not_ready(at: Deployment) -> None:
    raise NotCheckedError("the deployment is ready")


# Around it


@line("policy", "`GET /policy`.")
def _policy(at: Deployment) -> None:
    at.json("GET", "/policy")


@line("healthz", "`GET /healthz`.")
def _healthz(at: Deployment) -> None:
    at.json("GET", "/healthz")


@line("readyz", "`GET /readyz`.")
def _readyz(at: Deployment) -> None:
    at.json("GET", "/readyz")


@line("openapi", "`GET /openapi.json`.")
def _openapi(at: Deployment) -> None:
    paths = at.json("GET", "/openapi.json").get("paths") or {}
    expect("/screen" in paths, "it does not describe /screen")


def _page(path: str, holds: str) -> Check:
    def check(at: Deployment) -> None:
        response = at.client.get(path, follow_redirects=True, headers={"accept": "text/html, text/plain"})
        expect(response.status_code == 200, f"{path}: {response.status_code}")
        expect(holds in response.text, f"{path}: {holds!r} is not in it")

    return check


line("metrics", "`GET /metrics`.")(_page("/metrics", "screening_decisions_total"))
line("compose", "`/compose`: a demonstration of the Contact Customer form.")(_page("/compose", "<form"))
line("review", "`/review`: the reviewers' console.")(_page("/review", "<form"))


def _asserted(answer: Answer) -> set[str]:
    return {entry["label"] for entry in answer.get("labels", ()) if entry.get("asserted") is True}


def _severities(answer: Answer) -> set[str]:
    return {str(finding.get("severity")) for finding in answer.get("findings", ())}


def _all_findings(at: Deployment) -> list[Answer]:
    found = [finding for answer in at.previews_by_decision.values() for finding in answer.get("findings") or ()]
    expect(bool(found), "no answer has a finding")
    return found


def _verified(at: Deployment, token: str, draft: Answer) -> Answer:
    return at.json("POST", "/passes/verify", json={"token": token, **draft})
