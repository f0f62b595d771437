"""The phase diagram: every map for every activation, its lines where theory has them, captions that are true."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from igbviz import theory
from igbviz.charts import theory as theory_charts
from igbviz.ui.live_chart import payload


@pytest.mark.parametrize("activation", theory.ACTIVATIONS)
@pytest.mark.parametrize("quantity", theory_charts.MAPS)
def test_every_map_is_a_figure(activation: str, quantity: str) -> None:
    figure = theory_charts.phase_map(activation, quantity, 4.0, 0.5, point=(2.0, 0.1))
    z = np.asarray(figure.data[0].z)
    assert z.shape == (100, 100) and not np.isnan(z).any()
    json.loads(payload(figure))


def test_the_edge_is_where_the_phases_meet() -> None:
    figure = theory_charts.phase_map("tanh", "chi_1", 4.0, 0.5)
    chi, across, up = (np.asarray(values) for values in (figure.data[0].z, figure.data[0].x, figure.data[0].y))
    edge = figure.data[1]
    for height in (0.1, 0.3, 0.5):
        row = np.abs(up - height).argmin()
        crossing = across[(chi[row] > 1).argmax()]
        place = np.interp(up[row], edge.y, edge.x)
        assert abs(crossing - place) < 0.05


@pytest.mark.parametrize("activation", theory.ACTIVATIONS)
@pytest.mark.parametrize(("w", "b"), [(2.0, 0.0), (1.0, 0.0), (3.0, 0.1), (0.5, 0.05)])
def test_every_point_has_its_curves(activation: str, w: float, b: float) -> None:
    for quantity in theory_charts.DEPTH_CURVES:
        figure = theory_charts.by_depth(activation, w, b, 20, quantity)
        assert f"{activation}, σ²w = {w:g}, σ²b = {b:g}" in figure.layout.title.text
        json.loads(payload(figure))


def test_the_caption_of_the_depth_scale_is_an_e_folding_length() -> None:
    """At (3, 0.05) 37 % of the distance to c* is left after xi more layers, and under 1 % after 5 xi."""
    _, xi = theory.depth_scales("tanh", 3.0, 0.05)
    distance = theory.correlation_by_depth("tanh", 3.0, 0.05, 100) - theory.fixed_point("tanh", 3.0, 0.05).c_star
    layers, start = np.arange(100), 40  # by then only the slowest mode is left
    after = np.exp(np.interp([start + xi, start + 5 * xi], layers, np.log(np.abs(distance))))
    left = after / abs(distance[start])
    assert left[0] == pytest.approx(1 / math.e, rel=0.01) and left[1] < 0.01
    caption = theory_charts.MAPS["depth_scale"].caption
    assert "by a factor e" in caption and f"after ξ layers {left[0]:.0%} of the".replace("%", " %") in caption
    assert "after 5 ξ under 1 %" in caption


def test_the_caption_of_chi_1_speaks_of_the_squared_difference() -> None:
    """A wide tanh layer at q*: two inputs that differ a little, before and after it."""
    rng = np.random.default_rng(0)
    fixed, width = theory.fixed_point("tanh", 3.0, 0.05), 2000
    before = fixed.q_star**0.5 * rng.normal(size=width)
    step = 1e-4 * rng.normal(size=width)
    weights = rng.normal(0, (3.0 / width) ** 0.5, (width, width))
    growth = np.linalg.norm(weights @ (np.tanh(before + step) - np.tanh(before))) / np.linalg.norm(step)
    assert growth**2 == pytest.approx(fixed.chi_1, rel=0.1) and abs(growth - fixed.chi_1) > 0.05
    caption = theory_charts.MAPS["chi_1"].caption
    assert "squared difference" in caption and "the difference itself grows by √χ₁" in caption


def test_the_captions_of_c_star_and_gamma_star_name_their_exceptions() -> None:
    """Not only ReLU has c* = 1 in the chaotic phase, and an ordered tanh without biases has c* = 0."""
    names = {"relu": "ReLU", "leaky-relu": "leaky ReLU", "abs": "|x|", "tanh": "tanh", "erf": "erf"}
    captions = [theory_charts.MAPS[quantity].caption for quantity in ("c_star", "gamma_star")]
    assert all(name in caption for name in names.values() for caption in captions)
    for activation in ("relu", "leaky-relu", "abs"):
        for w in (0.5, 1.0, 2.0, 3.0):
            for b in (0.0, 0.05):
                assert theory.fixed_point(activation, w, b).c_star == 1, (activation, w, b)
    for activation in ("tanh", "erf"):
        chaotic, ordered = (theory.fixed_point(activation, w, 0.05) for w in (3.0, 1.0))
        assert chaotic.chi_1 > 1 > chaotic.c_star > 0 and ordered.chi_1 < 1 == ordered.c_star
        assert [theory.fixed_point(activation, w, 0.0).c_star for w in (0.5, 3.0)] == [0, 0]
    for activation in theory.ACTIVATIONS:
        ordered = theory.fixed_point(activation, 0.3, 0.05)
        assert ordered.chi_1 < 1 == ordered.c_star, "with biases, everywhere in the ordered phase"


@pytest.mark.parametrize("activation", theory.ACTIVATIONS)
@pytest.mark.parametrize("quantity", ["gamma_star", "chi_1"])
def test_lines_are_named_at_themselves_and_within_the_map(activation: str, quantity: str) -> None:
    """No legend: on a light page its white lines would need a ground of their own."""
    figure = theory_charts.phase_map(activation, quantity, 4.0, 0.5, point=(2.0, 0.1))
    lines = {line.name: line for line in figure.data[1:4] if np.isfinite(line.x).any()}
    labels = {label.text: label for label in figure.layout.annotations}
    assert set(labels) <= set(lines) and not figure.layout.showlegend
    assert "edge of chaos" in labels or np.nanmin(lines["edge of chaos"].x) <= 0
    for name, label in labels.items():
        at = np.abs(np.asarray(lines[name].x) - label.x) + np.abs(np.asarray(lines[name].y) - label.y)
        assert np.nanmin(at) < 1e-6, "at a point of the line"
        reach = 4 * 7 * len(name) / 330  # of a map of 330 pixels that is 4 wide
        assert label.x + reach <= 4.3 if label.xanchor == "left" else label.x - reach >= -0.2
