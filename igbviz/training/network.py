"""Build and initialize a network, evaluate it, and guard a step against non-finite and denormal numbers.

Shared by training, ensembles and benchmarks.
"""

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
from igbviz.training.seeds import DROPOUT, ROUNDING_NOISE, WEIGHTS, derived_seed

PROBE_CHUNK = 500  # images per forward pass of a probe; with batch statistics it is part of the result
# Upper limit on a CPU; on a GPU the images of 32x32 pixels per pass, enough to fill it without exhausting its memory.
MAX_PROBE_CHUNK = 2500
# multiply-accumulates per pass on a CPU: below this a small network loses time to the number of passes
CHUNK_MACS = 1e9

# For a neutral bias: training images used, tolerance (every class within 1 % of 1/K), and maximum iterations.
NEUTRAL_BIAS_IMAGES, NEUTRAL_BIAS_TOLERANCE, NEUTRAL_BIAS_ITERATIONS = 1000, 0.01, 1000

ROUNDING = 6e-8  # relative: the largest error of rounding to float32

MAX_SAFE_SPREAD = 25.0  # max logit - min logit below which p and p^2 stay well above 1e-30


def build_network(config: RunConfig, data: Data) -> nn.Module:
    """The untrained network, on the CPU, so that a seed gives the same weights on every device.

    Leaves torch's global random state unchanged.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derived_seed(config.seed, WEIGHTS, 0))
        network = config.model.build(data.shape, data.classes)
        config.initialization.apply(network, data.classes)
        network.train()
        if config.initialization.last_layer == "neutral-bias":
            chosen = torch.randperm(len(data.train_images))[:NEUTRAL_BIAS_IMAGES].to(data.train_images.device)
            neutralize(network, data.train_images[chosen].cpu(), data.classes)
    if config.rounding_noise:
        add_rounding_noise(network, derived_seed(config.seed, ROUNDING_NOISE, config.rounding_noise))
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

    As in training, BatchNorm uses batch statistics; its running statistics are not updated. This is logit adjustment
    (Menon et al. 2021, arXiv 2007.07314) by the network's own prior. Subtracting the log of the mean prediction once is
    enough only if predictions hardly differ between images, so it is iterated: these are Sinkhorn iterations with row
    sums 1 (images) and column sums N/K (classes). Starting from the mean logits removes a bias shared by all images at
    once; a confident network then needs about a hundred iterations.
    """
    with torch.inference_mode(), evaluation_mode(network, "batch"):
        logits = torch.cat([upcast(network(chunk)) for chunk in images.split(PROBE_CHUNK)]).double()
    shift = -logits.mean(0)
    for _ in range(NEUTRAL_BIAS_ITERATIONS):
        excess = (logits + shift).log_softmax(-1).logsumexp(0) - math.log(len(images) / classes)
        if excess.abs().max() < NEUTRAL_BIAS_TOLERANCE:
            break
        shift -= excess
    with torch.no_grad():
        last_layer(network, classes).bias += shift - shift.mean()


def to_device(network: nn.Module, device: torch.device, channels_last_on_cpu: bool, precision: str) -> nn.Module:
    """Move the network to the device, in the channels-last memory format where that is faster.

    On a GPU that is with tensor cores only: its float32 kernels are written for channels-first feature maps (measured
    in pytorch/pytorch#44943).
    """
    channels_last = channels_last_on_cpu if device.type == "cpu" else device.type == "cuda" and precision == "bfloat16"
    network = network.to(device)
    return network.to(memory_format=torch.channels_last) if channels_last else network


def probe_chunk(config: RunConfig, facts: Facts, device: torch.device) -> int:
    """Images per forward pass of a probe."""
    if config.probes.batch_norm == "batch":
        return PROBE_CHUNK
    if device.type == "cpu":
        macs = config.model.flops((facts.channels, facts.side, facts.side), len(facts.class_names))
        return int(min(max(PROBE_CHUNK, CHUNK_MACS // macs), MAX_PROBE_CHUNK))
    return max(PROBE_CHUNK, MAX_PROBE_CHUNK * 32 * 32 // facts.side**2)


@contextlib.contextmanager
def evaluation_mode(network: nn.Module, batch_norm: str) -> Iterator[None]:
    """Evaluation mode; with batch_norm='batch', BatchNorm uses batch statistics without updating the running ones."""
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
    """Seed torch's global generators by (seed, step), so that a resumed run repeats its dropout; restored on exit."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(derived_seed(seed, DROPOUT, step))
        yield


def guard_nonfinite(logits: torch.Tensor) -> torch.Tensor | None:
    """A scalar to add to the loss: 0, or NaN if any of the logits (..., K) is non-finite. None instead of a sure 0.

    Call it before the backward pass. On a GPU the result is not read back, which would stall the device.

    On a CPU it also sets gradient entries below 1e-30 to zero, if there can be any. A confident network assigns p =
    1e-40; a CPU is so slow with such denormals that a step takes up to twice as long, and they move no float32 weight.
    """
    if logits.device.type != "cpu":
        return 0 * logits.detach().sum()
    low, high = logits.detach().aminmax()
    if high.item() - low.item() < MAX_SAFE_SPREAD:
        return None
    logits.register_hook(without_denormals)
    return 0 * (high - low)


def without_denormals(gradient: torch.Tensor) -> torch.Tensor:
    """The gradient, with entries below 1e-30 in magnitude set to zero."""
    return torch.nn.functional.hardshrink(gradient, 1e-30)
