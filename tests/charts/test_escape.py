"""The figure of escape times, and the table in docs/results.md."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from igbviz.charts import escape as charts
from igbviz.charts.escape import MARKS, picture, publish
from igbviz.runs.run import RunError
from igbviz.studies import escape
from igbviz.studies.escape import (
    block,
    read,
    summaries,
    table,
    write,
)
from tests.support.escape_rows import rows

RESULTS = charts.RESULTS.read_text()


def test_picture() -> None:
    figure = picture(rows())
    assert list(figure.layout.yaxis.ticktext) == ["fast", "slow"] and "never" in figure.layout.xaxis.ticktext[-1]
    steps = figure.data[0]
    assert list(steps.x) == [10, 1000] and steps.x[1] + steps.error_x.array[1] == pytest.approx(
        figure.layout.xaxis.tickvals[-1]
    )
    assert not picture([]).data[0].x.size


def test_publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "save_png", lambda figure, path: path.write_bytes(b"picture"))
    path, results, png = (tmp_path / name for name in ("escape.json", "results.md", "escape.png"))
    with pytest.raises(RunError, match="measure first"):
        publish(path, results, png)
    write(rows(), path)
    results.write_text(f"before {MARKS[0]} old {MARKS[1]} after")
    for _ in range(2):
        publish(path, results, png)
        assert results.read_text() == f"before {MARKS[0]}\n\n{block(path)}\n\n{MARKS[1]} after"
        assert png.read_bytes() == b"picture"
    assert block(path).startswith(table(rows())) and "of 3 seeds, 1,000 steps at a rate of 1e-05" in block(path)
    results.write_text("nothing to fill")
    with pytest.raises(RunError, match="escape table"):
        publish(path, results, png)


def test_what_is_shipped_is_complete_and_in_the_results() -> None:
    shipped = read()
    by_loss = summaries(shipped)
    assert set(by_loss) == set(escape.contenders())
    assert all(by_loss[loss][rate].seeds >= 3 for loss in by_loss for rate in escape.RATES)
    assert RESULTS.split(MARKS[0])[1].split(MARKS[1])[0].strip() == escape.block()
    assert json.loads(escape.DATA.read_text())["provenance"]["definition"] == escape.DEFINITION


def test_reading_needs_no_torch() -> None:
    code = (
        "import sys; from igbviz.charts.escape import picture; from igbviz.studies.escape import read; "
        "picture(read()); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)


def test_titles_of_the_two_panels_fit_a_narrow_window() -> None:
    """The right one has a third of the width: about a hundred pixels beside the menu in a window of 900."""
    layout = picture(read()).layout
    left, right = (axis.title.text.split("<br>") for axis in (layout.xaxis, layout.xaxis2))
    assert max(map(len, left)) <= 40 and max(map(len, right)) <= 20
