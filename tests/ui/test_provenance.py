"""What the pages say about rounding, against runs whose initial weights differ in the last digit."""

from __future__ import annotations

import numpy as np

from igbviz.config import PRESETS, RunConfig
from igbviz.training.loop import train
from igbviz.ui.provenance import ROUNDING, ROUNDING_MEASURED


def largest_move(preset: str) -> float:
    """The largest change of a class's mean true-class probability within 169 steps, by rounding noise alone."""
    config = PRESETS[preset].config.with_(epochs=0.54)

    def probabilities(config: RunConfig) -> np.ndarray:
        means = np.concatenate([np.atleast_1d(snapshot)["mean_prob"] for snapshot in train(config)])
        return means.diagonal(axis1=1, axis2=2)

    return float(np.abs(probabilities(config.with_(rounding_noise=1)) - probabilities(config)).max())


def test_rounding_is_amplified_where_the_network_learns_and_not_where_it_is_stuck() -> None:
    assert "can amplify" in ROUNDING and "may follow" in ROUNDING, "not every run does"
    assert "0.06 to 0.08" in ROUNDING_MEASURED and largest_move("first-look-cross-entropy") > 0.01
    assert "less than 1e-5" in ROUNDING_MEASURED and largest_move("first-look-piecewise-zero") < 1e-5
