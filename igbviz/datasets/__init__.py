"""Data sets as tensors on a device, with optional corruption of the training set: wrong labels, class imbalance.

To add a data set, write one class in a module of this package and add it to `_BUILT_IN` here; a plugin adds them from
outside, see `igbviz.plugins`. `DATASETS` and `AnyDataset` are made on first use, since plugins import this package.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

from igbviz.datasets.base import Data, Dataset, Facts, Images, first_of_each_class, probe_indices
from igbviz.datasets.builtin import FashionMini, GaussianNoise, ImageFolder
from igbviz.datasets.errors import DataError
from igbviz.datasets.public import CIFAR10, Cifar10, Cifar100, FashionMnist, Kmnist, Mnist, Svhn
from igbviz.spec import Registry, any_of, by_name

_BUILT_IN = by_name(FashionMini, Mnist, FashionMnist, Kmnist, Cifar10, Cifar100, Svhn, ImageFolder, GaussianNoise)
if TYPE_CHECKING:
    DATASETS: Registry
    AnyDataset: TypeAlias = Any  # one of the registry, or its fields as a mapping

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
    *(dataset.__name__ for dataset in _BUILT_IN.values()),
]


def __getattr__(name: str) -> Any:
    if name not in ("DATASETS", "AnyDataset"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from igbviz.plugins.installed import with_plugins

    registry = with_plugins(_BUILT_IN, Dataset)
    globals().update(DATASETS=registry, AnyDataset=any_of(registry))
    return globals()[name]
