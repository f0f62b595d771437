"""Public data sets: read from local files where there are any, else downloaded by torchvision."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator, Field

from igbviz.datasets import base
from igbviz.datasets.base import Facts, Grayscale, Images, Stored, absolute_path, data_root
from igbviz.datasets.image_folder import DataError

SYSTEM_DATA = Path("/usr/share/datasets")  # where Debian's dataset-* packages go

DIGITS = tuple("0123456789")
KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR100 = tuple(
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can "
    "castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin "
    "elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster "
    "man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck "
    "pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk "
    "skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger "
    "tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm".split()
)


class Downloaded(Images):
    """A public data set, read from local files where there are any, else downloaded by torchvision."""

    folder: Annotated[str | None, AfterValidator(absolute_path)] = Field(
        None,
        description="Folder with the files; empty searches IGBVIZ_DATA, cache/data and /usr/share/datasets, "
        "then downloads.",
        json_schema_extra={"incidental": True},
    )
    torchvision_name: ClassVar[str]
    torchvision_subfolder: ClassVar[str] = "."  # subfolder that torchvision stores the files in
    extra_subfolders: ClassVar[tuple[str, ...]] = ()  # further ones to search in the user's folder for this data set
    files: ClassVar[str]  # the files to put there by hand, for error messages

    def _read(self) -> Stored:
        for folder in self._folders():
            if (stored := self._read_from(folder)) is not None:
                return stored
        self._download(data_root())
        stored = self._read_from(data_root() / self.torchvision_subfolder)
        assert stored is not None, "torchvision has just stored it there"
        return stored

    def _folders(self) -> Iterator[Path]:
        subfolders = (self.torchvision_subfolder, self.name)
        if self.folder:
            yield from (Path(self.folder).expanduser() / inner for inner in subfolders + self.extra_subfolders)
        for root in dict.fromkeys((data_root(), base.PROJECT_DATA, SYSTEM_DATA)):
            yield from (root / inner for inner in subfolders)

    def _read_from(self, folder: Path) -> Stored | None:
        """The data in exactly this folder; None if a file is missing."""
        raise NotImplementedError

    def _torchvision(self, root: Path, download: bool = False) -> tuple[Any, Any]:
        """torchvision's training and test set in this folder; RuntimeError if missing or with a wrong checksum."""
        from igbviz._torchvision import torchvision

        build = getattr(torchvision.datasets, self.torchvision_name)
        return build(root, train=True, download=download), build(root, train=False, download=download)

    def _download(self, root: Path) -> None:
        from filelock import FileLock

        try:
            root.mkdir(parents=True, exist_ok=True)
            with FileLock(root / ".download.lock"):  # two workers must not write the same file
                self._torchvision(root, download=True)
        except (OSError, RuntimeError, HTTPException) as error:
            reason = (str(error) or type(error).__name__).strip().splitlines()[-1].strip("<> ")
            target = Path(self.folder).expanduser() if self.folder else root / self.torchvision_subfolder
            raise DataError(
                f"{self.title} was not found and could not be downloaded ({reason}): put {self.files} into {target}"
            ) from error


class IdxImages(Downloaded):
    """MNIST and data sets in its format: four IDX files of the same names, gzipped or not."""

    # Not in a shared folder, where the same file names may belong to another of these data sets.
    extra_subfolders: ClassVar[tuple[str, ...]] = ("raw", ".")
    files: ClassVar[str] = (
        "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (also as .gz)"
    )

    def _read_from(self, folder: Path) -> Stored | None:
        parts = [
            folder / f"{part}-ubyte"
            for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
        ]
        paths = [
            next((path for path in (part, part.with_name(f"{part.name}.gz")) if path.is_file()), None) for part in parts
        ]
        if None in paths:
            return None
        stored = Stored(*map(read_idx, paths), location=str(folder))
        for images, labels in ((stored.train_images, stored.train_labels), (stored.test_images, stored.test_labels)):
            if (
                images.ndim != 3
                or labels.shape != images.shape[:1]
                or labels.max(initial=0) >= len(self.stored_facts.class_names)
            ):
                contents = f"images {images.shape} and labels {labels.shape} up to {labels.max(initial=0)}"
                raise DataError(
                    f"{folder} has {contents}, which are not {self.title}: put the right {self.files} there"
                )
        return replace(stored, train_images=stored.train_images[:, None], test_images=stored.test_images[:, None])


class Mnist(IdxImages):
    name: Literal["mnist"] = "mnist"
    title: ClassVar[str] = "MNIST"
    help: ClassVar[str] = "60,000 + 10,000 grey images of handwritten digits, 28 x 28 (LeCun and others 1998)."
    stored_facts: ClassVar[Facts] = Facts(1, 28, DIGITS, 60_000, 10_000)
    stored_counts: ClassVar[tuple[int, ...]] = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    torchvision_name: ClassVar[str] = "MNIST"
    torchvision_subfolder: ClassVar[str] = "MNIST/raw"


class FashionMnist(IdxImages):
    name: Literal["fashion-mnist"] = "fashion-mnist"
    title: ClassVar[str] = "Fashion-MNIST"
    help: ClassVar[str] = "60,000 + 10,000 grey images of clothes, 28 x 28 (Xiao and others 2017)."
    stored_facts: ClassVar[Facts] = Facts(1, 28, CLOTHES, 60_000, 10_000)
    torchvision_name: ClassVar[str] = "FashionMNIST"
    torchvision_subfolder: ClassVar[str] = "FashionMNIST/raw"


class Kmnist(IdxImages):
    name: Literal["kmnist"] = "kmnist"
    title: ClassVar[str] = "KMNIST"
    help: ClassVar[str] = (
        "60,000 + 10,000 grey images of ten cursive Japanese characters, 28 x 28 (Clanuwat and others 2018)."
    )
    stored_facts: ClassVar[Facts] = Facts(1, 28, KUZUSHIJI, 60_000, 10_000)
    torchvision_name: ClassVar[str] = "KMNIST"
    torchvision_subfolder: ClassVar[str] = "KMNIST/raw"


class ColorImages(Downloaded):
    """Archives that torchvision reads after verifying their checksums."""

    grayscale: Grayscale = False

    def _read_from(self, folder: Path) -> Stored | None:
        try:
            parts = self._torchvision(folder)
        except RuntimeError:
            return None
        return Stored(*(array for part in parts for array in self._arrays(part)), location=str(folder))

    def _arrays(self, part: Any) -> tuple[np.ndarray, np.ndarray]:
        """Images (N, C, H, W) uint8 and labels (N,) of one of torchvision's data sets."""
        raise NotImplementedError


class Cifar(ColorImages):
    """CIFAR comes as pickles, which run code when loaded: never read them without verifying the checksum."""

    extra_subfolders: ClassVar[tuple[str, ...]] = ("..",)  # the user may have chosen the unpacked folder itself

    def _arrays(self, part: Any) -> tuple[np.ndarray, np.ndarray]:
        return part.data.transpose(0, 3, 1, 2), np.array(part.targets)


class Cifar10(Cifar):
    name: Literal["cifar10"] = "cifar10"
    title: ClassVar[str] = "CIFAR-10"
    help: ClassVar[str] = "50,000 + 10,000 colour images of animals and vehicles, 32 x 32 (Krizhevsky 2009)."
    stored_facts: ClassVar[Facts] = Facts(3, 32, CIFAR10, 50_000, 10_000)
    torchvision_name: ClassVar[str] = "CIFAR10"
    files: ClassVar[str] = "the unpacked folder cifar-10-batches-py"


class Cifar100(Cifar):
    name: Literal["cifar100"] = "cifar100"
    title: ClassVar[str] = "CIFAR-100"
    help: ClassVar[str] = "50,000 + 10,000 colour images of a hundred kinds of objects, 32 x 32 (Krizhevsky 2009)."
    stored_facts: ClassVar[Facts] = Facts(3, 32, CIFAR100, 50_000, 10_000)
    torchvision_name: ClassVar[str] = "CIFAR100"
    files: ClassVar[str] = "the unpacked folder cifar-100-python"


class Svhn(ColorImages):
    name: Literal["svhn"] = "svhn"
    title: ClassVar[str] = "SVHN"
    help: ClassVar[str] = (
        "73,257 + 26,032 colour images of house-number digits, 32 x 32, classes of unequal size (Netzer and others "
        "2011)."
    )
    stored_facts: ClassVar[Facts] = Facts(3, 32, DIGITS, 73_257, 26_032)
    stored_counts: ClassVar[tuple[int, ...]] = (4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659)
    files: ClassVar[str] = "train_32x32.mat and test_32x32.mat"

    def _torchvision(self, root: Path, download: bool = False) -> tuple[Any, Any]:
        from igbviz._torchvision import torchvision

        return tuple(torchvision.datasets.SVHN(root, split, download=download) for split in ("train", "test"))

    def _arrays(self, part: Any) -> tuple[np.ndarray, np.ndarray]:
        return part.data, part.labels


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of bytes, gzipped or not: two zeros, type 8, the number of axes, their lengths, the values."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            content = bytearray(file.read())
        if content[:3] != b"\0\0\x08":
            raise ValueError("not an IDX file of bytes")
        shape = np.frombuffer(content, ">i4", content[3], offset=4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
    except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise DataError(f"{path} is damaged ({error}): delete it or replace it with a complete copy") from error
