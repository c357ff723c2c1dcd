"""The notebooks run from the first cell to the last, on a sample."""

from pathlib import Path

import jupytext
import nbclient
import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent.parent / "notebooks").glob("*.py"))


LONG = ("6-", "7-", "8-")
"""They fit models as others do."""


def marks(path: Path) -> list[pytest.MarkDecorator]:
    return [pytest.mark.long] if path.name.startswith(LONG) else []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", [pytest.param(p, id=p.stem, marks=marks(p)) for p in NOTEBOOKS])
def test_a_notebook_runs_on_a_sample(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", "200")
    monkeypatch.setenv("NOTEBOOK_HOME", str(tmp_path))
    monkeypatch.setenv("SCREENING_HOME", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = jupytext.read(path)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent.parent)}}).execute()
    drawn = [o for cell in notebook.cells for o in cell.get("outputs", []) if "image/svg+xml" in o.get("data", {})]
    assert drawn, "a story without a picture"


def test_there_are_nine_stories() -> None:
    assert len(NOTEBOOKS) == 9
