"""What `train` and `initialize` return: a length, names, and all that an interrupted one has."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from tqdm import tqdm

from igbviz.config import RunConfig
from igbviz.ensembles import Ensemble, EnsembleConfig, initialize
from igbviz.training.loop import Training, train
from igbviz.training.stream import TrainingStream
from igbviz.trajectory import Trajectory
from tests.support.trajectories import same


@pytest.fixture
def named() -> RunConfig:
    """Ten classes with names, one step."""
    return RunConfig(dataset={"name": "fashion-mini", "examples_per_class": 2}, epochs=0.1, probes={"size": 20})


def test_class_names_survive(named: RunConfig) -> None:
    trajectory = Trajectory.of(train(named, "cpu"))
    assert trajectory.class_names == named.dataset.facts().class_names and trajectory.class_names[0] == "T-shirt/top"
    stream = initialize(EnsembleConfig(dataset=named.dataset, inputs=20, networks=3), "cpu")
    assert len(stream) == 3 and repr(stream) == "<EnsembleStream: 0 of 3 networks>"
    ensemble = Ensemble.of(stream)
    assert ensemble.class_names == trajectory.class_names and ensemble == stream.ensemble and len(ensemble) == 3


def test_a_stream_is_the_training(tiny: RunConfig) -> None:
    stream = train(tiny, "cpu")
    assert repr(stream) == "<TrainingStream: 0 of 12 snapshots>" and len(stream.trajectory) == 0
    assert (len(stream), stream.steps, stream.steps_per_epoch, stream.class_names) == (12, 32, 16, ("0", "1", "2"))
    before = [weight.clone() for weight in stream.network.parameters()]
    snapshots = list(tqdm(stream, disable=True))
    assert same(stream.trajectory.records, Trajectory.of(snapshots).records)
    assert stream.trajectory == Trajectory.of(snapshots, stream.class_names)
    assert repr(stream) == "<TrainingStream: 12 of 12 snapshots, at step 32 of 32>"
    assert not any(map(torch.equal, before, stream.network.parameters())), "the network is the trained one"
    assert tqdm(train(tiny, "cpu"), disable=True).total == 12


def test_an_interrupted_training_keeps_what_it_had(tiny: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, advance = train(tiny, "cpu"), Training.advance

    def press_ctrl_c(training: Training) -> None:
        if training.step == 20:
            raise KeyboardInterrupt
        advance(training)

    list(whole)
    monkeypatch.setattr(Training, "advance", press_ctrl_c)
    stream = train(tiny, "cpu")
    with pytest.raises(KeyboardInterrupt):
        list(stream)
    assert 5 < len(stream.trajectory) < 12 and stream.trajectory.step[-1] <= 20
    assert same(stream.trajectory.records, whole.trajectory.records[: len(stream.trajectory)])
    assert list(stream) == [], "it does not go on"


def test_the_data_of_a_finished_training_is_let_go(tiny: RunConfig) -> None:
    training = Training(tiny, "cpu")
    images = weakref.ref(training.data.train_images)
    stream = TrainingStream(training)
    del training
    next(stream)
    gc.collect()
    assert images() is not None
    list(stream)
    gc.collect()
    assert images() is None and stream.network is not None
