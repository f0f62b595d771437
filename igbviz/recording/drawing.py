"""Draw networks of somebody's architecture: by a function that builds them, or from a module by `reset_parameters`."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator

import torch
from torch import nn

from igbviz.models.initializations import PyTorch
from igbviz.spec import ConfigError, short


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's global generators, those of all CUDA devices included, start from this seed; restored on exit."""
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed_all(seed)
        yield


def source_of_networks(make_model: Callable[[], nn.Module] | nn.Module) -> Callable[[], nn.Module]:
    """A function that draws a new network at each call, from torch's global generators.

    Raises ConfigError if this is neither a function nor a module that `reset_parameters` can draw anew.
    """
    if isinstance(make_model, nn.Module):
        _require_resettable(make_model)
        return lambda: _reset(copy.deepcopy(make_model))
    if not callable(make_model):
        allowed = "a function without arguments that returns a torch.nn.Module, or a torch.nn.Module"
        raise ConfigError((("make_model",), f"is {short(make_model)}, allowed: {allowed}"))

    def make() -> nn.Module:
        network = make_model()
        if not isinstance(network, nn.Module):
            returned = f"returned an object of type {type(network).__name__}, allowed: a torch.nn.Module"
            raise ConfigError((("make_model",), returned))
        return network

    return make


def _require_resettable(module: nn.Module) -> None:
    """Every parameter must be drawn anew: one that keeps its value, NaN in a copy, would be equal in all networks."""
    allowed = "a function that builds a new network at each call, as in lambda: MyModel()"
    if any(isinstance(weight, nn.parameter.UninitializedTensorMixin) for weight in module.parameters()):
        raise ConfigError((("make_model",), f"is a module with lazy layers, allowed: {allowed}"))
    probe = copy.deepcopy(module)
    drawn = {name: weight for name, weight in probe.named_parameters() if weight.is_floating_point()}
    with torch.no_grad():
        for weight in drawn.values():
            weight.fill_(torch.nan)
    with seeded(0):
        _reset(probe)
    if kept := [name for name, weight in drawn.items() if weight.isnan().any()]:
        listed = ", ".join(kept[:3]) + (f" and {len(kept) - 3} more" if len(kept) > 3 else "")
        problem = f"is a module whose {listed} no reset_parameters draws anew, allowed: {allowed}"
        raise ConfigError((("make_model",), problem))


def _reset(module: nn.Module) -> nn.Module:
    with torch.no_grad():
        PyTorch().draw(module)
    return module
