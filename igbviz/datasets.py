"""Data sets: frozen descriptions that load as tensors on a device, all of it at once, and know their facts without loading.

Images stay uint8 until the last step, so a grey or resized image is the same whether it comes from a folder (Pillow) or from an archive
(torch), the statistics for standardising are exact, and a data set is the same numbers on every device. Importing this imports no torch.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator, Field

from igbviz.description import ConfigError, Description, any_of, by_name
from igbviz.image_folder import DataError, Summary, affordable, decoded, summary

if TYPE_CHECKING:
    import torch

EMBEDDED = Path(__file__).parent / "data"
PROJECT_DATA = Path(__file__).parents[1] / "cache" / "data"
SYSTEM_DATA = Path("/usr/share/datasets")  # where Debian's dataset-* packages go

DIGITS = tuple("0123456789")
KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR100 = tuple(
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle caterpillar cattle "
    "chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house "
    "kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange "
    "orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal "
    "shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger "
    "tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm".split()
)


@dataclass(frozen=True)
class Data:
    """Images float32 (N, C, H, W), already scaled, and labels int64 (N,), on the device that was asked for."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    class_names: tuple[str, ...]
    source: str  # one line for people: what was loaded, and from where

    @property
    def shape(self) -> tuple[int, int, int]:
        return tuple(self.train_images.shape[1:])

    @property
    def classes(self) -> int:
        return len(self.class_names)


@dataclass(frozen=True)
class Facts:
    """What is known of a data set before it is loaded. `side` is the longer one of images that are not square."""

    channels: int
    side: int
    class_names: tuple[str, ...]
    train_size: int
    test_size: int


@dataclass(frozen=True)
class Stored:
    """Images as they lie in files: uint8 (N, C, H, W) and labels (N,)."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    where: str


def whole_path(folder: str | None) -> str | None:
    """A folder as every process means it, wherever it runs, and as one folder is always spelled; a leading ~ stays, since it is another
    folder on another machine. Nothing is no folder."""
    if not folder:
        return folder
    if "\0" in folder:
        raise ConfigError(((), f"is {folder!r:.80}, allowed: the path of a folder, which holds no NUL character"))
    home, _, rest = folder.partition("/")
    if home.startswith("~"):
        return f"{home}/{os.path.normpath(rest)}" if rest.strip("/") else home
    return "/" + os.path.abspath(folder).lstrip("/")  # POSIX lets two slashes stand for something of their own


class Dataset(Description):
    """One data set with a training and a test part."""

    title: ClassVar[str]
    help: ClassVar[str]

    def facts(self) -> Facts:
        """Sizes and names of what `load` would give. Needs no torch and reads no images."""
        raise NotImplementedError

    def load(self, device: str | torch.device = "cpu") -> Data:
        """All of it as tensors on `device`, the same numbers every time. Raises DataError, one sentence, where it cannot be had."""
        raise NotImplementedError


class Images(Dataset):
    """A data set of stored images, and what can be done to them before training."""

    scaling: Literal["standardised", "unit", "raw"] = Field(
        "standardised",
        description="standardised: each channel has mean 0 and standard deviation 1 over the training images; unit: 0 to 1; raw: 0 to 255.",
    )
    size: int | None = Field(
        None, ge=8, le=512, description="Resize to so many pixels square (bilinear, antialiased); empty keeps the size."
    )
    examples_per_class: int | None = Field(
        None, ge=1, description="Train on the first so many images of each class only; empty takes all. The test images stay all."
    )
    stored_facts: ClassVar[Facts]
    stored_counts: ClassVar[tuple[int, ...] | None] = None  # training images by class; None: equally many

    def facts(self) -> Facts:
        stored, counts = self._seen()
        kept = sum(counts if self.examples_per_class is None else (min(count, self.examples_per_class) for count in counts))
        channels = 1 if self._grey() else stored.channels
        return replace(stored, channels=channels, side=self.size or stored.side, train_size=kept)

    def load(self, device: str | torch.device = "cpu") -> Data:
        import torch

        stored, names = self._read(), self.facts().class_names
        train, test = self._shaped(stored.train_images), self._shaped(stored.test_images)
        shift, spread = self._shift_and_spread(train)  # of all training images: taking fewer must not change the scale
        train_labels = stored.train_labels
        if self.examples_per_class is not None:
            kept = first_of_each_class(train_labels, self.examples_per_class)
            train, train_labels = train[kept], train_labels[kept]

        def finished(images: torch.Tensor, labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
            scaled = images.float().sub_(shift).div_(spread)
            return scaled.to(device), torch.from_numpy(labels.astype(np.int64)).to(device)

        source = f"{self.title} from {stored.where}, {len(train)} + {len(test)} images"
        return Data(*finished(train, train_labels), *finished(test, stored.test_labels), class_names=names, source=source)

    def _read(self) -> Stored:
        raise NotImplementedError

    def _seen(self) -> tuple[Facts, tuple[int, ...]]:
        """The facts of the stored images, and how many of each class there are to train on."""
        facts = self.stored_facts
        return facts, self.stored_counts or (facts.train_size // len(facts.class_names),) * len(facts.class_names)

    def _grey(self) -> bool:
        return getattr(self, "grayscale", False)  # a field only of sources that have colours

    def _shaped(self, images: np.ndarray) -> torch.Tensor:
        """Grey and resized as asked, (N, C, H, W) uint8, in pieces: the steps between need several times the memory."""
        import torch

        pieces = torch.from_numpy(np.ascontiguousarray(images)).split(1024)
        if self._grey() and images.shape[1] == 3:
            pieces = [luma(piece) for piece in pieces]
        if self.size and images.shape[2:] != (self.size, self.size):
            affordable(len(images), (pieces[0].shape[1], self.size, self.size), self.title)
            square = (self.size, self.size)
            pieces = [torch.nn.functional.interpolate(piece, square, mode="bilinear", antialias=True) for piece in pieces]
        return torch.cat(tuple(pieces))

    def _shift_and_spread(self, train: torch.Tensor) -> tuple[Any, Any]:
        """What to subtract and what to divide by, (C, 1, 1) or numbers. Exact, from how often each of the 256 values occurs."""
        import torch

        if self.scaling != "standardised":
            return 0, {"unit": 255, "raw": 1}[self.scaling]
        occurs = torch.stack([train[:, channel].reshape(-1).bincount(minlength=256) for channel in range(train.shape[1])]).double()
        occurs, values = occurs / occurs.sum(1, keepdim=True), torch.arange(256.0, dtype=torch.float64)
        mean = (occurs * values).sum(1, keepdim=True)
        spread = (occurs * (values - mean) ** 2).sum(1, keepdim=True).sqrt()
        spread[spread == 0] = 1  # a channel of one value is all zeros then, not all nan
        return mean[:, :, None].float(), spread[:, :, None].float()


Grayscale = Annotated[bool, Field(description="Turn colours into brightness: 0.299 red + 0.587 green + 0.114 blue.")]


class FashionMini(Images):
    """A sixth of Fashion-MNIST that comes with the program, so that everything runs at once and offline."""

    name: Literal["fashion-mini"] = "fashion-mini"
    title: ClassVar[str] = "Fashion-MNIST mini"
    help: ClassVar[str] = "10,000 + 2,000 grey images of clothes, 28 x 28; comes with the program, needs no download."
    stored_facts: ClassVar[Facts] = Facts(1, 28, CLOTHES, 10_000, 2_000)

    def _read(self) -> Stored:
        with np.load(EMBEDDED / "fashion_mini.npz", allow_pickle=False) as arrays:
            images = (arrays["train_images"][:, None], arrays["train_labels"], arrays["test_images"][:, None], arrays["test_labels"])
        return Stored(*images, where="the program itself")


class Downloaded(Images):
    """A public data set, taken from wherever its files lie already, else downloaded by torchvision."""

    folder: Annotated[str | None, AfterValidator(whole_path)] = Field(
        None,
        description="Folder that holds the files; empty looks in IGBVIZ_DATA, cache/data and /usr/share/datasets, then downloads.",
        json_schema_extra={"incidental": True},
    )
    torchvision_name: ClassVar[str]
    torchvision_place: ClassVar[str] = "."  # where in its folder torchvision puts the files
    own_places: ClassVar[tuple[str, ...]] = ()  # where else they may lie in a folder that the user named for this data set
    files: ClassVar[str]  # what to put there by hand, in words

    def _read(self) -> Stored:
        for place in self._places():
            if (stored := self._read_from(place)) is not None:
                return stored
        self._download(data_root())
        stored = self._read_from(data_root() / self.torchvision_place)
        assert stored is not None, "torchvision has just put it there"
        return stored

    def _places(self) -> Iterator[Path]:
        anywhere = (self.torchvision_place, self.name)
        if self.folder:
            yield from (Path(self.folder).expanduser() / inner for inner in anywhere + self.own_places)
        for root in dict.fromkeys((data_root(), PROJECT_DATA, SYSTEM_DATA)):
            yield from (root / inner for inner in anywhere)

    def _read_from(self, place: Path) -> Stored | None:
        """The data in this very folder; None where its files are not all there."""
        raise NotImplementedError

    def _torchvision(self, root: Path, download: bool = False) -> tuple[Any, Any]:
        """torchvision's own training and test set in this folder. RuntimeError where they are missing or not the originals."""
        from igbviz._torchvision import torchvision

        build = getattr(torchvision.datasets, self.torchvision_name)
        return build(root, train=True, download=download), build(root, train=False, download=download)

    def _download(self, root: Path) -> None:
        from filelock import FileLock

        try:
            root.mkdir(parents=True, exist_ok=True)
            with FileLock(root / ".download.lock"):  # two workers on one file would spoil it; the second finds it done
                self._torchvision(root, download=True)
        except (OSError, RuntimeError, HTTPException) as error:
            reason = (str(error) or type(error).__name__).strip().splitlines()[-1].strip("<> ")
            target = Path(self.folder).expanduser() if self.folder else root / self.torchvision_place
            raise DataError(f"{self.title} was not found and could not be downloaded ({reason}): put {self.files} into {target}") from error


class IdxImages(Downloaded):
    """MNIST and its look-alikes: four IDX files of the same names, gzipped or not."""

    own_places: ClassVar[tuple[str, ...]] = ("raw", ".")  # not in a shared folder, where nobody could tell whose four files these are
    files: ClassVar[str] = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (also as .gz)"

    def _read_from(self, place: Path) -> Stored | None:
        parts = [place / f"{part}-ubyte" for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")]
        paths = [next((path for path in (part, part.with_name(f"{part.name}.gz")) if path.is_file()), None) for part in parts]
        if None in paths:
            return None
        stored = Stored(*map(read_idx, paths), where=str(place))
        for images, labels in ((stored.train_images, stored.train_labels), (stored.test_images, stored.test_labels)):
            if images.ndim != 3 or labels.shape != images.shape[:1] or labels.max(initial=0) >= len(self.stored_facts.class_names):
                found = f"images {images.shape} and labels {labels.shape} up to {labels.max(initial=0)}"
                raise DataError(f"{place} holds {found}, which are not {self.title}: put the right {self.files} there")
        return replace(stored, train_images=stored.train_images[:, None], test_images=stored.test_images[:, None])


class Mnist(IdxImages):
    name: Literal["mnist"] = "mnist"
    title: ClassVar[str] = "MNIST"
    help: ClassVar[str] = "60,000 + 10,000 grey images of handwritten digits, 28 x 28 (LeCun and others 1998)."
    stored_facts: ClassVar[Facts] = Facts(1, 28, DIGITS, 60_000, 10_000)
    stored_counts: ClassVar[tuple[int, ...]] = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    torchvision_name: ClassVar[str] = "MNIST"
    torchvision_place: ClassVar[str] = "MNIST/raw"


class FashionMnist(IdxImages):
    name: Literal["fashion-mnist"] = "fashion-mnist"
    title: ClassVar[str] = "Fashion-MNIST"
    help: ClassVar[str] = "60,000 + 10,000 grey images of clothes, 28 x 28 (Xiao and others 2017)."
    stored_facts: ClassVar[Facts] = Facts(1, 28, CLOTHES, 60_000, 10_000)
    torchvision_name: ClassVar[str] = "FashionMNIST"
    torchvision_place: ClassVar[str] = "FashionMNIST/raw"


class Kmnist(IdxImages):
    name: Literal["kmnist"] = "kmnist"
    title: ClassVar[str] = "KMNIST"
    help: ClassVar[str] = "60,000 + 10,000 grey images of ten cursive Japanese characters, 28 x 28 (Clanuwat and others 2018)."
    stored_facts: ClassVar[Facts] = Facts(1, 28, KUZUSHIJI, 60_000, 10_000)
    torchvision_name: ClassVar[str] = "KMNIST"
    torchvision_place: ClassVar[str] = "KMNIST/raw"


class ColourImages(Downloaded):
    """Archives that torchvision reads, after its checksum has shown that they are the originals."""

    grayscale: Grayscale = False

    def _read_from(self, place: Path) -> Stored | None:
        try:
            parts = self._torchvision(place)
        except RuntimeError:
            return None
        return Stored(*(array for part in parts for array in self._arrays(part)), where=str(place))

    def _arrays(self, part: Any) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of one of torchvision's data sets."""
        raise NotImplementedError


class Cifar(ColourImages):
    """CIFAR comes as pickles, which run code when they are read: never open them without that checksum."""

    own_places: ClassVar[tuple[str, ...]] = ("..",)  # the user may have named the unpacked folder itself

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
    help: ClassVar[str] = "50,000 + 10,000 colour images of a hundred things, 32 x 32 (Krizhevsky 2009)."
    stored_facts: ClassVar[Facts] = Facts(3, 32, CIFAR100, 50_000, 10_000)
    torchvision_name: ClassVar[str] = "CIFAR100"
    files: ClassVar[str] = "the unpacked folder cifar-100-python"


class Svhn(ColourImages):
    name: Literal["svhn"] = "svhn"
    title: ClassVar[str] = "SVHN"
    help: ClassVar[str] = "73,257 + 26,032 colour images of house-number digits, 32 x 32, classes of unequal size (Netzer and others 2011)."
    stored_facts: ClassVar[Facts] = Facts(3, 32, DIGITS, 73_257, 26_032)
    stored_counts: ClassVar[tuple[int, ...]] = (4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659)
    files: ClassVar[str] = "train_32x32.mat and test_32x32.mat"

    def _torchvision(self, root: Path, download: bool = False) -> tuple[Any, Any]:
        from igbviz._torchvision import torchvision

        return tuple(torchvision.datasets.SVHN(root, split, download=download) for split in ("train", "test"))

    def _arrays(self, part: Any) -> tuple[np.ndarray, np.ndarray]:
        return part.data, part.labels


class ImageFolder(Images):
    """The user's own images."""

    name: Literal["image-folder"] = "image-folder"
    folder: Annotated[str, AfterValidator(whole_path)] = Field(
        "", description="Folder with train/<class>/* and test/<class>/*: one sub-folder of images a class."
    )
    grayscale: Grayscale = False
    title: ClassVar[str] = "Folder of images"
    help: ClassVar[str] = "Your own images: a folder with train/<class>/* and test/<class>/*, decoded once and then kept."

    def _read(self) -> Stored:
        seen, folder = self._summary()
        images = decoded(folder, self.size, self.grayscale, data_root() / "decoded")
        train_labels, test_labels = (np.repeat(np.arange(len(counts)), counts) for counts in (seen.train_counts, seen.test_counts))
        return Stored(images["train"], train_labels, images["test"], test_labels, str(folder))

    def _seen(self) -> tuple[Facts, tuple[int, ...]]:
        seen, _ = self._summary()
        return Facts(3, max(seen.first_size), seen.class_names, sum(seen.train_counts), sum(seen.test_counts)), seen.train_counts

    def _summary(self) -> tuple[Summary, Path]:
        if not self.folder:
            raise DataError(f"{self.name} has no folder yet: set its field folder to one that holds train/<class>/* and test/<class>/*")
        folder = Path(self.folder).expanduser()
        return summary(folder), folder


class GaussianNoise(Dataset):
    """Nothing to learn: whatever a network prefers here it brought along."""

    name: Literal["gaussian-noise"] = "gaussian-noise"
    classes: int = Field(10, ge=2, le=1000, description="How many classes the random labels have.")
    channels: Literal[1, 3] = Field(1, description="Channels of an image.")
    size: int = Field(28, ge=8, le=512, description="Pixels along each side of an image.")
    train_examples: int = Field(10_000, ge=1, le=1_000_000, description="Images to train on.")
    test_examples: int = Field(2_000, ge=1, le=1_000_000, description="Images to test on.")
    data_seed: int = Field(0, ge=0, le=2**32 - 1, description="Another seed draws other noise; it is not the seed of the training.")
    title: ClassVar[str] = "Gaussian noise"
    help: ClassVar[str] = "Pixels drawn from N(0, 1) and labels at random: the theory's idea of data, and nothing to learn."

    def facts(self) -> Facts:
        return Facts(self.channels, self.size, tuple(map(str, range(self.classes))), self.train_examples, self.test_examples)

    def load(self, device: str | torch.device = "cpu") -> Data:
        import torch

        shape = (self.channels, self.size, self.size)
        affordable(self.train_examples + self.test_examples, shape, self.title)
        generator = torch.Generator().manual_seed(self.data_seed)  # drawn on the CPU: each device has its own random numbers

        def draw(examples: int) -> tuple[torch.Tensor, torch.Tensor]:
            images = torch.randn(examples, *shape, generator=generator)
            return images.to(device), torch.randint(self.classes, (examples,), generator=generator).to(device)

        test = draw(self.test_examples)  # first, so that it stays the same however many train
        source = f"{self.title} with seed {self.data_seed}, {self.train_examples} + {self.test_examples} images"
        return Data(*draw(self.train_examples), *test, class_names=self.facts().class_names, source=source)


def data_root() -> Path:
    """Where data is downloaded to and decoded images are kept: IGBVIZ_DATA, else cache/data. Read anew each time: a test can move it."""
    return Path(os.environ.get("IGBVIZ_DATA") or PROJECT_DATA).expanduser()


def read_idx(path: Path) -> np.ndarray:
    """One IDX file of bytes, gzipped or not: two zeros, the type 8, the number of axes, their lengths, the values."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            content = bytearray(file.read())
        if content[:3] != b"\0\0\x08":
            raise ValueError("not an IDX file of bytes")
        shape = np.frombuffer(content, ">i4", content[3], offset=4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
    except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise DataError(f"{path} is damaged ({error}): delete it or put a whole copy in its place") from error


def luma(images: torch.Tensor) -> torch.Tensor:
    """(N, 3, H, W) uint8 to (N, 1, H, W): 0.299 R + 0.587 G + 0.114 B in 65536ths, rounded, which is to the bit what Pillow does."""
    import torch

    red, green, blue = images.int().unbind(1)
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).to(torch.uint8)[:, None]


def first_of_each_class(labels: np.ndarray, most: int) -> np.ndarray:
    """Indices, ascending, of the first `most` examples of every class."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:most] for label in np.unique(labels)]))


def probe_indices(labels: torch.Tensor, size: int | Literal["all"], seed: int) -> torch.Tensor:
    """(size,) distinct indices into `labels`, in seeded random order: classes stay mixed, as probes with batch statistics need.

    Stratified: the k-th of a class's n examples stands at k / n, and the first `size` by this standing are taken. So equal classes
    are equally many (or one more, the lowest labels first), unequal ones get their share, and none is left out while `size` allows.
    """
    import torch

    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    if size == "all" or size >= len(labels):
        return order
    shuffled = labels.cpu()[order]
    by_class, counts = shuffled.argsort(stable=True), shuffled.bincount()
    place = torch.arange(len(labels)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    standing = place.double() / counts.repeat_interleave(counts)
    return order[by_class[standing.argsort(stable=True)[:size]].sort().values]


DATASETS = by_name(FashionMini, Mnist, FashionMnist, Kmnist, Cifar10, Cifar100, Svhn, ImageFolder, GaussianNoise)
AnyDataset = any_of(DATASETS)
