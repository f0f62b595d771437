"""The maps of losses: every loss has zones that agree with its force, and a histogram loses no image."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from igbviz.charts import losses
from igbviz.charts.image_histogram import image_histogram
from igbviz.losses import LOSSES, Blurry, CrossEntropy, Custom, LossOfP, MeanAbsoluteError, PiecewiseZero, force
from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.trajectory import P_EDGES
from igbviz.trajectory.zones import images_by_zone
from igbviz.ui.live_chart import payload

OF_P = [name for name, kind in LOSSES.items() if kind.depends_on_p_only]


def crowded(classes: int = 3, probes: int = 2) -> Trajectory:
    """Random images: the histogram and what the charts ask for beside it."""
    random = np.random.default_rng(0)
    records = np.zeros(probes, snapshot_dtype(classes))
    records["p_hist"] = random.integers(0, 40, records["p_hist"].shape)
    records["mean_prob"] = 1 / classes
    records["confusion"] = 1
    return Trajectory(records)


@pytest.mark.parametrize("name", OF_P)
def test_zones_cover_all_p_and_agree_with_the_force(name: str) -> None:
    loss = LOSSES[name]()
    parts = force.zones(loss)
    assert parts[0].low == 0 and parts[-1].high == 1
    assert all(a.high == b.low and a.kind != b.kind for a, b in zip(parts, parts[1:], strict=False))
    for zone in parts:
        low, high = max(zone.low, 1e-12), min(zone.high, 1 - 1e-9)
        inside = np.log(np.linspace(low, high, 101)[1:-1])
        pull = loss.weight(inside, np)
        if zone.kind == "silent":
            assert (np.abs(pull) < 1.001 * force.ZERO_GRADIENT_FRACTION).all()
        else:
            assert (pull > 0).all() if zone.kind == "right" else (pull < 0).all()
        assert zone.describe()


def test_zones_stand_at_the_right_p() -> None:
    silent, right = force.zones(PiecewiseZero(cutoff=0.1))
    assert (silent.kind, right.kind) == ("silent", "right") and silent.high == pytest.approx(0.1, rel=1e-12)
    silent, wrong, right = force.zones(Blurry(gamma=0.7))
    assert [zone.kind for zone in (silent, wrong, right)] == ["silent", "wrong", "right"]
    assert wrong.high == pytest.approx(math.exp(-1 / 0.7), rel=1e-9), "where it only turns round it is not silent"
    assert Blurry(gamma=0.7).weight(np.log([silent.high]), np)[0] == pytest.approx(-force.ZERO_GRADIENT_FRACTION)
    assert force.zones(MeanAbsoluteError())[0].high == pytest.approx(force.ZERO_GRADIENT_FRACTION)
    assert [zone.kind for zone in force.zones(CrossEntropy())] == ["right"]
    assert [zone.kind for zone in force.zones(Custom(formula="p", parameters={}))] == ["silent", "wrong"]
    assert [zone.kind for zone in force.zones(Custom(formula="1", parameters={}))] == ["silent"]


@pytest.mark.parametrize("log", [True, False])
def test_no_image_is_lost(log: bool) -> None:
    trajectory = crowded()
    edges, shares = image_histogram(trajectory, 1, log)
    counts = trajectory.p_hist[1]
    assert edges[0] == 0 and edges[-1] == 1 and shares.shape == (3, len(edges) - 1)
    np.testing.assert_allclose(shares.sum(1), counts.sum(1) / counts.sum())
    below = counts[:, P_EDGES[1:] <= 0.1 + 1e-12].sum()
    assert shares[:, edges[1:] <= 0.1 + 1e-12].sum() == pytest.approx(below / counts.sum())


def test_images_are_counted_in_the_images_of_each_zone() -> None:
    trajectory = crowded()
    counts = trajectory.p_hist[0]
    shares = images_by_zone(trajectory, 0, force.zones(PiecewiseZero(cutoff=0.1)))
    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_allclose(shares[:, 1], counts[:, P_EDGES[1:] <= 0.1 + 1e-12].sum(1) / counts.sum(1))
    for name in OF_P:
        np.testing.assert_allclose(images_by_zone(trajectory, 0, force.zones(LOSSES[name]())).sum(1), 1)


def test_no_two_losses_look_alike() -> None:
    assert len({losses.loss_style(name)[:2] for name in LOSSES}) == len(LOSSES)


def test_the_typical_image() -> None:
    records = np.zeros(1, snapshot_dtype(2))
    records["p_hist"][0, :, list(P_EDGES).index(0.5) - 1] = 10
    assert 0.48 <= Trajectory(records).median_probability() <= 0.5


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


def test_the_picture_without_a_run_with_one_class_and_with_many() -> None:
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


def test_a_loss_that_leaves_the_second_picture_says_so() -> None:
    figure = losses.over_lead({name: LOSSES[name]() for name in ("cross-entropy", "mmc")})
    named = {trace.name for trace in figure.data}
    (told,) = named - {"Cross-entropy"}
    assert told == "Max-Mahalanobis centres (leaves: to ±80)"
    assert max(np.abs(trace.y).max() for trace in figure.data) == pytest.approx(80, rel=0.01)
    assert {trace.name for trace in losses.over_lead({"mmc": LOSSES["mmc"]()}).data} == {"Max-Mahalanobis centres"}


@pytest.mark.parametrize("draw", [losses.over_p, losses.over_lead])
def test_legends_have_room_below_the_axis(draw) -> None:
    for count in (1, 6):
        layout = draw({name: LOSSES[name]() for name in OF_P[:count]}).layout
        assert layout.legend.yref == "container" and layout.legend.y == 0
        assert layout.margin.b >= 62 + 26 * math.ceil(count / 3)


@pytest.mark.parametrize(
    "number, words",
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
def test_short_numbers(number: float, words: str) -> None:
    assert losses.short(number) == words


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_over_the_lead(name: str) -> None:
    figure = losses.over_lead({name: LOSSES[name]()})
    assert json.loads(payload(figure)) and len(figure.data) == 3
    true, favoured, other = (trace.y for trace in figure.data)
    if name not in ("mmc", "logit-norm", "logit-clip"):  # to these a common shift of all logits matters
        np.testing.assert_allclose(true + favoured + 8 * other, 0, atol=1e-5 * max(1, np.abs(true).max()))
    assert len(losses.over_lead({name: LOSSES[name]()}, classes=2).data) == 2


def test_force_is_one_measure_for_all_losses() -> None:
    for name in OF_P:
        loss = LOSSES[name]()
        lead = np.log(1 / 1e-3 - 9)
        logits, labels = np.array([[0.0, lead, *[0.0] * 8]]), np.zeros(1, int)
        by_gradient = loss.gradient(logits, labels)[0, 0] / CrossEntropy().gradient(logits, labels)[0, 0]
        assert force.force_at(loss, 1e-3, 10) == pytest.approx(by_gradient, abs=1e-12)


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_ranking_holds_the_whole_family(classes: int) -> None:
    rows = force.ranking(classes)
    assert {row["name"] for row in rows} == set(LOSSES)
    assert np.isfinite([(row["even"], row["rare"]) for row in rows]).all()
    assert [row["rare"] for row in rows] == sorted((row["rare"] for row in rows), reverse=True)
    if classes == 10:
        forces = {row["name"]: row["even"] for row in rows}
        assert forces["cross-entropy"] == 1 and forces["blurry"] < 0 and forces["piecewise-zero"] == 0
