"""Figures of many short trainings: groups over time, result against start, and the plane."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from igbviz.charts.dynamics import groups
from igbviz.charts.dynamics import plane as plane_charts
from igbviz.studies.dynamics import (
    BASE,
    cut,
    over_plane,
    plane,
    starts,
)
from igbviz.ui.live_chart import payload
from tests.support.short_trainings import member, seeds


@pytest.mark.parametrize("measure", ["balanced_accuracy", "train_loss", "guess_entropy"])
def test_the_figure_has_a_line_and_a_band_for_each_group(measure: str) -> None:
    settings = starts([*seeds([0.5, 0.6], 0.2), *seeds([0.7, 0.9], 0.9, first=2)])
    figure = groups.over_time.spec(settings, measure, 10)
    lines = {trace["name"]: trace for trace in figure["data"] if "name" in trace}
    assert set(lines) == {"neutral start (n = 2)", "prejudiced start (n = 2)", "all (n = 4)"}
    low, high, line = figure["data"][:3]
    assert (low["y"] <= line["y"]).all() and (line["y"] <= high["y"]).all() and high["fill"] == "tonexty"
    assert figure["layout"]["xaxis"]["type"] == "log" and len({trace["line"]["color"] for trace in lines.values()}) == 3
    payload(figure)
    go.Figure(figure)


def test_a_group_without_members_has_no_line() -> None:
    figure = groups.over_time.spec(starts(seeds([0.5, 0.6], 0.2)), "balanced_accuracy", 100)
    assert not any("prejudiced" in trace.get("name", "") for trace in figure["data"])
    assert len(groups.result_against_start.spec(starts(seeds([0.5], 0.2)), "balanced_accuracy", 100)["data"]) == 1


def test_one_dot_per_seed_at_start_and_result() -> None:
    settings = starts([*seeds([0.5, 0.6], 0.2), *seeds([0.7], 0.9, first=2)])
    figure = groups.result_against_start.spec(settings, "balanced_accuracy", 100)
    dots = [
        (round(float(x), 3), round(float(y), 3), seed)
        for t in figure["data"]
        for x, y, seed in zip(t["x"], t["y"], t["customdata"], strict=True)
    ]
    assert dots == [(0.2, 0.5, 0), (0.2, 0.6, 1), (0.9, 0.7, 2)]
    assert figure["layout"]["shapes"][0]["x0"] == cut(10)
    assert len({trace["marker"]["symbol"] for trace in figure["data"]}) == 2, "not by colour alone"
    go.Figure(figure)


def test_the_map_has_holes_crosses_and_the_edge_of_chaos() -> None:
    sweep = over_plane(BASE, 4, 2, largest_w=4.0, largest_b=0.1)
    losses = [1.0, 5000.0, 1.2, 1.4]
    states = ["done", "done", "done", "diverged"]
    members = [
        member(c, 0.5, 0.6, state, loss=loss) for c, state, loss in zip(sweep.configs(), states, losses, strict=False)
    ]
    figure = plane_charts.trainability.spec(plane(sweep, members, "train_loss"), "tanh", "train_loss", 100)
    heat, crosses, _, edge = figure["data"]
    assert np.isnan(heat["z"]).sum() == 5 and len(crosses["x"]) == 1
    assert heat["zmax"] == pytest.approx(2.4), "one training that nearly diverged does not hide the others"
    on = np.isfinite(edge["x"])
    (name,) = figure["layout"]["annotations"]
    assert name["text"] == edge["name"] == "edge of chaos"
    assert (name["x"], name["y"]) in zip(edge["x"], edge["y"], strict=True), "the line is named at itself"
    assert 1.0 <= edge["x"][on].min() < 1.1 and edge["x"][on].max() < 2.5
    payload(figure)
    go.Figure(figure)
    nothing = plane_charts.trainability.spec(plane(sweep, [], "balanced_accuracy"), "relu", "balanced_accuracy", 100)
    assert "0 of 8 points trained" in nothing["layout"]["meta"]["words"]
    payload(nothing)
