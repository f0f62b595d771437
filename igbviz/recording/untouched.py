"""A look leaves no trace: modes, buffers, random states and the caller's contexts are afterwards as they were before.

Weights and gradients need no care, since a look runs no optimizer and its forward pass builds no graph.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

BatchNorm = nn.modules.batchnorm._BatchNorm


@contextlib.contextmanager
def evaluating(model: nn.Module, batch_norm: str, *others: nn.Module) -> Iterator[None]:
    """Evaluate `model` without a trace in it, in `others` (a loss, say) or in any random state.

    With `batch_norm` 'batch', BatchNorm normalizes by the statistics of its input and updates nothing.
    """
    modules = [module for root in (model, *others) for module in root.modules()]
    with kept_random_states(devices_of(model)), _no_graph(), _kept_modes(modules), _kept_buffers(modules):
        model.eval()
        if batch_norm == "batch":
            for layer in model.modules():
                if isinstance(layer, BatchNorm):
                    layer.running_mean = layer.running_var = None  # put back with the other buffers
        yield


def devices_of(model: nn.Module) -> list[torch.device]:
    """The devices of its weights and buffers, that of the first weight first."""
    return list(dict.fromkeys(tensor.device for tensor in (*model.parameters(), *model.buffers())))


@contextlib.contextmanager
def kept_random_states(devices: Iterable[torch.device] = ()) -> Iterator[None]:
    """Restore the random states of Python, numpy, the CPU and these devices."""
    gpus = [device for device in devices if device.type == "cuda"]
    uses_mps = any(device.type == "mps" for device in devices)
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 (a data set may use it)
    mps = torch.mps.get_rng_state() if uses_mps else None
    try:
        with torch.random.fork_rng(devices=gpus):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        if mps is not None:
            torch.mps.set_rng_state(mps)


@contextlib.contextmanager
def _no_graph() -> Iterator[None]:
    """No autograd graph, under the caller's autocast if there is one.

    Not in inference mode, whose tensors could not be used in a training step if the model kept one. Autocast's cache of
    converted weights is not used: it may be older than the last step, and what it would keep here has no graph.
    """
    cached = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        with torch.inference_mode(False), torch.no_grad():
            yield
    finally:
        torch.set_autocast_cache_enabled(cached)


@contextlib.contextmanager
def _kept_modes(modules: list[nn.Module]) -> Iterator[None]:
    """Restore the mode of each module by itself, since some may be frozen in evaluation mode."""
    modes = [module.training for module in modules]
    try:
        yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


@contextlib.contextmanager
def _kept_buffers(modules: list[nn.Module]) -> Iterator[None]:
    """Restore the buffers: the tensors themselves, and their values where something has written to them."""
    before = [
        (module, name, buffer, buffer._version, buffer.detach().clone())
        for module in modules
        for name, buffer in module._buffers.items()
        if isinstance(buffer, Tensor) and not buffer.is_inference()
    ]
    try:
        yield
    finally:
        for module, name, buffer, version, values in before:
            if buffer._version != version:
                with torch.no_grad():
                    buffer.copy_(values)
            module._buffers[name] = buffer
