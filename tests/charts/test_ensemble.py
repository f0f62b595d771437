"""Figures of untrained networks: valid for any number of networks and classes, and true to measurement and theory."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator

import numpy as np
import plotly.graph_objects as go
import pytest

from igbviz import theory
from igbviz.charts import ensemble as charts
from igbviz.charts import network
from igbviz.charts.colors import ANYWHERE
from igbviz.charts.run import MAX_LINES
from igbviz.ensembles import Ensemble, ensemble_dtype
from igbviz.ensembles.predictions import Prediction, finite_sample_gamma, guess_distribution
from igbviz.ensembles.records import HISTOGRAM_EDGES
from igbviz.ui.live_chart import payload

INPUTS = 200


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def ensemble(networks: int = 20, classes: int = 10, gamma: float = 1.0, layers: int = 4, seed: int = 0) -> Ensemble:
    """Ideal networks of the theory, measured on INPUTS inputs each."""
    rng = np.random.default_rng(seed)
    records, bins = np.zeros(networks, ensemble_dtype(classes, layers)), len(HISTOGRAM_EDGES) - 1
    for number, record in enumerate(records):
        centres = rng.normal(0, gamma**0.5, classes)
        logits = centres + rng.normal(size=(INPUTS, classes))
        record["network"] = number
        record["guesses"] = np.bincount(logits.argmax(1), minlength=classes)
        record["centre"], record["spread"] = logits.mean(0), logits.std(0, ddof=1)
        record["probability"] = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).mean(0)
        place = np.searchsorted(HISTOGRAM_EDGES[1:-1], (logits - record["centre"]) / record["spread"], side="right")
        record["histogram"] = np.bincount(
            (place + bins * np.arange(classes)).ravel(), minlength=classes * bins
        ).reshape(classes, bins)
        centred = logits - logits.mean(1, keepdims=True)
        record["variance"], record["cosine"] = centred.var(0, ddof=1).sum() / (classes - 1), theory.mean_cosine(centred)
    if layers:
        records["nodes"], records["layer_variance"] = 100, 1
        records["layer_centre"] = (np.arange(layers) + rng.normal(0, 0.01, (networks, layers))) ** 2 + 1 / INPUTS
        records["layer_cosine"] = 0.2 * np.arange(layers) - 1e-4
    return Ensemble(records)


def all_figures(e: Ensemble, prediction: Prediction | None) -> dict[str, go.Figure]:
    return {
        "outputs": network.outputs(e, len(e) - 1),
        "guesses": charts.guesses(e, None if prediction is None else float(prediction.gamma[-1])),
        "gamma_by_depth": charts.gamma_by_depth(e, prediction),
        "class_probabilities": network.class_probabilities(e, len(e) - 1),
    }


def notes(figure: go.Figure) -> str:
    return " ".join(note.text for note in figure.layout.annotations)


@pytest.mark.parametrize("classes", [2, 3, 10, 20, 21, 100])
@pytest.mark.parametrize("networks", [1, 2, 40])
@pytest.mark.parametrize("gamma", [None, 0.0, 0.5, 30.0, np.inf, np.nan])
def test_every_chart_of_every_ensemble(classes: int, networks: int, gamma: float | None) -> None:
    prediction = None if gamma is None else Prediction(np.array([0, 0.5, 2, gamma]), "theory")
    for name, figure in all_figures(ensemble(networks, classes), prediction).items():
        assert figure.layout.title.text and figure.layout.meta["words"].startswith(figure.layout.title.text), name
        assert name in charts.CAPTIONS and figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
        assert all(trace.type in ("scatter", "bar") for trace in figure.data) and len(figure.data) <= 2 * 20
        assert "nan" not in json.dumps(figure.to_plotly_json()["layout"], default=str).lower()
        json.loads(payload(figure))


class TestOutputs:
    def test_a_curve_is_the_histogram_at_its_place(self) -> None:
        e = ensemble(1, 3)
        record = e.records[0]
        curves = [trace for trace in network.outputs(e).data if trace.fill == "tozeroy"]
        favoured = record["guesses"].argmax()
        assert len(curves) == 3 and curves[-1].line.color == ANYWHERE[favoured] and "★" in curves[-1].name
        x, y = (np.asarray(values, float) for values in (curves[-1].x, curves[-1].y))
        assert np.trapezoid(y, x) == pytest.approx(1, rel=1e-5)
        assert np.trapezoid(x * y, x) == pytest.approx(record["centre"][favoured], abs=0.05)

    def test_many_classes_are_few_curves(self) -> None:
        e = ensemble(1, 100)
        figure = network.outputs(e)
        names = [trace.name for trace in figure.data if trace.fill == "tozeroy"]
        best = np.argsort(e.records["guesses"][0])[::-1][:5]
        assert (
            len(names) == 6
            and names[0] == "mean of the other 95"
            and all(str(k) in " ".join(names[1:]) for k in best[:2])
        )
        assert len(next(trace for trace in figure.data if trace.mode == "markers").x) == 95
        mean = figure.data[0]
        assert np.trapezoid(np.asarray(mean.y, float), np.asarray(mean.x, float)) == pytest.approx(1, rel=0.01)

    def test_equal_logits(self) -> None:
        for classes in (4, 30):
            e = ensemble(1, classes)
            e.records["centre"], e.records["spread"] = 0, 0
            e.records["guesses"] = np.eye(classes, dtype=int)[0] * INPUTS
            assert "every input has the same logits" in notes(network.outputs(e))
            json.loads(payload(network.outputs(e)))


class TestGuesses:
    @pytest.mark.parametrize("classes", [2, 5])
    def test_histogram_and_density_are_on_one_scale(self, classes: int) -> None:
        e = ensemble(1500, classes, gamma=0.6)
        figure = charts.guesses(e, 0.6)
        bars, line = figure.data
        assert float(np.sum(bars.y) * bars.width / 0.94) == pytest.approx(1, rel=1e-5) and sum(bars.customdata) == 1500
        expected = np.interp(bars.x, line.x, line.y)
        noise = np.sqrt(np.maximum(expected, 0.05) / (1500 * bars.width))
        assert (np.abs(bars.y - expected) < 4.5 * noise).all()
        measured, theoretical = (shape.x0 for shape in figure.layout.shapes)
        error = e.largest_guess().std() / 1500**0.5
        assert measured == pytest.approx(e.largest_guess().mean()) and abs(measured - theoretical) < 4 * error
        assert f"mean {'larger' if classes == 2 else 'largest'} guess fraction {measured:.4f} ± {error:.4f}" in notes(
            figure
        )

    @pytest.mark.parametrize(
        ("gamma", "words"),
        [(0.2, "neutral (γ < 1)"), (3.0, "prejudiced (1 ≤ γ < 9.47)"), (60.0, "deeply prejudiced (γ ≥ 9.47)")],
    )
    def test_the_regime_is_named(self, gamma: float, words: str) -> None:
        figure = charts.guesses(ensemble(400, 2, gamma))
        assert words in notes(figure) and words in figure.layout.meta["words"]

    @pytest.mark.parametrize("gamma", [0.2, 3.0, 60.0])
    def test_no_cut_of_two_classes_is_stated_for_ten(self, gamma: float) -> None:
        """Those say nothing of ten classes: at gamma = 12 the favoured one gets 77 % of the guesses, not 99 %."""
        e = ensemble(400, 10, gamma)
        text = notes(charts.guesses(e, gamma)) + charts.guesses(e, gamma).layout.meta["words"]
        text += notes(charts.gamma_by_depth(e)) + " ".join(charts.CAPTIONS.values())
        assert not any(cut in text for cut in ("γ < 1", "9.47", "11.9", "75 %", "99 %"))
        expected = theory.expected_max_guess(e.gamma("guesses")[0], 10)
        assert f"expected largest guess fraction {expected:.2f} (1/K = 0.1)" in text
        assert expected == pytest.approx(e.largest_guess().mean(), abs=0.03)

    def test_conditions_are_in_the_title_and_on_the_axis(self) -> None:
        layout = charts.guesses(ensemble(40, 3)).layout
        assert "n = 40" in layout.title.text and f"{INPUTS} inputs" in layout.xaxis.title.text
        assert "n = 40" in charts.gamma_by_depth(ensemble(40, 3)).layout.title.text
        assert f"{INPUTS} inputs" in network.outputs(ensemble(1, 3)).layout.title.text
        assert f"{INPUTS} inputs" in network.class_probabilities(ensemble(1, 3)).layout.yaxis.title.text

    def test_what_is_not_known_is_not_named(self) -> None:
        assert "needs more than one network" in notes(charts.guesses(ensemble(1)))
        assert "neutral or prejudiced" in notes(charts.guesses(ensemble(30, 2, gamma=1.1)))
        two = ensemble(2, 3)
        two.records["guesses"] = [[INPUTS, 0, 0], [20, INPUTS - 40, 20]]
        assert "too few networks to name the regime" in notes(charts.guesses(two))
        one_class = ensemble(4, 3)
        one_class.records["guesses"] = [INPUTS, 0, 0]
        assert "every network gives all its guesses to one class: deeply prejudiced" in notes(charts.guesses(one_class))

    def test_as_many_networks_as_there_may_be(self) -> None:
        few = ensemble(50, 2)
        many = Ensemble(np.tile(few.records, 2000))
        np.testing.assert_allclose(charts.guesses(many).data[0].y, charts.guesses(few).data[0].y, rtol=1e-6)
        assert len(payload(charts.guesses(many))) < 20_000


class TestLaw:
    @pytest.mark.parametrize("classes", [2, 3, 10, 100])
    @pytest.mark.parametrize("gamma", [0.0, 0.3, 3.0])
    def test_it_has_the_mean_that_theory_knows(self, classes: int, gamma: float) -> None:
        law = guess_distribution(gamma, classes, 1000)
        largest = np.maximum(law.quantiles, 1 - law.quantiles) if classes == 2 else law.quantiles
        assert largest.mean() == pytest.approx(law.mean, rel=0.005)
        assert law.mean == pytest.approx(theory.expected_max_guess(finite_sample_gamma(gamma, classes, 1000), classes))
        if classes > 2 or gamma < 1:
            assert np.trapezoid(law.density, law.place) == pytest.approx(1, abs=0.02)

    def test_largest_guess_fractions_are_those_of_the_theory(self) -> None:
        centres = np.random.default_rng(0).normal(size=(2000, 3))
        sampled = theory.guess_fractions(centres, 1.0).max(-1)
        for quantile in (0.25, 0.5, 0.75):
            assert np.quantile(guess_distribution(1.0, 3, 10**9).quantiles, quantile) == pytest.approx(
                np.quantile(sampled, quantile), abs=0.015
            )

    @pytest.mark.parametrize(("classes", "gamma"), [(2, 0.0), (10, 0.0), (10, 0.5)])
    def test_counting_noise(self, classes: int, gamma: float) -> None:
        """400 networks on 200 inputs: the mean largest guess fraction within 4 standard errors, without counting noise
        it would be off by 10."""
        largest = ensemble(400, classes, gamma).largest_guess()
        error = largest.std() / 20
        assert abs(guess_distribution(gamma, classes, INPUTS).mean - largest.mean()) < 4 * error
        if gamma == 0:
            assert largest.mean() - theory.expected_max_guess(gamma, classes) > 10 * error

    def test_ends(self) -> None:
        assert finite_sample_gamma(np.inf, 3, 100) == np.inf and finite_sample_gamma(0.5, 10, 10**9) == pytest.approx(
            0.5, rel=1e-3
        )
        sure = guess_distribution(np.inf, 10, 100)
        assert sure.mean == 1 and not len(sure.place)


class TestDepth:
    def test_points_and_line(self) -> None:
        e, gamma = ensemble(12), np.array([0, 0.5, 2, 6])
        figure = charts.gamma_by_depth(e, Prediction(gamma, "theory"))
        line = next(trace for trace in figure.data if trace.name == "theory")
        np.testing.assert_allclose(line.y[1:], gamma[1:], rtol=1e-6)
        for name, title in (("variance", "measured, ratio of variances"), ("cosine", "measured, cosines")):
            points, (value, error) = (
                next(trace for trace in figure.data if trace.name == title),
                e.gamma_by_depth(name).T,
            )
            np.testing.assert_allclose(points.y[1:], value[1:], rtol=1e-6)
            np.testing.assert_allclose(points.error_y.array[1:], error[1:], rtol=1e-5, atol=1e-12)

    def test_reference_lines_name_the_regimes_of_two_classes_and_the_guess_fractions_of_more(self) -> None:
        two, ten = (charts.gamma_by_depth(ensemble(12, classes)) for classes in (2, 10))
        assert sorted(shape.y0 for shape in two.layout.shapes) == list(theory.regime_cuts(2))
        labels = ("neutral<br>γ < 1", "prejudiced", "deeply prejudiced<br>γ ≥ 9.47")
        assert all(label in notes(two) for label in labels) and "prejudice" not in notes(ten)
        assert [shape.y0 for shape in ten.layout.shapes] == [1, 10]
        for gamma in (1, 10):
            expected = theory.expected_max_guess(gamma, 10)
            assert f"γ = {gamma}: largest<br>guess fraction<br>{expected:.2f}" in notes(ten)

    def test_nothing_is_lost_at_the_edges(self) -> None:
        e = ensemble(12)
        e.records["layer_cosine"][:, 3] = 1
        figure = charts.gamma_by_depth(e, Prediction(np.array([0, 0.5, np.inf, np.nan]), "theory"))
        low, high = (10**end for end in figure.layout.yaxis.range)
        triangles = [
            trace for trace in figure.data if trace.mode == "markers" and not isinstance(trace.marker.symbol, str)
        ]
        symbols = {
            trace.legendgroup: list(zip(trace.x.round(), trace.marker.symbol, strict=True)) for trace in triangles
        }
        assert symbols["theory"] == [(1, "triangle-down-open"), (3, "triangle-up-open")]
        assert symbols["cosine"] == [(1, "triangle-down-open"), (4, "triangle-up-open")]
        assert all((trace.y > low).all() and (trace.y < high).all() for trace in triangles)
        hidden = next(trace for trace in figure.data if trace.name == "measured, cosines")
        assert np.isnan(hidden.y[[0, 3]]).all() and "γ = -0.0001" in hidden.hovertext[0]
        assert "▽ 0 or less" in notes(figure)

    def test_exactly_zero_is_said(self) -> None:
        assert "exactly 0 in every layer" in notes(charts.gamma_by_depth(ensemble(), Prediction(np.zeros(4), "theory")))

    def test_one_network_has_points_without_errors(self) -> None:
        points = next(
            trace for trace in charts.gamma_by_depth(ensemble(1)).data if trace.name == "measured, ratio of variances"
        )
        assert np.isfinite(points.y[1:]).all() and np.isnan(points.error_y.array).all()

    def test_other_networks_have_no_layers(self) -> None:
        with pytest.raises(ValueError, match="layer by layer"):
            charts.gamma_by_depth(ensemble(layers=0))


class TestEveryNetwork:
    def test_each_column_is_divided_among_the_classes_with_the_favoured_one_below(self) -> None:
        e = ensemble(30)
        figure = network.every_network(e)
        heights, below = np.zeros(30), {}
        for trace in figure.data:
            for x, y, base, number in zip(trace.x, trace.y, trace.base, trace.customdata, strict=True):
                heights[int(x)] += y
                assert y == pytest.approx(e.guess_fraction()[number, int(trace.name)], abs=1e-6)
                if base == 0:
                    below[int(x)] = (int(trace.name), y)
        np.testing.assert_allclose(heights, 1, rtol=1e-5)
        assert [k for k, _ in (below[x] for x in range(30))] == sorted(e.guess_fraction().argmax(-1))
        assert list(figure.layout.xaxis.ticktext) == [str(k) for k in sorted({k for k, _ in below.values()})]

    def test_many_networks_and_many_classes_stay_readable(self) -> None:
        few = ensemble(50, 3)
        many = network.every_network(Ensemble(np.tile(few.records, 20)))
        assert many.layout.xaxis.title.text.startswith(f"{network.MAX_COLUMNS} of 1,000 networks")
        assert max(trace.x.max() for trace in many.data) == network.MAX_COLUMNS - 1
        assert len(network.every_network(ensemble(30, 100)).data) <= MAX_LINES

    def test_the_sentence(self) -> None:
        e = ensemble(4, 3)
        e.records["guesses"] = [[INPUTS, 0, 0], [INPUTS // 2, INPUTS // 2, 0]] * 2
        sentence = charts.summary(e, 9).replace("\u00a0", " ")
        assert sentence.startswith("In the first 4 of 9 untrained networks the favoured class gets **75 %** of")
        assert "(50 % to 100 %); 33 % would be even" in sentence


def test_figures_side_by_side_have_one_scale() -> None:
    pair = [network.outputs(e, relative=True) for e in (ensemble(3), ensemble(3, 5))]
    ends = [figure.layout.yaxis.range for figure in pair]
    charts.same_scales(pair, "xaxis", "yaxis")
    assert pair[0].layout.yaxis.range == pair[1].layout.yaxis.range == (0, max(high for _, high in ends))
    assert pair[0].layout.xaxis.range == pair[1].layout.xaxis.range


def test_class_probabilities() -> None:
    e = ensemble(3)
    figure = network.class_probabilities(e, 2)
    np.testing.assert_allclose(figure.data[0].y, e.records["probability"][2], rtol=1e-6)
    favoured = int(e.records["guesses"][2].argmax())
    assert figure.layout.xaxis.ticktext[favoured] == f"<b>{favoured} ★</b>" and figure.layout.shapes[0].y0 == 0.1
    assert network.class_probabilities(ensemble(1, 100)).layout.yaxis.range[1] < 0.5


def test_estimators() -> None:
    e = ensemble(30)
    rows = charts.estimators(e)
    assert [(row["gamma"], row["standard error"]) for row in rows] == [
        e.gamma(name) for name in ("variance", "cosine", "guesses")
    ]
    assert all(row["networks"] == 30 for row in rows)
    assert [row["standard error"] for row in charts.estimators(e[:1])] == [None] * 3
