"""The figure of escape steps and forces: where each loss stands, and that no name covers another."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz.charts.spectrum.escape_against_force import NO_FORCE, RIGHT, escape_against_force
from igbviz.charts.spectrum.labels import LINE, Label, grouped, stacked, wrapped
from igbviz.spec import ConfigError
from igbviz.studies.escape import contenders, read
from tests.support.escape_rows import row


def test_every_loss_is_a_point_with_its_name() -> None:
    spec = escape_against_force.spec(read())
    line, *dots = spec["data"]
    assert sum(len(trace["x"]) for trace in dots) == len(contenders())
    assert len(line["x"]) == 7 and list(line["y"]) == sorted(line["y"], reverse=True), "from cross-entropy on"
    text = " ".join(note["text"] for note in spec["layout"]["annotations"]).replace("<br>", " ")
    for label in contenders():
        first, _, last = label.partition(", ")
        name = {"mixed": f"λ {last}", "piecewise-zero-soft": f"s {last}"}.get(first, f"{first} {last}".strip())
        assert name in text


def test_where_a_loss_stands() -> None:
    rows = [row("mixed, 0.1", "preset", seed, at) for seed, at in enumerate((10, 100, 100))]
    rows += [row("mae", "preset", seed, None) for seed in range(3)]
    spec = escape_against_force.spec(rows)
    _, others, _, mixtures = spec["data"]
    assert list(mixtures["x"]) == [100] and mixtures["y"] == pytest.approx([0.1])
    assert (mixtures["error_x"]["arrayminus"], mixtures["error_x"]["array"]) == (pytest.approx([90]), [0])
    assert (
        others["x"][0] > 1000 and others["y"] == [NO_FORCE] and spec["layout"]["xaxis"]["tickvals"][-1] == others["x"]
    )
    assert "3 of 3 escaped" in mixtures["hovertext"][0] and "100 (10 to 100)" in mixtures["hovertext"][0]
    with pytest.raises(ConfigError, match="rate is 'mine', allowed: one of"):
        escape_against_force(rows, "mine")


def test_no_name_in_the_margin_covers_another_or_leaves_it() -> None:
    layout = escape_against_force.spec(read())["layout"]
    names = [note for note in layout["annotations"] if note.get("xref") == "paper" and note["x"] == 1]
    plot = layout["height"] - layout["margin"]["t"] - layout["margin"]["b"]
    spans = sorted((note["y"] * plot, LINE * (1 + note["text"].count("<br>"))) for note in names)
    assert len(spans) > 3
    for (low, tall), (high, taller) in zip(spans, spans[1:], strict=False):
        assert high - low >= (tall + taller) / 2 - 1e-9
    assert all(len(line) * 7 < RIGHT for note in names for line in note["text"].split("<br>"))


def test_labels() -> None:
    assert wrapped(["aa", "bb", "cccc"], 6) == ["aa,", "bb,", "cccc"] and wrapped(["aa", "bb"], 7) == ["aa, bb"]
    assert grouped([5.0, 1.0, 5.5, 30.0], 1.0) == [[1], [0, 2], [3]] and grouped([], 1.0) == []
    apart = [Label(["a"], 10.0), Label(["b"], 200.0)]
    assert stacked(apart, 0) == apart
    a, b = stacked([Label(["a"], 100.0), Label(["b", "b"], 101.0)], 0)
    assert b.height - a.height == pytest.approx(1.5 * LINE) and a.height < 100 < 101 < b.height
    assert stacked([Label(["a"], -50.0)], 0)[0].height == LINE / 2
    random = np.random.default_rng(0)
    placed = stacked([Label(["x"], height) for height in np.sort(random.uniform(0, 300, 12))], 0)
    assert (np.diff([label.height for label in placed]) >= LINE - 1e-9).all()
