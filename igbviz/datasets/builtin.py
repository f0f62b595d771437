"""Data that need no download: a small Fashion-MNIST, a folder of one's own images, and noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator, Field

from igbviz.datasets.base import Data, Dataset, Facts, Grayscale, Images, Stored, data_root, whole_path
from igbviz.datasets.image_folder import DataError, Summary, affordable, decoded, summary
from igbviz.datasets.public import CLOTHES

if TYPE_CHECKING:
    import torch


FILES = Path(__file__).parent / "files"


class FashionMini(Images):
    """A sixth of Fashion-MNIST that comes with the program, so that everything runs at once and offline."""

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
        return Stored(*images, where="the program itself")


class ImageFolder(Images):
    """The user's own images."""

    name: Literal["image-folder"] = "image-folder"
    folder: Annotated[str, AfterValidator(whole_path)] = Field(
        "", description="Folder with train/<class>/* and test/<class>/*: one sub-folder of images a class."
    )
    grayscale: Grayscale = False
    title: ClassVar[str] = "Folder of images"
    help: ClassVar[str] = (
        "Your own images: a folder with train/<class>/* and test/<class>/*, decoded once and then kept."
    )

    def _read(self) -> Stored:
        seen, folder = self._summary()
        images = decoded(folder, self.size, self.grayscale, data_root() / "decoded")
        train_labels, test_labels = (
            np.repeat(np.arange(len(counts)), counts) for counts in (seen.train_counts, seen.test_counts)
        )
        return Stored(images["train"], train_labels, images["test"], test_labels, str(folder))

    def _seen(self) -> tuple[Facts, tuple[int, ...]]:
        seen, _ = self._summary()
        return Facts(
            3, max(seen.first_size), seen.class_names, sum(seen.train_counts), sum(seen.test_counts)
        ), seen.train_counts

    def _summary(self) -> tuple[Summary, Path]:
        if not self.folder:
            raise DataError(
                f"{self.name} has no folder yet: set its field folder to one that holds train/<class>/* and "
                "test/<class>/*"
            )
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
    data_seed: int = Field(
        0, ge=0, le=2**32 - 1, description="Another seed draws other noise; it is not the seed of the training."
    )
    title: ClassVar[str] = "Gaussian noise"
    help: ClassVar[str] = (
        "Pixels drawn from N(0, 1) and labels at random: the theory's idea of data, and nothing to learn."
    )

    def facts(self) -> Facts:
        return Facts(
            self.channels, self.size, tuple(map(str, range(self.classes))), self.train_examples, self.test_examples
        )

    def load(self, device: str | torch.device = "cpu") -> Data:
        import torch

        shape = (self.channels, self.size, self.size)
        affordable(self.train_examples + self.test_examples, shape, self.title)
        generator = torch.Generator().manual_seed(
            self.data_seed
        )  # drawn on the CPU: each device has its own random numbers

        def draw(examples: int) -> tuple[torch.Tensor, torch.Tensor]:
            images = torch.randn(examples, *shape, generator=generator)
            return images.to(device), torch.randint(self.classes, (examples,), generator=generator).to(device)

        test = draw(self.test_examples)  # first, so that it stays the same however many train
        source = f"{self.title} with seed {self.data_seed}, {self.train_examples} + {self.test_examples} images"
        return Data(*draw(self.train_examples), *test, class_names=self.facts().class_names, source=source)
