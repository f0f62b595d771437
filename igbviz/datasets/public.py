"""Public data sets: read from local files where there are any, else downloaded by torchvision."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field

from igbviz.datasets import base
from igbviz.datasets.base import (
    Facts,
    FromFiles,
    Grayscale,
    Images,
    Stored,
    data_root,
    decoded_folder,
)
from igbviz.datasets.errors import DataError, readable, some
from igbviz.datasets.fingerprints import fingerprint
from igbviz.datasets.paths import absolute_path, hint, located

IDX_PARTS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
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
        default=None,
        description="Folder with the files, and no other is searched; empty searches IGBVIZ_DATA, cache/data and "
        "/usr/share/datasets, then downloads.",
        json_schema_extra={"incidental": True},
    )
    torchvision_name: ClassVar[str]
    torchvision_subfolder: ClassVar[str] = "."  # subfolder that torchvision stores the files in
    extra_subfolders: ClassVar[tuple[str, ...]] = ()  # further ones to search in the user's folder for this data set
    files: ClassVar[str]  # the files to put there by hand, for error messages

    def identified(self) -> Self:
        self._require_folder()
        return super().identified()

    def is_at_hand(self) -> bool:
        return any(all(path.is_file() for path, _ in self._checked_files(folder)) for folder in self._folders())

    def _read(self) -> Stored:
        self._require_folder()
        for folder in self._folders():
            if (stored := self._read_from(folder)) is not None:
                return stored
        if self.folder:
            raise self._not_in_folder()
        self._download(data_root())
        stored = self._read_from(data_root() / self.torchvision_subfolder)
        assert stored is not None, "torchvision has just stored it there"
        return stored

    def _folders(self) -> Iterator[Path]:
        subfolders = (self.torchvision_subfolder, self.name)
        if self.folder:
            yield from (located(self.folder) / inner for inner in subfolders + self.extra_subfolders)
            return
        for root in dict.fromkeys((data_root(), base.DEFAULT_DATA, SYSTEM_DATA)):
            yield from (root / inner for inner in subfolders)

    def _require_folder(self) -> None:
        if self.folder and not os.path.isdir(located(self.folder)):
            raise DataError(
                f"the folder {self.folder} of {self.title} does not exist: put {self.files} into it, or leave the "
                f"field folder empty{hint(self.folder)}"
            )

    def _not_in_folder(self) -> DataError:
        folder = located(self.folder)
        if faults := self._faults():
            return DataError(f"{self.title} in {folder} is not complete: {faults}; replace it with a complete copy")
        found = some(sorted(readable(path.name) for path in folder.iterdir())) or "nothing"
        return DataError(f"{folder} does not have {self.title}, it has: {found}; put {self.files} into it")

    def _faults(self) -> str:
        """The files that are missing or damaged in the first folder that has some of them; empty if none has."""
        for folder in self._folders():
            present, faults = False, []
            for path, md5 in self._checked_files(folder):
                if not path.is_file():
                    faults.append(f"{os.path.normpath(path)} is missing")
                elif md5 is not None and file_md5(path) != md5:
                    faults.append(f"{os.path.normpath(path)} is damaged")
                present |= path.is_file()
            if present and faults:
                return some(faults)
        return ""

    def _checked_files(self, folder: Path) -> list[tuple[Path, str | None]]:
        """The files of the data set in this folder, with their checksums, if they have any."""
        raise NotImplementedError

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
            faults = self._faults()
            state = f"is not complete, {faults}," if faults else "was not found"
            what = "a complete copy" if faults else self.files
            raise DataError(
                f"{self.title} {state} and could not be downloaded ({reason}): put {what} into "
                f"{root / self.torchvision_subfolder}"
            ) from error


class IdxImages(FromFiles, Downloaded):
    """MNIST and data sets in its format: four IDX files of the same names, gzipped or not."""

    # Not in a shared folder, where the same file names may belong to another of these data sets.
    extra_subfolders: ClassVar[tuple[str, ...]] = ("raw", ".")
    files: ClassVar[str] = (
        "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (also as .gz)"
    )

    def _checked_files(self, folder: Path) -> list[tuple[Path, str | None]]:
        parts = [folder / f"{part}-ubyte" for part in IDX_PARTS]
        packed = [part.with_name(f"{part.name}.gz") for part in parts]
        return [(other if other.is_file() else part, None) for part, other in zip(parts, packed, strict=True)]

    def _paths(self, folder: Path) -> list[Path] | None:
        """The four files in this folder; None if one is missing."""
        paths = [path for path, _ in self._checked_files(folder)]
        return paths if all(path.is_file() for path in paths) else None

    def _place_and_fingerprint(self) -> tuple[Path, str]:
        # Without a folder of its own this may download the files.
        place = next(filter(self._paths, self._folders()), None) or Path(self._read().location)
        groups = {part: [str(path)] for part, path in zip(IDX_PARTS, self._paths(place), strict=True)}
        key = hashlib.sha256(os.path.realpath(place).encode()).hexdigest()[:24]
        return place, fingerprint(groups, "idx", decoded_folder() / f"{key}.idx.json")

    def _read_from(self, folder: Path) -> Stored | None:
        if (paths := self._paths(folder)) is None:
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
        sides = stored.train_images.shape[1:], stored.test_images.shape[1:]
        if sides[0] != sides[1]:
            raise DataError(
                f"{folder} has training images of {sides[0]} and test images of {sides[1]} pixels, allowed: all of one "
                f"size; put the right {self.files} there"
            )
        return replace(stored, train_images=stored.train_images[:, None], test_images=stored.test_images[:, None])


class Mnist(IdxImages):
    """Handwritten digits (LeCun and others 1998)."""

    name: Literal["mnist"] = "mnist"
    title: ClassVar[str] = "MNIST"
    help: ClassVar[str] = "60,000 + 10,000 grey images of handwritten digits, 28 x 28 (LeCun and others 1998)."
    stored_facts: ClassVar[Facts] = Facts(1, 28, DIGITS, 60_000, 10_000)
    stored_counts: ClassVar[tuple[int, ...]] = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    torchvision_name: ClassVar[str] = "MNIST"
    torchvision_subfolder: ClassVar[str] = "MNIST/raw"


class FashionMnist(IdxImages):
    """Clothes (Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747)."""

    name: Literal["fashion-mnist"] = "fashion-mnist"
    title: ClassVar[str] = "Fashion-MNIST"
    help: ClassVar[str] = "60,000 + 10,000 grey images of clothes, 28 x 28 (Xiao and others 2017)."
    stored_facts: ClassVar[Facts] = Facts(1, 28, CLOTHES, 60_000, 10_000)
    torchvision_name: ClassVar[str] = "FashionMNIST"
    torchvision_subfolder: ClassVar[str] = "FashionMNIST/raw"


class Kmnist(IdxImages):
    """Cursive Japanese characters (Clanuwat and others 2018, arXiv 1812.01718)."""

    name: Literal["kmnist"] = "kmnist"
    title: ClassVar[str] = "KMNIST"
    help: ClassVar[str] = (
        "60,000 + 10,000 grey images of ten cursive Japanese characters, 28 x 28 (Clanuwat and others 2018)."
    )
    stored_facts: ClassVar[Facts] = Facts(1, 28, KUZUSHIJI, 60_000, 10_000)
    torchvision_name: ClassVar[str] = "KMNIST"
    torchvision_subfolder: ClassVar[str] = "KMNIST/raw"


class ColorImages(Downloaded):
    """Archives that torchvision reads after verifying their checksums, so that every folder has the same contents."""

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

    def _checked_files(self, folder: Path) -> list[tuple[Path, str | None]]:
        from igbviz._torchvision import torchvision

        kind = getattr(torchvision.datasets, self.torchvision_name)
        files = [*kind.train_list, *kind.test_list, (kind.meta["filename"], kind.meta["md5"])]
        return [(folder / kind.base_folder / name, md5) for name, md5 in files]

    def _arrays(self, part: Any) -> tuple[np.ndarray, np.ndarray]:
        return part.data.transpose(0, 3, 1, 2), np.array(part.targets)


class Cifar10(Cifar):
    """Animals and vehicles in ten classes (Krizhevsky 2009)."""

    name: Literal["cifar10"] = "cifar10"
    title: ClassVar[str] = "CIFAR-10"
    help: ClassVar[str] = "50,000 + 10,000 colour images of animals and vehicles, 32 x 32 (Krizhevsky 2009)."
    stored_facts: ClassVar[Facts] = Facts(3, 32, CIFAR10, 50_000, 10_000)
    torchvision_name: ClassVar[str] = "CIFAR10"
    files: ClassVar[str] = "the unpacked folder cifar-10-batches-py"


class Cifar100(Cifar):
    """A hundred kinds of objects (Krizhevsky 2009)."""

    name: Literal["cifar100"] = "cifar100"
    title: ClassVar[str] = "CIFAR-100"
    help: ClassVar[str] = "50,000 + 10,000 colour images of a hundred kinds of objects, 32 x 32 (Krizhevsky 2009)."
    stored_facts: ClassVar[Facts] = Facts(3, 32, CIFAR100, 50_000, 10_000)
    torchvision_name: ClassVar[str] = "CIFAR100"
    files: ClassVar[str] = "the unpacked folder cifar-100-python"


class Svhn(ColorImages):
    """Digits of house numbers, in classes of unequal size (Netzer and others 2011)."""

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

    def _checked_files(self, folder: Path) -> list[tuple[Path, str | None]]:
        from igbviz._torchvision import torchvision

        files = [torchvision.datasets.SVHN.split_list[split] for split in ("train", "test")]
        return [(folder / name, md5) for _, name, md5 in files]

    def _arrays(self, part: Any) -> tuple[np.ndarray, np.ndarray]:
        return part.data, part.labels


def file_md5(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


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
