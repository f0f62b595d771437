"""Class names that are markup to plotly show as they were typed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from igbviz.charts import robustness as robustness_charts
from igbviz.charts import run as charts
from igbviz.charts.dynamics import groups
from igbviz.charts.image_histogram import image_bars
from igbviz.charts.network import class_probabilities, every_network, outputs
from igbviz.charts.style import literal
from igbviz.config import RunConfig
from igbviz.ensembles import Ensemble, EnsembleConfig
from igbviz.ensembles.networks import network_sampler
from igbviz.studies import robustness
from igbviz.studies.dynamics import starts
from igbviz.training.devices import device_of
from igbviz.trajectory import Trajectory
from tests.support.noisy_runs import NOISE, sweep_of_three
from tests.support.short_trainings import seeds
from tests.support.stored_runs import crowded

NAMES = ("<b>", "x<sub>1", "a & b %{y}")
SHOWN = ("&lt;b&gt;", "x&lt;sub&gt;1", "a &amp; b %&#123;y}")


def texts(figure) -> str:
    """All texts of a figure that plotly reads as markup."""
    values = json.loads(figure.to_json()) if hasattr(figure, "to_json") else figure
    values.get("layout", {}).pop("meta", None)  # for screen readers: as typed
    for trace in values["data"]:
        trace.pop("legendgroup", None)
    return json.dumps(values, ensure_ascii=False, default=np.ndarray.tolist)


def test_a_name_is_escaped_once() -> None:
    assert tuple(map(literal, NAMES)) == SHOWN


@pytest.mark.parametrize("draw", [charts.curves, charts.bars])
def test_charts_of_a_run(draw) -> None:
    drawn = texts(draw(Trajectory(crowded().records, NAMES)))
    assert all(name in drawn for name in SHOWN) and not any(name in drawn for name in NAMES[1:])


def test_the_histogram_of_images() -> None:
    names = [bar["name"].removesuffix(" ★") for bar in image_bars(Trajectory(crowded().records, NAMES), 0, None, True)]
    assert names == list(SHOWN)


def test_charts_of_a_network() -> None:
    config = EnsembleConfig(
        dataset={"name": "gaussian-noise", "size": 8, "train_examples": 4, "test_examples": 30, "classes": 3},
        model={"name": "mlp", "depth": 2, "width": 8}, networks=2, inputs=30,
    )  # fmt: skip
    records = [record for batch in network_sampler(config, device_of("cpu")).record_batches() for record in batch]
    ensemble = Ensemble(np.array(records), NAMES)
    for draw in (every_network, outputs, class_probabilities):
        drawn = texts(draw(ensemble))
        assert any(name in drawn for name in SHOWN) and not any(name in drawn for name in NAMES[1:]), draw


def test_charts_of_many_short_trainings() -> None:
    named = [
        replace(setting, label=name)
        for setting, name in zip(starts([*seeds([0.5], 0.2), *seeds([0.7], 0.9, first=2)]), NAMES, strict=True)
    ]
    for draw in (groups.over_time, groups.result_against_start):
        drawn = texts(draw(named, "balanced_accuracy", 10))
        assert SHOWN[0] in drawn and not any(name in drawn for name in NAMES[1:]), draw


def test_charts_of_robustness(tmp_path: Path) -> None:
    sweep, runs = sweep_of_three(tmp_path)
    settings = robustness.settings(sweep, [robustness.read(run) for run in runs])
    named = [replace(setting, label=name) for setting, name in zip(settings, NAMES, strict=True)]
    summaries = robustness.summaries(named, NOISE)
    for figure in (
        robustness_charts.over_time.spec(named, NOISE),
        robustness_charts.trade_off.spec(named, NOISE, summaries=summaries),
    ):
        drawn = texts(figure)
        assert all(name in drawn for name in SHOWN[:2]) and not any(name in drawn for name in NAMES[1:])


def test_ordinary_names_are_unchanged() -> None:
    assert RunConfig().dataset.facts().class_names and literal("T-shirt/top 100 %") == "T-shirt/top 100 %"
