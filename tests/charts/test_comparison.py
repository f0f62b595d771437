"""Figures of runs side by side: shared axes, a column for never, lines where the loss changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from igbviz.charts import comparison as comparison_charts
from igbviz.charts import escape, paper
from igbviz.charts import robustness as robustness_charts
from igbviz.charts.comparison_export import View, spec
from igbviz.charts.dynamics import groups
from igbviz.charts.shared_axis import positions, shared_axis
from igbviz.studies import comparison, robustness
from igbviz.studies.comparison import Member
from igbviz.studies.robustness import QUESTIONS
from igbviz.trajectory.quantities import MEASURES
from tests.support.stored_runs import BASE, STEPS, family, members, stored, story


def test_grid_shares_its_axes_and_marks_the_favoured(tmp_path: Path) -> None:
    runs = family(tmp_path, 2)
    settings = comparison.settings(members(runs))
    figure = comparison_charts.grid.spec(settings, [m.run for s in settings for m in s.members])
    layout, rows = figure["layout"], 6
    axes = [name for name in layout if name.startswith("xaxis")]
    assert len(axes) == 2 * rows and {layout[name]["matches"] for name in axes} == {None, "x"}
    assert layout["xaxis"]["ticktext"][0] == "Init." and layout["xaxis11"]["range"] == layout["xaxis"]["range"]
    drawn = [trace for trace in figure["data"] if trace["x"].size > 1]
    assert len(drawn) == rows * 2 * 10
    bold = [trace for trace in drawn if trace["line"]["width"] == 4]
    assert [trace["name"] for trace in bold[::2]] == ["0", "1"] * 3, "the favoured class of every row, on both sides"
    assert all(left["name"] == right["name"] for left, right in zip(bold[::2], bold[1::2], strict=True))
    dashed = [shape for shape in layout["shapes"] if shape.get("line", {}).get("dash") == "dash"]
    assert len(dashed) == 2 * rows and {shape["x0"] for shape in dashed} == {1.0}
    titles = [note["text"] for note in layout["annotations"]]
    assert "<b>Piecewise-zero, cutoff 0.3 · seed 1</b>" in " ".join(titles)
    go.Figure(figure)  # plotly accepts all of it


def test_one_time_axis_for_runs_of_different_batches(tmp_path: Path) -> None:
    slow = Member.read(stored(BASE.with_(epochs=4), tmp_path, story(steps=np.array([0, 1, 400]))))
    fast = Member.read(
        stored(BASE.with_(epochs=2, batch_size=10), tmp_path, story(steps=np.array([0, 1, 2000]), per_epoch=1000))
    )
    epochs = shared_axis([slow, fast], "epoch")
    assert epochs.last == 4 and epochs.init == pytest.approx(1e-3 * 10**-0.5)
    assert positions(slow.step, slow.steps_per_epoch, epochs) == pytest.approx([epochs.init, 0.01, 4])
    assert positions(fast.step, fast.steps_per_epoch, epochs) == pytest.approx([epochs.init, 0.001, 2])
    steps = shared_axis([slow, fast], "step")
    assert steps.last == pytest.approx(2000)
    assert positions(fast.step, fast.steps_per_epoch, steps) == pytest.approx([steps.init, 1, 2000])
    comparison_charts.overlay.spec(comparison.settings([slow, fast]), "silent", "step")


@pytest.mark.parametrize("collapse", [True, False])
@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_is_drawn(measure: str, collapse: bool, tmp_path: Path) -> None:
    settings = comparison.settings(members(family(tmp_path, 2)))
    figure = go.Figure(comparison_charts.overlay.spec(settings, measure, collapse=collapse))
    named = [trace for trace in figure.data if trace.name]
    assert len(named) == (3 if collapse else 6)
    looks = {(trace.line.color, trace.line.dash) for trace in named}
    assert len(looks) == 3, "one style per setting"
    filled = [trace for trace in figure.data if trace.fill == "tonexty"]
    assert len(filled) == (3 if collapse else 0)


def test_escapes_have_a_column_for_never(tmp_path: Path) -> None:
    settings = comparison.settings(members(family(tmp_path, 3)))
    figure = escape.escapes.spec(settings, "step")
    dots = [trace for trace in figure["data"] if trace.get("name")]
    assert dots[0]["x"] == [float(STEPS[STEPS >= 20 + seed][0]) for seed in range(3)]
    never = figure["layout"]["xaxis"]["tickvals"][-1]
    assert dots[1]["x"] == [never] * 3 and never > 400 and figure["layout"]["xaxis"]["ticktext"][-1] == "<b>never</b>"
    assert "3 of 9 runs leave" in figure["layout"]["meta"]["words"]
    assert "n = 9 runs" in figure["layout"]["title"]["text"]
    go.Figure(figure)


def switched(cache: Path, *durations: float) -> list[comparison.Setting]:
    loss = {"name": "gce"}
    configs = [BASE.with_(loss=loss, schedule={"name": "switch", "duration": epochs}) for epochs in durations]
    return comparison.settings([Member.read(stored(config, cache, story())) for config in configs])


def vertical_lines(figure: dict, x: float) -> list[dict]:
    shapes = figure["layout"]["shapes"]
    return [shape for shape in shapes if shape["type"] == "line" and shape["x0"] == shape["x1"] == pytest.approx(x)]


@pytest.mark.parametrize("unit, position", [("epoch", 0.25), ("step", 25)])
def test_the_change_of_the_loss_is_a_line_in_every_figure_over_time(unit: str, position: float, tmp_path: Path) -> None:
    settings = switched(tmp_path, 0.25)
    summaries = robustness.summaries(settings, QUESTIONS["noise"])
    figures = {
        "overlay": (comparison_charts.overlay.spec(settings, "balanced_accuracy", unit), 1),
        "escapes": (escape.escapes.spec(settings, unit), 1),
        "grid": (comparison_charts.grid.spec(settings, [settings[0].members[0].run], unit), 2),
        "trade-off": (robustness_charts.trade_off.spec(settings, QUESTIONS["noise"], unit, summaries), 1),
        "paper": (paper.bands.spec([("x", settings[0].members)], unit), 2),
    }
    if unit == "step":
        figures["bias"] = groups.over_time.spec(settings, "balanced_accuracy", 10), 1
    for name, (figure, panels) in figures.items():
        texts = [note["text"] for note in figure["layout"]["annotations"]]
        assert len(vertical_lines(figure, position)) == panels and "loss switches" in texts, name
        go.Figure(figure)


def test_several_moments_are_lines_with_one_name(tmp_path: Path) -> None:
    figure = comparison_charts.overlay.spec(switched(tmp_path, 0.25, 0.5, 2), "balanced_accuracy")
    assert all(len(vertical_lines(figure, position)) == 1 for position in (0.25, 0.5, 2))
    assert [note["text"] for note in figure["layout"]["annotations"]].count("loss switches: 3 moments") == 1
    plain = comparison_charts.overlay.spec(comparison.settings(members(family(tmp_path, 1))), "balanced_accuracy")
    assert not any("switches" in note["text"] for note in plain["layout"]["annotations"])


@pytest.mark.parametrize("classes", [3, 10, 30])
def test_any_number_of_classes(classes: int, tmp_path: Path) -> None:
    settings = comparison.settings([Member.read(stored(BASE, tmp_path, story(classes=classes)))])
    figure = go.Figure(spec(settings, View()))
    assert len([t for t in figure.data if t.x is not None and len(t.x) > 1]) == 2 * (classes if classes <= 20 else 6)


def test_hover_texts_write_ranges_out(tmp_path: Path) -> None:
    settings = comparison.settings(members(family(tmp_path, 2)))
    figures = [
        comparison_charts.overlay.spec(settings, "balanced_accuracy"),
        paper.bands.spec([("x", settings[0].members)]),
        robustness_charts.over_time.spec(settings, QUESTIONS["noise"]),
    ]
    templates = [trace["hovertemplate"] for figure in figures for trace in figure["data"] if "customdata" in trace]
    assert len(templates) >= 3 and all(" to %{customdata[3]" in text and ".." not in text for text in templates)
