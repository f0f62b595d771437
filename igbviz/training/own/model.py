"""Somebody's own network: a torch module, or a function that makes one, in place of an architecture."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from igbviz.datasets import Data
from igbviz.losses import upcast
from igbviz.models import last_layer
from igbviz.spec import ConfigError, Spec, short
from igbviz.training.network import evaluation_mode
from igbviz.training.seeds import WEIGHTS, derived_seed

if TYPE_CHECKING:
    from igbviz.config import RunConfig


class OwnModel:
    """What a training asks of `config.model`, for a network about which nothing is known but what `measure` finds.

    A module is copied, so that two trainings start alike; a function is called under the seed of the run.
    """

    name, is_foreign, channels_last_on_cpu = "own model", True, False

    def __init__(self, model: nn.Module | Callable[[], nn.Module]) -> None:
        if isinstance(model, str | dict | Spec) or not callable(model):
            raise _problem(
                f"is {short(model)}, allowed: a torch module, or a function without arguments that makes one; an "
                "architecture of igbviz is a field of the configuration"
            )
        self.model = model
        self.is_random = False  # whether a step draws random numbers
        self._weights = self._macs = self._kept = 0.0

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A new network on the CPU, without gradients. Draws from torch's global random generator."""
        is_module = isinstance(self.model, nn.Module)
        try:
            network = copy.deepcopy(self.model) if is_module else _made_under_seed(self.model)
        except Exception as error:
            what, hint = ("cannot be copied", ", or a function that makes one") if is_module else ("fails", "")
            allowed = f"a module that copy.deepcopy can copy{hint}" if is_module else "a function without arguments"
            raise _problem(f"{what}, allowed: {allowed}; {_in_words(error)}") from error
        if not isinstance(network, nn.Module):
            raise _problem(f"makes a value of type {type(network).__name__}, allowed: a torch module")
        network.zero_grad(set_to_none=True)  # a frozen weight would be trained by the gradient it came with
        return network.to("cpu")

    def flops(self, shape: tuple[int, ...], classes: int) -> float:
        """Multiply-accumulates of a sample in linear layers and convolutions, at least one for each weight."""
        return self._macs

    def weights(self, shape: tuple[int, ...], classes: int) -> float:
        """Number of weights."""
        return self._weights

    def activations(self, shape: tuple[int, ...], classes: int) -> float:
        """Values of one sample that backpropagation keeps."""
        return self._kept

    def measure(self, config: RunConfig, data: Data) -> None:
        """Evaluate the network on a few samples, and train it on them, but for the step: what a run will do.

        Raises ConfigError if it does not give logits (batch, classes). Torch's random state is left as it was.
        """
        device, count = data.train_images.device, min(config.batch_size, len(data.train_labels), 2)
        samples = data.train_images[:count].clone()  # of a view, all of the images would count as kept
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.default_generator.manual_seed(derived_seed(config.seed, WEIGHTS, 0))
            network = self.build(data.shape, data.classes)
            if not isinstance(self.model, nn.Module) and self.build(data.shape, data.classes) is network:
                raise _problem("makes the same module twice, allowed: a new one at each call, or the module itself")
            self._weights = float(sum(weight.numel() for weight in _trainable(network)))
            _require_last_layer(network, config.initialization.last_layer, data.classes)
            network.to(device).train()
            with torch.no_grad(), evaluation_mode(network, config.probes.batch_norm):
                before = _random_state(device)
                _logits(network, samples, data.classes)
                if not torch.equal(before, _random_state(device)):
                    raise _problem("draws random numbers in evaluation mode, allowed: in training mode only")
            with torch.enable_grad():
                self._measure_step(network, samples, data.classes)
            self.is_random = not torch.equal(before, _random_state(device))

    def _measure_step(self, network: nn.Module, samples: Tensor, classes: int) -> None:
        tensors = (*network.parameters(), *network.buffers())
        weights = {tensor.untyped_storage().data_ptr() for tensor in tensors}
        kept: dict[int, int] = {}  # bytes by address: what several operations keep is kept once
        macs = [0.0]

        def keep(tensor: Tensor) -> Tensor:
            if (address := tensor.untyped_storage().data_ptr()) not in weights:
                kept[address] = tensor.untyped_storage().nbytes()
            return tensor

        def count(layer: nn.Module, _: Any, output: Any) -> None:
            macs[0] += layer.weight[0].numel() * output.numel()

        layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd)]
        hooks = [layer.register_forward_hook(count) for layer in layers]
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            logits = _logits(network, samples, classes)  # named, since it holds what is kept
        for hook in hooks:
            hook.remove()
        if not logits.requires_grad:
            raise _problem("gives logits without a gradient, allowed: those that torch computes from its weights")
        self._macs = max(macs[0] / len(samples), self._weights)
        self._kept = sum(kept.values()) / 4 / len(samples)


def _made_under_seed(make: Callable[[], Any]) -> Any:
    """What the function makes; if it draws on a GPU, then from the same seed as on the CPU."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(torch.initial_seed())
        return make()


def _trainable(network: nn.Module) -> list[nn.Parameter]:
    """All weights; ConfigError if none can be trained."""
    weights = list(network.parameters())
    if any(map(is_lazy, weights)):
        raise _problem("has lazy layers, allowed: layers with weights; evaluate it on a batch first")
    if not any(weight.requires_grad for weight in weights):
        raise _problem("has no weights to train, allowed: at least one that requires a gradient")
    return weights


def _require_last_layer(network: nn.Module, treatment: str, classes: int) -> None:
    if treatment == "same":
        return
    try:
        has_bias = last_layer(network, classes).bias is not None
    except IndexError:
        raise _problem(
            f"has no linear layer with {classes} outputs, allowed: one, since initialization.last_layer is {treatment}"
        ) from None
    if treatment == "neutral-bias" and not has_bias:
        raise _problem("adds no bias to its logits, allowed: one, since initialization.last_layer is neutral-bias")


def _logits(network: nn.Module, samples: Tensor, classes: int) -> Tensor:
    """Finite logits (N, K) of these samples; ConfigError for anything else."""
    mode, count = "training" if network.training else "evaluation", len(samples)
    try:
        logits = network(samples)
    except Exception as error:  # whatever a stranger's module may raise
        kind = str(samples.dtype).removeprefix("torch.")
        given = f"samples of shape {tuple(samples.shape)} and type {kind}"
        raise _problem(f"fails in {mode} mode, given {given}; {_in_words(error)}") from error
    allowed = f"allowed: logits (batch, classes), here ({count}, {classes})"
    if not isinstance(logits, Tensor):
        raise _problem(f"gives a value of type {type(logits).__name__} in {mode} mode, {allowed}, as one tensor")
    if logits.shape != (count, classes):
        raise _problem(f"gives a tensor of shape {tuple(logits.shape)} for {count} samples, {allowed}")
    if not logits.is_floating_point() or not logits.isfinite().all():
        raise _problem("gives logits that are infinite or NaN before the first step, allowed: finite numbers")
    return upcast(logits)


def _random_state(device: torch.device) -> Tensor:
    states = [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]
    return torch.cat(states)


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or ['no message'])[0]}"


def _problem(text: str) -> ConfigError:
    return ConfigError((("model",), text))
