"""The images that a probe watches one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from igbviz.config import RunConfig
from igbviz.training import cuda_graphs
from igbviz.training.loop import Training
from igbviz.trajectory.images import probabilities_of_bytes, probability_bytes
from tests.support.stacked import together
from tests.support.tape import on_tape
from tests.support.tiny import TINY
from tests.support.trajectories import same

NOISE = {"label_noise": {"name": "symmetric", "rate": 0.4}}
NOISY = RunConfig(**TINY | NOISE)


def of_classes(count: int, **changes) -> Training:
    data = {"name": "gaussian-noise", "size": 8, "train_examples": 300, "test_examples": 40 * count, "classes": count}
    return Training(RunConfig(**TINY | {"dataset": data, "probes": {"size": "all", "count": 2}} | changes), "cpu")


def probes(training: Training) -> Iterator[np.void]:
    return (snapshot for snapshot in training.ticks() if snapshot is not None)


def test_a_record_is_what_a_plain_forward_pass_gives() -> None:
    training, seen = Training(NOISY, "cpu"), 0
    for _ in probes(training):
        watched, images, data = training.watched, training.images, training.data
        for test in (True, False):
            ours = (watched.given < 0) == test
            rows = torch.from_numpy(watched.index[ours])
            inputs = (data.test_images if test else data.train_images)[rows]
            with torch.no_grad():
                logits = training.network(inputs)
            label = (data.test_labels if test else data.train_labels)[rows]
            p = logits.softmax(-1)[torch.arange(len(label)), label]
            np.testing.assert_allclose(images["p"][ours], p, atol=1e-3)
            assert images["guess"][ours].tolist() == logits.argmax(-1).tolist()
            if not test:
                assert label.tolist() == watched.given[ours].tolist() and ours.any()
                assert (watched.given[ours] != watched.labels[ours]).all(), "these have wrong labels"
        seen += 1
    assert seen == 12


def test_nothing_else_changes_and_no_image_is_evaluated_twice() -> None:
    with_images, without = Training(NOISY, "cpu"), Training(NOISY, "cpu")
    without.evaluation.watched = None
    evaluated = {id(training): 0 for training in (with_images, without)}
    for training in (with_images, without):

        def counted(images, training=training, forward=training.evaluation.forward):
            evaluated[id(training)] += len(images)
            return forward(images)

        training.evaluation.forward = counted
    assert same(np.array(list(probes(with_images))), np.array(list(probes(without))))
    assert evaluated[id(with_images)] == evaluated[id(without)]
    assert with_images.images is not None and without.images is None


@pytest.mark.parametrize(("classes", "per_class"), [(2, 12), (10, 12), (20, 12), (24, 10), (100, 2), (240, 1)])
def test_a_probe_has_at_most_a_kilobyte(classes: int, per_class: int) -> None:
    training = of_classes(classes, **NOISE)
    watched, tests = training.watched, training.watched.given < 0
    counts = np.bincount(watched.labels[tests], minlength=classes)
    assert counts.max() == per_class and counts.sum() >= 0.9 * per_class * classes, (
        "random labels: a class may have fewer"
    )
    assert (np.diff(watched.labels[tests]) >= 0).all() and 0 < (~tests).sum() <= 96
    next(probes(training))
    assert training.images.nbytes <= 1008 and training.images["guess"].max() < classes


def test_more_than_240_classes_are_not_watched() -> None:
    training = of_classes(241)
    next(probes(training))
    assert training.watched is None and training.images is None


def test_in_a_stack_and_in_a_graph(tiny: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = [Training(NOISY.with_(seed=seed), "cpu") for seed in range(2)]
    for training in alone:
        list(probes(training))
    stacked = [Training(training.config, "cpu") for training in alone]
    together(stacked)
    monkeypatch.setitem(cuda_graphs.CAPTURES, "cpu", on_tape)
    monkeypatch.setenv("IGBVIZ_CUDA_GRAPHS", "1")
    monkeypatch.setattr("igbviz.training.packed_inference.pack_network", lambda *_: None)
    captured = Training(NOISY, "cpu")
    list(probes(captured))
    for one, other in (*zip(alone, stacked, strict=True), (alone[0], captured)):
        np.testing.assert_allclose(one.images["p"], other.images["p"], atol=2e-3)
        assert (one.images["guess"] == other.images["guess"]).mean() > 0.95


def test_thumbnails_are_the_pixels_before_they_were_scaled() -> None:
    pixels = [
        Training(RunConfig(dataset={"name": "fashion-mini", "scaling": scaling}), "cpu").thumbnails()
        for scaling in ("standardised", "unit", "raw")
    ]
    assert pixels[0].dtype == np.uint8 and pixels[0].shape == (120, 1, 28, 28) and pixels[0].max() == 255
    assert np.array_equal(pixels[0], pixels[1]) and np.array_equal(pixels[0], pixels[2])


def test_a_byte_is_fine_near_zero() -> None:
    p = np.linspace(0, 1, 1001)
    near = probabilities_of_bytes()[probability_bytes(p)]
    assert np.abs(near - p).max() < 1 / 255 and np.abs(near - p)[p < 0.01].max() < 0.001
    assert probability_bytes(np.array([0.0, 1e-5, 1.0])).tolist() == [0, 1, 255]
