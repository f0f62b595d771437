"""Every initialization draws its documented distribution from the global generator, and treats the last layer as
configured."""

import math
from functools import cache

import pytest
import torch
from torch import nn

from igbviz.models import INITIALIZATIONS, MODELS, Cnn, Mlp, Torchvision, VitTiny, last_layer
from igbviz.models.initializations import AsBuilt, Gaussian, HeFanOut, HeNormal, Orthogonal, PyTorch, Xavier

SHAPE, CLASSES = (1, 28, 28), 10
NETWORKS = [
    Mlp(width=64, normalization="layer"),
    Cnn(normalization="batch"),
    VitTiny(),
    Torchvision(name="squeezenet1_1"),
]
# Variance times fan_in, given the ratio fan_out / fan_in
VARIANCES = {
    "pytorch": lambda ratio: 1 / 3,
    "he-normal": lambda ratio: 2.0,
    "he-fan-out": lambda ratio: 2 / ratio,
    "xavier": lambda ratio: 2 / (1 + ratio),
    "gaussian": lambda ratio: 2.0,
}


def drawn(model, initialization, seed=0):
    torch.manual_seed(seed)
    network = model.build(SHAPE, CLASSES)
    initialization.apply(network, CLASSES)
    return network


@cache
def drawn_once(model, name):
    """The default initialization, for tests that only look."""
    return drawn(model, INITIALIZATIONS[name]())


def linear_maps(network):
    return [layer for layer in network.modules() if isinstance(layer, (nn.Linear, nn.Conv2d))]


def assert_variance(weight, expected):
    """Within five standard errors; 3 is the kurtosis of a normal, and uniform weights have less."""
    assert weight.square().mean().item() == pytest.approx(expected, rel=5 * math.sqrt(2 / weight.numel()))


@pytest.mark.parametrize("name", VARIANCES)
@pytest.mark.parametrize("model", [Mlp(width=200), Cnn(width=16)], ids=lambda model: model.name)
def test_weights_have_the_documented_variance(name, model):
    for layer in linear_maps(drawn(model, INITIALIZATIONS[name]())):
        weight = layer.weight.detach()
        fan_in = weight[0].numel()
        ratio = len(weight) / weight.shape[1]
        assert_variance(weight, VARIANCES[name](ratio) / fan_in)
        assert abs(weight.mean()) < 5 * weight.std() / math.sqrt(weight.numel())


@pytest.mark.parametrize("model", [Mlp(width=20, normalization="batch"), Cnn(width=4)], ids=lambda model: model.name)
def test_torchvision_and_pytorch_are_the_same_for_mlp_and_cnn(model):
    as_built = drawn(model, AsBuilt(), seed=7)
    network = model.build(SHAPE, CLASSES)
    torch.manual_seed(7)
    PyTorch().apply(network, CLASSES)
    assert all(map(torch.equal, as_built.parameters(), network.parameters()))


def test_pytorch_draws_attention_as_it_is_built():
    attention = next(
        layer for layer in drawn(VitTiny(), PyTorch()).modules() if isinstance(layer, nn.MultiheadAttention)
    )
    fresh = nn.MultiheadAttention(192, 3)
    assert attention.in_proj_weight.std().item() == pytest.approx(fresh.in_proj_weight.std().item(), rel=0.02)
    assert not attention.in_proj_bias.any() and not attention.out_proj.bias.any()


@pytest.mark.parametrize(
    ("initialization", "variance"), [(HeNormal(), 2 / 192), (HeFanOut(), 2 / 192), (Xavier(), 1 / 192)]
)
def test_attention_is_three_maps(initialization, variance):
    for layer in drawn(VitTiny(), initialization).modules():
        if isinstance(layer, nn.MultiheadAttention):
            for weight in layer.in_proj_weight.detach().chunk(3):
                assert_variance(weight, variance)
            assert not layer.in_proj_bias.any()


def test_orthogonal_maps_are_orthogonal_times_root_two():
    network = drawn(Mlp(width=40), Orthogonal())
    for layer in linear_maps(network):
        weight = layer.weight.detach()
        torch.testing.assert_close(weight @ weight.T, 2 * torch.eye(len(weight)), atol=1e-4, rtol=0)
    attention = next(
        layer for layer in drawn(VitTiny(), Orthogonal()).modules() if isinstance(layer, nn.MultiheadAttention)
    )
    for weight in attention.in_proj_weight.detach().chunk(3):
        torch.testing.assert_close(weight @ weight.T, 2 * torch.eye(192), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("sigma_w2", "sigma_b2"), [(1.5, 0.05), (3.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
def test_gaussian_has_both_its_variances(sigma_w2, sigma_b2):
    *hidden, _ = linear_maps(drawn(Mlp(width=500), Gaussian(sigma_w2=sigma_w2, sigma_b2=sigma_b2)))
    for layer in hidden:
        assert_variance(layer.weight.detach(), sigma_w2 / layer.in_features)
    assert_variance(torch.cat([layer.bias.detach() for layer in hidden]), sigma_b2)


@pytest.mark.parametrize("model", NETWORKS, ids=lambda model: model.name)
@pytest.mark.parametrize("name", INITIALIZATIONS)
class TestEvery:
    def test_repeats_with_the_seed_and_keeps_gradients(self, name, model):
        first, again = list(drawn_once(model, name).parameters()), drawn(model, INITIALIZATIONS[name]()).parameters()
        assert all(map(torch.equal, first, again))
        assert all(parameter.requires_grad and parameter.is_leaf and parameter.isfinite().all() for parameter in first)

    def test_leaves_normalization_alone_and_biases_at_zero(self, name, model):
        for layer in drawn_once(model, name).modules():
            if isinstance(layer, (nn.BatchNorm2d, nn.LayerNorm)):
                assert (layer.weight == 1).all() and (layer.bias == 0).all()
            elif (
                isinstance(layer, (nn.Linear, nn.Conv2d))
                and layer.bias is not None
                and name not in ("torchvision", "pytorch")
            ):
                assert not layer.bias.any()

    def test_last_layer(self, name, model):
        same = last_layer(drawn_once(model, name), CLASSES)
        scaled = last_layer(drawn(model, INITIALIZATIONS[name](last_layer="scaled", last_layer_scale=0.5)), CLASSES)
        assert torch.equal(scaled.weight, same.weight * 0.5) and torch.equal(scaled.bias, same.bias)
        network = drawn(model, INITIALIZATIONS[name](last_layer="zero"))
        assert not network(torch.randn(2, *SHAPE)).any()


@pytest.mark.parametrize("name", ["resnet18", "swin_v2_t", "densenet121"])
def test_he_normal_reaches_every_layer_of_torchvision(name):
    network = drawn(MODELS[name](name=name), HeNormal())
    for layer in linear_maps(network):
        assert_variance(layer.weight.detach(), 2 / layer.weight[0].numel())
    assert all(
        (layer.weight == 1).all() for layer in network.modules() if isinstance(layer, (nn.BatchNorm2d, nn.LayerNorm))
    )
