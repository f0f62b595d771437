"""Order, chaos and the edge between them, against many iterated layers."""

import itertools
import math

import numpy as np
import pytest

from igbviz import theory
from tests.support.numbers import MATCHED, NAMES, PI, same


def test_edge_of_chaos_of_tanh():
    published = {
        0: 1,
        0.001: 1.1891895852346797,
        0.01: 1.4242052904885958,
        0.05: 1.760955,
        0.1: 1.986073,
        0.2: 2.285152,
        0.3: 2.505127,
    }
    for sigma_b2, sigma_w2 in published.items():
        same(theory.edge_of_chaos("tanh", sigma_b2), sigma_w2, 1e-12 if sigma_b2 in (0, 0.001, 0.01) else 4e-7)
    near = theory.edge_of_chaos("tanh", 1e-9) - 1
    assert abs(near / (2 * (0.75e-9) ** (1 / 3)) - 1) < 1e-2


def test_edge_of_chaos_of_the_others():
    for sigma_b2 in (0, 0.01, 1.0):
        assert theory.edge_of_chaos("relu", sigma_b2) == theory.edge_of_chaos("shifted-relu", sigma_b2) == 2
        assert theory.edge_of_chaos("linear", sigma_b2) == theory.edge_of_chaos("abs", sigma_b2) == 1
        same(theory.edge_of_chaos("leaky-relu", sigma_b2), 2 / 1.0001, 1e-15)
    same(theory.edge_of_chaos("gelu", 0), 4, 1e-12)
    same(theory.edge_of_chaos("gelu", 0.172922), 1.983058, 1e-6)
    for q in (1e-3, 0.4, 3.0):
        sigma_w2, sigma_b2 = (
            PI / 4 * math.sqrt(1 + 4 * q),
            q - math.sqrt(1 + 4 * q) / 2 * math.asin(2 * q / (1 + 2 * q)),
        )
        same(theory.edge_of_chaos("erf", sigma_b2), sigma_w2, 1e-9)


@pytest.mark.parametrize(
    "name, sigma_b2", [("tanh", 1e-4), ("tanh", 0.05), ("tanh", 2.0), ("erf", 0.05), ("gelu", 0.3)]
)
def test_gradients_neither_grow_nor_vanish_on_the_edge(name, sigma_b2):
    sigma_w2 = theory.edge_of_chaos(name, sigma_b2)
    assert abs(theory.fixed_point(name, sigma_w2, sigma_b2).chi_1 - 1) < 1e-10
    assert theory.fixed_point(name, sigma_w2 * 0.999, sigma_b2).c_star == 1
    assert theory.fixed_point(name, sigma_w2 * 1.001, sigma_b2).c_star < 1


@pytest.mark.parametrize(
    "name, sigma_w2, sigma_b2", [("tanh", 2.5, 0.05), ("erf", 4, 1), ("shifted-relu", 2.5, 0.05), ("gelu", 1.985, 0.4)]
)
def test_fixed_point_is_where_depth_leads(name, sigma_w2, sigma_b2):
    q_star, chi_1, c_star = theory.fixed_point(name, sigma_w2, sigma_b2)
    deep = 2500 if name == "gelu" else 400
    same(theory.variance_by_depth(name, sigma_w2, sigma_b2, deep)[-1], q_star, 1e-7)
    same(theory.correlation_by_depth(name, sigma_w2, sigma_b2, deep)[-1], c_star, 1e-7)
    same(theory.gamma_by_depth(name, sigma_w2, sigma_b2, deep)[-1], theory.gamma_star(name, sigma_w2, sigma_b2), 1e-5)
    same(theory.gradient_gain(name, sigma_w2, sigma_b2, deep)[-1], chi_1, 1e-8)
    assert chi_1 > 1 > c_star > 0


def test_lines_of_equal_gamma():
    for sigma_b2, sigma_w2 in {0.01: 1.684669, 0.05: 2.378266, 0.1: 2.924765, 0.2: 3.761095}.items():
        same(theory.iso_gamma("tanh", 1, sigma_b2), sigma_w2, 3e-7)
    for name, gamma, sigma_b2 in itertools.product(("tanh", "erf"), (1e-6, 0.1, 1, 30, 1e4), (1e-3, 0.05, 1)):
        same(theory.gamma_star(name, theory.iso_gamma(name, gamma, sigma_b2), sigma_b2), gamma, 1e-6)
    same(theory.gamma_star("shifted-relu", theory.iso_gamma("shifted-relu", 3, 0.02), 0.02), 3, 1e-10)
    same(theory.gamma_star("gelu", theory.iso_gamma("gelu", 500, 0.4), 0.4), 500, 1e-8)
    same(theory.gamma_star("linear", theory.iso_gamma("linear", 3, 0.3), 0.3), 3, 1e-12)
    lines = np.stack([theory.iso_gamma("tanh", gamma, [0.01, 0.1, 0.5]) for gamma in (0.3, 1, 12, np.inf)], axis=1)
    assert np.all(np.diff(lines, axis=0) > 0) and np.all(np.diff(lines, axis=1) < 0)
    same([theory.iso_gamma(name, 1, 0) for name in ("tanh", "erf")], [1, PI / 4], 1e-12)
    assert theory.iso_gamma("relu", 1, 0.1) == theory.iso_gamma("tanh", 0, 0.1) == np.inf
    same([theory.iso_gamma("tanh", 0, 0), theory.iso_gamma("shifted-relu", 0, 0)], [1, MATCHED], 1e-12)


def test_fixed_points_that_do_not_exist():
    inf = np.inf
    assert theory.fixed_point("relu", 1, 0) == (0, 0.5, 1) and theory.fixed_point("relu", 2, 0) == (2, 1, 1)
    assert theory.fixed_point("relu", 2, 0.1) == (inf, 1, 1) and theory.fixed_point("relu", 3, 0.1) == (inf, 1.5, 1)
    same(theory.fixed_point("relu", 1.5, 0.1), (0.4, 0.75, 1), 1e-14)
    assert theory.fixed_point("tanh", 1, 0) == (0, 1, 0) and theory.fixed_point("tanh", 0, 0.2) == (0.2, 0, 1)
    q_star, chi_1, c_star = theory.fixed_point("tanh", 2, 0)
    assert chi_1 > 1 and c_star == 0 and abs(q_star - 2 * theory.kernel("tanh").moment(q_star)) < 1e-15
    same(theory.fixed_point("shifted-relu", MATCHED, 0), (1, PI / (PI - 1), 0), 1e-7, 1e-30)
    assert theory.fixed_point("linear", 0.5, 0) == (0, 0.5, 0) and theory.gamma_star("linear", 4, 1) == pytest.approx(
        1 / 3
    )
    # GELU at (2, 0) vanishes while gamma converges; with a larger variance it explodes, and acts as a ReLU
    q_star, chi_1, c_star = theory.fixed_point("gelu", 2, 0)
    assert q_star == 0 and chi_1 == 0.5 and c_star == pytest.approx(theory.correlation_by_depth("gelu", 2, 0, 200)[-1])
    assert theory.fixed_point("gelu", 3, 0.1) == (inf, 1.5, 1)


def test_depth_scales():
    xi_q, xi_c = theory.depth_scales("tanh", 1.5, 0.05)
    chi_1 = theory.fixed_point("tanh", 1.5, 0.05).chi_1
    same(xi_c, -1 / math.log(chi_1), 1e-12)
    q = theory.variance_by_depth("tanh", 1.5, 0.05, 40)
    same(math.log((q[20] - q[39]) / (q[24] - q[39])), 4 / xi_q, 1e-2)
    # chaotic: the slope at c*, not at 1
    c = theory.correlation_by_depth("tanh", 3, 0.05, 400)
    same(math.log((c[40] - c[-1]) / (c[44] - c[-1])), 4 / theory.depth_scales("tanh", 3, 0.05)[1], 3e-3)
    inf = np.inf
    assert theory.depth_scales("relu", 2, 0) == (inf, inf) and theory.depth_scales("relu", 3, 0.1) == (inf, inf)
    same(
        theory.depth_scales("relu", 1, 0), (1 / math.log(2), inf), 1e-14
    )  # without bias, correlations of ReLU approach 1 as a power of depth
    same(theory.depth_scales("relu", 1, 0.1), (1 / math.log(2), 1 / math.log(2)), 1e-14)
    assert theory.depth_scales("tanh", 0, 0.1) == (0, 0)
    edge = theory.depth_scales("tanh", theory.edge_of_chaos("tanh", 0.05), 0.05)
    assert edge[1] > 1e8 and edge[0] < 10


@pytest.mark.parametrize("name", NAMES)
def test_maps_agree_with_single_points(name):
    sigma_w2, sigma_b2 = [0.0, 0.7, 1.0, 1.9, 2.5, 4.0], [0.0, 0.04, 0.5]
    maps = {quantity: theory.phase_map(name, sigma_w2, sigma_b2, quantity) for quantity in theory.QUANTITIES}
    for (row, b), (column, w) in itertools.product(enumerate(sigma_b2), enumerate(sigma_w2)):
        _, chi_1, c_star = theory.fixed_point(name, w, b)
        point = {
            "gamma_star": theory.gamma_star(name, w, b),
            "c_star": c_star,
            "chi_1": chi_1,
            "depth_scale": theory.depth_scales(name, w, b)[1],
        }
        for quantity, value in point.items():
            assert maps[quantity].shape == (3, 6)
            same(maps[quantity][row, column], value, 1e-6, 1e-12)


@pytest.mark.parametrize("name, quantity", list(itertools.product(NAMES, theory.QUANTITIES)))
def test_fine_maps_have_no_holes(name, quantity):
    values = theory.phase_map(name, np.linspace(0, 5, 41), np.linspace(0, 0.5, 21), quantity)
    assert values.shape == (21, 41) and not np.any(np.isnan(values)) and np.all(values >= 0)
