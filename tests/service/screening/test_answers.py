"""The contract's answers: each is as the document says, problems have names that stay, findings say why."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import select

from service.app import api
from service.http.errors import PROBLEM_TYPES
from service.screening import answer_schemas as schemas
from service.screening.reasons import without_ignored
from service.storage.tables.screenings import AppealRow
from tests.service.drafts import ALLOWED, BLOCKED, WARNED
from tests.service.running import Running, running, settings_for
from tests.service.screening.test_contract import assert_problem

DOCUMENT = Path(__file__).parents[3] / "service" / "openapi.json"
TYPE = "urn:draft-screening:problem:"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(settings_for(tmp_path_factory.mktemp("answers"), rate_per_minute=0)) as service:
        yield service


def undocumented(found: BaseModel, at: str = "") -> set[str]:
    """The fields of an answer that its model does not name."""
    extra = {f"{at}{name}" for name in found.model_extra or {}}
    for name in type(found).model_fields:
        value = getattr(found, name)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, BaseModel):
                extra |= undocumented(one, f"{at}{name}.")
    return extra


@pytest.mark.parametrize("draft", [BLOCKED, ALLOWED, WARNED])
def test_each_answer_is_as_the_document_says(plain: Running, draft: dict[str, Any]) -> None:
    def check(model: type[BaseModel], answer: dict[str, Any]) -> None:
        assert undocumented(model.model_validate(answer)) == set()

    first = plain.screen(draft, explain=True, order={"cancelled_by": "customer"})
    check(schemas.ScreeningOut, first)
    check(schemas.ScreeningOut, plain.screen(draft, mode="preview", previous_screening_id=first["screening_id"]))
    path = f"/screenings/{first['screening_id']}"
    if first["decision"] == "warn":
        check(schemas.AcknowledgedOut, plain.client.post(f"{path}/acknowledge").json())
    if first["decision"] == "block":
        check(schemas.AppealedOut, plain.client.post(f"{path}/appeal", json={"message": "Look again."}).json())
    text = {name: draft[name] for name in ("support_id", "subject", "body")}
    check(schemas.PassCheckOut, plain.client.post("/passes/verify", json={"token": "x", **text}).json())
    check(schemas.StoredScreeningOut, plain.client.get(path).json())
    check(schemas.WithdrawnOut, plain.client.post(f"{path}/withdraw").json())
    check(schemas.BatchOut, plain.client.post("/screen/batch", json={"drafts": [draft, {}]}).json())
    check(schemas.UnscreenedOut, plain.client.post("/unscreened", json=text).json())


@pytest.mark.parametrize(
    ("path", "model"),
    [("/healthz", schemas.AliveOut), ("/readyz", schemas.ReadyOut), ("/policy", schemas.EnforcedPolicyOut),
     ("/passes/keys", schemas.PassKeysOut), ("/reply-deadline", schemas.ReplyDeadlineOut)],
)  # fmt: skip
def test_what_is_asked_by_get_is_as_the_document_says(plain: Running, path: str, model: type[BaseModel]) -> None:
    assert undocumented(model.model_validate(plain.client.get(path).json())) == set()


def test_the_stored_document_is_todays() -> None:
    assert json.loads(DOCUMENT.read_text("utf-8")) == api().openapi()


def test_operations_have_short_ids_and_schemas_for_all_that_is_answered() -> None:
    document = api().openapi()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][A-Za-z]{4,20}", one) for one in ids)
    for operation in operations:
        for answer in operation["responses"].values():
            assert all(body["schema"] for body in answer["content"].values()), operation["operationId"]
    names = {"Screening", "Finding", "Problem"}
    assert names <= document["components"]["schemas"].keys()
    used = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert used <= document["components"]["schemas"].keys()
    assert not [name for name in document["components"]["schemas"] if name.endswith("Out")]


def test_a_stored_screening_links_to_what_may_follow() -> None:
    document = api().openapi()
    links = document["paths"]["/screen"]["post"]["responses"]["200"]["links"]
    ids = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert {"getScreening", "acknowledge", "appeal", "withdraw"} == links.keys() <= ids


def test_limits_stand_in_the_document() -> None:
    document = api().openapi()
    schema = document["components"]["schemas"]
    assert schema["PassIn"]["properties"]["body"]["maxLength"] == 200_000
    assert schema["AppealIn"]["properties"]["message"]["minLength"] == 1
    asked = document["paths"]["/screen/batch"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert asked == {"$ref": "#/components/schemas/BatchIn"}
    batch = schema["BatchIn"]
    assert (batch["properties"]["drafts"]["minItems"], batch["properties"]["drafts"]["maxItems"]) == (1, 100)
    assert batch["properties"]["drafts"]["items"] == {"$ref": "#/components/schemas/DraftIn"}


PROBLEMS = [
    ("get", "/nowhere", {}, 404, "not-found"),
    ("get", "/screen", {}, 405, "wrong-method"),
    ("post", "/screen", {"json": {}}, 422, "invalid"),
    ("post", "/screen", {"json": ALLOWED, "headers": {"authorization": "Bearer x"}}, 401, "no-key"),
    ("post", "/screen", {"content": b" " * 1_000_001}, 413, "too-large"),
    ("post", "/screen", {"content": b"", "headers": {"content-encoding": "br"}}, 415, "wrong-encoding"),
    ("get", f"/screenings/{'f' * 32}", {}, 404, "not-found"),
]


@pytest.mark.parametrize(("method", "path", "asked", "status", "kind"), PROBLEMS)
def test_a_problem_has_a_type_that_stays_and_the_id_of_its_request(
    plain: Running, method: str, path: str, asked: dict[str, Any], status: int, kind: str
) -> None:
    asked = {**asked, "headers": {**asked.get("headers", {}), "x-request-id": "r-17"}}
    response = plain.client.request(method, path, **asked)
    body = assert_problem(response, status)
    assert (body["type"], body["request_id"]) == (TYPE + kind, "r-17")
    assert response.headers["x-request-id"] == "r-17"
    assert body["type"] in PROBLEM_TYPES


def test_conflicts_are_told_apart(plain: Running) -> None:
    headers = {"Idempotency-Key": "one"}
    plain.screen(ALLOWED, headers)
    other = assert_problem(plain.client.post("/screen", json=BLOCKED, headers=headers), 409)
    assert other["type"] == TYPE + "idempotency-conflict"
    sent = plain.screen(ALLOWED)["screening_id"]
    step = assert_problem(plain.client.post(f"/screenings/{sent}/acknowledge"), 409)
    assert step["type"] == TYPE + "step-refused"


def test_a_finding_has_the_score_of_its_label_and_the_address_of_its_section(plain: Running) -> None:
    answer = plain.screen({**BLOCKED, "support_id": "none"})
    chances = {entry["label"]: entry["probability"] for entry in answer["labels"]}
    for finding in answer["findings"]:
        assert finding["score"] == chances.get(finding["label"])
        assert finding["policy_url"].startswith("/policy#")
    assert any(finding["score"] is None for finding in answer["findings"])
    prohibited = next(finding for finding in answer["findings"] if finding["label"] == "substitute_offer")
    assert prohibited["policy_url"] == "/policy#inappropriate-situations-arranging-a-product-substitute"


def test_without_being_asked_no_finding_says_why(plain: Running) -> None:
    assert all("why" not in finding for finding in plain.screen(BLOCKED)["findings"])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_explain_names_the_rule_or_the_passages(plain: Running, encoding: str) -> None:
    draft = {**BLOCKED, "body": f"💥 Hello. {BLOCKED['body']}"}
    answer = plain.screen(draft, explain=True, mode="preview", offset_encoding=encoding)
    by_rule = [finding for finding in answer["findings"] if finding["witness"] == "rule"]
    assert by_rule
    for finding in by_rule:
        assert finding["why"]["rule"] == finding["id"]
        assert finding["why"]["patterns"]
    for finding in answer["findings"]:
        for passage in finding["why"]["passages"]:
            raw = draft[passage["field"]].encode("utf-16-le" if encoding == "utf-16" else "utf-32-le")
            width = 2 if encoding == "utf-16" else 4
            assert raw[width * passage["start"] : width * passage["end"]].decode(encoding + "-le") == passage["text"]


def test_only_a_key_that_may_sets_findings_aside(plain: Running) -> None:
    draft = {**ALLOWED, "support_id": "order 5"}
    warned = plain.screen(draft, mode="preview")
    (fault,) = [one["id"] for one in warned["findings"] if one["severity"] == "warn"]
    assert warned["decision"] == "warn"
    assert_problem(plain.client.post("/screen", json={**draft, "ignore": [fault]}), 403)
    trusted = plain.key("screen", "ignore", caller="gateway")
    sent = plain.screen(draft, trusted, ignore=[fault, "no-such-finding"])
    assert (sent["decision"], sent["ignored"]) == ("allow", [fault])
    assert sent["pass"]
    stored = plain.client.get(f"/screenings/{sent['screening_id']}").json()
    assert (stored["decision"], stored["ignored"], stored["pass"]) == ("allow", [fault], sent["pass"])


def test_what_blocks_is_not_set_aside(plain: Running) -> None:
    trusted = plain.key("screen", "ignore", caller="gateway")
    ids = [finding["id"] for finding in plain.screen(BLOCKED, mode="preview")["findings"]]
    assert plain.screen(BLOCKED, trusted, ignore=ids)["decision"] == "block"


def test_a_draft_without_a_reason_stays_a_warning() -> None:
    finding = {"id": "no-reason", "severity": "warn"}
    document = {"decision": "warn", "labels": [{"asserted": False}], "findings": [finding]}
    assert without_ignored(document, ["no-reason"])["decision"] == "warn"
    document["labels"] = [{"asserted": True}]
    assert without_ignored(document, ["no-reason"]) == {
        "decision": "allow", "labels": [{"asserted": True}], "findings": [], "ignored": ["no-reason"],
    }  # fmt: skip


MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def test_moments_are_written_in_one_way(plain: Running) -> None:
    sent = plain.screen(WARNED)["screening_id"]
    acknowledged = plain.client.post(f"/screenings/{sent}/acknowledge").json()["acknowledged_at"]
    appealed = plain.client.post(f"/screenings/{sent}/appeal", json={"message": "Why?"}).json()["appeal"]["at"]
    withdrawn = plain.client.post(f"/screenings/{sent}/withdraw").json()["withdrawn_at"]
    stored = plain.client.get(f"/screenings/{sent}").json()
    assert (stored["acknowledged_at"], stored["appeal"]["at"], stored["withdrawn_at"]) == (
        acknowledged, appealed, withdrawn,
    )  # fmt: skip
    for moment in (acknowledged, appealed, withdrawn, stored["created_at"]):
        assert MOMENT.fullmatch(moment), moment


def words_of(service: Running, screening_id: str) -> str | None:
    with service.services.database.reading() as session:
        row = session.scalars(select(AppealRow).where(AppealRow.screening_id == screening_id)).one()
        return service.services.encryptor.decrypt_optional(row.words)


@pytest.mark.parametrize("body", [None, {}, {"message": ""}, {"message": " \n"}, {"message": None}])
def test_an_appeal_without_words_is_refused(plain: Running, body: Any) -> None:
    path = f"/screenings/{plain.screen(BLOCKED)['screening_id']}/appeal"
    assert_problem(plain.client.post(path, json=body) if body is not None else plain.client.post(path), 422)


def test_the_words_of_a_second_appeal_are_kept(plain: Running) -> None:
    sent = plain.screen(BLOCKED)["screening_id"]
    for words in ("She asked for it.", "She asked for it.", "See ticket 12.\n\nAnd 13.", "See ticket 12.\n\nAnd 13."):
        assert plain.client.post(f"/screenings/{sent}/appeal", json={"message": words}).status_code == 200
    assert words_of(plain, sent) == "She asked for it.\n\nSee ticket 12.\n\nAnd 13."
    for _ in range(3):
        answer = plain.client.post(f"/screenings/{sent}/appeal", json={"message": "x" * 4900 + str(datetime.now(UTC))})
        assert answer.status_code == 200
    more = plain.client.post(f"/screenings/{sent}/appeal", json={"message": "y" * 5000})
    assert_problem(plain.client.post(f"/screenings/{sent}/appeal", json={"message": "z" * 5000}), 409)
    assert more.status_code in (200, 409)


def test_a_withdrawn_draft_is_not_appealed(plain: Running) -> None:
    sent = plain.screen(BLOCKED)["screening_id"]
    plain.client.post(f"/screenings/{sent}/withdraw")
    answer = plain.client.post(f"/screenings/{sent}/appeal", json={"message": "Look again."})
    assert "withdrawn" in assert_problem(answer, 409)["detail"]


@pytest.mark.parametrize(
    "second",
    [[ALLOWED, WARNED], [BLOCKED, ALLOWED], [ALLOWED], [ALLOWED, BLOCKED, WARNED],
     [{**ALLOWED, "merchant_id": "m"}, BLOCKED]],
)  # fmt: skip
def test_the_key_of_a_batch_stands_for_all_of_it(service: Running, second: list[Any]) -> None:
    headers = {"Idempotency-Key": f"whole-{len(json.dumps(second))}"}
    first = service.client.post("/screen/batch", json={"drafts": [ALLOWED, BLOCKED]}, headers=headers).json()
    other = assert_problem(service.client.post("/screen/batch", json={"drafts": second}, headers=headers), 409)
    assert other["type"] == TYPE + "idempotency-conflict"
    again = service.client.post("/screen/batch", json={"drafts": [ALLOWED, BLOCKED]}, headers=headers).json()
    assert again == first


@pytest.mark.parametrize("path", ["/screen", "/screen/batch", "/passes/redeem"])
def test_what_a_key_of_a_request_may_be_stands_in_the_document(path: str) -> None:
    named = api().openapi()["paths"][path]["post"]["parameters"]
    (header,) = (one for one in named if one["name"] == "Idempotency-Key")
    assert (header["schema"]["minLength"], header["schema"]["pattern"]) == (1, r"^[\x21-\x7e]+$")


def test_where_a_key_only_shows_more_the_document_wants_none() -> None:
    document = api().openapi()["paths"]
    for path in ("/metrics", "/policy", "/readyz"):
        assert document[path]["get"]["security"] == [{}, {"key": []}]
    assert "security" not in document["/healthz"]["get"]


@pytest.mark.parametrize(
    "moment",
    ["5", "2026", "2026-11-25", "20261125T150000Z", "1e9", "2026-11-25T15", "2026-13-01T00:00Z", "0000-01-01T00:00Z"],
)
def test_a_moment_is_written_out(plain: Running, moment: str) -> None:
    assert_problem(plain.client.get("/reply-deadline", params={"received_at": moment}), 422)
    text = {name: ALLOWED[name] for name in ("support_id", "subject", "body")}
    for sent_at in (moment, 1_700_000_000, True):
        assert_problem(plain.client.post("/unscreened", json={**text, "sent_at": sent_at}), 422)


@pytest.mark.parametrize("moment", ["2026-11-25T15:00:00-06:00", "2026-11-25T21:00:00.5Z", "2026-11-25 21:00"])
def test_moments_with_and_without_a_zone_are_read(plain: Running, moment: str) -> None:
    assert plain.client.get("/reply-deadline", params={"received_at": moment}).status_code == 200
    text = {name: ALLOWED[name] for name in ("support_id", "subject", "body")}
    assert plain.client.post("/unscreened", json={**text, "sent_at": moment}).status_code == 202


def test_a_pass_of_another_issuer_is_foreign(plain: Running, tmp_path: Path) -> None:
    from classifier import Draft
    from service.passes import Passes, PassTerms
    from service.storage.screenings.records import draft_hash

    keys = plain.services.settings.pass_keys.get_secret_value()
    other = Passes.from_setting(keys, issuer="elsewhere", minutes=60)
    text = {name: ALLOWED[name] for name in ("support_id", "subject", "body")}
    token = other.issue(PassTerms("f" * 32, draft_hash(Draft(**text)), "allow", datetime.now(UTC)))
    answer = plain.client.post("/passes/verify", json={"token": token, **text}).json()
    assert (answer["valid"], answer["reason"]) == (False, "foreign")
