"""What values look like as the last one of a cell: one line of text, and a picture or a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import igbviz
from igbviz.config import RunConfig
from igbviz.ensembles import Ensemble
from igbviz.ensembles.records import ensemble_dtype
from igbviz.runs.listing import listed
from igbviz.runs.run import Run
from igbviz.runs.sweeps import submit_sweep
from igbviz.trajectory import Trajectory, snapshot_dtype
from tests.support.recorded_runs import recorded
from tests.support.stored_runs import finished, story

pytest.importorskip("IPython")


@pytest.fixture(scope="module")
def html():
    """The HTML of a value, in an IPython that has just started."""
    from IPython.core.interactiveshell import InteractiveShell

    from igbviz.notebook.reprs import register

    shell = InteractiveShell()
    register(shell)
    return lambda value: shell.display_formatter.format(value)[0].get("text/html", "")


def ensemble(networks: int = 4) -> Ensemble:
    """Each network gives all of 30 inputs to one class of three."""
    records = np.zeros(networks, ensemble_dtype(3))
    records["guesses"][:, 0], records["spread"], records["variance"] = 30, 1, 1
    return Ensemble(records, ("cat", "dog", "bird"))


def test_every_value_has_one_line(own_cache: Path, tiny: RunConfig) -> None:
    run, group = finished(tiny, own_cache), submit_sweep({"base": tiny, "axes": {"seed": [0, 1]}}, own_cache)
    values = [story(), story().thinned(), ensemble(), run, group, listed(run.path), *group.members(), tiny]
    values += [igbviz.PRESETS["first-look"], recorded(own_cache).config, igbviz.train(tiny)]
    for value in values:
        for line in (repr(value), str(value)):
            assert 10 < len(line) < 400 and "\n" not in line
            assert type(value).__name__ in line


def test_lines_say_how_much_there_is() -> None:
    assert repr(ensemble()) == "<Ensemble: 4 networks of 3 classes>"
    assert repr(Trajectory(np.empty(0, snapshot_dtype(2)))) == "<Trajectory: 0 probes of 2 classes>"
    assert repr(ensemble()[:1]) == "<Ensemble: 1 network of 3 classes>"


def test_a_configuration_shows_what_differs_from_the_defaults(html) -> None:
    assert "All choices are the defaults" in html(RunConfig())
    shown = html(RunConfig(seed=3, loss={"name": "gce", "q": 0.5}))
    assert "<tr><td>loss</td><td>gce</td></tr><tr><td>loss.q</td><td>0.5</td></tr>" in shown
    assert "seed" in shown and "epochs" not in shown


def test_a_run_shows_its_state_its_picture_and_its_choices(html, own_cache: Path, tiny: RunConfig) -> None:
    shown = html(finished(tiny, own_cache))
    assert f"<b>{tiny.id}</b><br>done" in shown
    assert '<img src="data:image/png;base64,' in shown and "<table>" in shown
    assert len(shown) < 100_000
    assert "<img" in html(recorded(own_cache))


def test_a_run_that_is_gone_is_its_line(html, tmp_path: Path) -> None:
    assert html(Run(tmp_path / "runs" / "gone")) == ""


def test_a_group_shows_what_came_of_its_runs(html, own_cache: Path, tiny: RunConfig) -> None:
    finished(tiny, own_cache)
    shown = html(submit_sweep({"base": tiny, "axes": {"seed": [0, 1]}}, own_cache))
    assert shown.count("<tr>") == 3
    assert "<td>done</td><td>100 %</td>" in shown and "<td>queued</td><td>0 %</td>" in shown


def test_trajectories_and_ensembles_say_their_verdict(html) -> None:
    assert "The first guess was lost at step" in html(story())
    assert "No probe yet" in html(Trajectory(np.empty(0, snapshot_dtype(2))))
    assert ensemble().verdict() in html(ensemble())


def test_more_than_twenty_classes_are_counted(html) -> None:
    assert "and 10 more classes" in html(story(classes=30))
