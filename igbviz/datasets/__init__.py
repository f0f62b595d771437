"""The data sets: the registry, those that need no download, and the one place to import from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator, Field

from igbviz.datasets.base import Data, Dataset, Facts, Grayscale, Images, Stored, data_root, first_of_each_class, probe_indices, whole_path
from igbviz.datasets.builtin import FashionMini, GaussianNoise, ImageFolder
from igbviz.datasets.image_folder import DataError, Summary, affordable, decoded, summary
from igbviz.datasets.public import CIFAR10, CLOTHES, Cifar10, Cifar100, FashionMnist, Kmnist, Mnist, Svhn
from igbviz.spec import any_of, by_name

if TYPE_CHECKING:
    import torch


DATASETS = by_name(FashionMini, Mnist, FashionMnist, Kmnist, Cifar10, Cifar100, Svhn, ImageFolder, GaussianNoise)
AnyDataset = any_of(DATASETS)

__all__ = [
    "CIFAR10",
    "DATASETS",
    "AnyDataset",
    "Data",
    "DataError",
    "Dataset",
    "Facts",
    "first_of_each_class",
    "probe_indices",
    *(dataset.__name__ for dataset in DATASETS.values()),
]
