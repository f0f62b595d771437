"""Stacked runs: over a few steps the values of the runs alone, to float tolerance, and independent of each other."""

from __future__ import annotations

import math

import pytest
import torch

from igbviz.config import RunConfig
from igbviz.training.loop import Training, train
from igbviz.training.stacked import Stack, max_runs, stack_key
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
    config = base.with_(epochs=1, stacked=True, **changes)
    return [config.with_(seed=seed, loss={"name": name}) for seed, name in enumerate(LOSSES)]


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_a_stacked_run_is_close_to_the_run_alone(tiny: RunConfig, changes: dict) -> None:
    configs = family(tiny, **changes)
    for config, lane in zip(configs, together([Training(config, "cpu") for config in configs]), strict=True):
        alike(lane, Trajectory.of(list(train(config, "cpu"))))


def test_schedules_and_wrong_labels_are_each_runs_own(tiny: RunConfig) -> None:
    base = tiny.with_(epochs=1, stacked=True, loss={"name": "gce"})
    configs = [
        base.with_(schedule={"name": "switch", "duration": 5, "unit": "steps"}),
        base.with_(schedule={"name": "mix", "duration": 10, "unit": "steps"}, seed=1),
        base.with_(label_noise={"name": "symmetric", "rate": 0.4}, initialization={"name": "orthogonal"}),
    ]
    assert len({stack_key(config) for config in configs}) == 1
    for config, lane in zip(configs, together([Training(config, "cpu") for config in configs]), strict=True):
        alike(lane, Trajectory.of(list(train(config, "cpu"))))


@pytest.mark.parametrize("changes", [VARIANTS["BatchNorm"], VARIANTS["adam"]], ids=["BatchNorm", "adam"])
def test_a_run_that_leaves_can_resume_alone(tiny: RunConfig, changes: dict) -> None:
    configs = family(tiny, **changes)[:3]
    lanes = [Training(config, "cpu") for config in configs]
    stack = Stack(lanes)
    for _ in range(6):
        stack.advance()
    state = lanes[1].state()
    assert all(value.untyped_storage().nbytes() == value.nbytes for value in state["network"].values()), (
        "only its own slice is stored"
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
            torch.testing.assert_close(value, expected, rtol=1e-2, atol=5e-4)  # Adam amplifies rounding


def test_a_diverged_run_does_not_affect_the_others(tiny: RunConfig) -> None:
    configs = family(tiny)[:3]
    lanes = [Training(config, "cpu") for config in configs]
    with torch.no_grad():
        lanes[1].parameters[0].fill_(math.inf)
    first, diverged, last = together(lanes)
    assert diverged is None and lanes[1].step == 0
    for config, lane in ((configs[0], first), (configs[2], last)):
        alike(lane, Trajectory.of(list(train(config, "cpu"))))


def test_what_may_share_a_stack(tiny: RunConfig) -> None:
    base = tiny.with_(stacked=True)
    others = base.with_(seed=3, loss={"name": "mae"}, initialization={"name": "xavier"}, probes={"size": 30})
    assert stack_key(base) == stack_key(others) is not None
    for changes in (
        {"batch_size": 8},
        {"model": {"name": "mlp", "width": 17}},
        {"optimizer": {"name": "sgd", "learning_rate": 0.04}},
    ):
        assert stack_key(base.with_(**changes)) not in (None, stack_key(base))
    for loss in ("curriculum", "anl-ce"):
        assert stack_key(base.with_(loss={"name": loss})) is None
    stochastic = tiny.with_(
        dataset={"name": "gaussian-noise", "size": 64, "train_examples": 32, "test_examples": 30, "classes": 3},
        model={"name": "alexnet"},
        probes={"size": 30},
    )
    assert max_runs(Training(stochastic, "cpu")) == 1 < max_runs(Training(tiny, "cpu"))


def test_stacking_is_opt_in_and_part_of_the_id(tiny: RunConfig) -> None:
    assert stack_key(tiny) is None
    stacked = tiny.with_(stacked=True)
    assert stacked.id != tiny.id and tiny.with_(stacked=False).id == tiny.id


def test_trainings_hold_no_reference_to_their_stack(tiny: RunConfig) -> None:
    trainings = [Training(config, "cpu") for config in family(tiny)[:2]]
    before = [set(vars(training)) for training in trainings]
    stack = Stack(trainings)
    stack.advance()
    assert [set(vars(training)) - {"optimizer"} for training in trainings] == [
        names - {"optimizer"} for names in before
    ]
