"""The shipped measurements of hidden nodes: they are of the ensembles that they name, and they agree with theory."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz import theory
from igbviz.studies.nodes import hidden, shifts


def test_every_setting_is_measured_once() -> None:
    assert {row.key: row.run for row in shifts.read()} == {key: config.id for key, config in shifts.configs().items()}
    assert shifts.conditions().keys() >= {"date", "device", "torch", "networks", "inputs"}
    assert {name: layer.run for name, layer in hidden.read().items()} == {
        name: config.id for name, (_, config) in hidden.NETWORKS.items()
    }


@pytest.mark.parametrize("of", shifts.AMOUNTS)
def test_drawn_networks_follow_the_theory(of: shifts.Of) -> None:
    """Within four standard errors of gamma after the first hidden layer, and of noise inputs of 784 pixels."""
    for row in shifts.read():
        if row.of == of:
            curve = theory.shift_curve(row.activation, **{of: row.amount})
            assert row.mean == pytest.approx(curve.mean, abs=0.003), row
            assert abs(row.gamma[0] - curve.gamma) < 4 * row.gamma[1] + 0.002, row


def test_the_prejudiced_network_has_means_far_from_zero() -> None:
    layers = hidden.read()
    assert layers["prejudiced"].gamma > 3 > 0.05 > layers["lowered"].gamma > -0.01 < layers["neutral"].gamma < 0.05
    for layer in layers.values():
        counts, middles = np.array(layer.counts), (hidden.EDGES[1:] + hidden.EDGES[:-1]) / 2
        assert counts.shape == (hidden.NODES, len(middles)) and (counts.sum(1) == layer.inputs).all()
        assert np.allclose(counts @ middles / layer.inputs, layer.mean, atol=0.02)
        assert layer.between**2 + layer.within**2 == pytest.approx(1, abs=2 / layer.inputs)


def test_a_network_is_measured_as_it_was() -> None:
    again, shipped = hidden.measure("neutral"), hidden.read()["neutral"]
    assert np.allclose(again.mean, shipped.mean, atol=2e-3) and np.allclose(again.spread, shipped.spread, atol=2e-3)


def test_finished_settings_are_not_drawn_again() -> None:
    assert not list(shifts.measure(shifts.read()))
