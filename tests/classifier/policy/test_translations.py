"""The catalogue of what merchants read: complete in every language, and asked for by Accept-Language."""

import re
from typing import Any

import pytest

from classifier.policy.translations import FOLDER, LANGUAGES, _read, catalogue, english, preferred, replacements

OTHERS = [language for language in LANGUAGES if language != "en"]
PLACES = re.compile(r"\{\w+\}")


def leaves(tree: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    if isinstance(tree, str):
        return {path: tree}
    return {key: text for name, branch in tree.items() for key, text in leaves(branch, (*path, name)).items()}


def wanted() -> dict[tuple[str, ...], str]:
    own = _read(FOLDER / "en.toml")
    return leaves(english() | {"box": own["box"], "condition": own["condition"]})


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_and_none_is_left_over(language: str) -> None:
    there = leaves(_read(FOLDER / f"{language}.toml"))
    assert {".".join(key) for key in wanted().keys() ^ there.keys()} == set()
    assert [key for key, text in there.items() if not text.strip()] == []


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_filled_in_and_what_is_quoted_stands_in_each_translation(language: str) -> None:
    there = leaves(_read(FOLDER / f"{language}.toml"))
    for key, text in wanted().items():
        for part in [*PLACES.findall(text), *[name for name in ("CommerceInterface", "GG-", "SLA") if name in text]]:
            assert part in there[key], (language, key, part)


@pytest.mark.parametrize("language", OTHERS)
def test_hardly_any_text_is_that_of_english(language: str) -> None:
    there = leaves(_read(FOLDER / f"{language}.toml"))
    assert {key for key, text in wanted().items() if there[key] == text} == set()


def test_each_language_has_its_file() -> None:
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(LANGUAGES)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"), ("", "en"), ("de", "de"), ("de-CH, en;q=0.8", "de"), ("pt-BR, it;q=0.4, fr;q=0.9", "fr"),
        ("ES-es;q=1.0", "es"), ("de;q=0, fr;q=0.1", "fr"), ("*", "en"), ("\x00;;q=,,de;q=x", "en"),
        ("de," * 9000, "de"),
    ],
)  # fmt: skip
def test_the_preferred_language(header: str | None, language: str) -> None:
    assert preferred(header) == language


def test_a_finding_says_in_german_what_policy_or_label_say() -> None:
    german = catalogue("de")
    vague = english()["finding"]["subject-vague"]
    said = german.finding({"label": None, "severity": "info", **vague, "policy_ref": "Nobody's", "id": "x"})
    assert said["message"] == "Der Betreff sagt nicht, warum Sie schreiben."
    assert said["policy_ref"] == "Nobody's"
    own = {"label": "substitute_offer", "severity": "block", "message": "A rule's own words.", "guidance": "Its own."}
    assert german.finding(own)["message"] == german.labels["substitute_offer"]["block"]
    assert german.finding({"label": None, "severity": "info", "message": "Unheard of"})["message"] == "Unheard of"
    assert catalogue("en").finding(own) == own


@pytest.mark.parametrize("by", ["customer", "merchant", None])
@pytest.mark.parametrize("label", ["substitute_offer", "cancellation_probing"])
def test_no_two_replacements_differ_only_by_their_order(label: str, by: str | None) -> None:
    texts = [str(one["text"]) for one in replacements(label, by, "en")]
    assert len({tuple(sorted(re.findall(r"\w+", text.lower()))) for text in texts}) == len(texts)


def test_replacements_fit_who_cancelled() -> None:
    assert replacements("substitute_offer", "customer", "en") == []
    unknown = replacements("substitute_offer", None, "fr")
    assert [bool(one["condition"]) for one in unknown] == [True, False]
    assert str(unknown[0]["condition"]).startswith("Vous avez annulé")
    assert replacements("cancellation_probing", "merchant", "en") == []
