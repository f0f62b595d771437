"""Wrong labels: exact fractions, the right classes, the same for every loss, and only in the training set."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz.config import RunConfig
from igbviz.datasets.label_noise import LABEL_NOISE, Matrix, PairFlip, Symmetric, TrueLabels
from igbviz.spec import ConfigError
from igbviz.training.loop import Training, train
from igbviz.trajectory import Trajectory

CONFUSED = ((0.5, 0.3, 0.2), (0.0, 1.0, 0.0), (0.9, 0.0, 0.1))
KINDS = {
    "none": TrueLabels(),
    "symmetric": Symmetric(rate=0.3),
    "pair-flip": PairFlip(rate=0.25),
    "matrix": Matrix(matrix=CONFUSED),
}
NOISY = {"label_noise": {"name": "symmetric", "rate": 0.4}}


def table(labels: np.ndarray, corrupted: np.ndarray, classes: int) -> np.ndarray:
    """Counts [true class, label]."""
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (labels, corrupted), 1)
    return counts


def test_every_kind_is_tested() -> None:
    assert set(KINDS) == set(LABEL_NOISE)


@pytest.mark.parametrize("noise", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("sizes", [(100, 100, 100), (7, 1, 260), (0, 3, 10)])
def test_the_fractions_are_exact(noise, sizes: tuple[int, ...]) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(3), sizes))
    for seed in range(20):
        counts = table(labels, noise.given(labels, 3, seed), 3)
        expected = noise.transition(3) * np.array(sizes)[:, None]
        assert counts.sum(1).tolist() == list(sizes)
        np.testing.assert_array_equal(
            counts.sum(1) - np.diag(counts), np.floor(expected.sum(1) - np.diag(expected) + 0.5)
        )
        assert (abs(counts - expected) < 1.5).all(), "1 for rounding the parts, 0.5 for rounding the total"
        assert (counts[noise.transition(3) == 0] == 0).all()


@pytest.mark.parametrize("noise", KINDS.values(), ids=KINDS)
def test_transitions_are_probabilities(noise) -> None:
    rows = noise.transition(3)
    np.testing.assert_allclose(rows.sum(1), 1)
    assert rows.min() >= 0
    labels = np.repeat(np.arange(3), 1000)
    assert (noise.given(labels, 3, 0) != labels).mean() == pytest.approx(noise.wrong_fraction(3), abs=1e-3)


def test_small_classes_are_right_on_average() -> None:
    """Four images at a rate of 0.5 have two wrong labels for nine classes: over many seeds all classes get equally
    many."""
    labels = np.repeat(np.arange(10), 4)
    counts = sum(table(labels, Symmetric(rate=0.5).given(labels, 10, seed), 10) for seed in range(900))
    assert (np.diag(counts) == 1800).all()
    others = counts[~np.eye(10, dtype=bool)]
    assert others.mean() == 200 and abs(others - 200).max() < 5 * np.sqrt(200)


def test_the_choice_of_images_is_seeded() -> None:
    labels = np.repeat(np.arange(3), 100)
    first, again, other = (Symmetric().given(labels, 3, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_the_wrong_labels_of_a_lower_rate_are_a_subset() -> None:
    labels = np.repeat(np.arange(3), 100)
    few, many = (Symmetric(rate=rate).given(labels, 3, 5) != labels for rate in (0.2, 0.6))
    assert few.sum() == 60 and many.sum() == 180 and (few <= many).all()


def test_pair_flip_goes_to_the_next_class() -> None:
    labels = np.repeat(np.arange(4), 50)
    corrupted = PairFlip(rate=0.2).given(labels, 4, 0)
    wrong = corrupted != labels
    assert wrong.sum() == 40 and (corrupted[wrong] == (labels[wrong] + 1) % 4).all()


@pytest.mark.parametrize(
    "text", ["0.9 0.1; 0.2 0.8", "0.9, 0.1\n0.2, 0.8\n", "[[0.9, 0.1], [0.2, 0.8]]", str(((0.9, 0.1), (0.2, 0.8)))]
)
def test_a_matrix_can_be_typed(text: str) -> None:
    assert Matrix(matrix=text) == Matrix(matrix=[[0.9, 0.1], [0.2, 0.8]])


@pytest.mark.parametrize(
    ("noise", "sentence"),
    [
        ({"name": "spam"}, "label_noise is 'spam', allowed: one of none, symmetric, pair-flip, matrix"),
        ({"name": "symmetric", "rate": 1.5}, "label_noise.rate is 1.5, allowed: a number from 0 to 1"),
        (
            {"name": "pair-flip", "share": 0.1},
            "label_noise.share is not a field of pair-flip; its fields are: name, rate",
        ),
        (
            {"name": "matrix"},
            "label_noise.matrix is (), allowed: a row of numbers for each class, as in [[0.9, 0.1], [0.2, 0.8]]",
        ),
        ({"name": "matrix", "matrix": 7}, "label_noise.matrix is 7, allowed: a row of numbers"),
        ({"name": "matrix", "matrix": "a b; c d"}, "label_noise.matrix is 'a b; c d', allowed: a row of numbers"),
        ({"name": "matrix", "matrix": [[1, 0], [1]]}, "label_noise.matrix has 1 numbers for class 1, allowed: 2"),
        (
            {"name": "matrix", "matrix": [[2, -1], [0, 1]]},
            "label_noise.matrix has 2, -1 for class 0, allowed: probabilities from 0 to 1",
        ),
        (
            {"name": "matrix", "matrix": [[float("nan"), 1], [0, 1]]},
            "label_noise.matrix has nan, 1 for class 0, allowed: probabilities",
        ),
        (
            {"name": "matrix", "matrix": [[1, 0], [0.5, 0.4]]},
            "label_noise.matrix has a row for class 1 that sums to 0.9, allowed: 1",
        ),
        (
            {"name": "matrix", "matrix": [[1, 0], [0, 1]]},
            "label_noise.matrix has 2 rows, allowed: 10, one for each class of the data",
        ),
    ],
)
def test_invalid_values_are_one_sentence(noise: dict, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(label_noise=noise)
    assert str(caught.value).startswith(sentence) and "; label_noise" not in str(caught.value)


def test_a_matrix_is_part_of_the_identity(tiny: RunConfig) -> None:
    config = tiny.with_(label_noise={"name": "matrix", "matrix": CONFUSED})
    assert RunConfig.from_json(config.to_json()) == config and RunConfig.from_json(config.to_json()).id == config.id
    assert config.id != tiny.with_(label_noise={"name": "matrix", "matrix": np.eye(3).tolist()}).id
    assert "matrix-noise-46-7" in config.id


def test_only_training_labels_and_the_same_for_every_loss(tiny: RunConfig) -> None:
    clean = tiny.dataset.load()
    noisy = Training(tiny.with_(**NOISY), "cpu")
    wrong = noisy.data.train_labels != clean.train_labels
    assert wrong.float().mean().item() == pytest.approx(0.4, abs=0.01)
    assert noisy.data.test_labels.equal(clean.test_labels) and noisy.data.train_images.equal(clean.train_images)
    assert f"{int(wrong.sum())} of 256 training labels wrong" in noisy.data.source
    other_loss = Training(tiny.with_(**NOISY, loss={"name": "mae"}), "cpu")
    other_seed = Training(tiny.with_(**NOISY, seed=1), "cpu")
    assert other_loss.data.train_labels.equal(noisy.data.train_labels) and other_loss.evaluation.wrong_images.equal(
        noisy.evaluation.wrong_images
    )
    assert not other_seed.data.train_labels.equal(noisy.data.train_labels)


def test_probes_evaluate_wrong_labels_only(tiny: RunConfig) -> None:
    training = Training(tiny.with_(**NOISY), "cpu")
    clean = tiny.dataset.load()
    places = [
        int((clean.train_images == image).flatten(1).all(1).nonzero()) for image in training.evaluation.wrong_images
    ]
    assert len(set(places)) == len(training.evaluation.labels) == 60
    assert training.evaluation.wrong_labels.equal(training.data.train_labels[places])
    assert training.evaluation.true_labels.equal(clean.train_labels[places])
    assert (training.evaluation.wrong_labels != training.evaluation.true_labels).all()
    few = Training(tiny.with_(label_noise={"name": "symmetric", "rate": 0.05}), "cpu")
    assert len(few.evaluation.wrong_images) == int((few.data.train_labels != clean.train_labels).sum()) == 13, (
        "all of them if there are few"
    )


def test_the_fractions_match_the_guesses_of_the_network(tiny: RunConfig) -> None:
    training = Training(tiny.with_(**NOISY), "cpu")
    for tick in training.ticks():
        if tick is not None and tick["step"] in (0, 1, 32):
            guess = training.network.eval()(training.evaluation.wrong_images).argmax(1)
            training.network.train()
            assert tick["memorised"] == pytest.approx(
                (guess == training.evaluation.wrong_labels).double().mean().item()
            )
            assert tick["resisted"] == pytest.approx((guess == training.evaluation.true_labels).double().mean().item())
            assert tick["memorised"] + tick["resisted"] + tick["otherwise"] == pytest.approx(1, abs=1e-12)


def test_without_wrong_labels_there_are_no_columns(tiny: RunConfig) -> None:
    plain, none = (
        Trajectory.of(train(config, "cpu"))
        for config in (tiny, tiny.with_(label_noise={"name": "symmetric", "rate": 0}))
    )
    assert not plain.has_noise and not none.has_noise
    assert plain.mean_prob.tobytes() == none.mean_prob.tobytes()


def test_label_noise_can_be_memorized(tiny: RunConfig) -> None:
    """Random images, a wide network, many epochs: cross-entropy memorizes the wrong labels; mean absolute error does
    not."""
    changes = NOISY | {
        "model": {"name": "mlp", "depth": 2, "width": 128},
        "optimizer": {"name": "adam", "learning_rate": 1e-3},
        "epochs": 40,
    }
    ends = {
        name: Trajectory.of(train(tiny.with_(**changes, loss={"name": name}), "cpu"))[-1:]
        for name in ("cross-entropy", "mae")
    }
    assert ends["cross-entropy"].memorised[0] > 0.95 and ends["cross-entropy"].resisted[0] < 0.05
    assert ends["mae"].memorised[0] < ends["cross-entropy"].memorised[0]
