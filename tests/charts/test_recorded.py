"""Recorded runs in every figure and file: what is unknown of them is left out, and nothing of it is NaN in a text."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from igbviz.charts import run_export
from igbviz.charts.comparison import grid, overlay
from igbviz.charts.comparison_export import FORMATS, View, frame
from igbviz.charts.escape import escapes
from igbviz.charts.run import bars, run_curves
from igbviz.charts.stage import scene
from igbviz.studies.comparison import Member, difference_table, labels, run_table, settings, titles
from igbviz.trajectory.quantities import QUANTITIES
from igbviz.ui.live_chart import payload
from tests.support.recorded_runs import recorded, watched_outside
from tests.support.stored_runs import BASE, stored, story


@pytest.fixture(params=[0, 100], ids=["unknown epochs", "known epochs"])
def per_epoch(request) -> int:
    return request.param


def test_the_stage_has_the_units_that_are_known(per_epoch: int, tmp_path: Path) -> None:
    run = recorded(tmp_path, watched_outside(per_epoch, has_loss=False))
    fixed = json.loads(scene(run.glance(), run.config, steps_per_epoch=run.steps_per_epoch))["fixed"]
    assert set(fixed["axes"]) == ({"step", "epoch"} if per_epoch else {"step"}) and not fixed["marks"]
    assert fixed["axes"]["step"]["range"][1] == pytest.approx(2.6, abs=0.1), "400 steps"
    assert (fixed["axes"]["step"]["first_epoch"] is None) == (not per_epoch)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_is_drawn(quantity: str, per_epoch: int, tmp_path: Path) -> None:
    run = recorded(tmp_path, watched_outside(per_epoch, has_loss=False))
    figure = run_curves(run.glance(), run.config, quantity, steps_per_epoch=run.steps_per_epoch)
    text = payload(figure)
    assert "nan" not in text.lower() and ("epoch %" in text) == bool(per_epoch)
    assert ("optimizer steps" in text) == (not per_epoch)


def test_a_bar_names_its_step(per_epoch: int) -> None:
    assert ("epoch" in bars(watched_outside(per_epoch), 5).to_json()) == bool(per_epoch)


def test_it_is_written_as_every_file(per_epoch: int, tmp_path: Path) -> None:
    run = recorded(tmp_path, watched_outside(per_epoch, has_loss=False))
    table = pd.read_csv(io.BytesIO(run_export.csv(run)), encoding="utf-8-sig")
    assert len(table) == 10 * len(run.trajectory()) and table["signal"].isna().all()
    assert table["epoch"].isna().all() == (not per_epoch)
    assert len(pd.read_parquet(io.BytesIO(run_export.parquet(run)))) == len(table)
    assert run.id in run_export.html(run).decode() and json.loads(run_export.json(run))["title"] == "my own loop"
    assert Image.open(io.BytesIO(run_export.gif(run))).n_frames > 5
    assert f'igbviz.Run.open("{run.id}")' in run_export.python_lines(run.config)


@pytest.fixture
def members(per_epoch: int, tmp_path: Path) -> list[Member]:
    runs = [
        stored(BASE, tmp_path, story()),
        stored(BASE.with_(seed=1), tmp_path, story(seed=1)),
        recorded(tmp_path, watched_outside(per_epoch)),
        recorded(tmp_path, watched_outside(per_epoch, has_loss=False), title="with a seed", seed=5),
    ]
    return [Member.read(run) for run in runs]


def test_it_is_compared_with_a_training(members: list[Member], per_epoch: int) -> None:
    found = settings(members)
    assert [setting.label for setting in found][1:] == ["my own loop (recorded)", "with a seed (recorded)"]
    names = list(titles(found).values())
    assert names[0].endswith(" · seed 0") and names[2:] == ["my own loop (recorded)", "with a seed (recorded) · seed 5"]
    for unit in ("epoch", "step"):
        for figure in (
            grid(found, [member.run for member in members], unit),
            overlay(found, "balanced_accuracy", unit),
            overlay(found, "silent", unit, collapse=False),
            escapes(found, unit),
        ):
            text = payload(figure)
            assert "nan" not in text.lower()
            assert ("optimizer steps" in text) == (unit == "step" or not per_epoch)


def test_the_tables_say_what_is_unknown(members: list[Member]) -> None:
    found = settings(members)
    table = difference_table(found)
    assert list(table["seeds"]) == ["0, 1", "unknown", "5"] and list(table["title"])[1] == "my own loop"
    assert not any("content" in column for column in table) and list(table["loss.name"])[1] == "FocalLoss(gamma=2)"
    seeds = run_table(found)["seed"]
    assert seeds.dtype == "Int64" and seeds.isna().tolist() == [False, False, True, False]
    for tab in ("grid", "overlay", "table"):
        for name, (_, _, make) in FORMATS.items():
            if name != "PDF":
                assert make(found, View(tab, collapse=False))
        assert len(frame(found, View(tab)))


def test_runs_of_one_title_are_told_apart(tmp_path: Path) -> None:
    configs = [recorded(tmp_path, watched_outside(even_from=step)).config for step in (10, 50)]
    first, second = labels(configs)
    assert first != second and first.startswith("my own loop (recorded ")
