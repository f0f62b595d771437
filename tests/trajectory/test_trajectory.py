"""Every derived curve against values computed by hand, and truncated files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.outcome import outcome
from igbviz.trajectory.quantities import MEASURES
from igbviz.trajectory.trajectory import P_EDGES


def by_hand() -> Trajectory:
    """Two probes of six images in three classes (sizes 3, 2, 1)."""
    records = np.zeros(2, snapshot_dtype(3))
    records["step"], records["epoch"], records["seconds"], records["train_loss"] = (
        [0, 4],
        [0, 0.5],
        [0.1, 0.2],
        [np.nan, 1.5],
    )
    records["mean_prob"][0] = [[0.8, 0.1, 0.1]] * 3
    records["mean_prob"][1] = [[0.5, 0.25, 0.25], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]]
    records["confusion"][0] = [[3, 0, 0], [2, 0, 0], [1, 0, 0]]
    records["confusion"][1] = [[2, 1, 0], [0, 2, 0], [0, 0, 1]]
    records["signal"], records["silent"] = 0.25, 0.5
    return Trajectory(records, ("cat", "dog", "owl"))


def test_derived_curves() -> None:
    t = by_hand()
    assert len(t) == 2 and t.classes == 3 and t.favoured() == 0
    np.testing.assert_allclose(t.true_class_probability(), [[0.8, 0.1, 0.1], [0.5, 0.6, 0.8]], rtol=1e-6)
    np.testing.assert_allclose(t.accuracy(), [[1, 0, 0], [2 / 3, 1, 1]])
    np.testing.assert_allclose(t.predicted_probability()[0], [0.8, 0.1, 0.1], rtol=1e-6)
    np.testing.assert_allclose(
        t.predicted_probability()[1],
        (3 * np.array([0.5, 0.25, 0.25]) + 2 * np.array([0.2, 0.6, 0.2]) + [0.1, 0.1, 0.8]) / 6,
        rtol=1e-6,
    )
    np.testing.assert_allclose(t.guess_fraction(), [[1, 0, 0], [2 / 6, 3 / 6, 1 / 6]])
    np.testing.assert_allclose(t.balanced_accuracy(), [1 / 3, 8 / 9])
    assert t.guess_entropy()[0] == 0 and 0.9 < t.guess_entropy()[1] < 1


def test_the_outcome_counts_images_not_classes() -> None:
    t = by_hand()
    t.records["silent"][1] = [1, 0.5, 0]  # of 3, 2 and 1 images: 3 + 1 + 0 of 6
    end = outcome(t)
    assert end.silent == pytest.approx(4 / 6) != np.mean([1, 0.5, 0])
    np.testing.assert_allclose(MEASURES["silent"].values(t), [0.5, 4 / 6])
    assert end.balanced_accuracy == pytest.approx(8 / 9) and end.true_class_probability == pytest.approx(1.9 / 3)
    assert end.largest_guess_init == 1 and end.largest_guess == 0.5 and end.classes_at_zero == 0
    assert end.favoured_class == "cat" and end.escape_step == end.escape == 4
    assert outcome(t, diverged=True).escape_step is None and outcome(t[:1]).escape == np.inf
    assert outcome(t[:1]).classes_at_zero == 2


def test_frame_is_tidy() -> None:
    frame = by_hand().to_frame()
    assert len(frame) == 6 and frame["class"].tolist() == ["cat", "dog", "owl"] * 2
    assert frame.loc[frame["step"] == 4].set_index("class").loc["dog", "accuracy"] == 1
    assert {
        "epoch",
        "seconds",
        "train_loss",
        "true_class_probability",
        "predicted_probability",
        "guess_fraction",
        "signal",
        "silent",
    } <= set(frame)


def test_empty() -> None:
    empty = Trajectory(np.empty(0, snapshot_dtype(4)))
    assert (
        empty.accuracy().shape == (0, 4) and empty.predicted_probability().shape == (0, 4) and empty.favoured() is None
    )
    assert len(empty.to_frame()) == 0


def test_file_round_trip_and_torn_tail(tmp_path: Path) -> None:
    t = by_hand()
    path = tmp_path / "trajectory.bin"
    path.write_bytes(t.records.tobytes())
    assert Trajectory.read(path, snapshot_dtype(3)).records.tobytes() == t.records.tobytes()
    for cut in (1, 17, t.records.dtype.itemsize - 1):
        path.write_bytes(t.records.tobytes()[:-cut])
        assert len(Trajectory.read(path, snapshot_dtype(3))) == 1
    assert len(Trajectory.read(tmp_path / "missing", snapshot_dtype(3))) == 0


def test_fractions_of_wrong_labels_are_recorded_only_with_wrong_labels() -> None:
    clean, noisy = by_hand(), Trajectory(np.zeros(2, snapshot_dtype(3, noisy=True)))
    noisy.records["confusion"] = clean.confusion
    noisy.records["memorised"], noisy.records["resisted"], noisy.records["otherwise"] = [0.25, 0.5], [0.5, 0.25], 0.25
    assert noisy.has_noise and noisy[1:].memorised.tolist() == [0.5] and noisy.resisted.tolist() == [0.5, 0.25]
    assert noisy.to_frame()["memorised"].tolist() == [0.25] * 3 + [0.5] * 3
    assert not clean.has_noise and np.isnan([clean.memorised, clean.resisted, clean.otherwise]).all()
    assert clean.memorised.shape == (2,) and "memorised" not in clean.to_frame()
    assert snapshot_dtype(3).names == snapshot_dtype(3, noisy=True).names[:-3], "old files stay readable"


def test_wrong_number_of_names() -> None:
    with pytest.raises(ValueError, match="2 names"):
        Trajectory(np.empty(0, snapshot_dtype(3)), ("a", "b"))


def test_edges_resolve_small_probabilities_and_hold_the_usual_cutoffs() -> None:
    assert P_EDGES[0] == 0 and P_EDGES[-1] == 1 and (np.diff(P_EDGES) > 0).all()
    assert {0.1, 0.5} <= set(P_EDGES.tolist())
    assert ((P_EDGES > 1e-5) & (P_EDGES < 1.01e-2)).sum() >= 12


def test_a_trajectory_needs_a_snapshot() -> None:
    with pytest.raises(ValueError, match="^a trajectory is made of at least one snapshot"):
        Trajectory.of([])
