"""A seventh label: a line in classifier/labels.py, an entry in policy.toml; the rest follows or says what to make."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from classifier.draft import LabelledDraft
from tests.training.conftest import write_drafts
from training.tickets.loading import as_record, load

ROOT = Path(__file__).parent.parent.parent
LAST = '    CANCELLATION_PROBING = "cancellation_probing"\n'
POLICY = """
[label.review_request]
policy = "permitted"
title = "Review request"
section = "issues-with-delivery-scheduling"
"""
ASKS = (
    "Would you leave us a review?", "Please rate your purchase with a few stars.", "We would love to read your review.",
    "Could you write a short review of the {thing}?", "If you like the {thing}, please rate us.",
)  # fmt: skip
SERVED = """
import json, sys
from pathlib import Path
from tests.service.running import running, settings_for
with running(settings_for(Path(sys.argv[1]))) as service:
    draft = {"support_id": "GG-1A2B-3C4D", "subject": "Your lamp", "body": "Would you leave us a review of the lamp?"}
    answer = service.screen(draft, mode="preview")
    policy = service.client.get("/policy").json()
    page = service.client.get("/compose").status_code
print(json.dumps({"answer": answer, "policy": policy, "page": page}))
"""


def asking(plain: LabelledDraft, number: int) -> dict[str, object]:
    """A draft without a label that now asks for a review as well."""
    thing = ("lamp", "kettle", "tent", "jacket")[number % 4]
    words = ASKS[number % len(ASKS)].format(thing=thing)
    body = f"{plain.draft.body.rstrip()} {words}"
    return {
        **as_record(plain), "id": f"ask-{plain.id}", "body": body, "labels": ["review_request"],
        "evidence": {"review_request": [words]}, "order": None,
    }  # fmt: skip


class Checkout:
    """A copy of the packages with one more label, and commands that run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("classifier", "training", "service"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("data", "tests"):
            (folder / name).symlink_to(ROOT / name)
        labels, policy = folder / "classifier" / "labels.py", folder / "classifier" / "policy.toml"
        labels.write_text(labels.read_text().replace(LAST, f'{LAST}    REVIEW_REQUEST = "review_request"\n'))
        policy.write_text(policy.read_text() + POLICY)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(self.folder), "SCREENING_HOME": str(self.folder / "var")}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)

    def training(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "training", *arguments)


@pytest.fixture(scope="module")
def drafts_with_reviews(small_drafts: Sequence[LabelledDraft], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_drafts(list(small_drafts)[::2], tmp_path_factory.mktemp("seven") / "drafts.jsonl")
    plain = [d for d in load() if not d.labels and d.writer in {one.writer for one in small_drafts}]
    known = {d.id for d in small_drafts}
    with path.open("a") as file:
        file.writelines(
            json.dumps(asking(d, n)) + "\n"
            for n, d in enumerate([d for d in plain if d.id not in known and d.draft.body][:240])
        )
    return path


@pytest.mark.long
def test_a_seventh_label_is_learned_judged_and_served_and_old_models_say_what_to_do(
    drafts_with_reviews: Path, tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path / "checkout")
    data = ("--data", str(drafts_with_reviews))

    # The encoder and the shipped model know six labels; both say what must be made again.
    refused = checkout.training("retrain", *data, "--set", "folds=2")
    assert refused.returncode == 2
    assert "an encoder for other labels (without review_request); fine-tune one" in refused.stderr
    made = checkout.training("retrain", *data, "--set", "folds=2", "--no-with-encoder", "--reason", "seven", "--json")
    assert made.returncode == 0, made.stderr
    run = json.loads(made.stdout)
    assert run["evaluation"]["labels"]["review_request"]["support"] > 0
    assert run["evaluation"]["labels"]["review_request"]["f1"] > 0.5
    compared = checkout.training("compare", "live", run["version"], *data)
    assert compared.returncode == 2
    assert "fitted for other labels (without review_request); retrain, then compare and promote" in compared.stderr

    # The gate says that rules alone stand in for the old model; a person puts the new one live.
    promoted = checkout.training("promote", run["version"], "--override", "--reason", "a seventh label", *data)
    assert promoted.returncode == 0, promoted.stderr
    assert "rules alone stand in for it" in promoted.stderr

    # The service serves seven.
    served = checkout.run("-c", SERVED, str(checkout.folder / "var"))
    assert served.returncode == 0, served.stderr[-3000:]
    found = json.loads(served.stdout.splitlines()[-1])
    asked = {entry["label"]: entry for entry in found["answer"]["labels"]}
    assert len(asked) == 7
    assert (asked["review_request"]["asserted"], asked["review_request"]["policy"]) == (True, "permitted")
    assert "review_request" in json.dumps(found["policy"])
    assert found["page"] == 200


@pytest.mark.long
def test_a_label_without_a_policy_is_named(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout")
    policy = checkout.folder / "classifier" / "policy.toml"
    policy.write_text(policy.read_text().replace(POLICY, ""))
    said = checkout.run("-c", "from classifier import Screener; Screener.load()")
    assert said.returncode != 0
    assert "policy.toml: missing or wrong entry: 'review_request'" in said.stderr
