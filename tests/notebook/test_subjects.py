"""What `igbviz.watch` can show, and what a cell shows of it: runs of every kind that has probes."""

from __future__ import annotations

from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.notebook import reprs
from igbviz.notebook.subjects import subjects_of
from igbviz.runs.run import RunError
from tests.support.recorded_runs import recorded
from tests.support.stored_ensembles import SMALL, drawn
from tests.support.stored_runs import finished


def test_trained_and_recorded_runs_are_watched(tiny: RunConfig, tmp_path: Path) -> None:
    runs = [finished(tiny, tmp_path), recorded(tmp_path)]
    subjects = subjects_of(runs)
    assert [subject.title.endswith("(recorded)") for subject in subjects] == [False, True]
    for subject in (*subjects, *subjects_of(runs[1])):
        look = subject.look()
        assert look.ended and not look.stoppable and look.message(0) and subject.look() is None


def test_an_ensemble_is_not_watched(tmp_path: Path) -> None:
    run = drawn(EnsembleConfig(**SMALL), tmp_path)
    with pytest.raises(RunError, match="is an ensemble of untrained networks, allowed: a training"):
        subjects_of(run)
    assert "gamma" in reprs.run(run)


def test_a_recorded_run_is_the_value_of_a_cell(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    assert "data:image/png;base64," in reprs.run(run) and "FocalLoss" in reprs.run(run)
    assert "my own loop" in reprs.configuration(run.config)
