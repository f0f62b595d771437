"""The measured answer: what counts as an escape, that the rows add up, and that the README says what was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from igbviz.charts import escape as escape_chart
from igbviz.charts.escape import MARKS, picture, publish
from igbviz.cli import main
from igbviz.config import RunConfig
from igbviz.losses import LOSSES
from igbviz.runs.run import RunError
from igbviz.studies import escape
from igbviz.studies.escape import (
    Row,
    block,
    current,
    matched_rate,
    measure,
    missing,
    read,
    summaries,
    table,
    trials,
    write,
)
from igbviz.trajectory import Trajectory, snapshot_dtype

README = (Path(__file__).parents[2] / "README.md").read_text()
TWO = {"cross-entropy": LOSSES["cross-entropy"](), "mae": LOSSES["mae"]()}


def guessing(*live: int, classes: int = 10) -> Trajectory:
    """A trajectory whose probes, at steps 0, 10, 20 ..., spread all guesses evenly over so many classes."""
    records = np.zeros(len(live), snapshot_dtype(classes))
    records["step"] = 10 * np.arange(len(live))
    for record, count in zip(records, live, strict=True):
        record["confusion"][:, :count] = 60 // count  # 60 guesses a class: whole numbers for 1, 2, 3, 5, 6, 10 classes
    return Trajectory(records)


@pytest.mark.parametrize(
    ("live", "step"),
    [
        ((1, 1, 2, 5), None),  # never: ln 5 / ln 10 = 0.7
        ((10, 10, 10), 0),  # at once
        ((1, 5, 10, 10), 20),  # stays
        ((1, 10, 2, 10, 10), 30),  # leaves, falls back, leaves for good
        ((10, 1, 10), 20),
        ((1, 10, 10, 1), None),  # falls back at the end
        ((), None),
    ],
)
def test_escape_step(live: tuple[int, ...], step: int | None) -> None:
    assert guessing(*live).escape_step() == step


def test_the_threshold_is_a_choice() -> None:
    assert guessing(1, 2, 5, 10).escape_step(0.69) == 20
    assert guessing(1, 10).escape_step(1 - 1e-9) == 10


def test_every_loss_takes_part() -> None:
    assert set(escape.contenders()) == set(LOSSES) - {"custom"} | {
        "blurry, detached",
        "focal, detached",
        "nfl, detached",
    }
    wanted = trials(2)
    assert len(wanted) == 2 * 2 * len(escape.contenders()) and len(
        {(trial.rate, trial.config.id) for trial in wanted}
    ) == len(wanted)


def test_matched_rate() -> None:
    assert matched_rate(LOSSES["cross-entropy"](), 1e-5, 10) == 1e-5
    for loss in escape.contenders().values():
        assert 1e-7 < matched_rate(loss, 1e-5, 10) < 1e-2, loss
    # Reverse cross-entropy is mean absolute error times ln 10^4, and the rate takes it back.
    ratio = matched_rate(LOSSES["mae"](), 1.0, 10) / matched_rate(LOSSES["rce"](), 1.0, 10)
    assert ratio == pytest.approx(np.log(1e4), rel=0.01)


def test_rows_add_up(tiny: RunConfig) -> None:
    wanted = trials(2, tiny, TWO)
    rows = list(measure(wanted))
    assert [(row.loss, row.rate, row.seed) for row in rows] == [
        (loss, rate, seed) for seed in (0, 1) for loss in TWO for rate in ("preset", "matched")
    ]
    for row, trial in zip(rows, wanted, strict=True):
        assert row.run == trial.config.id and row.probes[0] == 0 and row.probes[-1] == 32 and len(row.evenness) == 12
        assert (
            0 <= row.accuracy <= 1 and 1 / 3 <= row.largest_guess <= 1 and 0 <= row.silent <= 1 and row.diverged is None
        )
    twice, other = rows[0], rows[1]  # cross-entropy at both rates is one and the same run, so it repeats
    assert replace(other, rate="preset", seconds=twice.seconds) == twice
    found = summaries(rows)
    assert set(found) == set(TWO) and all(found[loss][rate].seeds == 2 for loss in TWO for rate in escape.RATES)


def test_processes_give_the_same_rows(tiny: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    # New processes import what is the main module here: after the test of a page the app, which would start a worker on
    # the real cache.
    monkeypatch.setitem(sys.modules, "__main__", pytest)
    wanted = trials(1, tiny, TWO)
    alone, together = ([replace(row, seconds=0.0) for row in measure(wanted, workers)] for workers in (1, 2))
    assert alone == together


def test_divergence_is_a_result(tiny: RunConfig) -> None:
    wild = tiny.with_(optimizer={"name": "sgd", "learning_rate": 100})
    (row,) = measure(trials(1, wild, {"mmc": LOSSES["mmc"](norm=1000)})[:1])
    assert row.diverged is not None and row.escape is None and row.accuracy is None
    assert "0 of 1, 1 diverged | never | –" in table([row, replace(row, rate="matched")])


def row(loss: str, rate: str, seed: int, escapes: int | None, accuracy: float = 0.5) -> Row:
    steps = [0, 1, 10, 100, 1000]
    evenness = [0.9 if escapes is not None and step >= escapes else 0.1 for step in steps]
    learning_rate = 1e-5 if rate == "preset" else 2.5e-5
    return Row(
        loss, rate, seed, f"{loss}-{rate}-{seed}", learning_rate, steps, evenness, accuracy, 0.25, 0.125, None, 1.0
    )


def rows() -> list[Row]:
    slow = [
        row("slow", rate, seed, at, 0.1 * seed) for rate in escape.RATES for seed, at in enumerate((100, None, 1000))
    ]
    return slow + [row("fast", rate, seed, 10) for rate in escape.RATES for seed in range(3)]


def test_table() -> None:
    lines = table(rows()).splitlines()
    assert lines[2] == "| fast | 3 of 3 | 10 | 0.50 | 0.25 | 0.12 | 2.5 | 3 of 3 | 10 | 0.50 |"
    assert lines[3].startswith("| slow | 2 of 3 | 1000 (100..never) | 0.10 (0.00..0.20) |")
    assert len(lines) == 4 and len({line.count("|") for line in lines}) == 1


def test_picture() -> None:
    figure = picture(rows())
    assert list(figure.layout.yaxis.ticktext) == ["fast", "slow"] and "never" in figure.layout.xaxis.ticktext[-1]
    steps = figure.data[0]
    assert list(steps.x) == [10, 1000] and steps.x[1] + steps.error_x.array[1] == pytest.approx(
        figure.layout.xaxis.tickvals[-1]
    )
    assert not picture([]).data[0].x.size


def test_resumes(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "escape.json"
    wanted = trials(2, tiny, TWO)
    first = list(measure(wanted[:3]))
    write(first, path, tiny)
    assert read(path) == first and missing(wanted, first) == wanted[3:] and not path.with_name(".escape.json").exists()

    monkeypatch.setattr(escape, "trials", lambda seeds: trials(seeds, tiny, TWO))
    monkeypatch.setattr(escape, "read", lambda: read(path))
    monkeypatch.setattr(escape, "write", lambda rows: write(rows, path, tiny))
    assert current([*first, replace(first[0], run="of-other-settings")]) == first
    for _ in range(2):  # the second time there is nothing left to do
        assert main(["escape", "--seeds", "2", "--workers", "1"]) == 0
        assert "| mae |" in capsys.readouterr().out
        assert read(path)[:3] == first and len(read(path)) == len(wanted)
    assert json.loads(path.read_text())["provenance"]["seeds"] == [0, 1]


def test_a_foreign_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "escape.json").write_text('{"rows": [{"loss": 1}]}')
    with pytest.raises(RunError, match="not a file of escape times"):
        read(tmp_path / "escape.json")
    assert read(tmp_path / "nothing.json") == []


def test_publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(escape_chart, "save_png", lambda figure, path: path.write_bytes(b"picture"))
    path, readme, png = (tmp_path / name for name in ("escape.json", "README.md", "escape.png"))
    with pytest.raises(RunError, match="measure first"):
        publish(path, readme, png)
    write(rows(), path)
    readme.write_text(f"before {MARKS[0]} old {MARKS[1]} after")
    for _ in range(2):
        publish(path, readme, png)
        assert readme.read_text() == f"before {MARKS[0]}\n\n{block(path)}\n\n{MARKS[1]} after"
    assert block(path).startswith(table(rows())) and "of 3 seeds, 1,000 steps at a rate of 1e-05" in block(path)
    readme.write_text("nothing to fill")
    with pytest.raises(RunError, match="escape table"):
        publish(path, readme, png)


def test_what_is_shipped_is_complete_and_in_the_readme() -> None:
    shipped = read()
    found = summaries(shipped)
    assert set(found) == set(escape.contenders())
    assert all(found[loss][rate].seeds >= 3 for loss in found for rate in escape.RATES)
    assert README.split(MARKS[0])[1].split(MARKS[1])[0].strip() == escape.block()
    assert json.loads(escape.DATA.read_text())["provenance"]["definition"] == escape.DEFINITION


def test_reading_needs_no_torch() -> None:
    code = "import sys; from igbviz.charts.escape import picture; from igbviz.studies.escape import read; picture(read()); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)


def test_titles_of_the_two_panels_fit_a_narrow_window() -> None:
    """The right one has a third of the width: about a hundred pixels beside the menu in a window of 900."""
    layout = picture(read()).layout
    left, right = (axis.title.text.split("<br>") for axis in (layout.xaxis, layout.xaxis2))
    assert max(map(len, left)) <= 40 and max(map(len, right)) <= 20
