"""The figures of the rule of the mean and of hidden nodes: what is drawn where, and what the sentences say."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz import charts, theory
from igbviz.charts.untrained import hidden_nodes, shift
from igbviz.spec import ConfigError


def named(spec: dict, name: str) -> dict:
    return next(trace for trace in spec["data"] if trace["name"] == name)


def test_the_lines_are_gamma_against_the_mean() -> None:
    spec = charts.gamma_against_mean.spec("tanh", "shift", 0.5, depth=3)
    line = named(spec, "tanh: after the first hidden layer")
    lowest = np.argmin(line["y"])
    assert line["y"][lowest] < 1e-9 and abs(line["x"][lowest]) < 1e-9
    curve = theory.shift_curve("tanh", 0.5, depth=3)
    x, y = named(spec, "a = 0.5")["x"], named(spec, "a = 0.5")["y"]
    gammas = np.array([curve.gamma, curve.logit_gamma])
    assert np.allclose(x, curve.mean) and np.allclose(y, gammas / (1 + gammas))
    assert len(named(spec, "drawn networks")["x"]) == 5, "not of the logits: those were of ten layers"


def test_networks_with_other_weights_have_no_dots() -> None:
    names = [trace["name"] for trace in charts.gamma_against_mean.spec("relu", sigma_w2=1.0)["data"]]
    assert "drawn networks" not in names and "tanh" in names


def test_the_function_is_drawn_with_its_mean() -> None:
    spec = charts.shifted_activation.spec("relu", "offset", 0.3)
    mean = 1 / np.sqrt(np.pi) - 0.3  # E relu over N(0, 2)
    assert spec["layout"]["shapes"][-1]["y0"] == pytest.approx(mean, abs=1e-6)
    assert "mean over the data: 0.26" in spec["layout"]["annotations"][-2]["text"]
    assert spec["layout"]["title"]["text"] == "ReLU(x) − 0.30"
    line = named(spec, "φ(x) − 0.30")
    assert np.allclose(line["y"], np.maximum(line["x"], 0) - 0.3)


def test_the_sentences_follow_the_numbers() -> None:
    def said(*setting: object) -> str:
        return shift.sentence(*setting[:3], shift.at(*setting), setting[-1])

    assert said("tanh", "shift", 0.0, 2.0, 0.0, 10).startswith(
        "tanh as φ(x): a node of the first hidden layer has mean 0"
    )
    assert "the bias after it is zero (γ = 0)" in said("relu", "offset", 0.5642, 2.0, 0.0, 10)
    assert "the mean is −0.28, and the logits have γ = 3.55" in said("relu", "offset", 0.5642, 2.0, 0.0, 10)
    assert "comes from the random biases" in said("tanh", "offset", 0.0, 2.0, 0.1, 10)
    assert "the signal dies" in said("relu", "shift", 1.0, 2.0, 0.0, 10)
    assert "never negative" in shift.advice("relu", "shift", 2.0, 0.0)
    assert "zero, up to 10." in shift.advice("gelu", "shift", 25.0, 0.0), "its outputs are negative somewhere"
    assert "zero at a = 0.87" in shift.advice("gelu", "shift", 1.0, 0.0)
    assert "every shift triggers a bias" in shift.advice("tanh", "shift", 2.0, 0.0)
    assert "zero at a = 0.56" in shift.advice("relu", "offset", 2.0, 0.0)
    assert shift.advice("relu", "offset", 2.0, 0.1).endswith("but for what comes from the random biases.")


def test_every_node_has_a_ridge_and_its_mean() -> None:
    spec = charts.hidden_nodes.spec(["neutral", "prejudiced"])
    for axis, name in (("x", "neutral"), ("x2", "prejudiced")):
        layer = hidden_nodes.hidden.read()[name]
        *ridges, means = [trace for trace in spec["data"] if trace["xaxis"] == axis]
        assert len(ridges) == 12 and np.allclose(means["x"], layer.mean)
    titles = [annotation["text"] for annotation in spec["layout"]["annotations"]]
    assert titles[0].startswith("<b>tanh: neutral</b>") and titles[1].startswith("<b>ReLU: prejudiced</b>")


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: charts.gamma_against_mean("sine"), "activation is 'sine', allowed"),
        (lambda: charts.shifted_activation("relu", "scale"), "of is 'scale', allowed"),
        (lambda: charts.shifted_activation("relu", amount=11), "amount is 11, allowed: a number from -10 to 10"),
        (lambda: charts.gamma_against_mean("relu", sigma_w2=0.0), "sigma_w2 is 0.0, allowed: a number above 0"),
        (lambda: charts.gamma_against_mean("relu", depth=0), "depth is 0, allowed: a whole number of at least 1"),
        (lambda: charts.hidden_nodes("neutral"), "networks is 'neutral', allowed: a list"),
        (lambda: charts.hidden_nodes(["deep"]), "networks is 'deep', allowed"),
    ],
)
def test_wrong_arguments(draw, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        draw()
