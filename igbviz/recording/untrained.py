"""Untrained networks of any architecture: draw many, and measure the guesses of each before its first step.

    ensemble = igbviz.untrained(lambda: torchvision.models.resnet18(num_classes=10), images, networks=50)
    print(ensemble.verdict())
    igbviz.charts.architectures({"ResNet-18": ensemble})

Inputs need no labels. A network depends on the seed and its index alone, whatever was drawn before or elsewhere.
"""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from igbviz.ensembles import Ensemble, ensemble_dtype
from igbviz.ensembles.measures import measure_logits, to_double
from igbviz.losses import upcast
from igbviz.recording.drawing import seeded, source_of_networks
from igbviz.spec import ConfigError, short
from igbviz.training.devices import compute_context, device_of
from igbviz.training.network import evaluation_mode
from igbviz.training.seeds import ENSEMBLE_WEIGHTS, derived_seed

__all__ = ["untrained"]

Inputs = Tensor | Mapping[str, Tensor]


def untrained(
    make_model: Callable[[], nn.Module] | nn.Module,
    inputs: Inputs,
    networks: int = 100,
    seed: int = 0,
    *,
    class_names: Sequence[str] = (),
    batch_norm: Literal["eval", "batch"] = "eval",
    batch_size: int = 500,
    device: str | torch.device | None = None,
    progress: bool | None = None,
) -> Ensemble:
    """Draw `networks` untrained networks of an architecture and measure what each guesses on the same inputs.

        make_model   called without arguments, once per network, and returns a torch module with weights drawn from
                     torch's global generator. Or a module: it is copied, and every layer of the copies is drawn anew by
                     its `reset_parameters`; the module itself is left as it is.
        inputs       (D, ...) tensor, or a dict of such tensors, which a model gets as keyword arguments. As prepared
                     for training: the bias depends on their normalization.
        class_names  of the K classes; default: '0', '1', ...
        batch_norm   'eval': BatchNorm uses its running statistics, before training mean 0 and variance 1. 'batch': the
                     statistics of each batch of inputs. Everything else, dropout included, is in evaluation mode.
        batch_size   inputs per forward pass.
        device       networks and inputs are moved there; default: where `make_model` puts its networks.
        progress     a progress bar: True, False, or None for one in a terminal.

    A model returns logits (D, K), as a tensor or as the attribute `logits` of its output, from which softmax gives
    probabilities. An interrupt (Ctrl-C, or the stop button of a notebook) ends the drawing, and the ensemble has the
    networks measured so far. Torch's global random state is left as it was.

    >>> images = torch.randn(200, 784, generator=torch.Generator().manual_seed(0))
    >>> ensemble = igbviz.untrained(lambda: torch.nn.Linear(784, 10), images, networks=20)
    >>> gamma, error = ensemble.gamma()  # K-class estimator and its standard error over networks
    >>> ensemble.guess_fraction().shape  # (networks, K)
    (20, 10)

    Raises ConfigError, one sentence with the argument, its value and what is allowed: wrong shapes, outputs that are no
    logits, infinite or NaN logits, weights that `reset_parameters` does not reach. Source of the measure: Francazi,
    Lucchi and Baity-Jesi 2024, arXiv 2306.00809.
    """
    inputs = _checked_inputs(inputs)
    networks = _whole(networks, "networks", 2, 1_000_000)
    seed, batch_size = _whole(seed, "seed", 0, 2**31 - 1), _whole(batch_size, "batch_size", 2, 2**31 - 1)
    if batch_norm not in ("eval", "batch"):
        _refuse("batch_norm", f"is {short(batch_norm)}, allowed: one of eval, batch")
    drawing = Drawing(make_model, inputs, seed, batch_norm, batch_size, device)
    records: list[np.void] = []
    with contextlib.closing(_bar(networks, progress)) as bar:
        try:
            for index in range(networks):
                records.append(drawing.record(index))
                if not index:
                    _require_names(class_names, len(records[0]["guesses"]))
                bar.update()
        except KeyboardInterrupt:
            if not records:
                raise
    return Ensemble.of(records, tuple(class_names))


class Drawing:
    """Draws networks by their index and measures them, one by one."""

    def __init__(
        self,
        make_model: Callable[[], nn.Module] | nn.Module,
        inputs: dict[str, Tensor] | Tensor,
        seed: int,
        batch_norm: str,
        batch_size: int,
        device: str | torch.device | None,
    ) -> None:
        self.make, self.inputs, self.seed = source_of_networks(make_model), inputs, seed
        self.batch_norm, self.device = batch_norm, None if device is None else device_of(device)
        self.chunks = math.ceil(_count(inputs) / batch_size)
        self._classes: int | None = None
        self._first: list[float] | None = None  # sums of the first network's weights, which a second must not have

    def record(self, index: int) -> np.void:
        """The record of `ensemble_dtype` of one network. Its forward passes are seeded, too: lazy layers draw then."""
        with seeded(derived_seed(self.seed, ENSEMBLE_WEIGHTS, index)):
            network = self.make()
            if self.device is not None:
                network = network.to(self.device)
            logits = self._logits(network)
        self._require_another(network, index, logits.shape[1])
        record = np.zeros(1, ensemble_dtype(logits.shape[1]))
        record["network"] = index
        for name, values in measure_logits(logits[None]).items():
            record[name] = values.cpu().numpy()
        return record[0]

    def _logits(self, network: nn.Module) -> Tensor:
        """Logits (D, K) of all inputs, chunk by chunk, in at least float32."""
        device = next((weight.device for weight in network.parameters()), torch.device("cpu"))
        logits = []
        for chunk in _split(self.inputs, self.chunks, device):
            with (
                torch.no_grad(),
                compute_context(device, "float32", torch.get_num_threads()),
                evaluation_mode(network, self.batch_norm),
            ):
                logits.append(_checked_logits(self._forward(network, chunk), _count(chunk)))
        return torch.cat(logits)

    def _forward(self, network: nn.Module, chunk: dict[str, Tensor] | Tensor) -> Any:
        try:
            return network(chunk) if isinstance(chunk, Tensor) else network(**chunk)
        except torch.OutOfMemoryError as error:
            raise ConfigError(
                (("batch_size",), f"is too large for the memory here, allowed: fewer than {_count(chunk)} inputs")
            ) from error
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            _refuse("inputs", f"is {_described(self.inputs)}, allowed: what the model takes; it says: {reason}", error)

    def _require_another(self, network: nn.Module, index: int, classes: int) -> None:
        """The same architecture, with weights of its own."""
        if classes != (self._classes or classes):
            problem = f"made networks of {self._classes} and of {classes} classes, allowed: the same number in all"
            _refuse("make_model", problem)
        self._classes = classes
        if index > 1:
            return
        tensors = (*network.parameters(), *network.buffers())
        sums = [to_double(tensor.detach()).sum().item() for tensor in tensors if tensor.is_floating_point()]
        if self._first is None:
            self._first = sums
        elif sums == self._first:
            _refuse(
                "make_model",
                "gave two networks the same weights, allowed: a function that draws new ones at every call, from "
                "torch's global generator, which it must not seed",
            )


def _checked_inputs(inputs: Any) -> dict[str, Tensor] | Tensor:
    """The inputs, checked; a mapping as a plain dict."""
    allowed = "a tensor or an array (inputs, ...), or a dict of them by the name of the model's argument"
    if isinstance(inputs, Mapping):
        inputs = {name: _as_tensor(values) for name, values in inputs.items()}
        for name, values in inputs.items():
            if not isinstance(name, str) or not isinstance(values, Tensor) or not values.ndim:
                what = _described(values) if isinstance(values, Tensor) else f"a value of type {type(values).__name__}"
                _refuse("inputs", f"has {what} as {short(name)}, allowed: {allowed}")
        lengths = {name: len(values) for name, values in inputs.items()}
        if len(set(lengths.values())) != 1:
            _refuse("inputs", f"has the lengths {short(lengths)}, allowed: the same number of inputs in each tensor")
    elif not isinstance(inputs := _as_tensor(inputs), Tensor) or not inputs.ndim:
        what = "a tensor without axes" if isinstance(inputs, Tensor) else f"of type {type(inputs).__name__}"
        _refuse("inputs", f"is {what}, allowed: {allowed}")
    if _count(inputs) < 2:
        _refuse("inputs", f"has {_count(inputs)} of them, allowed: at least 2, and better a thousand")
    for values in inputs.values() if isinstance(inputs, dict) else (inputs,):
        if values.is_floating_point() and not values.isfinite().all():
            _refuse("inputs", "has infinite or NaN values, allowed: finite numbers")
    return inputs


def _as_tensor(values: Any) -> Any:
    """An array of numbers as a tensor; anything else as it is."""
    return torch.as_tensor(values) if isinstance(values, np.ndarray) and values.dtype.kind in "biuf" else values


def _checked_logits(output: Any, inputs: int) -> Tensor:
    """The logits (inputs, K) in what a model has returned."""
    logits = output if isinstance(output, Tensor) else getattr(output, "logits", None)
    shape = "logits (inputs, K) of at least two classes"
    if not isinstance(logits, Tensor):
        allowed = f"a tensor of {shape}, or an output with one as its attribute 'logits'"
        _refuse(
            "make_model", f"makes a model that returns an output of type {type(output).__name__}, allowed: {allowed}"
        )
    size = tuple(logits.shape)
    if size in ((inputs,), (inputs, 1)):
        advice = "of two classes with a single logit x, return torch.stack([0 * x, x], 1)"
        _refuse("make_model", f"makes a model with outputs of shape {size}, allowed: {shape}; {advice}")
    if len(size) != 2 or size[0] != inputs:
        problem = f"makes a model that turns {inputs} inputs into outputs of shape {size}"
        _refuse("make_model", f"{problem}, allowed: {shape}")
    if not logits.is_floating_point():
        _refuse("make_model", f"makes a model with outputs of {logits.dtype}, allowed: {shape}, in floating point")
    if not logits.isfinite().all():
        problem = "makes a model with infinite or NaN logits"
        _refuse("make_model", f"{problem}, allowed: finite ones; use smaller weights, fewer layers or smaller inputs")
    return upcast(logits)


def _require_names(class_names: Sequence[str], classes: int) -> None:
    if class_names and (isinstance(class_names, str) or len(class_names) != classes):
        problem = f"is {short(class_names)}, allowed: {classes} names, one for each logit of the model"
        _refuse("class_names", problem)


def _whole(value: Any, argument: str, low: int, high: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        _refuse(argument, f"is {short(value)}, allowed: a whole number from {low} to {high}")
    return number


def _refuse(argument: str, problem: str, cause: Exception | None = None) -> NoReturn:
    raise ConfigError(((argument,), problem)) from cause


def _count(inputs: dict[str, Tensor] | Tensor) -> int:
    return len(inputs if isinstance(inputs, Tensor) else next(iter(inputs.values())))


def _described(inputs: dict[str, Tensor] | Tensor) -> str:
    """'a torch.float32 tensor (64, 3, 32, 32)'."""
    if isinstance(inputs, Tensor):
        return f"a {inputs.dtype} tensor {tuple(inputs.shape)}"
    return "a dict of " + ", ".join(f"{name}: {_described(values)}" for name, values in inputs.items())


def _split(
    inputs: dict[str, Tensor] | Tensor, chunks: int, device: torch.device
) -> Iterator[dict[str, Tensor] | Tensor]:
    """The inputs in chunks of nearly equal size, on the device of the network."""
    if isinstance(inputs, Tensor):
        yield from (chunk.to(device) for chunk in inputs.tensor_split(chunks))
    else:
        columns = [values.tensor_split(chunks) for values in inputs.values()]
        for row in zip(*columns, strict=True):
            yield {name: values.to(device) for name, values in zip(inputs, row, strict=True)}


def _bar(networks: int, progress: bool | None):
    from tqdm import tqdm

    return tqdm(
        total=networks, unit=" networks", dynamic_ncols=True, disable=None if progress is None else not progress
    )
