"""The figure of imbalance and depth: colors, numbers and the cells within noise."""

from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from igbviz.charts.dynamics.imbalance_map import FAINT_INK, INK, NOISE, SCALE, imbalance_map
from igbviz.spec import ConfigError
from igbviz.studies.imbalance_map import QUANTITIES, Measured, cells, read
from igbviz.ui.live_chart import payload
from tests.support.colors import contrast
from tests.support.imbalance_rows import measured


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_shipped_map(quantity: str) -> None:
    spec, found = imbalance_map.spec(quantity), cells(read().rows, quantity)
    noise, clear = (np.array(trace["z"]) for trace in spec["data"])
    assert (np.isfinite(noise) != np.isfinite(clear)).all(), "each cell is in one of them"
    drawn = np.where(np.isfinite(clear), clear, noise).ravel()
    assert drawn == pytest.approx([cell.difference for cell in found])
    assert np.isfinite(noise).ravel().tolist() == [cell.within_noise for cell in found]
    top = spec["data"][1]
    assert top["zmin"] == -top["zmax"] and top["zmax"] == pytest.approx(np.abs(drawn).max())
    assert top["reversescale"] == (quantity == "alive"), "orange is worse: less, or later"
    layout = spec["layout"]
    assert layout["xaxis"]["ticktext"][0] == "2<br>γ 0.6" and layout["yaxis"]["ticktext"][-1] == "100 to 1"
    assert "cells differ by more than noise" in layout["meta"]["words"]
    go.Figure(spec)
    json.loads(payload(spec))


def test_numbers_stand_in_their_cells() -> None:
    spec = imbalance_map.spec("minority", measured(lambda depth, ratio, seed: -0.1 * (depth == 10) + 0.01 * (seed - 1)))
    key, *numbers = spec["layout"]["annotations"]
    assert "orange: lower" in key["text"] and "gray: within noise" in key["text"]
    texts = {(note["x"], note["y"]): note["text"] for note in numbers}
    assert texts[1, 2] == "<b>−0.10</b><br>± 0.01" and texts[0, 0] == "0.00<br>± 0.01" and len(texts) == 6
    assert "within noise" in spec["data"][0]["hovertext"][0][0]
    corner = spec["data"][1]["hovertext"][2][1]
    assert corner.startswith("depth 10, 100 to 1, 3 networks<br>favoured in the majority: 0.300")


def test_the_numbers_can_be_read_on_every_color() -> None:
    assert min(contrast(INK, color) for _, color in SCALE) > 6 and contrast(FAINT_INK, NOISE) > 4.5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("luck",), "quantity is 'luck', allowed: one of accuracy, alive, majority, minority"),
        (("accuracy", 3), "measured is 3, allowed: what igbviz.studies.imbalance_map.read returns"),
        (("accuracy", Measured((), {}, {})), "measured has fewer than two networks that are trained in every cell"),
        (("accuracy", Measured(read().rows[:1], {}, {})), "measured has fewer than two networks"),
    ],
)
def test_wrong_input_is_one_sentence(arguments: tuple, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        imbalance_map(*arguments)
    assert str(error.value).startswith(sentence) and "\n" not in str(error.value)
