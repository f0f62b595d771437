"""Draw a probe set from a Dataset or a DataLoader: seeded, with equally many samples of each class.

The samples are drawn once and kept, so every look sees the same ones, whatever the loader shuffles or augments.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, DataLoader, IterableDataset, Subset, TensorDataset, default_collate

from igbviz.recording.untouched import kept_random_states
from igbviz.spec import ConfigError

LABELS = ("labels", "label")  # the keys of a sample that is a dict
READ = 10  # samples that are read for each one drawn, if a data set has no list of its labels


def draw(source: Any, images: int, seed: int) -> tuple[Any, Tensor]:
    """`images` inputs, or all there are, and their labels (images,), in seeded random order.

    Of a loader only the data set and `collate_fn` are used, on all drawn samples at once, so that texts are padded to
    one length. Random states are left as they were.
    """
    dataset, collate = _parts(source)
    with kept_random_states():
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002 (transforms of the data set may use it)
        random.seed(seed)
        labels, rows = _known_labels(dataset), np.arange(len(dataset))
        if labels is None:
            order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed)).numpy()
            rows = order[: READ * images]
            labels = np.array([int(_split(dataset[int(row)])[1]) for row in rows])
        chosen = rows[balanced(labels, images, seed)]
        inputs, drawn = _split(collate([dataset[int(row)] for row in chosen]))
    return inputs, drawn


def balanced(labels: np.ndarray, size: int, seed: int) -> np.ndarray:
    """(size,) indices into `labels` in seeded random order: equally many of each class, as far as a class has them."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)).numpy()
    shuffled = labels[order]
    by_class = shuffled.argsort(kind="stable")
    ordered = shuffled[by_class]
    place = np.arange(len(labels)) - np.searchsorted(ordered, ordered)  # the how-manieth of its class
    return order[np.sort(by_class[place.argsort(kind="stable")[:size]])]


def class_names_of(source: Any) -> list[str] | None:
    """The names that torchvision's data sets carry as `classes`; None if there are none."""
    names = getattr(_original(source), "classes", None)
    return list(names) if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names) else None


def source_name(source: Any) -> str:
    """The class of the data set, such as 'CIFAR10'; empty for a TensorDataset, which says nothing."""
    dataset = _original(source)
    return "" if isinstance(dataset, TensorDataset) else type(dataset).__name__


def _original(source: Any) -> Any:
    """The data set in a loader and in any number of subsets."""
    while isinstance(source, DataLoader | Subset):
        source = source.dataset
    return source


def _parts(source: Any) -> tuple[Any, Callable[[list], Any]]:
    dataset, collate = source, default_collate
    if isinstance(source, DataLoader):
        dataset = source.dataset
        if source.batch_sampler is not None:  # else nothing is collated
            collate = source.collate_fn
    kind = type(dataset).__name__
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
        problem = f"is of type {kind} and has no length, allowed: one with a length and an index"
        raise ConfigError((("inputs",), problem))
    if not len(dataset):
        raise ConfigError((("inputs",), f"is of type {kind} and empty, allowed: at least one sample of each class"))
    return dataset, collate


def _split(sample: Any) -> tuple[Any, Any]:
    """Inputs and label of a sample or a batch: (inputs..., label), or a dict with the label under "labels"."""
    if isinstance(sample, Mapping):
        for key in LABELS:
            if key in sample:
                return {name: value for name, value in sample.items() if name not in LABELS}, sample[key]
    elif isinstance(sample, tuple | list) and len(sample) > 1:
        return sample[0] if len(sample) == 2 else tuple(sample[:-1]), sample[-1]
    problem = f"has samples of type {type(sample).__name__}, allowed: (inputs, label), or a dict with 'labels'"
    raise ConfigError((("inputs",), problem))


def _known_labels(dataset: Any) -> np.ndarray | None:
    """(N,) the label of each sample, if the data set keeps a list of them: no image need be read."""
    if isinstance(dataset, Subset):
        labels = _known_labels(dataset.dataset)
        return None if labels is None else labels[np.asarray(dataset.indices)]
    if isinstance(dataset, ConcatDataset):
        parts = [_known_labels(part) for part in dataset.datasets]
        return None if any(part is None for part in parts) else np.concatenate(parts)
    if getattr(dataset, "target_transform", None) is not None:
        return None
    if isinstance(dataset, TensorDataset):
        labels = dataset.tensors[-1].cpu()
    elif key := next((key for key in LABELS if key in (getattr(dataset, "column_names", None) or ())), None):
        labels = dataset[key]
    else:
        labels = getattr(dataset, "targets", getattr(dataset, "labels", None))
    try:
        labels = np.asarray(labels)
    except (TypeError, ValueError):  # of several lengths, as in detection
        return None
    return labels if labels.shape == (len(dataset),) and labels.dtype.kind in "iu" else None
