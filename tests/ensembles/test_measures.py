"""Measures of logits and layers, against double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from igbviz.ensembles.measures import measure_layer, measure_logits
from igbviz.ensembles.records import HISTOGRAM_EDGES
from igbviz.theory import (
    mean_cosine,
)


class TestMeasures:
    @pytest.mark.parametrize("offset", [0.0, 1.0, 1e3])
    def test_layer_against_double_precision(self, offset: float) -> None:
        outputs = (
            torch.randn(3, 50, 20, generator=torch.Generator().manual_seed(0))
            + offset * torch.arange(3.0)[:, None, None]
        )
        reference = outputs.double()
        measured = measure_layer(outputs)
        np.testing.assert_allclose(measured["centre"], reference.mean(1).square().mean(-1), rtol=1e-5)
        np.testing.assert_allclose(measured["variance"], reference.var(1).mean(-1), rtol=1e-4)
        np.testing.assert_allclose(1 - measured["cosine"], 1 - mean_cosine(reference), rtol=1e-3)

    def test_histogram(self) -> None:
        logits = torch.randn(2, 400, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1e-6, 1.0, 1e6]) + 5
        logits[1, 0, 1] = 1e4  # far outside: in the last bin
        measured = measure_logits(logits)
        values = logits.double().numpy()
        standard = (values - values.mean(1, keepdims=True)) / values.std(1, ddof=1, keepdims=True)
        bins = np.concatenate([[-np.inf], HISTOGRAM_EDGES[1:-1], [np.inf]])
        expected = [[np.histogram(column, bins)[0] for column in network.T] for network in standard]
        np.testing.assert_array_equal(measured["histogram"], expected)
        assert (measured["histogram"].sum(-1) == 400).all() and measured["histogram"][1, 1, -1] == 1

    def test_equal_logits(self) -> None:
        measured = measure_logits(torch.zeros(1, 20, 3))
        assert (measured["histogram"][0, :, 16] == 20).all() and HISTOGRAM_EDGES[16] == 0
        assert measured["guesses"].tolist() == [[20, 0, 0]] and measured["cosine"] == measured["variance"] == 0
        np.testing.assert_allclose(measured["probability"], 1 / 3)
