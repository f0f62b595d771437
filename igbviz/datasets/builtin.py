"""Data sets that need no download: a small Fashion-MNIST, a folder of the user's images, and Gaussian noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field

from igbviz.datasets.base import (
    Data,
    Dataset,
    Facts,
    FromFiles,
    Grayscale,
    Images,
    Stored,
    decoded_folder,
)
from igbviz.datasets.errors import DataError, check_size, some
from igbviz.datasets.image_folder import (
    decode_folder,
    decoded_file,
    first_size,
    folder_fingerprint,
    listing_of,
)
from igbviz.datasets.paths import absolute_path, located
from igbviz.datasets.public import CLOTHES

if TYPE_CHECKING:
    import torch


FILES = Path(__file__).parent / "files"


class FashionMini(Images):
    """A sixth of Fashion-MNIST that comes with the program, so that it runs offline right after installation."""

    name: Literal["fashion-mini"] = "fashion-mini"
    title: ClassVar[str] = "Fashion-MNIST mini"
    help: ClassVar[str] = "10,000 + 2,000 grey images of clothes, 28 x 28; comes with the program, needs no download."
    stored_facts: ClassVar[Facts] = Facts(1, 28, CLOTHES, 10_000, 2_000)

    def _read(self) -> Stored:
        with np.load(FILES / "fashion_mini.npz", allow_pickle=False) as arrays:
            images = (
                arrays["train_images"][:, None],
                arrays["train_labels"],
                arrays["test_images"][:, None],
                arrays["test_labels"],
            )
        return Stored(*images, location="the program itself")


class ImageFolder(FromFiles):
    """Your own pictures, in one folder for each class: dropped as a zip, or in a folder on this machine."""

    name: Literal["image-folder"] = "image-folder"
    folder: Annotated[str, AfterValidator(absolute_path)] = Field(
        default="", description="Folder with train/<class>/* and test/<class>/*: one subfolder of images per class."
    )
    grayscale: Grayscale = False
    title: ClassVar[str] = "Your own pictures"
    help: ClassVar[str] = "Your own images: a folder with train/<class>/* and test/<class>/*, decoded once and cached."

    def identified(self) -> Self:
        self._folder()
        return super().identified()

    def found(self) -> str:
        listing = listing_of(self._folder())
        images = " + ".join(str(sum(listing.counts(split))) for split in ("train", "test"))
        classes = f"{len(listing.class_names)} classes, {some(listing.class_names)}"
        return "; ".join(filter(None, (f"{images} images of {classes}", listing.passed_over_words())))

    def is_at_hand(self) -> bool:
        return self.decoded_file().is_file()

    def _read(self) -> Stored:
        folder = self._folder()
        decoded = decode_folder(folder, self.size, self.grayscale, decoded_folder())
        listing = listing_of(folder)
        train_labels, test_labels = (
            np.repeat(np.arange(len(listing.class_names)), listing.counts(split)) for split in ("train", "test")
        )
        images = decoded.images
        return Stored(images["train"], train_labels, images["test"], test_labels, str(folder), decoded.words)

    def decoded_file(self) -> Path:
        _, found = self._place_and_fingerprint()
        return decoded_file(found, self.size, self.grayscale, decoded_folder())

    def _stored_facts(self) -> tuple[Facts, tuple[int, ...]]:
        listing = listing_of(self._folder())
        train, test = listing.counts("train"), listing.counts("test")
        return Facts(3, max(first_size(listing)), listing.class_names, sum(train), sum(test)), train

    def _place_and_fingerprint(self) -> tuple[Path, str]:
        folder = self._folder()
        return folder, folder_fingerprint(folder, decoded_folder())

    def _folder(self) -> Path:
        if not self.folder:
            raise DataError(
                f"{self.name} has no folder yet: upload a zip of your pictures, or set its field folder to one with "
                "train/<class>/* and test/<class>/*"
            )
        return located(self.folder)


class GaussianNoise(Dataset):
    """Images without content and random labels: any class that a network favours comes from the network."""

    name: Literal["gaussian-noise"] = "gaussian-noise"
    classes: int = Field(default=10, ge=2, le=1000, description="Number of classes of the random labels.")
    channels: Literal[1, 3] = Field(default=1, description="Channels of an image.")
    size: int = Field(default=28, ge=8, le=512, description="Pixels along each side of an image.")
    train_examples: int = Field(default=10_000, ge=1, le=1_000_000, description="Training images.")
    test_examples: int = Field(default=2_000, ge=1, le=1_000_000, description="Test images.")
    data_seed: int = Field(
        default=0, ge=0, le=2**32 - 1, description="Seed of the images and labels; independent of the seed of the run."
    )
    title: ClassVar[str] = "Gaussian noise"
    help: ClassVar[str] = (
        "Pixels drawn from N(0, 1) and random labels: the data that the theory assumes, with nothing to learn."
    )

    def facts(self) -> Facts:
        return Facts(
            self.channels, self.size, tuple(map(str, range(self.classes))), self.train_examples, self.test_examples
        )

    def load(self, device: str | torch.device = "cpu") -> Data:
        import torch

        shape = (self.channels, self.size, self.size)
        check_size(self.train_examples + self.test_examples, shape, self.title)
        # Drawn on the CPU, since each device has its own random number generator.
        generator = torch.Generator().manual_seed(self.data_seed)

        def draw(examples: int) -> tuple[torch.Tensor, torch.Tensor]:
            images = torch.randn(examples, *shape, generator=generator)
            return images.to(device), torch.randint(self.classes, (examples,), generator=generator).to(device)

        test = draw(self.test_examples)  # first, so that it does not depend on the number of training images
        source = f"{self.title} with seed {self.data_seed}, {self.train_examples} + {self.test_examples} images"
        return Data(*draw(self.train_examples), *test, class_names=self.facts().class_names, source=source)
