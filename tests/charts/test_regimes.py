"""Regimes side by side, and gradients by layer, as figures: what stands where, and what the sentences say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from igbviz.charts.untrained import gradients as of_gradients
from igbviz.charts.untrained.gradients import gradients
from igbviz.charts.untrained.regimes import BINS, regimes, sentence
from igbviz.ensembles import Ensemble, ensemble_dtype
from igbviz.spec import ConfigError
from igbviz.studies import regimes as study
from igbviz.theory import guess_cdf
from igbviz.ui.live_chart import payload
from tests.support import ROOT


@pytest.fixture(scope="module")
def shipped() -> dict[str, Ensemble]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("IGBVIZ_GALLERY", raising=False)
        runs = study.read(ROOT / "cache")
        return {name: run.ensemble() for name, run in runs.items()}


def test_the_shipped_ensembles_are_the_regimes_in_order(shipped: dict[str, Ensemble]) -> None:
    assert list(shipped) == list(study.REGIMES)
    neutral, weak, deep = (ensemble.gamma("guesses")[0] for ensemble in shipped.values())
    assert abs(neutral) < 0.01 and 1 < weak < 9.47 < deep
    text = sentence(shipped)
    assert text.index(": not prejudiced") < text.index(": prejudiced") < text.index(": deeply prejudiced")
    assert "tanh, 20 layers" in text and "51\u00a0%" in text


def test_a_column_for_each_with_its_median_network(shipped: dict[str, Ensemble]) -> None:
    figure = regimes(shipped)
    assert len(figure.data) == 3 * 9 and figure.layout.xaxis9.range and not hasattr(figure.layout, "xaxis10")
    assert figure.layout.xaxis.range == figure.layout.xaxis4.range == figure.layout.xaxis7.range
    bars = [trace for trace in figure.data if trace.type == "bar"]
    for column, ensemble in enumerate(shipped.values()):
        guessed, spread = bars[2 * column : 2 * column + 2]
        below = (ensemble.largest_guess() < max(guessed.y) - 1e-6).mean()
        assert below <= 0.5 <= below + (np.abs(ensemble.largest_guess() - max(guessed.y)) < 1e-6).mean() + 0.01
        guesses = ensemble.records["guesses"][:, 0]
        places = np.minimum(guesses * BINS // 1000, BINS - 1)
        on_an_edge = ((guesses % (1000 // BINS) == 0) & (guesses % 1000 > 0)).sum()
        moved = np.abs(np.bincount(places, minlength=BINS) - spread.customdata).sum()
        assert moved <= 2 * on_an_edge < 20 and sum(spread.customdata) == 100 and sum(spread.y) == pytest.approx(1)


def test_the_line_is_the_law_of_two_classes(shipped: dict[str, Ensemble]) -> None:
    name = "ReLU, 3 layers"
    line = next(regimes({name: shipped[name]}).select_traces({"line.shape": "hv"}))
    gamma = shipped[name].gamma("cosine")[0]
    edges = np.linspace(0, 1, BINS + 1)
    np.testing.assert_allclose(line.y[:-1], np.diff(guess_cdf(edges, gamma)), atol=0.003)


def test_any_ensembles_stand_side_by_side(shipped: dict[str, Ensemble]) -> None:
    records = np.zeros(1, ensemble_dtype(30))
    records["guesses"] = 3
    many = Ensemble(records)
    json.loads(payload(regimes.spec({"<b>": many, "two": next(iter(shipped.values()))}, network=0)))
    assert "no guesses" in sentence({"flat": many}) and "unknown" in sentence({"flat": many})
    with pytest.raises(ConfigError, match="a dict of 1 to 6 names and ensembles"):
        regimes([many])
    with pytest.raises(ConfigError, match="network is 1, allowed"):
        regimes({"one": many}, network=1)


def test_gradients_of_the_shipped_ensembles(shipped: dict[str, Ensemble]) -> None:
    """ReLU with He's weights lies on the edge of chaos; tanh with the same weights is neutral, and explodes."""
    for name, words in (("tanh, 20 layers", "explodes"), ("ReLU, 20 layers", "neither vanishes nor explodes")):
        factors = of_gradients.predicted_factors(study.REGIMES[name])
        figure, text = gradients(shipped[name], factors), of_gradients.sentence(shipped[name], factors)
        line, points, _ = figure.data
        assert f"**{words}**" in text and figure.layout.yaxis.type == "log" and "100 networks" in text
        np.testing.assert_allclose(points.y, line.y, rtol=0.15)
        assert (np.array(points.error_y.array)[:-1] > 0).all() and len(line.x) == 21
    assert "theory has χ₁ = 1," in text


def test_gradients_that_cannot_be_drawn_on_a_log_axis() -> None:
    with pytest.raises(ConfigError, match="has no gradients, allowed: an ensemble drawn with gradients=True"):
        gradients(Ensemble(np.ones(2, ensemble_dtype(3))))
    records = np.ones(2, ensemble_dtype(3, gradients=4))
    assert [trace.name for trace in gradients(Ensemble(records)).data] == ["weights, mean over inputs"], "of a CNN"
    records["gradient"] = [0, 0, 0, 1]
    assert "No gradient arrives" in of_gradients.sentence(Ensemble(records))
    assert "nan" not in payload(gradients.spec(Ensemble(records))).lower()
    records["gradient"] = 10.0 ** -np.arange(40, 0, -10)
    assert "1 / 1e+60 in all" in of_gradients.sentence(Ensemble(records))
    json.loads(payload(gradients.spec(Ensemble(records[:1]))))
