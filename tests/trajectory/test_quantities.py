"""What the captions claim of a quantity holds for every run, not for some."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.quantities import MEASURES, PER_CLASS, QUANTITIES, WRONG_LABELS, quantity_named

ALL = [*PER_CLASS.values(), *MEASURES.values(), WRONG_LABELS]


def test_every_caption_is_whole_sentences() -> None:
    assert all(what.title and what.axis and what.caption.endswith(".") for what in ALL)


def test_accuracy_is_not_said_to_lag_always() -> None:
    """The accuracy of a network whose predictions hardly differ from 0 or 1 equals its mean probability: no lag."""
    records = np.zeros(1, snapshot_dtype(2))
    records["mean_prob"], records["confusion"] = [[0.999, 0.001], [0.399, 0.601]], [[10, 0], [4, 6]]
    run = Trajectory(records)
    assert abs(run.true_class_probability() - run.accuracy()).max() < 0.0025
    assert "may lag" in PER_CLASS["accuracy"].caption and "lags" not in PER_CLASS["accuracy"].caption


def test_the_probability_is_one_that_the_network_assigns() -> None:
    for what in (PER_CLASS["true_class_probability"], MEASURES["true_class_probability"]):
        assert "probability that the network assigns to the true class" in what.caption


def test_an_unknown_quantity_is_one_sentence() -> None:
    assert quantity_named("accuracy") is QUANTITIES["accuracy"]
    with pytest.raises(ValueError, match="^quantity is 'luck', allowed: one of true_class_probability, accuracy"):
        quantity_named("luck")
