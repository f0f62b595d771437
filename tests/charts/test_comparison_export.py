"""Export of a comparison, and the size of its figures in a browser."""

from __future__ import annotations

import base64
import io
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from igbviz.charts.comparison_export import FORMATS, View, alike, frame, html, spec
from igbviz.studies import comparison
from igbviz.studies.comparison import Member
from igbviz.ui.live_chart import payload
from tests.support.stored_runs import BASE, STEPS, family, members, stored, story


def test_runs_with_other_classes_get_a_sentence(tmp_path: Path) -> None:
    three = Member.read(stored(BASE.with_(seed=1), tmp_path, story(classes=3)))
    ten = Member.read(stored(BASE, tmp_path, story()))
    named = Member.read(stored(BASE.with_(seed=2), tmp_path, story(), names=list("abcdefghij")))
    same, sentences = alike([ten, three, named])
    assert same == [ten, named] and len(sentences) == 2
    assert three.run in sentences[0] and "3 classes" in sentences[0] and named.run in sentences[1]
    settings = comparison.settings([ten, three, named])
    # two headings; a title, a verdict and a mark at epoch 1 per row
    assert len(spec(settings, View())["layout"]["annotations"]) == 2 + 2 * 3
    assert len(frame(settings, View())) == len(STEPS) * 10 * 2 + len(STEPS) * 3


@pytest.mark.parametrize(
    "view", [View(), View("overlay"), View("overlay", collapse=False), View("overlay", "escape"), View("table")]
)
def test_what_is_shown_can_be_exported(view: View, tmp_path: Path) -> None:
    settings = comparison.settings(members(family(tmp_path, 2)))
    table = pd.read_csv(io.BytesIO(FORMATS["CSV"][2](settings, view)))
    again = pd.read_parquet(io.BytesIO(FORMATS["Parquet"][2](settings, view)))
    assert list(table.columns) == list(again.columns) and len(table) == len(again)
    assert set(table["setting"]) == {setting.label for setting in settings}
    page = html(settings, view).decode()
    assert "Cross-entropy" in page and ("Plotly.newPlot" in page) == (view.tab != "table")


def test_a_plain_dictionary_is_sent_as_plotly_would(tmp_path: Path) -> None:
    figure = spec(comparison.settings(members(family(tmp_path, 1))), View())
    ours, theirs = (json.loads(payload(one)) for one in (figure, go.Figure(figure)))

    def numbers(sent: dict, trace: int, axis: str) -> list[float]:
        array = sent["shared"][sent["data"][trace][axis]["$shared"]]
        return np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"]).tolist()

    last = len(figure["data"]) - 1
    for axis in ("x", "y", "customdata"):
        assert numbers(ours, last, axis) == numbers(theirs, last, axis) == np.ravel(figure["data"][last][axis]).tolist()


def test_thirty_runs_are_under_a_megabyte(tmp_path: Path) -> None:
    """Of maximal length: a figure draws 200 probes of ten classes."""
    steps = np.unique(np.concatenate([[0], np.geomspace(1, 1e5, 400).round().astype(int)]))
    runs = [stored(BASE.with_(seed=seed, epochs=1000), tmp_path, story(seed, steps=steps)) for seed in range(30)]
    begun = time.process_time()
    settings = comparison.settings(members(runs))
    sizes = [
        len(payload(spec(settings, view)))
        for view in (View(), View("overlay", collapse=False), View("overlay", "escape"))
    ]
    assert max(sizes) < 1_000_000 and time.process_time() - begun < 2, (sizes, time.process_time() - begun)
