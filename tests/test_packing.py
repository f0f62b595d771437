"""The packed forward pass: the same answers, for the networks that it takes; the others are left alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from igbviz.config import RunConfig
from igbviz.models import MODELS
from igbviz.packing import packed
from igbviz.training import Training, train
from igbviz.trajectory import Trajectory
from igbviz.untrained import probing

PACKED = {
    "cnn": {"name": "cnn"},
    "cnn with BatchNorm": {"name": "cnn", "normalization": "batch", "depth": 2, "width": 8},
    "resnet18": {"name": "resnet18"},
    "resnet50": {"name": "resnet50"},
    "vgg11 with BatchNorm": {"name": "vgg11_bn"},
    "groups": {"name": "resnext50_32x4d"},
}
LEFT_ALONE = ("mlp", "vit_tiny", "densenet121", "squeezenet1_0", "efficientnet_b0", "googlenet", "mobilenet_v2", "alexnet")


def trained_a_little(model: dict, side: int = 32) -> nn.Module:
    torch.manual_seed(0)
    network = MODELS[model["name"]](**model).build((1, side, side), 10)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):  # as far from the identity as after some training
                for values in (layer.weight, layer.running_var):
                    values.uniform_(0.5, 2.0)
                for values in (layer.bias, layer.running_mean):
                    values.normal_()
    return network


@pytest.mark.parametrize("model", PACKED.values(), ids=PACKED)
def test_the_answers_are_those_of_the_network(model: dict) -> None:
    network, images = trained_a_little(model), torch.randn(7, 1, 32, 32)
    quick = packed(network)
    quick.refresh()
    with torch.inference_mode(), probing(network, "eval"):
        expected, found = network(images), quick.run(images)
    assert (found - expected).abs().max() < 1e-4 * expected.std()
    assert found.dtype == torch.float32 and not found.is_mkldnn


def test_bfloat16_rounds_as_much_as_autocast() -> None:
    network, images = trained_a_little({"name": "resnet18"}), torch.randn(50, 1, 32, 32)
    quick = packed(network, torch.bfloat16)
    quick.refresh()
    with torch.inference_mode(), probing(network, "eval"):
        exact, found = network(images), quick.run(images)
        with torch.autocast("cpu", torch.bfloat16):
            usual = network(images)
    assert found.dtype == torch.bfloat16
    assert (found - exact).norm() < 2 * (usual - exact).norm()


def test_probes_in_bfloat16_leave_the_training_as_it_is(tiny: RunConfig) -> None:
    resnet = tiny.with_(model={"name": "resnet18"}, epochs=0.25)
    for model in (resnet, tiny.with_(epochs=1)):
        runs = (train(model.with_(probes={"size": 60, "precision": which}), "cpu") for which in ("same", "bfloat16"))
        exact, rough = (Trajectory.of(list(run)) for run in runs)
        assert (exact.train_loss[1:] == rough.train_loss[1:]).all()
        assert 0 < np.abs(exact.mean_prob - rough.mean_prob).max() < 0.01


def test_it_follows_the_weights() -> None:
    network, images = trained_a_little(PACKED["cnn with BatchNorm"]), torch.randn(7, 1, 32, 32)
    quick = packed(network)
    quick.refresh()
    with torch.no_grad():
        for values in network.parameters():
            values.mul_(1.5)
        network(images)  # moves the running statistics
    quick.refresh()
    with torch.inference_mode(), probing(network, "eval"):
        assert torch.allclose(quick.run(images), network(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_others_are_left_alone(name: str) -> None:
    assert packed(MODELS[name](name=name).build((1, 32, 32), 10)) is None


class Odd(nn.Module):
    """A convolution whose output is normalised, and used as it is as well: nothing may be folded into it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.convolution(images)
        return torch.flatten(self.norm(maps) + maps, 1)


class Twice(nn.Module):
    """One convolution under two BatchNorms."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.first, self.second = nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1), nn.BatchNorm2d(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.flatten(self.second(self.convolution(self.first(self.convolution(images)))), 1)


@pytest.mark.parametrize("network", [Odd(), Twice(), nn.Sequential(nn.Conv2d(1, 2, 3, padding="same", padding_mode="reflect"))])
def test_what_cannot_be_folded_is_not(network: nn.Module) -> None:
    assert packed(network) is None


def test_only_probes_in_eval_mode_are_packed(tiny: RunConfig) -> None:
    resnet = tiny.with_(model={"name": "resnet18"})
    assert Training(resnet, "cpu").packed is not None
    assert Training(resnet.with_(probes={"size": 60, "batch_norm": "batch"}), "cpu").packed is None
    assert Training(tiny, "cpu").packed is None, "a network without convolutions"
    assert Training(tiny.with_(model={"name": "cnn", "depth": 2, "width": 4}), "cpu").packed is None, "a layout of its own"
