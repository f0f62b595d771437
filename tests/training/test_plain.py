"""The plain PyTorch loop of the benchmarks gives the same trajectory: their timings compare the same work."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from igbviz.config import RunConfig
from igbviz.training.loop import Training
from tests.benchmarks import plain
from tests.benchmarks.against import Case, measure, plain_way
from tests.benchmarks.choices import compare as compare_ways
from tests.benchmarks.choices import probes, steps

CPU = torch.device("cpu")

VARIANTS = {
    "mlp": {},
    "BatchNorm": {"model": {"name": "cnn", "depth": 2, "width": 4, "normalization": "batch"}, "batch_size": 20},
    "every batch": {"probes": {"size": 60, "schedule": "batch"}, "epochs": 1.5},
    "standardised": {"dataset": {"name": "fashion-mini", "examples_per_class": 8}},
    "raw": {
        "dataset": {"name": "fashion-mini", "examples_per_class": 8, "scaling": "raw"},
        "optimizer": {"name": "sgd", "learning_rate": 1e-5},
    },
}


def compare(config: RunConfig) -> None:
    training = Training(config, "cpu")
    ours = [tick for tick in training.ticks() if tick is not None]
    way = plain_way(config, CPU)
    steps = set(training.probe_steps.tolist())
    theirs = list(plain.train(way.network, way.train_loader, way.test_loader, way.optimizer, way.classes, steps, CPU))
    assert [record["step"] for record in ours] == [step for step, *_ in theirs] and len(ours) > 10
    for record, (_, loss, probability, confusion) in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(record["mean_prob"], probability, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(record["train_loss"], loss, rtol=1e-4)
        moved = np.abs(record["confusion"] - confusion).sum()
        assert moved <= 2, "at most one image, tied between two classes, may be guessed differently"
    assert np.abs(ours[-1]["mean_prob"] - ours[0]["mean_prob"]).max() > 0.01, (
        "without learning, any two loops would agree"
    )


@pytest.mark.parametrize("change", VARIANTS.values(), ids=VARIANTS)
def test_the_plain_way_gives_our_trajectory(tiny: RunConfig, change: dict) -> None:
    compare(tiny.with_(**change))


@pytest.mark.parametrize("scaling", ["raw", "unit", "standardised"])
def test_grey_pictures_come_out_alike(
    tiny: RunConfig, scaling: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IGBVIZ_DATA", str(tmp_path / "data"))
    colours = np.random.default_rng(0)
    for part, images in (("train", 6), ("test", 4)):
        for label in "abc":
            (folder := tmp_path / "pictures" / part / label).mkdir(parents=True)
            for number in range(images):
                Image.fromarray(colours.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    dataset = {"name": "image-folder", "folder": str(tmp_path / "pictures"), "grayscale": True, "scaling": scaling}
    rate = {"name": "sgd", "learning_rate": 1e-5 if scaling == "raw" else 0.1}
    compare(tiny.with_(dataset=dataset, batch_size=4, epochs=4, probes={"size": "all", "count": 12}, optimizer=rate))


def test_a_case_is_measured_and_written(tiny: RunConfig, capsys: pytest.CaptureFixture) -> None:
    row = json.loads(json.dumps(measure("tiny", Case(tiny, steps=3, repeats=2), CPU)))
    pixels, width, classes = 64, 16, 3
    forward = 2 * (pixels * width + width * width + width * classes)
    backward = 2 * forward - 2 * pixels * width  # the images need no gradient
    assert row["gflop"] == pytest.approx((3 * 16 * (forward + backward) + 60 * forward) / 1e9)
    assert {way: len(pairs) for way, pairs in row["seconds"].items()} == dict.fromkeys(
        ("plain", "ours", "floor", "limit"), 2
    )
    assert all(value > 0 for pairs in row["seconds"].values() for pair in pairs for value in pair.values())
    plainly, ours = ([sum(pair.values()) for pair in row["seconds"][way]] for way in ("plain", "ours"))
    assert row["ratios"]["plain / ours"]["median"] == pytest.approx((plainly[0] / ours[0] + plainly[1] / ours[1]) / 2)
    assert "3 steps and a probe of 60 images" in capsys.readouterr().out


def test_other_ways_are_measured_beside_the_engines(tiny: RunConfig, capsys: pytest.CaptureFixture) -> None:
    rows = [
        row
        for ways in (steps(tiny, CPU), probes(tiny, CPU))
        for row in compare_ways("tiny", ways, CPU, times=1, repeats=2)
    ]
    output = capsys.readouterr().out
    assert len(output.splitlines()) == len(rows) == len(steps(tiny, CPU)) + len(probes(tiny, CPU)) - 2, "all ways work"
    assert all(row["differ"] is None or row["differ"] < 0.1 for row in rows)


def test_a_way_that_fails_is_reported(capsys: pytest.CaptureFixture) -> None:
    def fails() -> torch.Tensor:
        raise RuntimeError("no such products here\nbecause")

    assert compare_ways("tiny", {"engine": lambda: torch.zeros(1), "other": fails}, CPU, 1, 2) == []
    assert capsys.readouterr().out == "tiny, other: no such products here\n"
