"""Streams of records keep what they have yielded, and recorded arrays can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from igbviz.ensembles import Ensemble
from igbviz.trajectory import Trajectory
from igbviz.trajectory.stream import Stream
from tests.support.trajectories import trajectory, watched
from tests.support.untrained import ensemble

NAMES = ("cat", "dog", "owl")


def interrupted(records: np.ndarray, after: int) -> Iterator[np.void]:
    yield from records[:after]
    raise KeyboardInterrupt


def test_a_stream_has_a_length_and_the_names() -> None:
    t = trajectory(5, classes=3)
    stream = Stream(iter(t.records), t.records.dtype, 5, NAMES)
    assert len(stream) == 5 and len(stream.recorded) == 0
    first = next(stream)
    assert first.tobytes() == t.records[0].tobytes() and len(stream) == 5, (
        "the total, as progress bars want it, not what is left"
    )
    assert len(list(stream)) == 4 and stream.recorded.tobytes() == t.records.tobytes()
    assert Trajectory.of(Stream(iter(t.records), t.records.dtype, 5, NAMES)).class_names == NAMES
    given = Trajectory.of(Stream(iter(t.records), t.records.dtype, 5, NAMES), ("a", "b", "c"))
    assert given.class_names == ("a", "b", "c")
    assert Trajectory.of(list(t.records)).class_names == ("0", "1", "2")


def test_an_interruption_loses_nothing() -> None:
    t = trajectory(5, classes=3)
    stream = Stream(interrupted(t.records, 3), t.records.dtype, 5, NAMES)
    with pytest.raises(KeyboardInterrupt):
        list(stream)
    assert stream.recorded.tobytes() == t.records[:3].tobytes()


def test_what_was_read_of_a_stream_does_not_change() -> None:
    t = trajectory(3, classes=3)
    stream = Stream(iter(t.records), t.records.dtype, 3)
    next(stream)
    early = stream.recorded
    list(stream)
    assert len(early) == 1 and early.tobytes() == t.records[:1].tobytes()


def test_equal_trajectories_are_equal() -> None:
    one, two = trajectory(4), trajectory(4)
    assert one == two and one is not two and np.isnan(one.train_loss[0]), "a NaN equals a NaN"
    assert one != trajectory(4, seed=1) and one != trajectory(4, noisy=True) and one != one[:3]
    assert one != Trajectory(one.records, tuple("abcdefghij")) and one != one.records.tolist()
    assert one[:0] == two[:0]
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


@pytest.mark.parametrize("column", trajectory(2, noisy=True).records.dtype.names)
def test_every_column_counts(column: str) -> None:
    one = trajectory(4, noisy=True)
    records = one.records.copy()
    records[column][-1] += 1
    assert one != Trajectory(records)


def test_thinned_trajectories_are_equal_with_their_images() -> None:
    t = trajectory(4, classes=3)
    images = watched(4, 6, classes=3)
    assert t.thinned(images=images) == t.thinned(images=watched(4, 6, classes=3))
    assert t.thinned(images=images) != t.thinned()
    assert t.thinned(images=images) != t.thinned(images=replace(images, given=images.given + 1))
    assert t.thinned() == t.thinned() and t.thinned() != t


def test_ensembles_are_equal() -> None:
    records = ensemble().records
    assert Ensemble(records) == Ensemble(records.copy()) and Ensemble(records) != Ensemble(records[1:])
