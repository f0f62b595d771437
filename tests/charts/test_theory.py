"""The phase diagram: every map for every activation, and its lines where the theory has them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from igbviz import theory
from igbviz.charts import theory as theory_charts
from igbviz.ui.live_chart import payload


@pytest.mark.parametrize("activation", theory.ACTIVATIONS)
@pytest.mark.parametrize("quantity", theory_charts.MAPS)
def test_every_map_is_a_picture(activation: str, quantity: str) -> None:
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
    figures = theory_charts.by_depth(activation, w, b, 20)
    assert len(figures) == 4
    for figure in figures.values():
        json.loads(payload(figure))
