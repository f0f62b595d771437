"""Data sets as tensors on a device, with optional corruption of the training set: wrong labels, class imbalance.

To add a data set, write one class in a module of this package and add it to `DATASETS` here.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

from igbviz.datasets.base import Data, Dataset, Facts, Images, first_of_each_class, probe_indices
from igbviz.datasets.builtin import FashionMini, GaussianNoise, ImageFolder
from igbviz.datasets.errors import DataError
from igbviz.datasets.public import CIFAR10, Cifar10, Cifar100, FashionMnist, Kmnist, Mnist, Svhn
from igbviz.spec import any_of, by_name

DATASETS = by_name(FashionMini, Mnist, FashionMnist, Kmnist, Cifar10, Cifar100, Svhn, ImageFolder, GaussianNoise)
if TYPE_CHECKING:  # one of the registry, or its fields as a mapping
    AnyDataset: TypeAlias = Any
else:
    AnyDataset = any_of(DATASETS)

__all__ = [
    "CIFAR10",
    "DATASETS",
    "AnyDataset",
    "Data",
    "DataError",
    "Dataset",
    "Facts",
    "Images",
    "first_of_each_class",
    "probe_indices",
    *(dataset.__name__ for dataset in DATASETS.values()),
]
