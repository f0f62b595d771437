"""The escape study: which runs are made, and what its rows and its table say."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from igbviz.cli import main
from igbviz.config import RunConfig
from igbviz.losses import LOSSES
from igbviz.runs.run import RunError
from igbviz.studies import escape
from igbviz.studies.escape import (
    current,
    matched_rate,
    measure,
    missing,
    other_thresholds,
    read,
    summaries,
    table,
    trials,
    write,
)
from tests.support.escape_rows import rows

TWO = {"cross-entropy": LOSSES["cross-entropy"](), "mae": LOSSES["mae"]()}


def test_every_loss_takes_part() -> None:
    families = ["mixed", "piecewise-zero-soft"]
    assert {label for label in escape.contenders() if label.partition(",")[0] not in families} == (
        set(LOSSES) - {"custom", *families} | {"blurry, detached", "focal, detached", "nfl, detached"}
    )
    assert [sum(label.startswith(f"{family}, ") for label in escape.contenders()) for family in families] == [5, 5]
    planned = trials(2)
    assert len(planned) == 2 * 2 * len(escape.contenders()) and len(
        {(trial.rate, trial.config.id) for trial in planned}
    ) == len(planned)


def test_matched_rate() -> None:
    assert matched_rate(LOSSES["cross-entropy"](), 1e-5, 10) == 1e-5
    for loss in escape.contenders().values():
        assert 1e-7 < matched_rate(loss, 1e-5, 10) < 1e-2, loss
    # Reverse cross-entropy is mean absolute error times ln 10^4, and the rate takes it back.
    ratio = matched_rate(LOSSES["mae"](), 1.0, 10) / matched_rate(LOSSES["rce"](), 1.0, 10)
    assert ratio == pytest.approx(np.log(1e4), rel=0.01)


def test_rows_add_up(tiny: RunConfig) -> None:
    planned = trials(2, tiny, TWO)
    rows = list(measure(planned))
    assert [(row.loss, row.rate, row.seed) for row in rows] == [
        (loss, rate, seed) for seed in (0, 1) for loss in TWO for rate in ("preset", "matched")
    ]
    for row, trial in zip(rows, planned, strict=True):
        assert row.run == trial.config.id and row.probes[0] == 0 and row.probes[-1] == 32 and len(row.evenness) == 12
        assert (
            0 <= row.accuracy <= 1 and 1 / 3 <= row.largest_guess <= 1 and 0 <= row.silent <= 1 and row.diverged is None
        )
    twice, other = rows[0], rows[1]  # cross-entropy at both rates is one and the same run, so it repeats
    assert replace(other, rate="preset", seconds=twice.seconds) == twice
    by_loss = summaries(rows)
    assert set(by_loss) == set(TWO) and all(by_loss[loss][rate].seeds == 2 for loss in TWO for rate in escape.RATES)


def test_processes_give_the_same_rows(tiny: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    # New processes import what is the main module here: after the test of a page the app, which would start a worker on
    # the real cache.
    monkeypatch.setitem(sys.modules, "__main__", pytest)
    planned = trials(1, tiny, TWO)
    alone, together = ([replace(row, seconds=0.0) for row in measure(planned, workers)] for workers in (1, 2))
    assert alone == together


def test_divergence_is_a_result(tiny: RunConfig) -> None:
    wild = tiny.with_(optimizer={"name": "sgd", "learning_rate": 100})
    (row,) = measure(trials(1, wild, {"mmc": LOSSES["mmc"](norm=1000)})[:1])
    assert row.diverged is not None and row.escape is None and row.accuracy is None
    assert "0 of 1, 1 diverged | never | –" in table([row, replace(row, rate="matched")])


def test_table() -> None:
    lines = table(rows()).splitlines()
    assert lines[2] == "| fast | 3 of 3 | 10 | 0.50 | 0.25 | 0.12 | 2.5 | 3 of 3 | 10 | 0.50 |"
    assert lines[3].startswith("| slow | 2 of 3 | 1000 (100 to never) | 0.10 (0.00 to 0.20) |")
    assert len(lines) == 4 and len({line.count("|") for line in lines}) == 1


def test_other_thresholds_are_reported_in_both_directions() -> None:
    both = rows()
    assert "1 of 2 losses escape in every seed at 0.8 ln K, and also at 0.7 and at 0.9 ln K." in other_thresholds(both)
    assert "At 0.7 ln K the numbers are the same. At 0.9 ln K the numbers are the same." in other_thresholds(both)
    nearly = [replace(row, evenness=[0.75] * 5) if row.loss == "slow" and row.escape is None else row for row in both]
    assert "At 0.7 ln K other numbers of seeds escape: `slow` in 3 of 3 instead of 2. At 0.9" in other_thresholds(
        nearly
    )
    barely = [replace(row, evenness=[0.85] * 5) if row.loss == "fast" else row for row in both]
    assert "0 of 2 losses" in other_thresholds(barely)
    assert "At 0.9 ln K other numbers of seeds escape: `fast` in 0 of 3 instead of 3." in other_thresholds(barely)
    shipped = other_thresholds(read())
    assert (
        "At 0.7 ln K other numbers of seeds escape: `curriculum` in 5 of 5 instead of 2" in shipped
        and shipped in escape.block()
    )


def test_resumes(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "escape.json"
    planned = trials(2, tiny, TWO)
    first = list(measure(planned[:3]))
    write(first, path, tiny)
    assert (
        read(path) == first and missing(planned, first) == planned[3:] and not path.with_name(".escape.json").exists()
    )

    monkeypatch.setattr(escape, "trials", lambda seeds: trials(seeds, tiny, TWO))
    monkeypatch.setattr(escape, "read", lambda: read(path))
    monkeypatch.setattr(escape, "write", lambda rows: write(rows, path, tiny))
    assert current([*first, replace(first[0], run="of-other-settings")]) == first
    for _ in range(2):  # the second time there is nothing left to do
        assert main(["escape", "--seeds", "2", "--workers", "1"]) == 0
        assert "| mae |" in capsys.readouterr().out
        assert read(path)[:3] == first and len(read(path)) == len(planned)
    assert json.loads(path.read_text())["provenance"]["seeds"] == [0, 1]


def test_a_foreign_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "escape.json").write_text('{"rows": [{"loss": 1}]}')
    with pytest.raises(RunError, match="not a file of escape times"):
        read(tmp_path / "escape.json")
    assert read(tmp_path / "nothing.json") == []
