"""Class imbalance: how many images each class keeps, which class is the majority, and the number of steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from igbviz.config import RunConfig
from igbviz.datasets.imbalance import Imbalance
from igbviz.spec import ConfigError
from igbviz.training.loop import Training, train
from igbviz.trajectory import Trajectory

MINI = RunConfig(model={"name": "mlp", "depth": 2, "width": 16}, epochs=0.1, probes={"size": 200, "count": 3})


def counts(training: Training) -> list[int]:
    return training.data.train_labels.bincount(minlength=training.data.classes).tolist()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("majority", ["favoured", "unfavoured", 7])
def test_the_majority_keeps_all_and_the_others_a_fraction(majority: str | int, seed: int) -> None:
    config = MINI.with_(imbalance={"ratio": 10, "majority": majority}, seed=seed)
    training = Training(config, "cpu")
    first = Trajectory.of([next(iter(train(config, "cpu")))])
    probability = first.predicted_probability()[0]
    expected = {"favoured": first.favoured(), "unfavoured": int(probability.argmin()), 7: 7}[majority]
    assert training.majority == expected
    assert counts(training) == [1000 if k == expected else 100 for k in range(10)]
    assert f"1900 left to train on, 10:1 in favour of {training.data.class_names[expected]}" in training.data.source


def test_the_first_probe_is_that_of_the_balanced_run() -> None:
    """Weights and probe images do not depend on the training set, so the favoured class is the same."""
    balanced = Trajectory.of([next(iter(train(MINI, "cpu")))])
    skewed = Trajectory.of([next(iter(train(MINI.with_(imbalance={"ratio": 50}), "cpu")))])
    assert balanced.mean_prob.tobytes() == skewed.mean_prob.tobytes()
    assert balanced.class_sizes().tolist() == [[20] * 10], "test images stay balanced"


def test_the_kept_images_are_seeded_and_nested() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(3), (30, 40, 3)))
    kept = Imbalance(ratio=10).kept(labels, 1, 5)
    assert (np.diff(kept) > 0).all() and np.bincount(labels[kept]).tolist() == [3, 40, 1], "at least one"
    assert np.array_equal(kept, Imbalance(ratio=10).kept(labels, 1, 5))
    assert not np.array_equal(kept, Imbalance(ratio=10).kept(labels, 1, 6))
    assert set(Imbalance(ratio=10).kept(labels, 1, 5)) <= set(Imbalance(ratio=2).kept(labels, 1, 5))


def test_the_same_images_for_every_loss() -> None:
    one, other = (
        Training(MINI.with_(imbalance={"ratio": 20}, loss={"name": name}), "cpu") for name in ("cross-entropy", "mae")
    )
    assert one.data.train_images.equal(other.data.train_images) and one.majority == other.majority


@pytest.mark.parametrize("ratio", [1, 3, 7, 400, 10_000])
def test_the_number_of_steps_follows_from_the_images_that_are_left(ratio: int) -> None:
    config = MINI.with_(imbalance={"ratio": ratio}, epochs=3)
    training = Training(config, "cpu")
    assert len(training.batches.labels) == sum(counts(training)) == config.imbalance.train_size(10_000, 10)
    assert training.steps == config.total_steps(len(training.batches.labels))
    assert training.steps_per_epoch == config.steps_per_epoch(len(training.batches.labels))
    images = torch.cat([training.batches.of_step(step)[0] for step in range(training.steps_per_epoch)])
    assert len(images) == len(training.batches.labels)
    records = [snapshot for snapshot in training.ticks() if snapshot is not None]
    assert records[-1]["step"] == training.steps and records[-1]["epoch"] == pytest.approx(3, rel=0.02)


def test_with_label_noise_each_class_keeps_its_rate() -> None:
    config = MINI.with_(imbalance={"ratio": 10, "majority": 2}, label_noise={"name": "pair-flip", "rate": 0.2})
    training = Training(config, "cpu")
    expected = [80 + 20] * 10  # 100 images less 20 flipped to the next class, plus 20 flipped from the previous one
    expected[2], expected[3] = 800 + 20, 80 + 200
    assert counts(training) == expected
    assert len(training.evaluation.wrong_images) == 200, "as many as probe images"


def test_resume_keeps_the_majority() -> None:
    """A device on which another class is favoured at Init. must not change the training set of a resumed run."""
    config = MINI.with_(imbalance={"ratio": 10}, epochs=2)
    state = Training(config, "cpu").state()
    resumed = Training(config, "cpu", state | {"majority": (state["majority"] + 1) % 10})
    assert resumed.majority != state["majority"] and counts(resumed)[resumed.majority] == 1000


@pytest.mark.parametrize(
    ("imbalance", "sentence"),
    [
        ({"ratio": 0}, "imbalance.ratio is 0, allowed: a whole number from 1 to 10000"),
        ({"ratio": "many"}, "imbalance.ratio is 'many', allowed: a whole number from 1 to 10000"),
        (
            {"ratio": 2, "majority": "cat"},
            "imbalance.majority is 'cat', allowed: a whole number of at least 0 or one of favoured, unfavoured",
        ),
        (
            {"ratio": 2, "majority": 10},
            "imbalance.majority is 10, allowed: 'favoured', 'unfavoured' or a class from 0 to 9",
        ),
        (7, "imbalance is 7, allowed: the fields of Imbalance"),
    ],
)
def test_invalid_values_are_one_sentence(imbalance: object, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(imbalance=imbalance)
    assert str(caught.value) == sentence
