"""Figures of losses: every loss can be drawn, captions speak of the force, and a histogram loses no image."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from igbviz.charts import losses
from igbviz.charts.image_histogram import image_histogram
from igbviz.losses import LOSSES, Custom, LossOfP, MeanAbsoluteError, force
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
    shaded = force.zones(loss) if isinstance(loss, LossOfP) else []
    figure = losses.over_p(
        {name: loss}, quantity, log=log, shaded=shaded, marks=[(0.1, "1/K")], run=(crowded(), 0, None)
    )
    spec = json.loads(payload(figure))
    lines = [trace for trace in spec["data"] if trace["type"] == "scatter"]
    assert len(lines) == loss.depends_on_p_only and len(spec["data"]) == len(lines) + 3
    low, high = spec["layout"]["yaxis"]["range"]
    assert np.isfinite([low, high]).all() and low < high
    if lines:
        assert lines[0]["line"]["color"] == losses.loss_style(name).color


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
    assert [shape["x0"] for shape in layout["shapes"]] == pytest.approx([0.1]), "no line stands at the edge for it"
    (arrow,) = [note for note in layout["annotations"] if note.get("showarrow")]
    assert arrow["text"] == "half below p = 1e-20" and arrow["x"] == layout["xaxis"]["range"][0] and arrow["ax"] > 0
    linear = losses.over_p({"mae": MeanAbsoluteError()}, log=False, marks=[(1e-20, "half")]).to_plotly_json()["layout"]
    assert len(linear["shapes"]) == 1, "on the linear axis it has a place"


def test_a_loss_off_the_scale_of_leads_says_so() -> None:
    figure = losses.over_lead({name: LOSSES[name]() for name in ("cross-entropy", "mmc")})
    named = {trace.name for trace in figure.data}
    (name,) = named - {"Cross-entropy"}
    assert name == "Max-Mahalanobis centres (off the scale: up to ±80)"
    assert max(np.abs(trace.y).max() for trace in figure.data) == pytest.approx(80, rel=0.01)
    assert {trace.name for trace in losses.over_lead({"mmc": LOSSES["mmc"]()}).data} == {"Max-Mahalanobis centres"}


@pytest.mark.parametrize("draw", [losses.over_p, losses.over_lead])
def test_legends_have_room_below_the_axis(draw) -> None:
    for count in (1, 6):
        layout = draw({name: LOSSES[name]() for name in OF_P[:count]}).layout
        assert layout.legend.yref == "container" and layout.legend.y == 0
        assert layout.margin.b >= 62 + 26 * math.ceil(count / 3)


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
