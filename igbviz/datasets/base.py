"""What a data set is: a frozen description that loads as tensors on a device, all of it at once, and knows its facts
without loading.

Images stay uint8 until the last step, so a grey or resized image is the same whether it comes from a folder (Pillow) or
from an archive (torch), the statistics for standardising are exact, and a data set is the same numbers on every device.
Importing this imports no torch.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from igbviz.datasets.image_folder import affordable
from igbviz.spec import ConfigError, Spec

if TYPE_CHECKING:
    import torch

PROJECT_DATA = Path(__file__).parents[2] / "cache" / "data"


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
    """A folder as every process means it, wherever it runs, and as one folder is always spelled; a leading ~ stays,
    since it is another folder on another machine. Nothing is no folder."""
    if not folder:
        return folder
    if "\0" in folder:
        raise ConfigError(((), f"is {folder!r:.80}, allowed: the path of a folder, which holds no NUL character"))
    home, _, rest = folder.partition("/")
    if home.startswith("~"):
        return f"{home}/{os.path.normpath(rest)}" if rest.strip("/") else home
    return "/" + os.path.abspath(folder).lstrip("/")  # POSIX lets two slashes stand for something of their own


class Dataset(Spec):
    """One data set with a training and a test part."""

    title: ClassVar[str]
    help: ClassVar[str]

    def facts(self) -> Facts:
        """Sizes and names of what `load` would give. Needs no torch and reads no images."""
        raise NotImplementedError

    def load(self, device: str | torch.device = "cpu") -> Data:
        """All of it as tensors on `device`, the same numbers every time. Raises DataError, one sentence, where it
        cannot be had."""
        raise NotImplementedError


class Images(Dataset):
    """A data set of stored images, and what can be done to them before training."""

    scaling: Literal["standardised", "unit", "raw"] = Field(
        "standardised",
        description="standardised: each channel has mean 0 and standard deviation 1 over the training images; unit: "
        "0 to 1; raw: 0 to 255.",
    )
    size: int | None = Field(
        None, ge=8, le=512, description="Resize to so many pixels square (bilinear, antialiased); empty keeps the size."
    )
    examples_per_class: int | None = Field(
        None,
        ge=1,
        description="Train on the first so many images of each class only; empty takes all. The test images stay all.",
    )
    stored_facts: ClassVar[Facts]
    stored_counts: ClassVar[tuple[int, ...] | None] = None  # training images by class; None: equally many

    def facts(self) -> Facts:
        stored, counts = self._seen()
        kept = sum(
            counts if self.examples_per_class is None else (min(count, self.examples_per_class) for count in counts)
        )
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
        return Data(
            *finished(train, train_labels), *finished(test, stored.test_labels), class_names=names, source=source
        )

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
            pieces = [
                torch.nn.functional.interpolate(piece, square, mode="bilinear", antialias=True) for piece in pieces
            ]
        return torch.cat(tuple(pieces))

    def _shift_and_spread(self, train: torch.Tensor) -> tuple[Any, Any]:
        """What to subtract and what to divide by, (C, 1, 1) or numbers. Exact, from how often each of the 256 values
        occurs."""
        import torch

        if self.scaling != "standardised":
            return 0, {"unit": 255, "raw": 1}[self.scaling]
        occurs = torch.stack(
            [train[:, channel].reshape(-1).bincount(minlength=256) for channel in range(train.shape[1])]
        ).double()
        occurs, values = occurs / occurs.sum(1, keepdim=True), torch.arange(256.0, dtype=torch.float64)
        mean = (occurs * values).sum(1, keepdim=True)
        spread = (occurs * (values - mean) ** 2).sum(1, keepdim=True).sqrt()
        spread[spread == 0] = 1  # a channel of one value is all zeros then, not all nan
        return mean[:, :, None].float(), spread[:, :, None].float()


Grayscale = Annotated[bool, Field(description="Turn colours into brightness: 0.299 red + 0.587 green + 0.114 blue.")]


def data_root() -> Path:
    """Where data is downloaded to and decoded images are kept: IGBVIZ_DATA, else cache/data. Read anew each time: a
    test can move it."""
    return Path(os.environ.get("IGBVIZ_DATA") or PROJECT_DATA).expanduser()


def luma(images: torch.Tensor) -> torch.Tensor:
    """(N, 3, H, W) uint8 to (N, 1, H, W): 0.299 R + 0.587 G + 0.114 B in 65536ths, rounded, which is to the bit what
    Pillow does."""
    import torch

    red, green, blue = images.int().unbind(1)
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).to(torch.uint8)[:, None]


def first_of_each_class(labels: np.ndarray, most: int) -> np.ndarray:
    """Indices, ascending, of the first `most` examples of every class."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:most] for label in np.unique(labels)]))


def probe_indices(labels: torch.Tensor, size: int | Literal["all"], seed: int) -> torch.Tensor:
    """(size,) distinct indices into `labels`, in seeded random order: classes stay mixed, as probes with batch
    statistics need.

    Stratified: the k-th of a class's n examples stands at k / n, and the first `size` by this standing are taken. So
    equal classes are equally many (or one more, the lowest labels first), unequal ones get their share, and none is
    left out while `size` allows.
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
