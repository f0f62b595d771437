"""gamma and c of the same layers, as shipped: against networks of this file's own, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr

from igbviz import theory
from igbviz.studies.phases import bridge

ROWS, ORIGIN = bridge.read()


def layers(phi, sigma_w2: float, sigma_b2: float, depth: int, nodes: int = 120, inputs: int = 40) -> list[np.ndarray]:
    """(inputs, nodes) pre-activations of some networks in double precision, one array per network."""
    rng = np.random.default_rng(7)
    x0, outputs = rng.normal(size=(inputs, 120)), []
    for _ in range(12):
        x = x0
        for _ in range(depth):
            weights = rng.normal(0, np.sqrt(sigma_w2 / x.shape[1]), (x.shape[1], nodes))
            y = x @ weights + rng.normal(0, np.sqrt(sigma_b2), nodes)
            x = phi(y)
        outputs.append(y)
    return outputs


def gamma_of(outputs: list[np.ndarray]) -> float:
    centres = np.mean([(y.mean(0) ** 2).mean() for y in outputs])
    return centres / np.mean([y.var(0, ddof=1).mean() for y in outputs]) - 1 / len(outputs[0])


def mean_cosine(outputs: list[np.ndarray]) -> float:
    cosines = []
    for y in outputs:
        units = y / np.linalg.norm(y, axis=1, keepdims=True)
        cosines.append((units @ units.T)[np.triu_indices(len(y), 1)].mean())
    return float(np.mean(cosines))


@pytest.mark.parametrize(("place", "phi"), [(("tanh", 3.0, 10), np.tanh), (("relu", 1.5, 5), lambda y: y.clip(0))])
def test_a_layer_measured_anew(place: tuple[str, float, int], phi) -> None:
    (row,) = (row for row in ROWS if (row.activation, row.sigma_w2, row.layer) == place)
    outputs = layers(phi, row.sigma_w2, row.sigma_b2, row.layer)
    assert gamma_of(outputs) == pytest.approx(row.gamma, rel=0.2)
    assert mean_cosine(outputs) == pytest.approx(row.c, abs=0.03)


def test_every_point_is_there_once_and_near_theory_where_norms_stay_equal() -> None:
    assert sorted((row.activation, row.sigma_w2, row.sigma_b2, row.layer) for row in ROWS) == sorted(
        (*point, layer) for point in bridge.POINTS for layer in bridge.LAYERS
    )
    assert not bridge.missing(ROWS), "of today's settings"
    assert ORIGIN["networks"] == bridge.NETWORKS and ORIGIN["date"] and ORIGIN["torch"] and ORIGIN["device"]
    for row in ROWS:
        expected = theory.gamma_by_depth(row.activation, row.sigma_w2, row.sigma_b2, row.layer)[-1]
        if row.activation == "tanh":
            assert abs(row.gamma - expected) < 4 * row.gamma_error and abs(row.deviation) < 3
            assert abs(row.c - expected / (1 + expected)) < 4 * row.c_error


def test_norms_that_differ_lower_gamma_alone() -> None:
    """In GELU networks at (2, 0): of outputs with equal norms gamma belongs to the cosine, as measured it does not."""
    outputs = layers(lambda y: y * ndtr(y), 2.0, 0.0, 20)
    c = mean_cosine(outputs)
    equal = [y / np.linalg.norm(y, axis=1, keepdims=True) for y in outputs]
    assert gamma_of(equal) == pytest.approx(c / (1 - c), rel=0.01)
    assert gamma_of(outputs) < 0.7 * c / (1 - c)
    assert {(row.activation, row.layer) for row in ROWS if row.norms_drifted} == {("gelu", 20)}


def test_what_is_said() -> None:
    said = bridge.verdict(ROWS)
    assert "26 of 28" in said and "layer 20 of GELU at (2, 0)" in said and "norms" in said
    assert "norms" not in bridge.verdict([row for row in ROWS if row.activation == "tanh"])
    lifted = replace(ROWS[0], c=ROWS[0].expected - 0.3)
    assert "norms" not in bridge.verdict([lifted, *ROWS[1:4]]), "norms that differ do not lower c"
