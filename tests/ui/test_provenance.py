"""What the pages say about rounding, against runs whose initial weights differ in the last digit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from igbviz.config import PRESETS
from igbviz.training import loop
from igbviz.ui.provenance import ROUNDING, ROUNDING_MEASURED


@pytest.fixture
def largest_move(monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """The largest change of a class's mean true-class probability when the initial weights change by 6e-8."""
    build = loop.build_network

    def perturbed(*arguments) -> torch.nn.Module:
        network, generator = build(*arguments), torch.Generator().manual_seed(1)
        with torch.no_grad():
            for weights in network.parameters():
                noise = torch.randn(weights.shape, generator=generator, dtype=torch.float64)
                weights.copy_(weights.double() * (1 + 6e-8 * noise))
        return network

    def measure(preset: str) -> float:
        config = PRESETS[preset].config.with_(epochs=0.54)  # 169 steps

        def probabilities() -> np.ndarray:
            records = np.array([tick["mean_prob"] for tick in loop.train(config)])
            return records.reshape(-1, *records.shape[-2:]).diagonal(axis1=1, axis2=2)

        with monkeypatch.context() as patch:
            before = probabilities()
            patch.setattr(loop, "build_network", perturbed)
            return float(np.abs(probabilities() - before).max())

    yield measure


def test_rounding_is_amplified_where_the_network_learns_and_not_where_it_is_stuck(largest_move) -> None:
    assert "can amplify" in ROUNDING and "may follow" in ROUNDING, "not every run does"
    assert "0.06 to 0.08" in ROUNDING_MEASURED and largest_move("first-look-cross-entropy") > 0.01
    for stuck in ("first-look-piecewise-zero", "first-look-blurry"):
        assert "less than 1e-5" in ROUNDING_MEASURED and largest_move(stuck) < 1e-5, stuck
