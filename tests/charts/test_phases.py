"""The measured pictures of the phase diagram: every number is drawn, in the color of its phase."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from igbviz.charts.phases.bridge import correlation_against_gamma
from igbviz.charts.phases.line import STRIP, accuracy_against_gamma
from igbviz.charts.phases.style import PHASES
from igbviz.spec import ConfigError
from igbviz.studies.phases import bridge, line
from igbviz.ui.live_chart import payload


def test_every_layer_is_a_point_beside_the_curve() -> None:
    rows = bridge.read()[0]
    curve, *settings = correlation_against_gamma.spec()["data"]
    assert np.allclose(curve["y"], 1 / (1 + 1 / curve["x"]))
    drawn = {(x, y) for trace in settings for x, y in zip(trace["x"], trace["y"], strict=True)}
    assert drawn == {(row.gamma, row.c) for row in rows} and len(settings) == len(bridge.POINTS)
    for trace in settings:
        (color,) = (color for name, color in PHASES.items() if trace["name"].endswith(name))
        assert trace["marker"]["color"] == trace["error_x"]["color"] == color and all(trace["error_y"]["array"])
    assert curve["x"].min() < min(row.gamma for row in rows) and curve["x"].max() > max(row.gamma for row in rows)


def test_a_layer_whose_norms_differ_is_named() -> None:
    notes = [note["text"] for note in correlation_against_gamma.spec()["layout"]["annotations"]]
    assert [note for note in notes if "norms" in note] == ["GELU, layer 20:<br>norms differ"]
    tanh = [row for row in bridge.read()[0] if row.activation == "tanh"]
    assert not any("norms" in note["text"] for note in correlation_against_gamma.spec(tanh)["layout"]["annotations"])


@pytest.mark.parametrize("activation", line.SIGMA_W2)
@pytest.mark.parametrize("rate", line.RATES)
def test_every_seed_is_a_dot_and_the_mean_a_line(activation: str, rate: float) -> None:
    data = accuracy_against_gamma.spec(activation, rate)["data"]
    rows = [row for row in line.read().rows if (row.activation, row.learning_rate) == (activation, rate)]
    gamma = {(start.activation, start.sigma_w2): start.gamma for start in line.read().starts}
    for number, steps in enumerate(line.STEPS):
        (dots,) = (trace for trace in data if trace.get("name") == f"{steps} steps")
        drawn = sorted(zip(dots["x"], dots["y"], strict=True))
        assert drawn == sorted(
            (gamma[activation, row.sigma_w2], row.accuracy[number]) for row in rows if row.accuracy[number] is not None
        )
    ordered, chaotic = (trace for trace in data if trace["mode"] == "lines" and trace["line"]["width"] == 3.5)
    assert (ordered["line"]["color"], chaotic["line"]["color"]) == (PHASES["ordered"], PHASES["chaotic"])
    assert ordered["x"][-1] == chaotic["x"][0], "they meet on the edge"
    on_edge = [row.accuracy[1] for row in rows if gamma[activation, row.sigma_w2] == chaotic["x"][0]]
    assert ordered["y"][-1] == pytest.approx(np.mean(on_edge)) and not np.isnan(ordered["y"]).any()
    assert min(ordered["x"]) == ordered["x"][-1] and max(chaotic["x"]) == chaotic["x"][0], "a larger gamma is ordered"
    (strip,) = (trace for trace in data if list(trace["y"])[:1] == [STRIP])
    assert len(strip["x"]) == len(line.SIGMA_W2[activation])


def test_where_a_seed_diverged_there_is_a_cross_and_no_mean() -> None:
    measured = line.read()
    rows = [
        replace(row, accuracy=(0.3, None), diverged=200) if (row.sigma_w2, row.seed) == (4.0, 1) else row
        for row in measured.rows
    ]
    figure = accuracy_against_gamma.spec("tanh", 0.003, replace(measured, rows=tuple(rows)))
    (cross,) = (trace for trace in figure["data"] if trace.get("name") == "seeds diverged")
    assert "1 of" in cross["hovertext"][0] and "σ²w = 4" in cross["hovertext"][0]
    chaotic = [trace for trace in figure["data"] if trace["mode"] == "lines"][3]
    assert np.isnan(chaotic["y"][-1]) and not np.isnan(chaotic["y"][:-1]).any()
    json.loads(payload(figure))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gelu", 0.003), "activation is 'gelu', allowed: one of relu, tanh"),
        (("tanh", 0.5), "rate is 0.5, allowed: one of 0.003, 0.03"),
    ],
)
def test_what_was_not_measured_is_refused(arguments: tuple, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace(".", r"\.")):
        accuracy_against_gamma(*arguments)
