"""Rules are tried before they are trusted."""

import json
import shutil
from pathlib import Path

import pytest

from classifier.matching.rulebook import RULES_FOLDER
from training.__main__ import call

RULE = """
[[rule]]
id = "substitute.trial"
label = "substitute_offer"
strength = "weak"
status = "draft"
patterns = ["instead"]
must_flag = ["We send the green one instead."]
must_not_flag = ["We send the green one."]
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    shutil.copytree(RULES_FOLDER, tmp_path / "rules")
    (tmp_path / "rules" / "trial.toml").write_text(RULE)
    return tmp_path / "rules"


def test_lint_runs_the_examples_of_every_rule(rules: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only = rules.parent / "only"
    only.mkdir()
    for name in ("lexicon.toml", "trial.toml"):
        shutil.copyfile(rules / name, only / name)
    assert call(["rules", "lint", str(only)]) == 0
    (only / "trial.toml").write_text(RULE.replace('"We send the green one."', '"It is red instead."'))
    capsys.readouterr()
    assert call(["rules", "lint", str(only), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["faults"] == [
        {"rule_id": "substitute.trial", "sentence": "It is red instead.", "reason": "must not be flagged and is"}
    ]


def test_a_rule_without_examples_is_refused_with_file_and_id(
    rules: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (rules / "trial.toml").write_text(RULE.replace('must_flag = ["We send the green one instead."]', "must_flag = []"))
    assert call(["rules", "lint", str(rules)]) == 2
    assert "trial.toml: substitute.trial: must_flag is empty" in capsys.readouterr().err


def test_backtest_tells_what_a_new_rule_would_do(
    rules: Path, home: Path, small_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["rules", "backtest", str(rules), "--data", str(small_file), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    trial = next(t for t in printed["rules"] if t["rule_id"] == "substitute.trial")
    texts = {r["id"]: r for r in map(json.loads, small_file.read_text().splitlines())}
    assert trial["change"] == "added"
    assert set(trial["gained"]) == {
        i for i in trial["gained"] if "instead" in (texts[i]["subject"] + texts[i]["body"]).lower()
    }
    assert trial["hits"] == len(trial["gained"]) > 0
    assert set(trial["wrong"]) == {i for i in trial["gained"] if "substitute_offer" not in texts[i]["labels"]}
    assert trial["per_thousand"] == pytest.approx(1000 * trial["hits"] / len(texts))
    assert trial["lost"] == []


def test_kept_rule_sets_can_be_compared_by_their_hash(
    rules: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def version(folder: str) -> str:
        capsys.readouterr()
        assert call(["rules", "keep", folder, "--json"]) == 0
        return str(json.loads(capsys.readouterr().out)["version"])

    shipped, changed = version(str(RULES_FOLDER)), version(str(rules))
    (rules / "trial.toml").unlink()
    assert call(["rules", "diff", shipped, changed, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["changes"] == [{"rule_id": "substitute.trial", "change": "added", "fields": []}]
    assert not (home / "rules").exists(), "the service follows the folder `rules`; keeping a set must not touch it"
