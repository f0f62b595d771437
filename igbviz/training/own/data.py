"""Somebody's own data: four tensors or arrays, checked, in place of a data set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from igbviz.datasets import Data, Facts
from igbviz.datasets.base import channel_statistics
from igbviz.spec import ConfigError, short
from igbviz.training.memory import free_memory

ARRAYS = ("x", "y", "x_test", "y_test")


class OwnDataset:
    """What a training asks of `config.dataset`, for data that is in memory already."""

    name, is_in_memory = "own data", True

    def __init__(self, data: Data) -> None:
        self.data = data

    def facts(self) -> Facts:
        """Their sizes; samples that are no images count as grey ones with as many pixels."""
        data = self.data
        channels, *size = data.shape if len(data.shape) == 3 else (1, math.ceil(math.sqrt(math.prod(data.shape))))
        return Facts(channels, max(size), data.class_names, len(data.train_labels), len(data.test_labels))

    def load(self, device: str | torch.device = "cpu") -> Data:
        return self.data


def own_data(arrays: Any, class_names: Sequence[str], device: torch.device) -> Data:
    """`(x, y, x_test, y_test)` as `Data` on the device. Raises ConfigError for anything that cannot be trained on.

    Samples (N, ...) of floating-point numbers are taken as they are, in float32. uint8 are images (N, C, H, W), or grey
    ones (N, H, W): each channel is scaled to mean 0 and standard deviation 1 over `x`, as the data sets of igbviz are.
    Other whole numbers stay what they are, for a model that begins with an embedding. Labels are whole numbers from 0.
    """
    if not isinstance(arrays, tuple | list) or len(arrays) != len(ARRAYS):
        found = f"{len(arrays)} parts" if isinstance(arrays, tuple | list) else f"of type {type(arrays).__name__}"
        raise ConfigError((("data",), f"is {found}, allowed: four tensors or arrays, ({', '.join(ARRAYS)})"))
    x, y, x_test, y_test = (_tensor(array, name) for array, name in zip(arrays, ARRAYS, strict=True))
    x, x_test = _samples(x, "x"), _samples(x_test, "x_test")
    for what, first, second in (("shape", x.shape[1:], x_test.shape[1:]), ("type", x.dtype, x_test.dtype)):
        if first != second:
            first, second = (tuple(it) if what == "shape" else _name(it) for it in (first, second))
            raise _problem("x_test", f"has samples of {what} {second}, allowed: {first}, as in x")
    y, y_test = _labels(y, "y", x), _labels(y_test, "y_test", x_test)
    names = _class_names(class_names, y, y_test)
    _require_every_class(y, "y", len(names))
    _require_every_class(y_test, "y_test", len(names))

    mean, std = 0.0, 1.0
    if x.dtype == torch.uint8:
        x, x_test = x.cpu(), x_test.cpu()  # where the statistics are exact, the same for every device
        mean, std = channel_statistics(x)
    elif x.ndim == 4 and x.is_floating_point():  # shown as pictures, from their lowest value to their highest
        low, high = x.aminmax()
        std = 255 / max((high - low).item(), 1e-30)
        mean = -low.item() * std
    x, x_test = _scaled(x, "x", mean, std), _scaled(x_test, "x_test", mean, std)
    source = f"own data, {len(x)} + {len(x_test)} samples of shape {tuple(x.shape[1:])}"
    tensors = (tensor.to(device) for tensor in (x, y, x_test, y_test))
    return Data(*tensors, class_names=names, source=source, mean=mean, std=std)


def _tensor(array: Any, name: str) -> Tensor:
    """The numbers as a tensor, without a copy if possible."""
    if isinstance(array, Tensor):
        return array.detach()
    if isinstance(array, list) and array and all(isinstance(number, int) for number in array):
        array = np.array(array)  # a list of labels
    if not hasattr(array, "__array__"):
        raise _problem(name, f"is of type {type(array).__name__}, allowed: a tensor or an array")
    values = np.asarray(array)
    if values.dtype.kind not in "biuf" or values.dtype.itemsize > 8:
        raise _problem(name, f"is an array of {values.dtype}, allowed: numbers")
    # torch takes no negative strides, no foreign byte order, and warns of arrays that are read-only.
    return torch.from_numpy(np.require(values, values.dtype.newbyteorder("="), ["C", "W"]))


def _samples(samples: Tensor, name: str) -> Tensor:
    """Samples (N, ...): uint8 images (N, C, H, W), float32 or whole numbers."""
    shape = tuple(samples.shape)
    if len(shape) < 2 or 0 in shape:
        raise _problem(name, f"has shape {shape}, allowed: (samples, ...), as in (1000, 20) or (1000, 3, 32, 32)")
    if samples.is_complex():
        raise _problem(name, f"has numbers of type {_name(samples.dtype)}, allowed: real ones")
    if samples.dtype == torch.uint8:
        samples = samples[:, None] if samples.ndim == 3 else samples
        if samples.ndim != 4 or (shape[-1] in (1, 3, 4) and samples.shape[1] not in (1, 3, 4)):
            raise _problem(
                name,
                f"is uint8 of shape {shape}, allowed: images (N, channels, height, width) or (N, height, width), or "
                "floating-point numbers of any shape",
            )
        return samples
    if samples.dtype not in (torch.float32, torch.int64):
        whole = not (samples.is_floating_point() or samples.dtype == torch.bool)
        _require_room(samples, name, 8 if whole else 4)
        samples = samples.long() if whole else samples.float()
    if samples.is_floating_point() and not samples.isfinite().all():
        raise _problem(name, "has infinite numbers or NaN, allowed: finite ones (float32)")
    return samples


def _scaled(samples: Tensor, name: str, mean: Any, std: Any) -> Tensor:
    """Images in float32, less the mean and divided by the deviation; other samples as they are."""
    if samples.dtype != torch.uint8:
        return samples
    _require_room(samples, name, 4)
    return samples.float().sub_(mean).div_(std)


def _labels(labels: Tensor, name: str, samples: Tensor) -> Tensor:
    """Labels (N,) int64, at least 0."""
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise _problem(name, f"has numbers of type {_name(labels.dtype)}, allowed: whole numbers, as in y.long()")
    if labels.shape != samples.shape[:1]:
        raise _problem(name, f"has shape {tuple(labels.shape)}, allowed: ({len(samples)},), one number per sample")
    if (low := int((labels := labels.long()).min())) < 0:
        raise _problem(name, f"has the label {low}, allowed: 0 and above")
    return labels


def _class_names(given: Sequence[str], *labels: Tensor) -> tuple[str, ...]:
    """The names given, or else the numbers from 0 to the largest label."""
    if isinstance(given, str):
        raise ConfigError((("class_names",), f"are the text {short(given)}, allowed: a list of names"))
    largest = max(int(part.max()) for part in labels)
    if len(given):
        if not len(given) > largest:
            problem = f"are {len(given)}, allowed: at least {largest + 1}, since the largest label is {largest}"
            raise ConfigError((("class_names",), problem))
        return tuple(map(str, given))
    # With more classes than samples one has none, which is found later, and without a million names.
    return tuple(map(str, range(max(2, min(largest, sum(map(len, labels))) + 1))))


def _require_every_class(labels: Tensor, name: str, classes: int) -> None:
    counts = labels.clamp(max=classes).bincount(minlength=classes)[:classes]
    if not counts.all():
        missing = int((counts == 0).nonzero()[0])
        problem = f"has no sample of class {missing}, allowed: at least one of each class from 0 to the largest label"
        raise _problem(name, problem)


def _require_room(samples: Tensor, name: str, width: int) -> None:
    if (need := width * samples.numel()) > free_memory():
        raise _problem(
            name,
            f"needs {need / 1e9:,.0f} GB as {width}-byte numbers, allowed: at most the {free_memory() / 1e9:,.0f} GB "
            "that are free here",
        )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _problem(name: str, text: str) -> ConfigError:
    return ConfigError((("data", name), text))
