"""The OpenAPI document that is checked in is the one that the service serves."""

from pathlib import Path

from tests.integration.openapi import DOCUMENT, described


def test_the_document_has_not_drifted(tmp_path: Path) -> None:
    hint = "the interface has changed: `python -m tests.integration.openapi` writes the document anew"
    assert described(tmp_path) == DOCUMENT.read_text("utf-8"), hint
