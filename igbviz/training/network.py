"""A network before its first step, and how networks are asked and kept from stumbling: what training, ensembles and
benchmarks share."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import nn

from igbviz.config import RunConfig
from igbviz.datasets import Data, Facts
from igbviz.losses import upcast
from igbviz.models import last_layer
from igbviz.training.seeds import DROPOUT, ROUNDING_NOISE, WEIGHTS, mixed

PROBE_CHUNK = 500  # images in one forward pass of a probe; part of the numbers where BatchNorm uses batch statistics
# The same on a GPU, of 32x32 pixels: what fits, whatever else is there, and fills it; the most on a CPU.
LARGE_CHUNK = 2500
# Multiply-accumulates of such a pass on a CPU: a small network is slower in more chunks than that takes.
CHUNK_PRODUCTS = 1e9

# Training images that a neutral bias is chosen for, and when that is good enough: no class more than 1 % from 1/K.
NEUTRAL_IMAGES, NEUTRAL_PRECISION, NEUTRAL_ROUNDS = 1000, 0.01, 1000

ROUNDING = 6e-8  # relative: the largest error of rounding to float32

EVERYDAY_SPREAD = 25.0  # between the largest and the smallest logit: no p, no square of one, is near 1e-30 below


def build_network(config: RunConfig, data: Data) -> nn.Module:
    """The untrained network, on the CPU: the same weights for the same seed on every device. Leaves torch's global
    generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(mixed(config.seed, WEIGHTS, 0))
        network = config.model.build(data.shape, data.classes)
        config.initialization.apply(network, data.classes)
        network.train()
        if config.initialization.last_layer == "neutral-bias":
            chosen = torch.randperm(len(data.train_images))[:NEUTRAL_IMAGES].to(data.train_images.device)
            neutralize(network, data.train_images[chosen].cpu(), data.classes)
    if config.rounding_noise:
        add_rounding_noise(network, mixed(config.seed, ROUNDING_NOISE, config.rounding_noise))
    return network


def add_rounding_noise(network: nn.Module, seed: int) -> None:
    """Multiply every parameter, but no buffer, by 1 + 6e-8 times a standard normal number: half a float32 epsilon.

    Computed in float64 and rounded once, since 1 + 6e-8 in float32 is 1 or 1 + 1.2e-7.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_(parameter.double() * (1 + ROUNDING * noise))


def neutralize(network: nn.Module, images: torch.Tensor, classes: int) -> None:
    """Shift the biases of the last layer until the mean softmax over these images (N, C, H, W) is 1/K for every class.

    As training sees them: BatchNorm divides by their own statistics and forgets them. This is logit adjustment (Menon
    et al. 2021, arXiv 2007.07314) by the network's own prior. Subtracting the log of the mean prediction makes it even
    only where predictions hardly differ, so it is repeated: these are Sinkhorn's steps, rows being images that hold 1
    each, columns classes that shall hold N/K. From the centres of the logits, where a bias that is the same for all
    images is gone at once, a confident network needs some hundred of them.
    """
    with torch.inference_mode(), probing(network, "batch"):
        logits = torch.cat([upcast(network(piece)) for piece in images.split(PROBE_CHUNK)]).double()
    shift = -logits.mean(0)
    for _ in range(NEUTRAL_ROUNDS):
        excess = (logits + shift).log_softmax(-1).logsumexp(0) - math.log(len(images) / classes)
        if excess.abs().max() < NEUTRAL_PRECISION:
            break
        shift -= excess
    with torch.no_grad():
        last_layer(network, classes).bias += shift - shift.mean()


def placed(network: nn.Module, device: torch.device, channels_last_on_cpu: bool, precision: str) -> nn.Module:
    """The network on its device, its feature maps with their channels last where that is faster: on a GPU only for
    tensor cores, since its kernels for full float32 products are made for maps with channels first (measured in
    pytorch/pytorch#44943)."""
    last = channels_last_on_cpu if device.type == "cpu" else device.type == "cuda" and precision == "bfloat16"
    network = network.to(device)
    return network.to(memory_format=torch.channels_last) if last else network


def probe_chunk(config: RunConfig, facts: Facts, device: torch.device) -> int:
    """Images in one forward pass of a probe."""
    if config.probes.batch_norm == "batch":
        return PROBE_CHUNK
    if device.type == "cpu":
        products = config.model.flops((facts.channels, facts.side, facts.side), len(facts.class_names))
        return int(min(max(PROBE_CHUNK, CHUNK_PRODUCTS // products), LARGE_CHUNK))
    return max(PROBE_CHUNK, LARGE_CHUNK * 32 * 32 // facts.side**2)


@contextlib.contextmanager
def probing(network: nn.Module, batch_norm: str) -> Iterator[None]:
    """Evaluation mode; with batch_norm='batch', BatchNorm uses the statistics of the images at hand and forgets them."""
    network.eval()
    norms = (
        [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
        if batch_norm == "batch"
        else []
    )
    for layer in norms:
        layer.train()
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in norms:
            layer.track_running_stats = True
        network.train()


@contextlib.contextmanager
def seeded_dropout(seed: int, step: int, device: torch.device) -> Iterator[None]:
    """Torch's global random numbers as a function of (seed, step): dropout of a resumed run is that of an undisturbed
    one. Afterwards they are the caller's again."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(mixed(seed, DROPOUT, step))
        yield


def guarded(logits: torch.Tensor) -> torch.Tensor | None:
    """Look at the logits (..., K) of a step before its backward pass: None where all are finite, else or where asking
    would stall the device a number to add to the loss, 0 or NaN.

    On a CPU the gradient loses its entries below 1e-30, where there can be any. A network that is sure of itself gives
    classes a p of 1e-40; a CPU computes with such denormal numbers so slowly that a step takes up to twice as long, and
    they move no float32 weight.
    """
    if logits.device.type != "cpu":
        return 0 * logits.detach().sum()
    low, high = logits.detach().aminmax()
    if high.item() - low.item() < EVERYDAY_SPREAD:
        return None
    logits.register_hook(without_denormals)
    return 0 * (high - low)


def without_denormals(gradient: torch.Tensor) -> torch.Tensor:
    """The gradient with entries below 1e-30 set to zero."""
    return torch.nn.functional.hardshrink(gradient, 1e-30)
