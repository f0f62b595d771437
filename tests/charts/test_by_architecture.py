"""The figure of many architectures: where each stands, and what has no place on its axes."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz.charts.untrained.by_architecture import HIGH, LOW, by_architecture
from igbviz.spec import ConfigError
from igbviz.studies.architectures import read
from tests.support.architecture_rows import ROWS, STRONG, row


def drawn(rows, name: str, axis: str = "x") -> dict:
    return next(
        trace
        for trace in by_architecture.spec(rows)["data"]
        if trace["name"] == name and trace.get("xaxis", "x") == axis and trace["mode"] == "markers"
    )


def test_where_an_architecture_stands() -> None:
    left, right = (drawn(ROWS, "CIFAR-10, eval mode", axis) for axis in ("x", "x2"))
    assert left["x"][0] == pytest.approx(0.9) and left["error_x"]["array"][0] == pytest.approx(0.05)
    assert (
        right["x"][0] == 4 and right["error_x"]["array"][0] == 1 and list(right["marker"]["symbol"]) == ["circle"] * 2
    )
    assert [round(y) for y in left["y"]] == [0, 1]
    open_marks = drawn(ROWS, "noise, batch statistics")
    assert open_marks["marker"]["symbol"] == "diamond-open" and open_marks["x"][0] == pytest.approx(0.51)
    assert open_marks["marker"]["color"] == drawn(ROWS, "noise, eval mode")["marker"]["color"]


def test_what_has_no_place_on_the_axes() -> None:
    beyond = [row("deep", "noise", "eval", STRONG, (1e6, 1e6)), row("none", "noise", "eval", STRONG, (-0.005, 0.001))]
    marks = drawn([*beyond, ROWS[-1]], "noise, eval mode", "x2")
    assert list(marks["marker"]["symbol"])[:2] == ["triangle-right", "triangle-left"]
    assert marks["x"][0] < HIGH and marks["x"][1] > LOW and list(marks["error_x"]["array"][:2]) == [0, 0]
    assert np.isnan(marks["x"][2]) and np.isnan(drawn([*beyond, ROWS[-1]], "noise, eval mode")["x"][2])
    words = [trace for trace in by_architecture.spec([*beyond, ROWS[-1]])["data"] if trace["mode"] == "text"]
    assert words[0]["text"] == ["equal logits"] and round(words[0]["y"][0]) == 2


def test_every_shipped_row_is_a_dot() -> None:
    spec, rows = by_architecture.spec(), [row for row in read() if not row.pretrained]
    left = [trace for trace in spec["data"] if trace["mode"] == "markers" and "xaxis" not in trace]
    assert sum(len(trace["x"]) for trace in left) == len(rows)
    assert len(spec["layout"]["yaxis"]["ticktext"]) == len({row.architecture for row in rows})
    with pytest.raises(ConfigError, match=r"rows is \[\], allowed: rows of architectures"):
        by_architecture([])
