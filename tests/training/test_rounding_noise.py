"""Repeats of a run with rounding noise: the same initial weights to within float32 rounding, and a run of their own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from igbviz.config import RunConfig
from igbviz.training import seeds
from igbviz.training.loop import train
from igbviz.training.network import build_network
from igbviz.training.stacked import stack_key
from igbviz.trajectory import Trajectory

WITH_BUFFERS = {"model": {"name": "mlp", "depth": 2, "width": 16, "normalization": "batch"}}


def built(config: RunConfig) -> nn.Module:
    return build_network(config, config.dataset.load())


def weights(config: RunConfig) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in built(config).parameters()])


def relative_difference(first: torch.Tensor, second: torch.Tensor) -> float:
    return ((first.double() - second.double()).norm() / first.double().norm()).item()


def test_none_by_default_and_the_ids_stay(tiny: RunConfig) -> None:
    plain = tiny.with_(rounding_noise=0)
    assert plain.id == tiny.id == "gaussian-noise-mlp-cross-entropy-s0-a302f37a93"
    assert "rounding_noise" not in tiny.canonical() and torch.equal(weights(plain), weights(tiny))
    assert len({tiny.with_(rounding_noise=n).id for n in range(3)}) == 3


def test_the_streams_of_stored_runs_keep_their_numbers() -> None:
    assert (seeds.WEIGHTS, seeds.ORDER, seeds.DROPOUT, seeds.MINORITY, seeds.ROUNDING_NOISE) == (0, 1, 2, 7, 8)


@pytest.mark.parametrize("changes", [{}, WITH_BUFFERS, {"initialization": {"name": "pytorch"}}])
def test_repeats_differ_by_rounding_alone(tiny: RunConfig, changes: dict) -> None:
    repeats = [weights(tiny.with_(**changes, rounding_noise=n)) for n in range(3)]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert 1e-8 < relative_difference(repeats[first], repeats[second]) < 1e-6
    moved = repeats[0] != 0
    assert ((repeats[1] - repeats[0])[moved] / repeats[0][moved]).abs().max() < 1e-6, "of every weight, not in the norm"
    assert torch.equal(repeats[1][~moved], repeats[0][~moved]), "zero stays zero"


def test_the_same_repeat_has_the_same_weights(tiny: RunConfig) -> None:
    repeat = tiny.with_(rounding_noise=3)
    assert torch.equal(weights(repeat), weights(repeat))


def test_another_seed_is_rounded_by_other_noise(tiny: RunConfig) -> None:
    def noise(seed: int) -> torch.Tensor:
        """What BatchNorm's scales are multiplied by, which are 1 for every seed."""
        network = built(tiny.with_(**WITH_BUFFERS, seed=seed, rounding_noise=1))
        return next(layer.weight.detach() for layer in network.modules() if isinstance(layer, nn.BatchNorm1d))

    assert not torch.equal(noise(0), noise(1))


def test_buffers_and_the_global_generator_are_left_alone(tiny: RunConfig) -> None:
    torch.manual_seed(7)
    state = torch.get_rng_state()
    plain, repeat = built(tiny.with_(**WITH_BUFFERS)), built(tiny.with_(**WITH_BUFFERS, rounding_noise=1))
    assert torch.equal(state, torch.get_rng_state())
    buffers = dict(repeat.named_buffers())
    assert buffers and all(torch.equal(buffers[name], value) for name, value in plain.named_buffers())
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in repeat.parameters())


def test_a_repeat_begins_alike_and_is_another_trajectory(tiny: RunConfig) -> None:
    plain, repeat = (Trajectory.of(train(tiny.with_(rounding_noise=n), "cpu")) for n in (0, 1))
    assert abs(plain.mean_prob[0] - repeat.mean_prob[0]).max() < 1e-5
    assert plain.mean_prob.tobytes() != repeat.mean_prob.tobytes()


def test_repeats_share_a_stack(tiny: RunConfig) -> None:
    """Only the initial weights differ, and each run of a stack begins from its own."""
    stacked = tiny.with_(stacked=True)
    assert stack_key(stacked) == stack_key(stacked.with_(rounding_noise=1)) is not None
