"""A start that finds everything in its place does only what serving needs."""

import json
import os
import subprocess
import sys

import pytest

from service.demo import prepare
from tests.service.running import settings_for

NOT_FOR_SERVING = {
    "alembic", "authlib", "cleanlab", "dask", "distributed", "joblib", "matplotlib", "pandas", "pyarrow", "py3langid",
    "scipy", "sklearn", "torch",
}  # fmt: skip
STARTS = """
import gc, json, sys
from service.garbage_collection import startup_freeze
with startup_freeze():
    import service.cli.commands
import service.asgi
app = service.asgi.app()
at, wanted = app.state.services.database.schema()
loaded = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"at": at, "wanted": wanted, "loaded": loaded, "collects": gc.isenabled()}))
"""


@pytest.fixture(scope="module")
def second_start(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a process knows of itself that has started on a home which another start has prepared."""
    home = tmp_path_factory.mktemp("home")
    settings = prepare(settings_for(home), lambda line: None)
    given = {"SCREENING_HOME": str(home), "SCREENING_PASS_KEYS": settings.pass_keys.get_secret_value()}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SCREENING_")}
    done = subprocess.run([sys.executable, "-c", STARTS], env=kept | given, capture_output=True, check=True)
    told: dict[str, object] = json.loads(done.stdout)
    return told


def test_it_is_at_this_versions_schema(second_start: dict[str, object]) -> None:
    assert second_start["at"] == second_start["wanted"] is not None


def test_it_imports_nothing_that_only_training_migrating_or_drawing_needs(second_start: dict[str, object]) -> None:
    loaded = second_start["loaded"]
    assert isinstance(loaded, list)
    assert "spacy" in loaded
    assert not NOT_FOR_SERVING & set(loaded)


def test_garbage_is_collected_again_once_it_serves(second_start: dict[str, object]) -> None:
    assert second_start["collects"] is True
