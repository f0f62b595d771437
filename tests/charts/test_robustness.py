"""Figures of a sweep of losses: accuracy against escape, with labels that do not overlap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from igbviz.charts import robustness as robustness_charts
from igbviz.charts.robustness import LINE_HEIGHT, SIZES, label_lines, label_offsets
from igbviz.studies import robustness
from igbviz.ui.live_chart import payload
from tests.support.noisy_runs import BASE, NOISE, sweep_of_three


@pytest.mark.parametrize("change", [{}, {"schedule": {"name": "switch", "duration": 0.5}}])
def test_panels_are_below_each_other_with_room_for_their_titles(change: dict, tmp_path: Path) -> None:
    """On a phone the plot is 238 pixels wide; a bold letter of a title is about 7.5 wide, a line 18 high."""
    sweep, runs = sweep_of_three(tmp_path, base=BASE.with_(**change))
    layout = robustness_charts.over_time.spec(
        robustness.settings(sweep, [robustness.read(run) for run in runs]), NOISE
    )["layout"]
    inner = layout["height"] - layout["margin"]["t"] - layout["margin"]["b"] - 60
    domains = [layout[axis]["domain"] for axis in ("yaxis", "yaxis2", "yaxis3")]
    gaps = [(upper[0] - lower[1]) * inner for upper, lower in zip(domains, domains[1:], strict=False)]
    titles = [note for note in layout["annotations"] if note.get("font", {}).get("size") == 15]
    assert len(titles) == len(NOISE.measures) and "xaxis2" not in layout and layout["xaxis"]["anchor"] == "y3"
    for title, domain in zip(titles, domains, strict=True):
        assert 7.5 * len(title["text"].removeprefix("<b>").removesuffix("</b>")) <= 326 - 64 - 24 + 24
        assert title["y"] == domain[1] and title["yshift"] + 18 <= min(layout["margin"]["t"], *gaps)


@pytest.mark.parametrize("unit", ["epoch", "step"])
def test_the_figures_hold_what_was_measured(unit: str, tmp_path: Path) -> None:
    sweep, runs = sweep_of_three(tmp_path)
    settings = robustness.settings(sweep, [robustness.read(run) for run in runs])
    summaries = robustness.summaries(settings, NOISE)
    time, trade = (
        robustness_charts.over_time.spec(settings, NOISE, unit),
        robustness_charts.trade_off.spec(settings, NOISE, unit, summaries=summaries),
    )
    go.Figure(time), go.Figure(trade)  # plotly has nothing to object to
    named = [trace for trace in time["data"] if trace.get("name")]
    assert len(named) == 9 and sum(trace["showlegend"] for trace in named) == 3
    assert {trace["yaxis"] for trace in named} == {"y", "y2", "y3"}
    assert all(f"(n = {len(settings[0].members)})" in trace["name"] for trace in named)
    assert named[0]["y"][-1] == pytest.approx(0.48) and named[3]["y"][-1] == pytest.approx(0.9), (
        "accuracy, then memorised"
    )
    per_unit = 1 if unit == "step" else 100
    plain, robust, stuck = trade["data"]
    assert plain["x"] == pytest.approx([3 / per_unit]) and robust["x"] == pytest.approx([30 / per_unit])
    ticks = trade["layout"]["xaxis"]
    column = next(
        shape for shape in trade["layout"]["shapes"] if shape["type"] == "rect" and shape["x0"] > stuck["x"][0] / 10
    )
    assert column["x0"] < stuck["x"][0] < column["x1"] and ticks["ticktext"][-1] == "<b>never</b>"
    assert ticks["tickvals"][-1] > 300 / per_unit, "never is right of the last step"
    assert plain["y"] == pytest.approx([0.48]) and plain["error_y"]["array"] == pytest.approx([0.02])
    texts = [note["text"] for note in trade["layout"]["annotations"]]
    assert texts[:3] == ["<b>Cross-entropy</b>", "<b>Generalized<br>cross-entropy</b>", "<b>Piecewise-zero</b>"]
    assert len(payload(time)) + len(payload(trade)) < 60_000


def test_the_change_of_the_loss_is_a_line_in_every_panel(tmp_path: Path) -> None:
    sweep, runs = sweep_of_three(tmp_path, base=BASE.with_(schedule={"name": "switch", "duration": 0.5}))
    settings = robustness.settings(sweep, [robustness.read(run) for run in runs])
    layout = robustness_charts.over_time.spec(settings, NOISE)["layout"]
    lines = [shape for shape in layout["shapes"] if shape["type"] == "line" and shape["x0"] == shape["x1"] == 0.5]
    assert {line["yref"] for line in lines} == {"y domain", "y2 domain", "y3 domain"}
    assert [note["text"] for note in layout["annotations"]].count("loss switches") == 3


def test_nothing_is_finished_yet(tmp_path: Path) -> None:
    sweep, runs = sweep_of_three(tmp_path, seeds=1)
    for run in runs:
        run.write_status(run.stored_status().model_copy(update={"state": "stopped"}))
    settings = robustness.settings(sweep, [robustness.read(run) for run in runs])
    assert robustness.summaries(settings, NOISE) == []
    trade = robustness_charts.trade_off.spec(settings, NOISE, summaries=[])
    assert trade["data"] == [] and any("as soon as" in note["text"] for note in trade["layout"]["annotations"])
    assert len(robustness_charts.over_time.spec(settings, NOISE)["data"]) == 9


def boxes(points: list, labels: list[str], room: int, height: int) -> list[tuple[float, float, float, float]]:
    """The boxes of labels and points: left, top, right, bottom in pixels."""
    placed = []
    for (across, up), label, (ax, ay) in zip(points, labels, label_offsets(points, labels), strict=True):
        lines = label_lines(label)
        x, y, wide, high = across[0] * room, (1 - up[0]) * height, 3.6 * max(map(len, lines)), 8 * len(lines)
        placed += [(x + ax - wide, y + ay - high, x + ax + wide, y + ay + high), (x - 6, y - 6, x + 6, y + 6)]
    return placed


@pytest.mark.parametrize("room", [SIZES[1][0], 900, SIZES[2][0]])
@pytest.mark.parametrize("seed", range(3))
def test_labels_overlap_neither_each_other_nor_the_points(seed: int, room: int) -> None:
    rng = np.random.default_rng(seed)
    crowd = [(0.4 + 0.1 * rng.random(), 0.75 + 0.05 * rng.random()) for _ in range(4)] + [
        (0.93, rng.random()) for _ in range(3)
    ]
    points = [((x, x - 0.01, x + 0.01), (y, y - 0.01, y + 0.01)) for x, y in crowd]
    labels = ["Cross-entropy", "Generalized CE", "MAE", "NCE + RCE", "Blurry", "Piecewise-zero", "Active negative CE"]
    height = SIZES[1][1]
    placed = boxes(points, labels, room, height)
    for label in placed[::2]:
        assert label[0] >= 0 and label[1] >= 0 and label[2] <= room and label[3] <= height
    for k, box in enumerate(placed):
        for other in placed[k + 1 :]:
            if box[2] - box[0] > 12 or other[2] - other[0] > 12:  # at least one of the two is a label
                assert box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1] or other[3] <= box[1]


def test_a_label_beside_a_line_does_not_lie_on_it() -> None:
    at = ((0.9, 0.9, 0.9), (0.1, 0.05, 0.1))
    ((_, down),) = label_offsets([at], ["Blurry"], avoid=[0.1])
    assert abs(down) > LINE_HEIGHT / 2
