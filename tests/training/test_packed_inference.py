"""The packed forward pass gives the logits of the network, up to rounding."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from igbviz.config import RunConfig
from igbviz.models import MODELS
from igbviz.training import packed_inference
from igbviz.training.loop import Training, train
from igbviz.training.network import evaluation_mode
from igbviz.training.packed_inference import PackedConv, PackedNetwork, pack_network
from igbviz.trajectory import Trajectory

NETWORKS = {
    "mlp": {"name": "mlp"},
    "mlp with BatchNorm": {"name": "mlp", "normalization": "batch", "activation": "tanh", "max_pool": 2, "bias": False},
    "mlp, normalized after the activation": {"name": "mlp", "normalization": "batch", "placement": "after"},
    "mlp with LayerNorm": {"name": "mlp", "normalization": "layer"},
    "cnn": {"name": "cnn"},
    "cnn with BatchNorm": {"name": "cnn", "normalization": "batch", "depth": 2, "width": 8},
    "transformer": {"name": "vit_tiny"},
    "groups": {"name": "resnext50_32x4d"},
    "BatchNorm before convolutions": {"name": "densenet121"},
    "stochastic depth": {"name": "efficientnet_b0"},
} | {
    name: {"name": name}
    for name in ("resnet18", "resnet50", "vgg11_bn", "squeezenet1_0", "googlenet", "alexnet", "shufflenet_v2_x0_5")
}


def trained_a_little(model: dict, side: int = 32) -> nn.Module:
    torch.manual_seed(0)
    network = MODELS[model["name"]](**model).build((1, side, side), 10)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):  # as far from the identity as after some training
                for values in (layer.weight, layer.running_var):
                    values.uniform_(0.5, 2.0)
                for values in (layer.bias, layer.running_mean):
                    values.normal_()
    return network


def difference(network: nn.Module, images: torch.Tensor) -> float:
    """Maximum difference between packed and plain logits, in standard deviations of the logits."""
    packed = pack_network(network)
    with torch.inference_mode(), evaluation_mode(network, "eval"):
        expected, logits = network(images), packed(images)
    assert logits.shape == expected.shape and logits.dtype == torch.float32
    return float((logits - expected).abs().max() / expected.std().clamp(min=1e-3))


@pytest.mark.parametrize("model", NETWORKS.values(), ids=NETWORKS)
def test_packed_logits_are_those_of_the_network(model: dict) -> None:
    assert difference(trained_a_little(model), torch.randn(7, 1, 32, 32)) < 1e-4


def test_chunks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_inference, "CONV_CHUNK", 3)
    assert difference(trained_a_little(NETWORKS["resnet18"]), torch.randn(7, 1, 32, 32)) < 1e-4


def test_without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_inference, "onednn_supports", lambda dtype: False)
    for name in ("mlp", "resnet18"):
        assert difference(trained_a_little(NETWORKS[name]), torch.randn(7, 1, 32, 32)) < 1e-4


GEOMETRIES = [
    (1, 1, 0),
    (1, 2, 0),
    (1, 1, 1),
    (3, 1, 1),
    (3, 2, 1),
    (3, 2, 0),
    (5, 3, 4),
    ((3, 5), (2, 1), (1, 2)),
]  # kernel, stride, padding
FITTING = [
    (*geometry, side)
    for geometry in GEOMETRIES
    for side in range(1, 6)
    if side + 2 * np.min(geometry[2]) >= np.max(geometry[0])
]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kernel, stride, padding, side", FITTING)
def test_a_convolution_as_a_product(
    kernel: int | tuple, stride: int | tuple, padding: int | tuple, side: int, bias: bool
) -> None:
    convolution = nn.Conv2d(3, 4, kernel, stride, padding, bias=bias)
    layer = PackedConv(convolution, None, relu=True, dtype=torch.float32)
    with torch.inference_mode():
        for width in (side + 1, side):  # the second time after maps of another size
            maps = torch.randn(2, 3, side, width)
            assert torch.allclose(layer(maps), convolution(maps).relu(), atol=1e-5)


def test_a_matrix_does_not_outgrow_its_kernels() -> None:
    """Written out, 7x7 kernels between 64 channels on a map of 7x7 would be a matrix of 39 MB in place of 0.8."""
    with torch.inference_mode():
        for kernel, side in ((3, 1), (3, 2), (3, 3), (5, 2), (5, 4), (7, 7)):
            layer = PackedConv(nn.Conv2d(4, 4, kernel, padding=kernel // 2), None, relu=False, dtype=torch.float32)
            layer(torch.randn(2, 4, side, side))
            ((weight, _),) = layer.cache.values()
            assert weight.numel() <= packed_inference.MAX_MATRIX_GROWTH * layer.layer.weight.numel()


def test_feature_maps_under_the_kernel_need_no_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the last stage of a ResNet at 32x32, and most of the one before, are matrix products."""
    convolved: list[tuple[int, ...]] = []
    monkeypatch.setattr(
        packed_inference,
        "conv2d",
        lambda maps, *more: convolved.append(tuple(maps.shape[2:])) or nn.functional.conv2d(maps, *more),
    )
    with evaluation_mode(network := trained_a_little(NETWORKS["resnet50"]), "eval"):
        pack_network(network)(torch.randn(2, 1, 32, 32))
    assert sorted(set(convolved)) == [(4, 4), (8, 8), (32, 32)] and len(convolved) == 1 + 3 + 4 + 1


def test_bfloat16_rounds_as_much_as_autocast() -> None:
    network, images = trained_a_little({"name": "resnet18"}), torch.randn(50, 1, 32, 32)
    packed = pack_network(network, torch.bfloat16)
    with torch.inference_mode(), evaluation_mode(network, "eval"):
        exact, rounded = network(images), packed(images)
        with torch.autocast("cpu", torch.bfloat16):
            autocast = network(images)
    assert rounded.dtype == torch.bfloat16
    assert (rounded - exact).norm() < 2 * (autocast - exact).norm()


def test_probes_in_bfloat16_do_not_change_the_training(tiny: RunConfig) -> None:
    resnet = tiny.with_(model={"name": "resnet18"}, epochs=0.25)
    for model in (resnet, tiny.with_(epochs=1)):
        runs = (train(model.with_(probes={"size": 60, "precision": which}), "cpu") for which in ("same", "bfloat16"))
        exact, rough = (Trajectory.of(list(run)) for run in runs)
        assert (exact.train_loss[1:] == rough.train_loss[1:]).all()
        assert 0 < np.abs(exact.mean_prob - rough.mean_prob).max() < 0.01


def test_refresh_packs_the_current_weights() -> None:
    network, images = trained_a_little(NETWORKS["cnn with BatchNorm"]), torch.randn(7, 1, 32, 32)
    packed = pack_network(network)
    with evaluation_mode(network, "eval"):
        packed(images)
    with torch.no_grad():
        for values in network.parameters():
            values.mul_(1.5)
        network(images)  # moves the running statistics
    packed.refresh()
    with torch.inference_mode(), evaluation_mode(network, "eval"):
        assert torch.allclose(packed(images), network(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "model", [{"name": "mlp", "normalization": "batch"}, {"name": "resnet50"}, {"name": "alexnet"}]
)
def test_a_broken_number_stays_broken(model: dict) -> None:
    """A diverged network must not look sound because a ReLU took its NaN for something below 0."""
    network = trained_a_little(model)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    packed, images = pack_network(network), torch.randn(3, 1, 32, 32)
    for layer in layers[:3]:
        whole = layer.weight.detach().clone()
        for bad in (math.nan, math.inf):
            nn.init.constant_(layer.weight, bad)
            packed.refresh()
            with evaluation_mode(network, "eval"):
                assert packed(images).isnan().any()
        layer.weight.data = whole


class Branching(nn.Module):
    """A convolution whose output goes to BatchNorm and to a sum: nothing may be folded into it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.convolution(images)
        return torch.flatten(self.norm(maps).relu() + maps, 1)


class Twice(nn.Module):
    """One convolution under two BatchNorms."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.first, self.second = nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1), nn.BatchNorm2d(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.flatten(self.second(self.convolution(self.first(self.convolution(images)))), 1)


class SharedReLU(nn.Module):
    """A ReLU shared by two layers, once after a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.relu = nn.Linear(9, 9), nn.Linear(9, 9), nn.ReLU(inplace=True)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        values = torch.flatten(images, 1)
        return self.relu(self.one(values)) + self.relu(self.one(values) + self.other(values))


MIRRORED = nn.Sequential(
    nn.Conv2d(1, 2, 3, padding="same", padding_mode="reflect"), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten()
)
SAME = nn.Sequential(nn.Conv2d(1, 2, 3, padding="same", dilation=2), nn.BatchNorm2d(2), nn.Flatten())


@pytest.mark.parametrize(
    "network",
    [Branching(), Twice(), SharedReLU(), MIRRORED, SAME],
    ids=["branching", "twice", "shared-relu", "mirrored", "same"],
)
def test_layers_that_cannot_be_folded_are_left_alone(network: nn.Module) -> None:
    with torch.no_grad():
        for values in (*network.parameters(), *network.buffers()):
            values.copy_(torch.rand(values.shape) + 0.5)
    side = 3 if isinstance(network, SharedReLU) else 6
    assert difference(network, torch.randn(5, 1, side, side)) < 1e-4


class ValueDependent(nn.Module):
    """Its control flow depends on the values of the images."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1) if images.sum() > 0 else -images.flatten(1)


class BatchSizeDependent(nn.Module):
    """Needs the number of images, which tracing does not know."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1) / len(images)


@pytest.mark.parametrize("network", [ValueDependent(), BatchSizeDependent()])
def test_a_network_that_cannot_be_traced_is_not_packed(network: nn.Module) -> None:
    assert pack_network(network) is None


def test_only_probes_in_eval_mode_are_packed(tiny: RunConfig) -> None:
    assert isinstance(Training(tiny, "cpu").evaluation.forward, PackedNetwork)
    batch = Training(tiny.with_(probes={"size": 60, "batch_norm": "batch"}), "cpu")
    assert batch.evaluation.forward is batch.network


def test_a_probe_releases_its_packed_weights(tiny: RunConfig) -> None:
    training = Training(tiny.with_(label_noise={"name": "symmetric", "rate": 0.4}), "cpu")
    ticks = training.ticks()
    while next(ticks) is None:
        pass
    assert training.snapshots == 1 and not any(layer.cache for layer in training.evaluation.forward.layers)


def test_one_thread_and_two_give_the_same_bits() -> None:
    """Two probes of one run may use different numbers of threads."""
    images, before = torch.randn(150, 1, 28, 28), torch.get_num_threads()
    for name in ("mlp", "cnn", "resnet18"):
        network = trained_a_little(NETWORKS[name], 28)
        packed, outputs = pack_network(network), []
        try:
            for threads in (1, 2):
                torch.set_num_threads(threads)
                packed.refresh()
                with evaluation_mode(network, "eval"):
                    outputs.append(packed(images))
        finally:
            torch.set_num_threads(before)
        assert torch.equal(*outputs)
