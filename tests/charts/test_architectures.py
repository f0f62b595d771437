"""Architectures beside each other: every number of the figure is that of its ensemble."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import igbviz
from igbviz import theory
from igbviz.ensembles import Ensemble, ensemble_dtype
from igbviz.ensembles.verdict import with_error
from igbviz.spec import ConfigError


def ensemble(gamma: float, classes: int = 10, networks: int = 40, inputs: int = 300) -> Ensemble:
    rng = np.random.default_rng(0)
    records = np.zeros(networks, ensemble_dtype(classes))
    for record in records:
        logits = rng.normal(0, gamma**0.5, classes) + rng.normal(size=(inputs, classes))
        record["guesses"] = np.bincount(logits.argmax(-1), minlength=classes)
        record["centre"], record["spread"] = logits.mean(0), logits.std(0)
        record["cosine"] = theory.mean_cosine(logits - logits.mean(-1, keepdims=True))
    return Ensemble(records)


ROWS = {"<b>plain": ensemble(0.0), "wide": ensemble(1.0, networks=500), "two": ensemble(3.0, 2), "all": ensemble(1e6)}


def test_values() -> None:
    figure = igbviz.charts.architectures(ROWS)
    dots, chance, predicted, means, gammas = figure.data
    for i, (name, e) in enumerate(ROWS.items()):
        own = np.abs(np.asarray(dots.y) - i) < 0.3
        assert 30 <= own.sum() <= 200 and set(np.asarray(dots.x)[own]) <= set(e.largest_guess().astype(np.float32))
        assert means.x[i] == pytest.approx(e.largest_guess().mean(), rel=1e-6)
        error = e.largest_guess().std(ddof=1) / len(e) ** 0.5
        assert means.error_x.array[i] == pytest.approx(error, rel=1e-5)
        assert abs(predicted.x[i] - means.x[i]) < 0.01 + 4 * error, name
        gamma, error = e.gamma("guesses")
        if 0.1 < gamma < 100:
            assert gammas.x[i] == pytest.approx(gamma, rel=1e-6) and gammas.marker.symbol[i] == "circle"
            assert gammas.error_x.array[i] == pytest.approx(error, rel=1e-5)
    assert chance.x[0] == pytest.approx(means.x[0], abs=0.005) and chance.x[2] == pytest.approx(0.523, abs=0.002)
    assert gammas.marker.symbol[3] == "triangle-right-open" and gammas.text[3] == with_error(
        *ROWS["all"].gamma("guesses")
    )
    names = figure.layout.yaxis.ticktext
    assert [re.sub("<.*?>", "|", name) for name in names] == [
        "|&lt;b&gt;plain||not prejudiced", "|wide||prejudiced", "|two||prejudiced", "|all||deeply prejudiced",
    ]  # fmt: skip
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first on top
    assert "wide: Prejudiced: on average" in figure.layout.meta["words"]


def test_one_network_has_no_error() -> None:
    figure = igbviz.charts.architectures({"one": ensemble(1.0, networks=1)})
    assert (
        np.isnan(figure.data[3].error_x.array).all() and "unknown from one network" in figure.layout.yaxis.ticktext[0]
    )


def test_equal_logits_are_no_guess() -> None:
    equal = ensemble(1.0)
    equal.records["centre"], equal.records["spread"], equal.records["cosine"] = 0, 0, 0
    equal.records["guesses"] = np.eye(10, dtype=int)[0] * 300
    dots, _, predicted, means, gammas = igbviz.charts.architectures({"zero": equal}).data
    assert all(np.isnan(np.asarray(trace.x)).all() for trace in (dots, predicted, means, gammas))
    assert means.text == gammas.text == ("",)


def test_guesses_have_the_law_of_the_measured_logits() -> None:
    e = ROWS["wide"]
    gamma = e.gamma("cosine")[0]
    bars, law = igbviz.charts.guesses(e).data
    assert law.name == f"theory at γ = {gamma:.3g}" and len(igbviz.charts.guesses(e, None).data) == 1


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({}, r"ensembles is \{\}, allowed: a dict of names and ensembles"),
        ([ROWS["two"]], r"ensembles is \[<Ensemble.*, allowed: a dict"),
        ({"x": 3}, r"ensembles\['x'\] is 3, allowed: the Run of an ensemble, an Ensemble"),
    ],
)
def test_one_sentence(value: Any, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        igbviz.charts.architectures(value)
