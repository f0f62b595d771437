"""What the browser draws of an untrained network: a sentence, curves that always fit the plot, and bars."""

from __future__ import annotations

import json

import numpy as np
import pytest

from igbviz.charts.run import MAX_LINES
from igbviz.charts.untrained.preview import untrained
from igbviz.runs.previews import Answer


def answer(classes: int, spread: float = 1.0, guesses: list[int] | None = None) -> Answer:
    middle = np.exp(-0.5 * np.linspace(-4, 4, 32) ** 2)
    return Answer(
        class_names=[f"class {k}" for k in range(classes)],
        guesses=guesses or [10 + k for k in range(classes)],
        centre=[float(k) for k in range(classes)],
        spread=[spread] * classes,
        histogram=[(100 * middle).astype(int).tolist()] * classes,
    )


def test_it_says_who_is_favoured() -> None:
    drawn = untrained(answer(3, guesses=[5, 182, 13]))
    assert drawn["sentence"] == "Before any step it says class 1 for 91\u00a0% of the images; 33\u00a0% would be even."
    assert drawn["values"] == [0.025, 0.91, 0.065] and [bar["strong"] for bar in drawn["bars"]] == [False, True, False]
    assert untrained(answer(2, guesses=[0, 9]))["sentence"] == "Before any step it says class 1 for nearly every image."


@pytest.mark.parametrize(("classes", "spread"), [(2, 1.0), (10, 1e-3), (10, 0.0), (1000, 2.0)])
def test_every_curve_fits_the_plot_and_has_as_many_points(classes: int, spread: float) -> None:
    drawn = untrained(answer(classes, spread))
    json.dumps(drawn, allow_nan=False)
    points = np.array([curve["points"] for curve in drawn["curves"]])
    assert points.shape[1:] == (34, 2) and len(points) <= MAX_LINES
    assert points[:, :, 1].min() >= 0 and points[:, :, 1].max() == 1
    assert all(0 <= curve["centre"] <= 1 for curve in drawn["curves"])
    assert 2 <= len(drawn["ticks"]) <= 7 and all(0 <= place <= 1 for place, _ in drawn["ticks"])
    assert sum(drawn["values"]) == pytest.approx(1) and len(drawn["values"]) == len(drawn["bars"])
    assert sum(curve["strong"] for curve in drawn["curves"]) == 1


def test_a_problem_is_one_sentence() -> None:
    assert untrained(Answer(problem="no such folder")) == {"problem": "Nothing to see before training: no such folder."}
