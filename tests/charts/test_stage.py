"""What the stage is sent: all that is fixed once, and then the probes that are new."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from igbviz.charts.stage import MAX_BARS, MIN_IMAGE_ROWS, VIEWS, scene
from igbviz.config import RunConfig
from igbviz.trajectory.quantities import QUANTITIES
from igbviz.trajectory.verdict import verdict
from tests.support.trajectories import trajectory, watched

CONFIG = RunConfig(epochs=20)
SPRITE = {"sprite": "/images/x.png", "tile": (28, 28), "columns": 12}


def message(shown, **options) -> dict:
    return json.loads(scene(shown, CONFIG, **{"steps_per_epoch": 1563} | options))


def table(shown: dict, name: str) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(shown["tables"][name]), "<u2") / 65535
    return values.reshape(len(shown["steps"]), -1)


@pytest.mark.parametrize("name", VIEWS)
def test_the_lines_are_the_quantities(name: str) -> None:
    run = trajectory(30, last_step=1000).thinned()
    shown = message(run)
    assert shown["steps"] == run.step.tolist()
    assert np.allclose(table(shown, name), QUANTITIES[name].values(run), atol=1e-5)
    lines = shown["fixed"]["lines"]
    assert [line["name"] for line in lines] == list(run.class_names)
    assert [line["strong"] for line in lines].index(True) == run.favoured() == shown["fixed"]["favoured"]


@pytest.mark.parametrize(("times", "kind"), [(1, "<u1"), (6, "<u2"), (2000, "<u4")])
def test_the_confusion_matrix_is_sent_as_exact_counts(times: int, kind: str) -> None:
    run = trajectory(10, last_step=100)
    run.records["confusion"] *= times  # 50 images per class
    shown = message(run)
    counts = np.frombuffer(base64.b64decode(shown["tables"]["confusion"]), kind).reshape(-1, 10, 10)
    assert np.array_equal(counts, run.confusion) and shown["fixed"]["sizes"] == [50 * times] * 10


def test_a_browser_that_has_n_probes_needs_those_from_the_last_one_on() -> None:
    """Of the thinned probes only the last may move: what was sent and what is sent together are the whole."""
    run = trajectory(300, last_step=3000)
    known = message(run[:40].thinned())
    for length in (41, 90, len(run)):
        start = len(known["steps"]) - 1
        new, whole = message(run[:length].thinned(), start=start), message(run[:length].thinned())
        assert "fixed" not in new and new["start"] == start
        assert known["steps"][:start] + new["steps"] == whole["steps"]
        joined = np.concatenate([table(known, "accuracy")[:start], table(new, "accuracy")])
        assert np.array_equal(joined, table(whole, "accuracy"))
        known = whole


def test_a_run_of_any_length_fits_into_a_refresh() -> None:
    assert len(scene(trajectory(4000, last_step=10**6).thinned(), CONFIG, steps_per_epoch=1563)) < 60_000


def test_the_verdict_travels_with_every_message() -> None:
    run = trajectory(20, last_step=100)
    assert message(run, start=19)["verdict"] == verdict(run).sentence
    assert message(run, ended=False)["verdict"] == verdict(run, ended=False).sentence
    assert message(run, diverged=True)["verdict"].startswith("Training diverged")


def test_before_the_first_probe_there_is_an_empty_stage() -> None:
    shown = message(trajectory(5)[:0])
    assert shown["steps"] == [] and "verdict" not in shown and shown["fixed"]["favoured"] is None


def test_many_classes_are_summarized() -> None:
    run = trajectory(8, classes=100, last_step=50)
    shown = message(run)
    assert "confusion" not in [view["name"] for view in shown["fixed"]["views"]] and "confusion" not in shown["tables"]
    names = [line["name"] for line in shown["fixed"]["lines"]]
    assert names == ["highest class", "median class", "lowest class", run.class_names[run.favoured()]]
    accuracy = run.accuracy()
    expected = np.stack([accuracy.max(1), np.median(accuracy, 1), accuracy.min(1), accuracy[:, run.favoured()]], 1)
    assert np.allclose(table(shown, "accuracy"), expected, atol=1e-5)
    assert len(shown["fixed"]["bars"]) == MAX_BARS + 1 and np.allclose(table(shown, "bars").sum(1), 1, atol=1e-4)
    assert run.class_names[run.favoured()] in [bar["name"] for bar in shown["fixed"]["bars"]]


def test_wrong_labels_have_a_view_of_their_own() -> None:
    run = trajectory(8, last_step=50, noisy=True)
    shown = message(run)
    assert shown["fixed"]["views"][-1]["name"] == "wrong_labels"
    assert np.allclose(table(shown, "wrong_labels").sum(1), 1, atol=1e-4)


def test_the_axis_is_that_of_the_planned_run() -> None:
    axis = message(trajectory(3))["fixed"]["axes"]["epoch"]
    assert axis["ticks"][0][1] == "Init." and axis["range"][1] == pytest.approx(np.log10(20), abs=0.1)
    assert axis["shift"] == pytest.approx(-np.log10(1563)) and axis["first_epoch"] == pytest.approx(np.log10(1563))


# The watched images.


def rows(shown: dict, name: str, count: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(shown["tables"][name]), np.uint8).reshape(-1, count)


def test_images_are_sent_with_the_probes() -> None:
    run = trajectory(30, last_step=1000)
    drawn = run.thinned(images=watched(len(run), 130, wrong=10))
    whole, new = message(drawn, sprite=SPRITE), message(drawn, sprite=SPRITE, start=20)
    fixed = whole["fixed"]["images"]
    assert fixed["sprite"] == "/images/x.png" and fixed["labels"] == drawn.images.labels.tolist()
    assert len(fixed["pull"]) == 256 and [place for place, label in enumerate(fixed["given"]) if label >= 0] == [
        *range(120, 130)
    ]
    p = (rows(whole, "images_p", 130) / 255) ** 2
    assert np.allclose(p, drawn.images.probability, atol=1 / 255) and "images_at" not in whole
    assert np.array_equal(rows(whole, "images_guess", 130), drawn.images.guess)
    assert np.array_equal(rows(new, "images_guess", 130), drawn.images.guess[20:]) and "fixed" not in new
    for k, bar in enumerate(whole["fixed"]["bars"]):
        assert fixed["labels"][bar["thumbnail"]] == k and fixed["given"][bar["thumbnail"]] == -1


def test_a_bar_without_an_image_of_its_class_has_none() -> None:
    run = trajectory(3, classes=100)
    bars = message(run.thinned(images=watched(3, 40, 100)), sprite=SPRITE)["fixed"]["bars"]
    assert any("thumbnail" in bar for bar in bars) and "thumbnail" not in bars[-1], "of all other classes"
    assert any("thumbnail" not in bar for bar in bars[:-1])


@pytest.mark.parametrize("count", [120, 336])
def test_a_long_run_is_sent_with_the_images_of_some_probes(count: int) -> None:
    run = trajectory(4000, last_step=10**6)
    drawn = run.thinned(images=watched(len(run), count))
    text = scene(drawn, CONFIG, steps_per_epoch=1563, sprite=SPRITE)
    shown = json.loads(text)
    at = shown["images_at"]
    assert len(text) < 115_000 and len(at) == MIN_IMAGE_ROWS and at[0] == 0 and at[-1] == len(drawn) - 1
    assert np.array_equal(rows(shown, "images_guess", count), drawn.images.guess[at])
    refresh = scene(drawn, CONFIG, steps_per_epoch=1563, sprite=SPRITE, start=len(drawn) - 40)
    assert len(refresh) < 60_000 and "images_at" not in json.loads(refresh)


def test_without_thumbnails_there_are_no_images() -> None:
    run = trajectory(30, last_step=1000)
    for shown in (message(run.thinned(images=watched(len(run), 120))), message(run.thinned(), sprite=SPRITE)):
        assert "images" not in shown["fixed"] and "images_p" not in shown["tables"]
        assert "thumbnail" not in shown["fixed"]["bars"][0]
