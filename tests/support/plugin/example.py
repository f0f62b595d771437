"""What a researcher writes: the examples in the docstrings of `Loss`, `LossOfP`, `Model` and `Dataset`."""

import math
from typing import ClassVar, Literal

from pydantic import Field

from igbviz.datasets import Data, Dataset, Facts
from igbviz.losses import Loss, LossOfP
from igbviz.losses.arrays import clamp_min, gather_labels
from igbviz.models import Model


class Hinge(Loss):
    """The multiclass hinge loss: zero once the true class leads all others by the margin."""

    name: Literal["hinge"] = "hinge"
    margin: float = Field(1.0, gt=0, le=100, description="The lead that is enough.")
    formula: ClassVar[str] = r"\textstyle\sum_k \max(0, m + z_k - z_y) - m"

    def values(self, logits, labels):
        lead = logits - gather_labels(logits, labels)[:, None]
        return clamp_min(lead + self.margin, 0.0).sum(-1) - self.margin


class Power(LossOfP):
    """A power of cross-entropy."""

    name: Literal["power"] = "power"
    a: float = Field(2.0, ge=1, le=5, description="The exponent; 1 is cross-entropy.")
    formula: ClassVar[str] = r"(-\log p)^a"

    def f(self, log_p, xp):
        return (-log_p) ** self.a

    def weight(self, log_p, xp):
        return self.a * (-log_p) ** (self.a - 1)


class TorchOnly(Loss):
    """A formula that numpy cannot compute."""

    name: Literal["torch-only"] = "torch-only"
    runs_on_numpy = False

    def values(self, logits, labels):
        import torch

        return torch.nn.functional.multi_margin_loss(logits, labels, reduction="none")


class TwoLayers(Model):
    """One hidden layer."""

    name: Literal["two-layers"] = "two-layers"
    width: int = Field(64, ge=1, le=4096, description="Nodes of the hidden layer.")

    def build(self, shape, classes):
        from torch import nn

        hidden = nn.Linear(math.prod(shape), self.width)
        return nn.Sequential(nn.Flatten(), hidden, nn.ReLU(), nn.Linear(self.width, classes))


class Stripes(Dataset):
    """Noise with horizontal or vertical stripes."""

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
