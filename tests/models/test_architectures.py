"""Every network builds for small images, is reproducible, and reports its properties and its cost correctly."""

import math
import subprocess
import sys
from typing import get_args

import pytest
import torch
from torch import nn

from igbviz._torchvision import torchvision
from igbviz.models import MODELS, Cnn, Mlp, Torchvision, VitTiny, last_layer
from igbviz.models.layers import ACTIVATIONS, NORMALIZATIONS, shifted, shifted_relu
from igbviz.models.torchvision_networks import MIN_SIDE, TORCHVISION
from igbviz.spec import ConfigError

GREY, COLOR = (1, 28, 28), (3, 32, 32)
OWN = [name for name in MODELS if name not in TORCHVISION]
FAMILIES = [
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mnasnet0_5",
    "mobilenet_v2",
    "regnet_x_400mf",
    "resnet18",
    "shufflenet_v2_x0_5",
    "squeezenet1_0",
    "swin_t",
    "swin_v2_t",
    "vgg11",
    "vgg16_bn",
    "vit_b_16",
]


@pytest.fixture(autouse=True)
def fits_one_thread():
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def seeded(model, shape=GREY, classes=10, seed=0):
    torch.manual_seed(seed)
    return model.build(shape, classes)


@pytest.mark.parametrize(
    ("name", "shape"),
    [*((name, GREY) for name in OWN + FAMILIES), *((name, COLOR) for name in [*OWN, "resnet18", "vit_b_16", "vgg11"])],
)
def test_gives_finite_logits_in_both_modes(name, shape):
    model = MODELS[name](name=name)
    network = model.build(shape, 7)
    for training in (False, True):
        with torch.no_grad():
            logits = network.train(training)(torch.randn(2, *shape))
        assert logits.shape == (2, 7) and logits.isfinite().all()
    assert model.has_batch_norm == any(
        isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)) for layer in network.modules()
    )
    stem = next(layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.Linear)))
    assert stem.weight.shape[1] == (math.prod(shape) if name == "mlp" else shape[0])
    assert len(last_layer(network, 7).weight) == 7


@pytest.mark.parametrize("name", [*OWN, "resnet18", "vgg11", "mnasnet0_5"])
def test_the_seed_determines_the_weights(name):
    model = MODELS[name](name=name)
    first, again, other = (list(seeded(model, seed=seed).parameters()) for seed in (3, 3, 4))
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, other))


def test_the_table_has_every_classifier_of_torchvision():
    assert list(TORCHVISION) == torchvision.models.list_models(module=torchvision.models)


def test_the_table_has_the_published_operations():
    for name, billions in TORCHVISION.items():
        published = [
            weights.meta["_ops"] * (224 / weights.transforms.keywords["crop_size"]) ** 2
            for weights in torchvision.models.get_model_weights(name)
        ]
        assert billions == pytest.approx(min(published, key=lambda value: abs(value - billions)), rel=1e-3)


def test_grey_images_use_a_slice_of_the_color_stem_and_nothing_else_changes():
    grey, color = seeded(Torchvision(), GREY), seeded(Torchvision(), COLOR)
    assert torch.equal(grey.conv1.weight, color.conv1.weight[:, :1])
    assert grey.conv1.weight.std().item() == pytest.approx(
        (2 / (64 * 49)) ** 0.5, rel=0.05
    )  # fan_out does not depend on the input channels
    assert torch.equal(grey.layer4[1].conv2.weight, color.layer4[1].conv2.weight)


def test_more_channels_than_three_are_refused():
    with pytest.raises(ConfigError, match="1 to 3 colour channels, but these images have 4"):
        Torchvision().build((4, 32, 32), 10)


@pytest.mark.parametrize("name", sorted(set(MIN_SIDE) - {"swin"}))
def test_images_below_the_minimum_side_are_resized_to_it(name):
    full_name = next(full for full in TORCHVISION if full.startswith(name))
    minimum = MIN_SIDE[name]
    assert Torchvision(name=full_name).side((3, 8, 8)) == minimum
    assert Torchvision(name=full_name).side((3, minimum + 1, minimum + 1)) == minimum + 1


@pytest.mark.parametrize(
    ("name", "side"), [("vit_b_16", 32), ("vit_h_14", 28), ("maxvit_t", 224), ("resnet50", 28), ("swin_t", 28)]
)
def test_transformers_get_whole_patches_and_the_rest_keep_their_size(name, side):
    assert Torchvision(name=name).side(GREY) == side


@pytest.mark.parametrize("model", [Torchvision(), VitTiny(), Mlp(), Cnn()], ids=lambda model: model.name)
def test_any_shape_of_at_least_eight_pixels(model):
    for shape in ((1, 8, 8), (2, 17, 11)):
        assert model.build(shape, 4)(torch.randn(2, *shape)).shape == (2, 4)


def test_vgg_has_a_compact_head_with_torchvisions_initialization():
    network = seeded(Torchvision(name="vgg11"), COLOR)
    original = torchvision.models.vgg11(weights=None)
    assert sum(parameter.numel() for parameter in network.parameters()) < 10e6
    assert network.classifier.weight.std().item() == pytest.approx(0.01, rel=0.05)
    for layer, reference in zip(network.features, original.features, strict=True):
        if isinstance(layer, nn.Conv2d):
            assert (
                layer.weight.std().item() == pytest.approx(reference.weight.std().item(), rel=0.1)
                and not layer.bias.any()
            )
    assert Torchvision(name="vgg11", compact_head=False).flops(COLOR, 10) == pytest.approx(
        Torchvision(name="vgg11").flops(COLOR, 10) + 0.1236e9
    )


def test_vgg_keeps_its_imagenet_head_on_request():
    with torch.device("meta"):
        network = Torchvision(name="vgg11", compact_head=False).build(COLOR, 10)
    assert sum(parameter.numel() for parameter in network.parameters()) > 100e6


def test_choices_of_layers_match_the_registries():
    assert set(get_args(Mlp.model_fields["activation"].annotation)) == set(ACTIVATIONS)
    assert set(get_args(Mlp.model_fields["normalization"].annotation)) == set(NORMALIZATIONS)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_in_mlp_and_cnn(activation):
    for model in (Mlp(activation=activation, width=8), Cnn(activation=activation, width=2, normalization="batch")):
        assert model.build(GREY, 3)(torch.randn(2, *GREY)).isfinite().all()


def test_the_shifted_relu_is_centred():
    inputs = torch.randn(1_000_000)
    assert abs(shifted_relu(inputs).mean()) < 4 * 0.584 / 1000
    torch.testing.assert_close(
        shifted_relu(torch.tensor([-3.0, 0.0, 2.0])), torch.tensor([-0.3989423, -0.3989423, 1.6010577])
    )


def test_a_shift_acts_on_the_inputs_and_an_offset_on_the_outputs():
    inputs = torch.tensor([-1.0, 0.5, 2.0])
    torch.testing.assert_close(shifted("relu", 0.5, 0.25)(inputs), torch.tensor([-0.25, -0.25, 1.25]))
    torch.testing.assert_close(shifted("relu", offset=0.25)(inputs), torch.tensor([-0.25, 0.25, 1.75]))
    assert inputs.tolist() == [-1.0, 0.5, 2.0]
    assert type(shifted("relu")) is torch.nn.ReLU, "without a shift nothing is added, not even a zero"


@pytest.mark.parametrize("placement", ["before", "after"])
@pytest.mark.parametrize("normalization", ["batch", "layer", "rms"])
def test_where_an_mlp_normalizes(placement, normalization):
    network = Mlp(normalization=normalization, placement=placement, max_pool=2, width=64, depth=1).build(GREY, 3)
    with torch.no_grad():
        hidden = network[:-1](torch.randn(256, *GREY) + 1)
    assert hidden.shape == (256, 64)
    if placement == "before":
        assert hidden.min() >= 0  # ReLU came last
    else:
        mean = {"batch": hidden.mean(0), "layer": hidden.mean(1), "rms": torch.zeros(1)}[normalization]
        size = {"batch": hidden.square().mean(0), "layer": hidden.square().mean(1), "rms": hidden.square().mean(1)}[
            normalization
        ]
        assert mean.abs().max() < 1e-4 and (size - 1).abs().max() < 0.01


def test_an_mlp_pools_over_separate_nodes():
    network = Mlp(depth=2, width=5, max_pool=3, activation="linear", bias=False).build(GREY, 4)
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in linear] == [(15, 784), (15, 5), (4, 5)]
    assert all(layer.bias is None for layer in linear)
    images = torch.randn(6, *GREY)
    hidden = images.flatten(1)
    for layer in linear[:-1]:
        hidden = layer(hidden).reshape(6, 5, 3).amax(-1)
    torch.testing.assert_close(network(images), linear[-1](hidden))


def counted(model, shape, classes=10):
    """Multiply-accumulates of one image, counted by torch."""
    from torch.utils.flop_counter import FlopCounterMode

    network = model.build(shape, classes).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.randn(1, *shape))
    return counter.get_total_flops() / 2


@pytest.mark.parametrize("shape", [GREY, COLOR, (3, 64, 64)])
@pytest.mark.parametrize(
    "model", [Mlp(max_pool=2, width=50), Mlp(depth=1), Cnn(depth=5, width=6), Cnn(depth=8, width=3)], ids=str
)
def test_costs_of_mlp_and_cnn_are_exact(model, shape):
    assert model.flops(shape, 10) == counted(model, shape)


@pytest.mark.parametrize("name", ["vit_tiny", "resnet18", "vgg11", "mobilenet_v2", "densenet121", "swin_t"])
def test_costs_of_the_others_are_within_a_factor_of_two(name):
    model = MODELS[name](name=name)
    for shape in (GREY, COLOR):
        assert 0.5 < model.flops(shape, 10) / counted(model, shape) < 2


def test_costs_of_resnet50_at_full_size():
    assert Torchvision(name="resnet50").flops((3, 224, 224), 1000) == pytest.approx(4.1e9, rel=0.01)
    assert Torchvision(name="inception_v3").flops((3, 299, 299), 1000) == pytest.approx(5.713e9, rel=0.01)


def test_specs_import_no_torch():
    code = "import sys, igbviz.models; sys.exit('torch' in sys.modules or 'torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
