"""Every public chart returns a Figure that can be read on any ground, and takes a run in each of its forms."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from igbviz import charts
from igbviz.config import RunConfig
from igbviz.runs import queue
from igbviz.spec import ConfigError
from igbviz.ui.live_chart import payload
from tests.support import ROOT
from tests.support.colors import contrast
from tests.support.public_charts import (
    OF_A_RUN,
    OF_AN_ENSEMBLE,
    OF_RUNS,
    Made,
    arguments_of,
    forms_of_a_run,
    forms_of_an_ensemble,
)
from tests.support.recorded_runs import recorded
from tests.support.stored_runs import stored, story

GROUNDS = {"white": "#ffffff", "JupyterLab": "#111111"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "ensure_worker", lambda *_, **__: None)
        return Made.in_(tmp_path_factory.mktemp("cache"))


def text_colors(value: Any, key: str = "") -> set[str]:
    """The colors of all texts that stand on the ground of the page."""
    if isinstance(value, str):
        return set(re.findall(r'style="color:(#\w+)', value))
    if isinstance(value, list):
        return set().union(*(text_colors(inner, key) for inner in value))
    if not isinstance(value, dict) or "bgcolor" in value:
        return set()
    own = {value["color"]} if key.endswith("font") and "color" in value else set()
    return own.union(*(text_colors(inner, name) for name, inner in value.items()))


@pytest.mark.parametrize("name", charts.CHARTS)
def test_it_returns_a_figure_that_can_be_read_on_any_ground(made: Made, name: str) -> None:
    figure = getattr(charts, name)(*arguments_of(made)[name])
    assert isinstance(figure, go.Figure) and len(figure.data)
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    colors = text_colors(json.loads(figure.to_json()))
    assert figure.layout.font.color in colors
    for color in colors:
        assert all(contrast(color, ground) >= 4 for ground in GROUNDS.values()), color


@pytest.mark.parametrize("name", charts.CHARTS)
def test_a_page_sends_the_same_chart(made: Made, name: str) -> None:
    chart, arguments = getattr(charts, name), arguments_of(made)[name]
    assert chart.__doc__ and chart.__annotations__["return"] == "go.Figure"
    spec = chart.spec(*arguments)
    assert isinstance(spec, dict) and len(spec["data"]) == len(chart(*arguments).data)


@pytest.mark.parametrize("name", OF_A_RUN)
def test_of_a_run_in_each_form(made: Made, name: str) -> None:
    """A Run also knows the end of its axis, and the names of its classes, which a list has lost."""
    drawn = {form: getattr(charts, name)(value) for form, value in forms_of_a_run(made.run).items()}
    run, trajectory, snapshots, array = (json.loads(figure.to_json())["data"] for figure in drawn.values())
    assert run == trajectory and snapshots == array and len(run) == len(snapshots)
    if name != "wrong_labels":
        assert "Trouser" in json.dumps(run) and "Trouser" not in json.dumps(snapshots)
    if name != "bars":
        ends = {form: figure.layout.xaxis.range[1] for form, figure in drawn.items()}
        assert ends["a Run"] > ends["a Trajectory"] == ends["a list"], "20 epochs are planned"


@pytest.mark.parametrize("name", OF_AN_ENSEMBLE)
def test_of_an_ensemble_in_each_form(made: Made, name: str) -> None:
    drawn = {getattr(charts, name)(value).to_json() for value in forms_of_an_ensemble(made.ensemble).values()}
    assert len(drawn) == 1


@pytest.mark.parametrize("name", OF_RUNS)
def test_of_several_runs_in_each_form(made: Made, name: str) -> None:
    chart, step = getattr(charts, name), (("balanced_accuracy", 10) if name == "result_against_start" else ())
    assert chart(made.several(name), *step).data and chart(made.several(name)[:1], *step).data
    if name == "untrained_by_rank":
        assert len(chart({0: made.run, 1: made.run.trajectory(), 2: list(made.run.trajectory().records)}).data) == 4
        return
    assert chart(made.group, *step).data
    named = {"theirs": made.noisy[0], "mine": made.noisy[1].trajectory(), "both": made.noisy[2:4]}
    words = chart(named, *step).to_json()
    assert "mine" in words and "theirs" in words and "mine · seed" not in words, "whose seed nobody knows"


@pytest.mark.parametrize("name", OF_RUNS)
def test_a_recorded_run_may_be_among_them(made: Made, name: str) -> None:
    chart, step = getattr(charts, name), (("balanced_accuracy", 10) if name == "result_against_start" else ())
    mine, theirs = recorded(made.run.path.parents[1]), made.several(name)[0]
    for runs in ([theirs, mine], [mine], {"a": theirs, "b": mine}):
        assert "nan" not in payload(chart.spec(runs, *step)).lower()


def test_a_run_marks_where_its_loss_changes(made: Made, cache: Path) -> None:
    config = RunConfig(epochs=4, schedule={"name": "switch", "duration": 2})
    notes = charts.curves(stored(config, cache, story())).layout.annotations
    assert len(notes) == len(charts.curves(story()).layout.annotations) + 1


def test_losses_in_each_form() -> None:
    by_name, by_fields = charts.loss_curves("gce"), charts.loss_curves({"name": "gce"})
    assert by_name == by_fields == charts.loss_curves(["gce"])
    two = charts.loss_curves(["gce", {"name": "gce", "q": 0.2}]).data
    assert two[0].name != two[1].name and two[0].line.color != two[1].line.color


@pytest.mark.parametrize(
    "name, arguments, sentence",
    [
        ("curves", (5,), "trajectory is 5, allowed: a Run, a Trajectory, or a list of snapshots"),
        ("curves", ([],), "trajectory is [], allowed: a Run, a Trajectory, or a list of snapshots"),
        ("curves", (story(), "luck"), "quantity is 'luck', allowed: one of true_class_probability, "),
        ("bars", (story(), 99), "index is 99, allowed: the index of one of "),
        ("guesses", (story(),), "ensemble is <Trajectory: "),
        ("compare", ("first-look",), "runs is 'first-look', allowed: a list of Runs, a Group, or a mapping"),
        ("compare", ({"mine": 3},), "runs['mine'] is 3, allowed: "),
        ("compare", ([],), "runs has no run with a probe yet, allowed: at least one"),
        ("overlay", ({"mine": story()}, "luck"), "measure is 'luck', allowed: one of "),
        ("losses_over_time", ({"mine": story()}, "imbalance"), "runs has run mine without minority_accuracy, allowed"),
        ("untrained_by_rank", ({"a": [story()]},), "networks['a'] is [<Trajectory: "),
        ("untrained_by_rank", ([3],), "networks is [3], allowed: a list of Runs, or a mapping of seeds to a Run or a"),
        ("loss_curves", (["gse"],), "chosen[0] is 'gse', allowed: a loss, its fields, or one of "),
        ("over_lead", ("mae", 1), "classes is 1, allowed: a whole number of at least 2"),
        ("phase_map", ("sigmoid",), "activation is 'sigmoid', allowed: one of "),
        ("by_depth", ("tanh", -1.0, 0.0, 5), "sigma_w2 is -1.0, allowed: a number of at least 0"),
        ("by_depth", ("tanh", 1.0, "0", 5), "sigma_b2 is '0', allowed: a number of at least 0"),
        ("by_depth", ("tanh", 1.0, 0.0, 2.5), "depth is 2.5, allowed: a whole number of at least 1"),
        ("trainability", (3,), "plane is 3, allowed: a Group, or a Plane with its activation and steps"),
    ],
)
def test_wrong_input_is_one_sentence(name: str, arguments: tuple, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        getattr(charts, name)(*arguments)
    assert str(error.value).startswith(sentence) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "argument, value, allowed",
    [
        ("height", -4, "is -4, allowed: a number of pixels, at least 100"),
        ("height", "tall", "is 'tall', allowed: a number of pixels"),
        ("title", 3, "is 3, allowed: a text"),
        ("unit", ["epoch"], "is ['epoch'], allowed: one of epoch"),
        ("marks", [3.0], "is [3.0], allowed: a list of pairs"),
        ("epochs", -1, "is -1, allowed: a number above 0"),
        ("steps_per_epoch", "many", "is 'many', allowed: a number above 0"),
    ],
)
def test_an_argument_of_one_name_has_one_check(made: Made, argument: str, value: Any, allowed: str) -> None:
    taking = [name for name in charts.CHARTS if argument in signature(getattr(charts, name)).parameters]
    assert taking
    for name in taking:
        with pytest.raises(ConfigError, match=re.escape(f"{argument} {allowed}")):
            parameters = signature(getattr(charts, name)).bind(*arguments_of(made)[name]).arguments
            getattr(charts, name)(**parameters | {argument: value})


def test_a_list_of_the_wrong_records_is_refused(made: Made) -> None:
    with pytest.raises(ConfigError, match="^trajectory holds records without mean_prob, allowed: a Run"):
        charts.curves(list(made.ensemble.ensemble().records))
    with pytest.raises(ConfigError, match="^runs holds|^runs is"):
        charts.overlay([made.run.trajectory()])


def test_the_table_of_contents_is_complete() -> None:
    assert set(dir(charts)) >= set(charts.CHARTS) | {"themed", "to_html", "gif"} == set(charts.__all__) - {
        "CHARTS", "CONFIG"
    }  # fmt: skip
    contents = re.findall(r"^    (\w+(?:, \w+)*)  +\S", charts.__doc__, re.MULTILINE)
    assert {name for line in contents for name in line.split(", ")} == set(charts.__all__) - {"CHARTS", "CONFIG"}
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        charts.nope  # noqa: B018


def test_importing_the_charts_costs_nothing() -> None:
    code = "import sys, igbviz.charts; assert not {'plotly', 'pandas', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
