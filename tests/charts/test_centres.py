"""The two widths that gamma compares: areas, normal curves and bars have them, and the sentence says them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from igbviz.charts.untrained.centres import centres, sentence, widths
from igbviz.ensembles import Ensemble, ensemble_dtype
from igbviz.ensembles.records import HISTOGRAM_EDGES
from igbviz.spec import ConfigError
from igbviz.ui.live_chart import payload

INPUTS, BINS = 400, len(HISTOGRAM_EDGES) - 1


def ideal(gamma: float, networks: int = 300, classes: int = 3, scale: float = 5.0) -> tuple[Ensemble, np.ndarray]:
    """Networks of the theory with their logits (N, D, K)."""
    rng = np.random.default_rng(0)
    logits = scale * (gamma**0.5 * rng.standard_normal((networks, 1, classes)))
    logits = logits + scale * rng.standard_normal((networks, INPUTS, classes))
    records = np.zeros(networks, ensemble_dtype(classes))
    records["network"], records["centre"] = np.arange(networks), logits.mean(1)
    records["spread"] = logits.std(1, ddof=1)
    for record, of_network in zip(records, logits, strict=True):
        record["guesses"] = np.bincount(of_network.argmax(1), minlength=classes)
        standard = (of_network - record["centre"]) / record["spread"]
        for k in range(classes):
            record["histogram"][k] = np.histogram(np.clip(standard[:, k], -3.99, 3.99), HISTOGRAM_EDGES)[0]
    return Ensemble(records), logits


def under(trace) -> tuple[float, float, float]:
    """The area under a curve, its mean and its standard deviation."""
    x, y = (np.asarray(values, float) for values in (trace.x, trace.y))
    mean = np.trapezoid(x * y, x)
    return np.trapezoid(y, x), mean, np.trapezoid((x - mean) ** 2 * y, x) ** 0.5


@pytest.mark.parametrize("gamma", [0.25, 4.0])
def test_widths_are_those_of_the_logits(gamma: float) -> None:
    ensemble, logits = ideal(gamma)
    width = widths(ensemble)
    assert width.within == pytest.approx(logits.var(1, ddof=1).mean() ** 0.5)
    assert width.between == pytest.approx((logits.mean(1) ** 2).mean() ** 0.5)
    assert width.gamma == pytest.approx((width.between / width.within) ** 2 - 1 / INPUTS)
    assert abs(width.gamma - gamma) < 4 * width.error < gamma, "300 networks of three classes"


def test_every_curve_has_its_width() -> None:
    ensemble, logits = ideal(4.0)
    figure = centres(ensemble, 7, gamma=4.0)
    unit, own = widths(ensemble).within, logits[7] / widths(ensemble).within
    areas = list(figure.select_traces({"fill": "tozeroy"}))
    curves = [trace for trace in figure.data if trace.legendrank is not None and trace.legendrank < 3]
    assert len(areas) == len(curves) == 3
    common = (own.var(0, ddof=1).mean()) ** 0.5
    for traces, spread, allowed in ((areas, None, 0.04), (curves, common, 0.01)):
        for trace in traces:
            k = int(trace.legendgroup)
            assert under(trace)[0] == pytest.approx(1, abs=0.002)
            assert under(trace)[1] == pytest.approx(own[:, k].mean(), abs=0.05)
            assert under(trace)[2] == pytest.approx(spread or own[:, k].std(ddof=1), rel=allowed)
    bars = next(trace for trace in figure.data if trace.type == "bar")
    assert sum(bars.customdata) == 900 and np.sum(bars.y) * bars.width / 0.94 == pytest.approx(1, rel=1e-5)
    theory = next(trace for trace in figure.data if trace.name and trace.name.startswith("theory"))
    assert under(theory)[2] == pytest.approx((4 + 1 / INPUTS) ** 0.5, rel=0.01)
    expected = np.interp(bars.x, theory.x, theory.y, left=0, right=0)
    assert (np.abs(bars.y - expected) < 4.5 * np.sqrt(np.maximum(expected, 0.002) / (900 * bars.width))).all()
    arrows = [trace.x for trace in figure.select_traces({"mode": "lines+markers"})]
    assert [round(float(np.ptp(x)) / 2, 3) for x in arrows] == pytest.approx(
        [common, widths(ensemble).between / unit], abs=1e-3
    )
    assert tuple(figure.layout.xaxis.range) == tuple(figure.layout.xaxis2.range), "one axis, so that widths compare"


@pytest.mark.parametrize(("gamma", "words"), [(0.1, "differs less from network"), (9.0, "differs more from network")])
def test_the_sentence_says_what_came_of_it(gamma: float, words: str) -> None:
    ensemble, _ = ideal(gamma)
    text = sentence(ensemble, gamma)
    ratio = widths(ensemble).between / widths(ensemble).within
    assert words in text and f"theory predicts {gamma:g}" in text and f"± {ratio:.2g}." in text
    assert "predicts" not in sentence(ensemble) and "300 networks" in text
    assert "about as much" in sentence(ideal(1.0, networks=20)[0])


def test_any_ensemble_can_be_drawn() -> None:
    for classes, networks in ((2, 1), (100, 2)):
        ensemble, _ = ideal(1.0, networks, classes)
        json.loads(payload(centres.spec(ensemble, networks - 1, gamma=0.0)))
        assert len(centres(ensemble).data) < 80
    flat, _ = ideal(1.0, 3)
    flat.records["spread"] = flat.records["histogram"] = 0
    assert "nan" not in payload(centres.spec(flat)).lower() and "γ is infinite" in sentence(flat)
    flat.records["centre"] = 0
    assert "nan" not in payload(centres.spec(flat, gamma=np.inf)).lower()
    with pytest.raises(ConfigError, match="network is 3, allowed: the index of one of 3 networks"):
        centres(flat, 3)
