"""The example notebooks run, and what they say is what their numbers show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import nbformat
import pytest
from nbclient import NotebookClient

from igbviz.cli.notebooks import EXAMPLES
from tests.support import ROOT
from tests.support.processes import end_workers

pytestmark = pytest.mark.worker

CLAIMS = {
    "1-first-look": """
        one, other = (run.trajectory() for run in race.runs)
        assert race.runs[0].id == run.id
        assert one.largest_guess()[0] > 0.8, "it guesses one class most of the time"
        assert one.escape_step() is not None and other.escape_step() is None
        assert (one.accuracy()[-1] > 0.1).sum() > (other.accuracy()[-1] > 0.1).sum()
        assert (one[:1].confusion == other[:1].confusion).all(), "the same weights to begin with"
        assert other.confusion[0].sum() == 2000
    """,
    "2-your-own-loop": """
        one, other = probe.trajectory, second.trajectory
        assert probe.error is None and second.error is None
        assert (one[:1].confusion == other[:1].confusion).all()
        assert one.escape_step() is not None and other.escape_step() is None
        never = other.accuracy()[-1] < 0.05
        assert never.sum() >= 3 and one.accuracy()[-1][never].min() > 0.3
        assert other.silent[0][never].min() > 0.95 > other.silent[0][~never].max()
    """,
    "3-your-own-architecture": """
        assert abs(measured - theory) < 3 * error < theory
        largest = {name: ensemble.largest_guess().mean() for name, ensemble in ensembles.items()}
        relus, tanhs = ([largest[f"{name}, {depth} layers"] for depth in (2, 4, 8)] for name in ("ReLU", "Tanh"))
        assert relus == sorted(relus) and relus[0] > 0.3
        assert max(tanhs) < 0.2
    """,
}


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a kernel that finds nothing but the package, with its cache in it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("IGBVIZ_GALLERY", raising=False)
    yield tmp_path
    end_workers(tmp_path)


def test_every_example_is_tested() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.ipynb")} == set(CLAIMS)


@pytest.mark.parametrize("name", CLAIMS)
def test_it_runs_and_its_claims_hold(name: str, kernel: Path) -> None:
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(dedent(CLAIMS[name])))
    NotebookClient(notebook, timeout=170, resources={"metadata": {"path": str(kernel)}}).execute()
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    stages = [output for output in outputs if "image/png" in output]
    assert len(stages) == {"1": 2, "2": 2, "3": 0}[name[0]]
    assert max([sum(map(len, stage.values())) for stage in stages], default=0) < 200_000  # bytes in the file
