"""Reading an ensemble: a tidy table, and error sentences for wrong arguments."""

from __future__ import annotations

import json

import numpy as np
import pytest

from igbviz.ensembles import Ensemble
from tests.support.untrained import ensemble


class TestReader:
    def test_frame_is_tidy(self) -> None:
        e = Ensemble(ensemble().records, ("cat", "dog", "owl", "emu"))
        frame = e.to_frame()
        assert len(frame) == 20 and frame["class"].tolist()[:5] == ["cat", "dog", "owl", "emu", "cat"]
        np.testing.assert_allclose(frame.groupby("network")["guess_fraction"].max(), e[:].largest_guess())

    def test_wrong_arguments_are_a_sentence(self) -> None:
        e = ensemble()
        for estimate in (e.gamma, e.gamma_by_depth):
            with pytest.raises(ValueError, match="estimator is 'mean', allowed: one of variance, cosine"):
                estimate("mean")
        with pytest.raises(ValueError, match="2 names"):
            Ensemble(e.records, ("a", "b"))

    def test_one_network_has_a_value_and_no_error(self) -> None:
        value, error = ensemble()[:1].gamma()
        assert np.isfinite(value) and error == np.inf
        assert ensemble().gamma_by_depth().shape == (3, 2)
        assert json.dumps(ensemble().gamma("guesses"))
