"""The shipped model is what its recipe makes of the drafts that stand here: same data, same recipe, same digest."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from classifier.model.artifact import MANIFEST, SHIPPED

ROOT = Path(__file__).parents[3]


@pytest.mark.long
def test_retraining_gives_the_shipped_version(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training", "retrain", "--reason", "reproduction", "--json"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "SCREENING_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    shipped = json.loads((SHIPPED / MANIFEST).read_text(encoding="utf-8"))
    assert json.loads(done.stdout)["version"] == shipped["version"]
