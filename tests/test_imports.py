"""Imports point one way: service -> classifier <- training, and inside service from the top layer to the bottom one.

Public class names are unique, and names, docstrings and comments avoid words that an international team stumbles over.
"""

import ast
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {"classifier": {"training", "service"}, "training": {"service"}, "service": {"training"}}

LAYERS: tuple[tuple[str, ...], ...] = (
    (
        "settings",
        "connection_limits",
        "telemetry",
        "passes",
        "business_hours",
        "garbage_collection",
        "client",
        "conformance",
        "style",
    ),
    ("storage",),
    ("http",),
    ("judging", "orders", "webhooks"),
    ("dependencies",),
    ("screening", "compose", "review"),
    ("background", "status_routes", "overview", "overview_routes", "demo"),
    ("app",),
    ("asgi", "cli"),
    ("__main__",),
)
"""The layers of service/, the lowest first. A module imports its own layer and lower ones."""
LEVELS = {name: level for level, names in enumerate(LAYERS) for name in names}
ASSEMBLY = {"service.app", "service.review.routes"}
"""The modules that put the routes of several folders together."""

AVOIDED = re.compile(r"\b(told|heard|hears|bears|whoever|at need|anew|is none)\b", re.IGNORECASE)
"""Words that docstrings, comments and names avoid; `is None` in code is no comment."""
PLAIN_ENGLISH = ("classifier", "service", "training")


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


def modules(package: str) -> Iterator[tuple[str, Path]]:
    """The modules of a package by their dotted names."""
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def test_storage_imports_no_feature() -> None:
    wrong = {
        (path.name, name)
        for path in (ROOT / "service" / "storage").rglob("*.py")
        for name in imported(path)
        if name.startswith("service.") and not name.startswith(("service.storage", "service.telemetry"))
    }
    assert not wrong


def level(name: str) -> int:
    return LEVELS[name.split(".")[1]]


def test_every_part_of_the_service_has_a_layer() -> None:
    parts = {name.split(".")[1] for name, _ in modules("service") if "." in name}
    assert parts == set(LEVELS)


def test_nothing_imports_upwards_inside_the_service() -> None:
    wrong = {
        (module, name)
        for module, path in modules("service")
        if "." in module
        for name in service_modules(path)
        if level(name) > level(module)
    }
    assert not wrong


def service_modules(path: Path) -> Iterator[str]:
    """The modules of the service that a file imports, `from service import x` included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("service."))
        elif isinstance(node, ast.ImportFrom) and node.module == "service":
            yield from (f"service.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("service."):
            yield str(node.module)


def test_no_route_module_imports_the_routes_of_another_folder() -> None:
    wrong = {
        (module, name)
        for module, path in modules("service")
        if module.endswith("routes") and module not in ASSEMBLY
        for name in service_modules(path)
        if name.endswith("routes") and name.rpartition(".")[0] != module.rpartition(".")[0]
    }
    assert not wrong


def test_a_public_class_name_occurs_once() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for package in FORBIDDEN:
        for module, path in modules(package):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(module)
    assert not {name: where for name, where in places.items() if len(where) > 1}


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The comments, docstrings and names of a file, each with its line."""
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
            elif token.type == tokenize.NAME:
                yield token.start[0], token.string.replace("_", " ")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


@pytest.mark.parametrize("package", PLAIN_ENGLISH)
def test_names_docstrings_and_comments_are_plain_english(package: str) -> None:
    wrong = {
        (module, line, found[0])
        for module, path in modules(package)
        for line, text in prose(path)
        if (found := AVOIDED.search(re.sub(r"\bis None\b", "", text)))
    }
    assert not wrong


def test_the_judge_reads_neither_text_nor_framework() -> None:
    names = set(imported(ROOT / "classifier" / "policy" / "policy.py"))
    assert not {n for n in names if n.split(".")[0] in {"spacy", "sklearn", "numpy"}}
    assert "classifier.reading" not in names
