"""Zones of p by the sign of the force, and one measure of force for all losses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from igbviz.losses import LOSSES, Blurry, CrossEntropy, Custom, MeanAbsoluteError, PiecewiseZero, force
from tests.support.losses import OF_P


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


def test_zones_are_at_the_right_p() -> None:
    silent, right = force.zones(PiecewiseZero(cutoff=0.1))
    assert (silent.kind, right.kind) == ("silent", "right") and silent.high == pytest.approx(0.1, rel=1e-12)
    silent, wrong, right = force.zones(Blurry(gamma=0.7))
    assert [zone.kind for zone in (silent, wrong, right)] == ["silent", "wrong", "right"]
    assert wrong.high == pytest.approx(math.exp(-1 / 0.7), rel=1e-9), "a mere change of sign is no zero-gradient zone"
    assert Blurry(gamma=0.7).weight(np.log([silent.high]), np)[0] == pytest.approx(-force.ZERO_GRADIENT_FRACTION)
    assert force.zones(MeanAbsoluteError())[0].high == pytest.approx(force.ZERO_GRADIENT_FRACTION)
    assert [zone.kind for zone in force.zones(CrossEntropy())] == ["right"]
    assert [zone.kind for zone in force.zones(Custom(formula="p", parameters={}))] == ["silent", "wrong"]
    assert [zone.kind for zone in force.zones(Custom(formula="1", parameters={}))] == ["silent"]


def test_force_is_one_measure_for_all_losses() -> None:
    for name in OF_P:
        loss = LOSSES[name]()
        lead = np.log(1 / 1e-3 - 9)
        logits, labels = np.array([[0.0, lead, *[0.0] * 8]]), np.zeros(1, int)
        by_gradient = loss.gradient(logits, labels)[0, 0] / CrossEntropy().gradient(logits, labels)[0, 0]
        assert force.force_at(loss, 1e-3, 10) == pytest.approx(by_gradient, abs=1e-12)


def test_the_pull_is_the_force_over_the_largest() -> None:
    p = np.linspace(0, 1, 201)
    assert (force.pulls(CrossEntropy(), p, 10) == 1).all()
    assert (force.pulls(PiecewiseZero(cutoff=0.1), p, 10) == np.where(p > 0.1, 1, 0)).all()
    blurry = force.pulls(Blurry(gamma=0.7), p, 10)
    assert blurry[0] == 0 and blurry[20] < 0 < blurry[100] and blurry.max() == 1


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("classes", [2, 10])
def test_a_pull_is_zero_only_where_an_image_is_ignored(name: str, classes: int) -> None:
    p = np.linspace(0.001, 0.997, 50)
    loss = LOSSES[name]()
    pulls = force.pulls(loss, p, classes)
    assert np.isfinite(pulls).all() and np.abs(pulls).max() <= 1 and ((pulls == 0) | (np.abs(pulls) >= 0.01)).all()
    if name in OF_P:
        ignored = np.abs(loss.weight(np.log(p), np)) < force.ZERO_GRADIENT_FRACTION
        assert ((pulls == 0) == ignored).all()


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_ranking_holds_the_whole_family(classes: int) -> None:
    rows = force.ranking(classes)
    assert {row["name"] for row in rows} == set(LOSSES)
    assert np.isfinite([(row["even"], row["rare"]) for row in rows]).all()
    assert [row["rare"] for row in rows] == sorted((row["rare"] for row in rows), reverse=True)
    if classes == 10:
        forces = {row["name"]: row["even"] for row in rows}
        assert forces["cross-entropy"] == 1 and forces["blurry"] < 0 and forces["piecewise-zero"] == 0
