"""The experiment as a plain PyTorch script: the baseline of `against`.

Nothing in it is slow on purpose: data sets with transforms behind a DataLoader; after a step `network.eval()`, a loop
over the test set that counts class by class, and `network.train()` again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from igbviz._torchvision import torchvision

transforms = torchvision.transforms


class Pictures(Dataset):
    """Stored images uint8 (N, C, H, W), one by one through Pillow, as in torchvision's data sets."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, transform: Callable[[Image.Image], Tensor]) -> None:
        self.images, self.labels, self.transform = np.ascontiguousarray(images.transpose(0, 2, 3, 1)), labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index].squeeze())), int(self.labels[index])


def transform(grayscale: bool, scaling: str, mean: list[float], std: list[float]) -> transforms.Compose:
    """Pillow image to float32 tensor; `mean` and `std`, by channel on the scale 0 to 1, serve the scaling
    'standardised'."""
    steps = [transforms.Grayscale()] if grayscale else []
    if scaling == "raw":
        return transforms.Compose([*steps, transforms.PILToTensor(), transforms.Lambda(Tensor.float)])
    steps.append(transforms.ToTensor())
    return transforms.Compose(steps if scaling == "unit" else [*steps, transforms.Normalize(mean, std)])


def steps(
    network: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer, device: torch.device
) -> Iterator[float]:
    """Train forever, epoch after epoch; yields the loss of every step."""
    while True:
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
            yield loss.item()


@torch.no_grad()
def probe(network: nn.Module, loader: DataLoader, classes: int, device: torch.device) -> tuple[np.ndarray, np.ndarray]:
    """Mean probability and counted guesses, both (K, K) by [true class, predicted class], over all of `loader`."""
    network.eval()
    probability = torch.zeros(classes, classes, device=device)
    confusion = torch.zeros(classes, classes, dtype=torch.int64, device=device)
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        p = network(images).softmax(1)
        guess = p.argmax(1)
        for label in range(classes):
            of_class = labels == label
            probability[label] += p[of_class].sum(0)
            confusion[label] += torch.bincount(guess[of_class], minlength=classes)
    network.train()
    return (probability / confusion.sum(1, keepdim=True)).cpu().numpy(), confusion.cpu().numpy()


def train(
    network: nn.Module,
    train_loader: DataLoader,
    test_loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    classes: int,
    probe_steps: Collection[int],
    device: torch.device,
) -> Iterator[tuple[int, float, np.ndarray, np.ndarray]]:
    """Yields (step, mean training loss since the last probe, mean probability, confusion) at each of `probe_steps`, to
    the last of them."""
    losses: list[float] = []
    losses_of_steps = steps(network, train_loader, optimizer, device)
    for step in range(max(probe_steps) + 1):
        if step > 0:
            losses.append(next(losses_of_steps))
        if step in probe_steps:
            yield (
                step,
                float(np.mean(losses)) if losses else float("nan"),
                *probe(network, test_loader, classes, device),
            )
            losses = []
