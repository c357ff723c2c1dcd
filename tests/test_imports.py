"""Imports point one way: service -> classifier <- training; inside service, features import storage."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {"classifier": {"training", "service"}, "training": {"service"}, "service": {"training"}}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_import_points_the_wrong_way(package: str) -> None:
    wrong = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / package).rglob("*.py")
        for name in imported(path)
        if name.split(".")[0] in FORBIDDEN[package]
    }
    assert not wrong


def test_storage_imports_no_feature() -> None:
    wrong = {
        (path.name, name)
        for path in (ROOT / "service" / "storage").rglob("*.py")
        for name in imported(path)
        if name.startswith("service.") and not name.startswith("service.storage")
    }
    assert not wrong


def test_the_judge_reads_neither_text_nor_framework() -> None:
    names = set(imported(ROOT / "classifier" / "policy" / "policy.py"))
    assert not {n for n in names if n.split(".")[0] in {"spacy", "sklearn", "numpy"}}
    assert "classifier.reading" not in names
