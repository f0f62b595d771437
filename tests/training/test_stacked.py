"""Runs as lanes of one stack: the numbers that they have alone, within float tolerance, and nothing of each other."""

from __future__ import annotations

import math

import pytest
import torch

from igbviz.config import RunConfig
from igbviz.training.loop import Training, train
from igbviz.training.stacked import Lanes, gain, most_lanes, shared
from igbviz.trajectory import Trajectory
from tests.support.stacked import alike, together

VARIANTS = {
    "mlp": {},
    "BatchNorm": {"model": {"name": "mlp", "depth": 2, "width": 16, "normalization": "batch"}},
    "convolutions": {"model": {"name": "cnn", "depth": 2, "width": 4, "normalization": "batch"}},
    "momentum": {
        "optimizer": {"name": "sgd", "learning_rate": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}
    },
    "adam": {"optimizer": {"name": "adam", "warmup_steps": 5, "decay": "cosine"}},
    "batch statistics": {
        "model": {"name": "cnn", "depth": 1, "width": 4, "normalization": "batch"},
        "probes": {"size": 60, "batch_norm": "batch"},
    },
}
LOSSES = ("cross-entropy", "gce", "piecewise-zero", "cross-entropy", "nce-rce")


def family(base: RunConfig, **changes) -> list[RunConfig]:
    config = base.with_(epochs=1, **changes)
    return [config.with_(seed=seed, loss={"name": name}) for seed, name in enumerate(LOSSES)]


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_a_lane_is_the_run_that_it_would_be_alone(tiny: RunConfig, changes: dict) -> None:
    configs = family(tiny, **changes)
    for config, lane in zip(configs, together([Training(config, "cpu") for config in configs]), strict=True):
        alike(lane, Trajectory.of(list(train(config, "cpu"))))


def test_schedules_and_wrong_labels_are_each_lanes_own(tiny: RunConfig) -> None:
    base = tiny.with_(epochs=1, loss={"name": "gce"})
    configs = [
        base.with_(schedule={"name": "switch", "duration": 5, "unit": "steps"}),
        base.with_(schedule={"name": "mix", "duration": 10, "unit": "steps"}, seed=1),
        base.with_(label_noise={"name": "symmetric", "rate": 0.4}, initialization={"name": "orthogonal"}),
    ]
    assert len({shared(config) for config in configs}) == 1
    for config, lane in zip(configs, together([Training(config, "cpu") for config in configs]), strict=True):
        alike(lane, Trajectory.of(list(train(config, "cpu"))))


@pytest.mark.parametrize("changes", [VARIANTS["BatchNorm"], VARIANTS["adam"]], ids=["BatchNorm", "adam"])
def test_a_lane_that_leaves_can_go_on_alone(tiny: RunConfig, changes: dict) -> None:
    configs = family(tiny, **changes)[:3]
    lanes = [Training(config, "cpu") for config in configs]
    stack = Lanes(lanes)
    for _ in range(6):
        stack.advance()
    state = lanes[1].state()
    assert all(value.untyped_storage().nbytes() == value.nbytes for value in state["network"].values()), (
        "only its own part is stored"
    )
    stack.drop(lanes[1])
    for _ in range(4):
        stack.advance()
    assert [lane.step for lane in lanes] == [10, 6, 10]
    resumed = Training(configs[1], "cpu", state)
    for _ in range(4):
        resumed.advance()
    for config, lane in zip(configs, (lanes[0], resumed, lanes[2]), strict=True):
        alone = Training(config, "cpu")
        for _ in range(10):
            alone.advance()
        for value, expected in zip(
            lane.network.state_dict().values(), alone.network.state_dict().values(), strict=True
        ):
            torch.testing.assert_close(value, expected, rtol=1e-2, atol=5e-4)  # Adam makes much of the last digits


def test_one_that_diverges_does_not_touch_the_others(tiny: RunConfig) -> None:
    configs = family(tiny)[:3]
    lanes = [Training(config, "cpu") for config in configs]
    with torch.no_grad():
        lanes[1].parameters[0].fill_(math.inf)
    first, broken, last = together(lanes)
    assert broken is None and lanes[1].step == 0
    for config, lane in ((configs[0], first), (configs[2], last)):
        alike(lane, Trajectory.of(list(train(config, "cpu"))))


def test_what_may_share_a_stack(tiny: RunConfig) -> None:
    assert shared(tiny) == shared(
        tiny.with_(seed=3, loss={"name": "mae"}, initialization={"name": "xavier"}, probes={"size": 30})
    )
    for changes in (
        {"batch_size": 8},
        {"model": {"name": "mlp", "width": 17}},
        {"optimizer": {"name": "sgd", "learning_rate": 0.04}},
    ):
        assert shared(tiny.with_(**changes)) not in (None, shared(tiny))
    assert (
        shared(tiny.with_(loss={"name": "curriculum"})) is None and shared(tiny.with_(loss={"name": "anl-ce"})) is None
    )
    thrower = tiny.with_(
        dataset={"name": "gaussian-noise", "size": 64, "train_examples": 32, "test_examples": 30, "classes": 3},
        model={"name": "alexnet"},
        probes={"size": 30},
    )
    assert most_lanes(Training(thrower, "cpu")) == 1 < most_lanes(Training(tiny, "cpu"))


def test_networks_that_cannot_be_stacked_gain_nothing(tiny: RunConfig, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    training = Training(tiny.with_(seed=9, batch_size=8), "cpu")
    monkeypatch.setattr(training.network, "forward", lambda images: images.flatten(1)[:, :3] * float(images.sum()))
    assert gain(training, 3) == 0 and "3 lanes" in capsys.readouterr().err


def test_measuring_leaves_the_run_as_it_is(tiny: RunConfig) -> None:
    training = Training(tiny.with_(**VARIANTS["BatchNorm"]), "cpu")
    assert gain(training, 4) > 0 and gain(training, 4) == gain(training, 4), "asked once, kept"
    after = Trajectory.of([tick for tick in training.ticks() if tick is not None])
    alike(after, Trajectory.of(list(train(training.config, "cpu"))), tolerance=0)
