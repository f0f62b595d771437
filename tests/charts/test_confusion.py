"""The picture of two confusion matrices and their difference."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from igbviz import charts
from igbviz.charts.confusion import difference as scale
from igbviz.spec import ConfigError
from igbviz.trajectory import Trajectory
from tests.support.trajectories import trajectory

A, B = trajectory(30, last_step=100, seed=1), trajectory(17, last_step=300, seed=2)


def test_the_matrices_are_those_of_the_trajectories() -> None:
    """Counted from the last records by step 50, one cell after the other."""
    figure = charts.confusion_difference(A, B, step=50, names=("cross-entropy", "<b>"))
    last_a, last_b = (max((r for r in run.records if r["step"] <= 50), key=lambda r: r["step"]) for run in (A, B))
    for row in range(10):
        for column in range(10):
            a, b = (record["confusion"][row, column] / record["confusion"][row].sum() for record in (last_a, last_b))
            one, other, minus = (trace.z[row][column] for trace in figure.data)
            assert (one, -other, minus) == pytest.approx((a, b, a - b)), "B lies on its own side of the scale"
            words = f"{row} guessed {'right' if row == column else f'as {column}'}: {a:.2f} in A, {b:.2f} in B"
            assert {trace.hovertext[row][column] for trace in figure.data} == {words}
            text = figure.data[2].text[row][column]
            assert float((text or "0").replace("−", "-")) == pytest.approx(a - b, abs=0.00501)
    assert [note.text for note in figure.layout.annotations] == [
        "<b>A: cross-entropy</b>", "<b>B: &lt;b&gt;</b>", "<b>A − B</b>"
    ]  # fmt: skip
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-1, 1)
    assert "they differ most in" in figure.layout.title.text


def test_the_scale_is_symmetric_in_lightness() -> None:
    colors = [color for _, color in charts.confusion_difference.spec(A, B)["layout"]["coloraxis"]["colorscale"]]
    weights = np.array([0.2126, 0.7152, 0.0722])
    light = [weights @ ((np.array(re.findall(r"\d+", color), float) / 255) ** 2.2) for color in colors]
    assert light[20] == pytest.approx(1) and (np.diff(light[:21]) > 0).all() and (np.diff(light[20:]) < 0).all()
    assert abs(light[0] - light[-1]) < 0.1


def test_the_view_in_a_browser_has_the_same_scale() -> None:
    script = (Path(charts.__file__).parent / "js/diverging.js").read_text()
    light = re.search(r"LIGHT = .*", script)[0]
    colors = [tuple(map(int, found)) for found in re.findall(r"(\d+), (\d+), (\d+)", light)]
    assert colors == [scale.MIDDLE, scale.ORANGE, scale.BLUE] and f"** {scale.EXPONENT:g};" in script


def test_many_classes_have_neither_numbers_nor_names() -> None:
    run = trajectory(3, classes=50)
    figure = charts.confusion_difference(run, run)
    assert figure.data[0].text is None and figure.layout.yaxis.showticklabels is False
    assert figure.layout.title.text.startswith("At step 2, both guess the same.")


def test_snapshots_take_the_names_of_the_other_run() -> None:
    named = Trajectory(A.records, tuple("abcdefghij"))
    for runs in ((named, list(B.records)), (list(B.records), named)):
        assert charts.confusion_difference(*runs).layout.yaxis.ticktext == tuple("abcdefghij")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((3, B), "run_a is 3, allowed: a Run, a Trajectory, or a list of snapshots"),
        ((A, A[:0]), "run_b has no probe yet, allowed: a run with at least one"),
        ((A, trajectory(3, classes=4)), "run_b has the classes 0, 1, 2, 3, allowed: those of run_a, 0, 1, 2"),
        ((A, B, -1), "step is -1, allowed: a whole number from 0 on, or None for the last step of both"),
        ((A, B, 1.5), "step is 1.5, allowed: a whole number"),
        ((A, B, 3, "AB"), "names is 'AB', allowed: two texts"),
        ((A, B, 3, None), "names is None, allowed: two texts"),
        ((A, B, 3, ("A",)), "names is ('A',), allowed: two texts"),
    ],
)
def test_wrong_input_is_one_sentence(arguments: tuple, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        charts.confusion_difference(*arguments)
    assert str(error.value).startswith(sentence) and "\n" not in str(error.value)
