"""Base classes of data sets: frozen specs that load as tensors on a device and know their sizes without loading.

Images stay uint8 until the last step. So a grey or resized image is the same whether it comes from a folder (Pillow) or
from an archive (torch), the statistics for standardization are exact, and a data set has the same values on every
device. Importing this module does not import torch.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field

from igbviz.datasets.errors import DataError, check_size
from igbviz.datasets.fingerprints import DIGITS
from igbviz.disk.places import default_cache
from igbviz.plugins.part import Part
from igbviz.spec import ConfigError

if TYPE_CHECKING:
    import torch

DEFAULT_DATA = default_cache() / "data"  # not IGBVIZ_CACHE: several caches share what was downloaded


@dataclass(frozen=True)
class Data:
    """Scaled images float32 (N, C, H, W) and labels int64 (N,), on the requested device.

    >>> data = igbviz.datasets.GaussianNoise(size=8).load()
    >>> data.shape, data.classes
    ((1, 8, 8), 10)
    """

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    class_names: tuple[str, ...]
    source: str  # human-readable, one line: what was loaded, from where, and what was done to it
    # What was subtracted from pixels of 0 to 255, and what they were then divided by; without pixels, +-3 is the range.
    mean: torch.Tensor | float = 127.5
    std: torch.Tensor | float = 42.5

    def pixels(self, images: torch.Tensor) -> np.ndarray:
        """Scaled images as they were before: (N, C, H, W) uint8."""
        import torch

        return (images.cpu() * self.std + self.mean).round().clamp(0, 255).to(torch.uint8).numpy()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        return tuple(self.train_images.shape[1:])

    @property
    def classes(self) -> int:
        """K, the number of classes."""
        return len(self.class_names)


@dataclass(frozen=True)
class Facts:
    """Sizes and names, known before loading. `side` is the longer side of images that are not square, in pixels.

    >>> igbviz.datasets.FashionMini().facts().train_size
    10000
    """

    channels: int
    side: int
    class_names: tuple[str, ...]
    train_size: int
    test_size: int


@dataclass(frozen=True)
class Stored:
    """Images as stored in files, uint8 (N, C, H, W), and labels (N,)."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    location: str
    words: str = ""  # what was read and done, where that depends on the files


class Dataset(Part):
    """A data set with a training set and a test set. A new one needs a `name`, `facts` and `load`.

    Its other fields are hyperparameters with a default each. In a plugin (`igbviz.plugins`), with torch imported inside
    the method, so that pages need not wait for it:

        class Stripes(Dataset):
            '''Noise with horizontal or vertical stripes.'''

            name: Literal["stripes"] = "stripes"
            noise: float = Field(0.5, ge=0, le=10, description="Standard deviation of the noise.")

            def facts(self):
                return Facts(channels=1, side=8, class_names=("rows", "columns"), train_size=512, test_size=128)

            def load(self, device="cpu"):
                import torch

                labels, stripes = torch.arange(640) % 2, (torch.arange(8.0) % 2 * 2 - 1).expand(8, 8)
                images = torch.where(labels[:, None, None] == 0, stripes.T, stripes)[:, None]
                noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
                images, labels = (images + self.noise * noise).to(device), labels.to(device)
                return Data(images[:512], labels[:512], images[512:], labels[512:], ("rows", "columns"), "stripes")

    Images are float32 (N, C, H, W), labels int64 (N,), with every class in both sets. The same fields must give the
    same values every time, since the identity of a run consists of them and of the package's version.

    >>> igbviz.datasets.GaussianNoise(classes=3, size=8).load().train_images.shape
    torch.Size([10000, 1, 8, 8])
    """

    help: ClassVar[str] = ""
    is_in_memory: ClassVar[bool] = False  # whether nothing is left to load

    def facts(self) -> Facts:
        """Sizes and names of what `load` returns. Needs no torch and reads no images."""
        raise NotImplementedError

    def identified(self) -> Self:
        """The data set with the fingerprint of its files, if they are in a folder that somebody named.

        Raises DataError if the folder is missing, or if it has other files than the fingerprint says.
        """
        return self

    @property
    def is_private(self) -> bool:
        """Whether the images may be known to their owner only: they are in a folder that somebody named."""
        return False

    def found(self) -> str:
        """What a look at a named folder finds, in words, before anything is decoded; empty for other data sets."""
        return ""

    def is_at_hand(self) -> bool:
        """Whether `load` has nothing to download or to decode, which may take minutes. Raises DataError."""
        return True

    def load(self, device: str | torch.device = "cpu") -> Data:
        """The whole data set as tensors on `device`, the same values every time. Raises DataError if not available."""
        raise NotImplementedError

    def decoded_file(self) -> Path | None:
        """The file that keeps its images after they were decoded, if any. Raises DataError."""
        return None

    def try_out(self) -> None:
        try:
            facts = self.facts()
        except DataError:  # it has a folder that is not named yet
            return
        if not isinstance(facts, Facts):
            raise ConfigError(((), f"its facts are {facts!r:.80}, allowed: igbviz.datasets.Facts"))


class Images(Dataset):
    """A data set of stored images, with the preprocessing that can be applied to them.

    >>> igbviz.datasets.FashionMini(scaling="raw", examples_per_class=10).load().train_images.shape
    torch.Size([100, 1, 28, 28])
    """

    scaling: Literal["standardised", "unit", "raw"] = Field(
        default="standardised",
        description="standardised: each channel has mean 0 and standard deviation 1 over the training images; unit: "
        "0 to 1; raw: 0 to 255.",
    )
    size: int | None = Field(
        default=None,
        ge=8,
        le=512,
        description="Resize to a square of this side, in pixels (bilinear, antialiased); empty keeps the size.",
    )
    examples_per_class: int | None = Field(
        default=None,
        ge=1,
        description="Training images per class, the first ones; empty takes all. The test set is not reduced.",
    )
    stored_facts: ClassVar[Facts]
    stored_counts: ClassVar[tuple[int, ...] | None] = None  # training images by class; None: all equal

    def facts(self) -> Facts:
        stored, counts = self._stored_facts()
        train_size = sum(
            counts if self.examples_per_class is None else (min(count, self.examples_per_class) for count in counts)
        )
        channels = 1 if self._is_grayscale() else stored.channels
        return replace(stored, channels=channels, side=self.size or stored.side, train_size=train_size)

    def load(self, device: str | torch.device = "cpu") -> Data:
        import torch

        stored, names = self._read(), self.facts().class_names
        train, test = self._resized(stored.train_images), self._resized(stored.test_images)
        mean, std = self._mean_and_std(train)  # of all training images: training on fewer must not change the scale
        train_labels = stored.train_labels
        if self.examples_per_class is not None:
            first = first_of_each_class(train_labels, self.examples_per_class)
            train, train_labels = train[first], train_labels[first]

        def scaled(images: torch.Tensor, labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
            values = images.float().sub_(mean).div_(std)
            return values.to(device), torch.from_numpy(labels.astype(np.int64)).to(device)

        source = f"{self.title} from {stored.location}, {len(train)} + {len(test)} images"
        source = "; ".join(filter(None, (source, stored.words)))
        parts = (*scaled(train, train_labels), *scaled(test, stored.test_labels))
        return Data(*parts, class_names=names, source=source, mean=mean, std=std)

    def _read(self) -> Stored:
        raise NotImplementedError

    def _stored_facts(self) -> tuple[Facts, tuple[int, ...]]:
        """The facts of the stored images, and the number of training images of each class."""
        facts = self.stored_facts
        return facts, self.stored_counts or (facts.train_size // len(facts.class_names),) * len(facts.class_names)

    def _is_grayscale(self) -> bool:
        return getattr(self, "grayscale", False)  # a field of colour data sets only

    def _resized(self, images: np.ndarray) -> torch.Tensor:
        """Images (N, C, H, W) uint8 in the configured size and channels; in chunks, to bound intermediate memory."""
        import torch

        chunks = torch.from_numpy(np.ascontiguousarray(images)).split(1024)
        if self._is_grayscale() and images.shape[1] == 3:
            chunks = [luma(chunk) for chunk in chunks]
        if self.size and images.shape[2:] != (self.size, self.size):
            check_size(len(images), (chunks[0].shape[1], self.size, self.size), self.title)
            square = (self.size, self.size)
            chunks = [
                torch.nn.functional.interpolate(chunk, square, mode="bilinear", antialias=True) for chunk in chunks
            ]
        return torch.cat(tuple(chunks))

    def _mean_and_std(self, train: torch.Tensor) -> tuple[Any, Any]:
        """What to subtract and to divide by, (C, 1, 1) or scalars. Exact: computed from counts of the 256 values."""
        if self.scaling != "standardised":
            return 0, {"unit": 255, "raw": 1}[self.scaling]
        return channel_statistics(train)


def _fingerprint(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(rf"[0-9a-f]{{{DIGITS}}}", text):
        raise ConfigError(((), f"is {text!r:.80}, allowed: nothing or {DIGITS} digits from 0 to f"))
    return text


class FromFiles(Images):
    """Images from files that anybody may replace, so that their contents belong to the identity of a run."""

    fingerprint: Annotated[str | None, AfterValidator(_fingerprint)] = Field(
        default=None,
        description="Fingerprint of the files in the folder, set when they are first read; other files are refused.",
        json_schema_extra={"derived": True},
    )

    @property
    def is_private(self) -> bool:
        return bool(self.folder or self.fingerprint)

    def identified(self) -> Self:
        if not self.folder and self.fingerprint is None:
            return self
        place, present = self._place_and_fingerprint()
        if self.fingerprint not in (None, present):
            raise DataError(
                f"{place} no longer has the files that this run is about (fingerprint {present} instead of "
                f"{self.fingerprint}): put them back, or remove the fingerprint to start another run on the new ones"
            )
        return self.with_(fingerprint=present)

    def load(self, device: str | torch.device = "cpu") -> Data:
        if self.fingerprint is not None:
            self.identified()
        return super().load(device)

    def _place_and_fingerprint(self) -> tuple[Path, str]:
        """The folder that the files are in, and their fingerprint. Raises DataError."""
        raise NotImplementedError


def channel_statistics(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation (C, 1, 1) of each channel of images (N, C, H, W) uint8.

    The deviation of a constant channel is 1, so that scaling makes it all zeros, not all NaN.
    """
    import torch

    counts = torch.stack(
        [images[:, channel].reshape(-1).bincount(minlength=256) for channel in range(images.shape[1])]
    ).double()
    frequency, values = counts / counts.sum(1, keepdim=True), torch.arange(256.0, dtype=torch.float64)
    mean = (frequency * values).sum(1, keepdim=True)
    std = (frequency * (values - mean) ** 2).sum(1, keepdim=True).sqrt()
    std[std == 0] = 1
    return mean[:, :, None].float(), std[:, :, None].float()


Grayscale = Annotated[bool, Field(description="Convert colours to luma: 0.299 red + 0.587 green + 0.114 blue.")]


def data_root() -> Path:
    """The folder for downloads and decoded images: IGBVIZ_DATA (read at every call), else data/ in the usual cache."""
    return Path(os.environ.get("IGBVIZ_DATA") or DEFAULT_DATA).expanduser()


def decoded_folder() -> Path:
    """The folder for decoded images and for the index of fingerprints."""
    return data_root() / "decoded"


def luma(images: torch.Tensor) -> torch.Tensor:
    """Images (N, 3, H, W) uint8 as luma (N, 1, H, W): 0.299 R + 0.587 G + 0.114 B in 65536ths, rounded.

    Bit-identical to Pillow.
    """
    import torch

    red, green, blue = images.int().unbind(1)
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).to(torch.uint8)[:, None]


def first_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Ascending indices of the first `count` examples of every class, or of all where a class has fewer.

    >>> igbviz.datasets.first_of_each_class(np.array([0, 1, 0, 1, 1]), count=1)
    array([0, 1])
    """
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:count] for label in np.unique(labels)]))


def probe_indices(labels: torch.Tensor, size: int | Literal["all"], seed: int) -> torch.Tensor:
    """(size,) distinct indices into `labels`, in seeded random order, so that probes with batch statistics mix classes.

    Stratified: the k-th of the n examples of a class has rank k / n, and the `size` lowest ranks are taken. So classes
    of equal size get equal counts (or one more, the lowest labels first), unequal ones get counts in proportion, and
    none is left out if `size` allows.

    >>> labels = torch.arange(100) % 4
    >>> labels[igbviz.datasets.probe_indices(labels, size=8, seed=0)].bincount()
    tensor([2, 2, 2, 2])
    """
    import torch

    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    if size == "all" or size >= len(labels):
        return order
    shuffled = labels.cpu()[order]
    by_class, counts = shuffled.argsort(stable=True), shuffled.bincount()
    place = torch.arange(len(labels)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    rank = place.double() / counts.repeat_interleave(counts)
    return order[by_class[rank.argsort(stable=True)[:size]].sort().values]
