"""The inputs and labels on which a probe evaluates somebody's model, and what may be given as such."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from igbviz.recording.sampling import class_names_of, draw, source_name
from igbviz.recording.untouched import devices_of
from igbviz.spec import ConfigError, short

ALLOWED = "allowed: a tensor (N, ...), a dict or a tuple of such tensors, a Dataset or a DataLoader"


@dataclass(frozen=True)
class ProbeSet:
    """N inputs, as the arguments of the model, and their labels (N,)."""

    positional: tuple[Tensor, ...]
    named: dict[str, Tensor]
    labels: Tensor
    class_names: tuple[str, ...]
    drawn: bool = False  # from a Dataset: moved to where the model is
    source: str = ""  # the class of that Dataset

    def __len__(self) -> int:
        return len(self.labels)

    def tensors(self) -> dict[str, Tensor]:
        """All inputs, see `by_name`."""
        return by_name(self.positional, self.named)

    def for_model(self, model: nn.Module) -> ProbeSet:
        """The set on the device of the model: drawn inputs are moved; ConfigError if given ones are elsewhere."""
        devices = devices_of(model)
        if not devices or all(tensor.device in devices for tensor in self.tensors().values()):
            return self
        if not self.drawn:
            name, tensor = next(item for item in self.tensors().items() if item[1].device not in devices)
            raise ConfigError(((name,), f"is on {tensor.device}, allowed: {devices[0]}, where model is"))
        return replace(
            self,
            positional=tuple(tensor.to(devices[0]) for tensor in self.positional),
            named={name: tensor.to(devices[0]) for name, tensor in self.named.items()},
        )

    def chunks(self, size: int) -> Iterator[tuple[tuple[Tensor, ...], dict[str, Tensor]]]:
        """The arguments of the model in chunks of at most `size` inputs, as equal as can be."""
        count = math.ceil(len(self) / size)
        positional = [tensor.tensor_split(count) for tensor in self.positional]
        named = {name: tensor.tensor_split(count) for name, tensor in self.named.items()}
        for k in range(count):
            yield tuple(chunks[k] for chunks in positional), {name: chunks[k] for name, chunks in named.items()}


def by_name(positional: tuple[Tensor, ...], named: dict[str, Tensor]) -> dict[str, Tensor]:
    """Inputs by the names under which an error speaks of them."""
    if not positional:
        return {f"inputs[{name!r}]": tensor for name, tensor in named.items()}
    if len(positional) == 1:
        return {"inputs": positional[0]}
    return {f"inputs[{k}]": tensor for k, tensor in enumerate(positional)}


def probe_set(inputs: Any, labels: Any, class_names: Any, images: int, seed: int) -> ProbeSet:
    """Check what is given; from a Dataset or a DataLoader `images` samples are drawn. ConfigError for anything else."""
    source, drawn = "", isinstance(inputs, Dataset | DataLoader) or _looks_like_dataset(inputs)
    if drawn:
        if labels is not None:
            problem = f"is {type(labels).__name__}, allowed: None, since the labels come with the inputs from a Dataset"
            raise ConfigError((("labels",), problem))
        if class_names is None:
            class_names = class_names_of(inputs)
        source = source_name(inputs)
        inputs, labels = draw(inputs, images, seed)
    elif isinstance(inputs, Mapping) and labels is None and "labels" in inputs:
        inputs = dict(inputs)
        labels = inputs.pop("labels")
    positional, named = _arguments(inputs)
    checked = _labels(labels)
    given = ProbeSet(positional, named, checked, _names(class_names, checked), drawn, source)
    for name, tensor in given.tensors().items():
        if tensor.ndim == 0 or len(tensor) != len(checked):
            problem = f"has shape {tuple(tensor.shape)}, allowed: ({len(checked)}, ...), one for each of the labels"
            raise ConfigError(((name,), problem))
    return given


def _looks_like_dataset(inputs: Any) -> bool:
    """A data set of Hugging Face is no torch Dataset."""
    return hasattr(inputs, "column_names") and hasattr(inputs, "__getitem__") and hasattr(inputs, "__len__")


def _arguments(inputs: Any) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    if isinstance(inputs, Mapping):
        named = {str(name): _tensor(value, f"inputs[{name!r}]") for name, value in inputs.items()}
        if named:
            return (), named
    elif isinstance(inputs, tuple) and inputs:
        return tuple(_tensor(value, f"inputs[{k}]") for k, value in enumerate(inputs)), {}
    elif isinstance(inputs, Tensor | np.ndarray):
        return (_tensor(inputs, "inputs"),), {}
    raise ConfigError((("inputs",), f"is {_kind(inputs)}, {ALLOWED}"))


def _tensor(value: Any, name: str) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return torch.as_tensor(value)
    raise ConfigError(((name,), f"is {_kind(value)}, allowed: a tensor (N, ...)"))


def _labels(labels: Any) -> Tensor:
    """(N,) int64; every class from 0 to the largest has an input, so the number of classes can be read from them."""
    allowed = "allowed: whole numbers (N,), the class of each input"
    try:
        checked = labels.detach() if isinstance(labels, Tensor) else torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError):
        raise ConfigError((("labels",), f"are {_kind(labels)}, {allowed}")) from None
    if checked.ndim != 1 or not len(checked):
        raise ConfigError((("labels",), f"have shape {tuple(checked.shape)}, {allowed}"))
    if checked.is_floating_point() or checked.is_complex() or checked.dtype is torch.bool:
        raise ConfigError((("labels",), f"are of type {checked.dtype}, {allowed}"))
    return checked.long()


def _names(class_names: Any, labels: Tensor) -> tuple[str, ...]:
    """The names of the classes, numbers by default. ConfigError if they do not fit the labels."""
    low, high = int(labels.min()), int(labels.max())
    if class_names is None:
        names = tuple(str(k) for k in range(high + 1))
    elif isinstance(class_names, str | Mapping) or not hasattr(class_names, "__iter__"):
        raise ConfigError((("class_names",), f"is {short(class_names)}, allowed: a list of names, or None"))
    else:
        names = tuple(str(name) for name in class_names)
    if low < 0 or high >= len(names):
        allowed = f"0 to {len(names) - 1}" + (", one for each of class_names" if class_names is not None else "")
        raise ConfigError((("labels",), f"run from {low} to {high}, allowed: {allowed if high >= 0 else '0 and more'}"))
    if len(names) < 2:
        raise ConfigError((("labels",), "are all 0, allowed: those of at least 2 classes"))
    require_every_class(labels, names)
    return names


def require_every_class(labels: Tensor, class_names: tuple[str, ...]) -> None:
    """ConfigError if a class has no input: its means would be those of nothing."""
    counts = torch.bincount(labels.cpu(), minlength=len(class_names))
    if missing := (counts == 0).nonzero().flatten().tolist():
        first = (
            f"{missing[0]} ({class_names[missing[0]]})" if class_names[missing[0]] != str(missing[0]) else missing[0]
        )
        more = f" and of {len(missing) - 1} more" if len(missing) > 1 else ""
        problem = f"have no input of class {first}{more}, allowed: at least one of each of the {len(counts)} classes"
        raise ConfigError((("labels",), problem))


def _kind(value: Any) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"
