"""Figures of losses: every loss can be drawn, captions speak of the force, and a histogram loses no image."""

from __future__ import annotations

import json

import numpy as np
import pytest

from igbviz.charts import losses
from igbviz.charts.colors import on_any_ground
from igbviz.charts.image_histogram import image_histogram
from igbviz.losses import LOSSES, Custom, MeanAbsoluteError, force
from igbviz.trajectory.trajectory import P_EDGES
from igbviz.ui.live_chart import payload
from tests.support.losses import OF_P
from tests.support.stored_runs import crowded


@pytest.mark.parametrize("log", [True, False])
def test_no_image_is_lost(log: bool) -> None:
    trajectory = crowded()
    edges, fractions = image_histogram(trajectory, 1, log)
    counts = trajectory.p_hist[1]
    assert edges[0] == 0 and edges[-1] == 1 and fractions.shape == (3, len(edges) - 1)
    np.testing.assert_allclose(fractions.sum(1), counts.sum(1) / counts.sum())
    below = counts[:, P_EDGES[1:] <= 0.1 + 1e-12].sum()
    assert fractions[:, edges[1:] <= 0.1 + 1e-12].sum() == pytest.approx(below / counts.sum())


def test_no_two_losses_look_alike() -> None:
    assert len({losses.loss_style(name)[:2] for name in LOSSES}) == len(LOSSES)


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("quantity", losses.LOSS_CURVES)
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_can_be_drawn(name: str, quantity: str, log: bool) -> None:
    loss = LOSSES[name]()
    shaded = force.zones(loss.of_p) if loss.of_p is not None else []
    figure = losses.over_p(
        {name: loss}, quantity, log=log, shaded=shaded, marks=[(0.1, "1/K")], run=(crowded(), 0, None)
    )
    spec = json.loads(payload(figure))
    lines = [trace for trace in spec["data"] if trace["type"] == "scatter"]
    assert len(lines) == (loss.of_p is not None) and len(spec["data"]) == len(lines) + 3
    low, high = spec["layout"]["yaxis"]["range"]
    assert np.isfinite([low, high]).all() and low < high
    if lines:
        assert lines[0]["line"]["color"] == on_any_ground(losses.loss_style(name).color)


def test_the_figure_without_a_run_with_one_class_and_with_many() -> None:
    chosen = {"mae": MeanAbsoluteError()}
    assert "yaxis2" not in losses.over_p(chosen).to_plotly_json()["layout"]
    (line, bar) = losses.over_p(chosen, run=(crowded(), 0, 1)).data
    assert bar.y.sum() == pytest.approx(1) and line.name == "Mean absolute error"
    assert len(losses.over_p(chosen, run=(crowded(100), 0, None)).data) == 3
    assert len(losses.over_p({}).data) == 0
    swings = Custom(formula="sin(300*p)", parameters={})
    parts = force.zones(swings)
    assert len(parts) > losses.MAX_ZONES and not losses.over_p({"custom": swings}, shaded=parts).layout.shapes


def test_a_mark_left_of_the_axis_is_an_arrow_with_its_value() -> None:
    marks = [(0.1, "1/K"), (1e-20, "half below p = 1e-20")]
    layout = losses.over_p({"mae": MeanAbsoluteError()}, marks=marks).to_plotly_json()["layout"]
    assert [shape["x0"] for shape in layout["shapes"]] == pytest.approx([0.1, 0.1]), "no line stands at the edge for it"
    (arrow,) = [note for note in layout["annotations"] if note.get("showarrow")]
    assert arrow["text"] == "half below p = 1e-20" and arrow["x"] == layout["xaxis"]["range"][0] and arrow["ax"] > 0
    linear = losses.over_p({"mae": MeanAbsoluteError()}, log=False, marks=[(1e-20, "half")]).to_plotly_json()["layout"]
    assert {shape["x0"] for shape in linear["shapes"]} == {1e-20}, "on the linear axis it has a place"


def test_a_loss_off_the_scale_of_leads_says_so() -> None:
    figure = losses.over_lead({name: LOSSES[name]() for name in ("cross-entropy", "mmc")})
    named = {trace.name for trace in figure.data}
    (name,) = named - {"Cross-entropy"}
    assert name == "Max-Mahalanobis centres (off the scale: up to ±80)"
    assert max(np.abs(trace.y).max() for trace in figure.data) == pytest.approx(80, rel=0.01)
    assert {trace.name for trace in losses.over_lead({"mmc": LOSSES["mmc"]()}).data} == {"Max-Mahalanobis centres"}


def test_panels_of_leads_are_below_each_other_with_one_axis() -> None:
    """A phone has no room for three of them side by side."""
    layout = losses.over_lead({name: LOSSES[name]() for name in OF_P[:6]}).layout
    domains = [axis.domain for axis in (layout.yaxis, layout.yaxis2, layout.yaxis3)]
    assert domains[0][1] == 1 and domains[2][0] == pytest.approx(0) and "xaxis2" not in layout.to_plotly_json()
    assert all(upper[0] > lower[1] for upper, lower in zip(domains, domains[1:], strict=False))
    assert layout.xaxis.anchor == "y3" and layout.legend.y < 0 and layout.legend.yanchor == "top"


def test_the_title_of_the_common_axis_is_between_the_panels_where_no_line_crosses_it() -> None:
    """A legend below the ticks may then take as many rows as a narrow window needs."""
    marks = [(0.1, "1/K"), (0.01, "half")]
    layout = losses.over_p({"mae": MeanAbsoluteError()}, marks=marks, run=(crowded(), 0, None)).layout
    (title,) = [note for note in layout.annotations if note.text.startswith("probability p")]
    assert layout.yaxis.domain[1] < title.y < layout.yaxis2.domain[0] and layout.xaxis.title.text is None
    lines = [shape for shape in layout.shapes if shape.type == "line"]
    assert len(lines) == 4 and not any(line.y0 < title.y < line.y1 for line in lines)
    assert layout.legend.y < 0 and layout.legend.yanchor == "top"


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("name", OF_P)
def test_labels_of_zones_are_above_the_curves_and_apart(name: str, log: bool) -> None:
    """A plot on a phone is 246 pixels wide; the widest letters of these words take 6 each."""
    layout = losses.over_p(
        {name: LOSSES[name]()}, log=log, shaded=force.zones(LOSSES[name]()), marks=[(0.1, "1/K")]
    ).layout
    labels = [note for note in layout.annotations if note.y == 1 and note.xref == "paper"]
    ends = []
    for label in labels:
        width = 5.6 * len(label.text) / 246
        left = label.x - {"left": 0, "center": 0.5, "right": 1}[label.xanchor] * width
        ends.append((left, left + width))
    assert all(0 <= left and right <= 1 + 1e-9 for left, right in ends)
    assert all(right <= after + 1e-9 for (_, right), (after, _) in zip(sorted(ends), sorted(ends)[1:], strict=False))
    (mark,) = [note for note in layout.annotations if note.text == "1/K"]
    assert all(label.yanchor == "bottom" and not label.yshift for label in labels) and mark.yshift >= 16


def test_an_own_formula_is_not_in_the_blue_of_cross_entropy() -> None:
    own, others = losses.loss_style("custom"), {name: losses.loss_style(name) for name in LOSSES if name != "custom"}
    assert own.color != others["cross-entropy"].color and not own.dash
    assert all(style[:2] != own[:2] for style in others.values())


def test_the_axis_of_images_stays_the_same_at_all_probes() -> None:
    run = crowded()
    ranges = {losses.over_p({}, run=(run, index, None)).layout.yaxis2.range for index in range(len(run))}
    ((low, high),) = ranges
    tallest = max(image_histogram(run, index, True)[1].sum(0).max() for index in range(len(run)))
    assert low == 0 and tallest < high <= 1.1 * tallest


@pytest.mark.parametrize(
    "number, text",
    [
        (0.0, "0"),
        (1.0, "1"),
        (0.0577, "0.0577"),
        (2.39e8, "2.4e8"),
        (3e-9, "3e-9"),
        (-0.00012, "-0.00012"),
        (-2e-5, "-2e-5"),
        (20.0, "20"),
    ],
)
def test_short_numbers(number: float, text: str) -> None:
    assert losses.short(number) == text


def test_captions_speak_of_the_force_and_of_a_zero_gradient() -> None:
    caption = losses.LOSS_CURVES["weight"].caption
    assert "Force on the logit" in caption and "Zero gradient (ignored) means under 1 % of cross-entropy's" in caption
    assert force.ZERO_GRADIENT_FRACTION == 0.01
    assert not any(word in curve.caption for curve in losses.LOSS_CURVES.values() for word in ("pull", "steer", "say"))


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_over_the_lead(name: str) -> None:
    figure = losses.over_lead({name: LOSSES[name]()})
    assert json.loads(payload(figure)) and len(figure.data) == 3
    true, favoured, other = (trace.y for trace in figure.data)
    if name not in ("mmc", "logit-norm", "logit-clip"):  # to these a common shift of all logits matters
        np.testing.assert_allclose(true + favoured + 8 * other, 0, atol=1e-5 * max(1, np.abs(true).max()))
    assert len(losses.over_lead({name: LOSSES[name]()}, classes=2).data) == 2
