"""The choices that the paper states or leaves open, and what is used here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from igbviz.config import RunConfig


@dataclass(frozen=True)
class Choice:
    """One choice. `stated` is by whom, `where` the place in the paper, `words` what it says or leaves open and our
    reason. `used` returns the choice of a run; `others` name alternatives in `experiment.ALTERNATIVES`."""

    title: str
    stated: Literal["stated", "in part", "ours"]
    where: str
    words: str
    used: Callable[[RunConfig], str]
    others: tuple[str, ...] = ()


def _probes_in_words(config: RunConfig) -> str:
    probes = config.probes
    when = (
        "Init., every batch of epoch 1, every epoch"
        if probes.schedule == "batch"
        else f"{probes.count} probes even in log time"
    )
    return f"{when}; {'all' if probes.size == 'all' else f'{probes.size:,}'} test images"


def _batches_in_words(config: RunConfig) -> str:
    size = config.dataset.facts().train_size
    last = size % config.batch_size or config.batch_size
    return f"shuffled each epoch; {-(-size // config.batch_size):,} batches, the last of {last}"


CHOICES = (
    Choice(
        "Data",
        "stated",
        "Sec. 3",
        "CIFAR-10. No augmentation is mentioned; we use none. The runs that come with the program read CIFAR-10 from a "
        "folder of JPEG files, whose compression changes the pixels slightly.",
        lambda c: type(c.dataset).title,
    ),
    Choice(
        "Grey images",
        "in part",
        "Sec. 3",
        "The first convolution takes one channel. How colours become grey is not said: we take the usual luma.",
        lambda c: "0.299 R + 0.587 G + 0.114 B" if getattr(c.dataset, "grayscale", False) else "grey as they come",
    ),
    Choice(
        "Network",
        "stated",
        "Sec. 3",
        "ResNet-50 with one input channel. We keep torchvision's stem made for large images, since no other is "
        "mentioned.",
        lambda c: c.model.name + (f", depth {c.model.depth}" if hasattr(c.model, "depth") else ""),
    ),
    Choice(
        "Initialization",
        "in part",
        "Sec. 3",
        "Kaiming He, as PyTorch's default. That may mean torchvision's ResNet (normal, fan out; the last layer "
        "PyTorch's default), He normal everywhere, or the defaults of PyTorch's layers. The first reproduces "
        "Figures 1 and 2 best.",
        lambda c: c.initialization.name,
        ("he-normal", "he-fan-out", "pytorch"),
    ),
    Choice("Cross-entropy", "stated", "Eq. 1", "−log p of the true class.", lambda c: "as stated"),
    Choice("Blurry", "stated", "Eq. 2, Sec. 3", "−p^γ log p with γ = 0.7.", lambda c: "γ = 0.7"),
    Choice(
        "Blurry's gradient",
        "in part",
        "Sec. 2.2",
        "The text mentions the region p < exp(−1/γ) where the printed formula steers away from the label. Public "
        "code of one of the authors (DavidSzczecina/Loss_sens_analysis, commit 089687e) holds p^γ fixed, and then "
        "there is no such region; commit 619ca99 does not. Both are rows of every figure here.",
        lambda c: "both: as printed, and weight detached",
    ),
    Choice(
        "Piecewise-zero",
        "stated",
        "Eq. 3, Sec. 3",
        "Cutoff c = 0.1, from the first batch on (d = 0).",
        lambda c: "c = 0.1, d = 0",
    ),
    Choice(
        "Piecewise-zero's mean",
        "ours",
        "",
        "Not said. We take the mean over the whole batch, the images with zero loss included. While most of them are "
        "below the cutoff, the step is five to ten times smaller than with a mean over the others.",
        lambda c: "over the whole batch",
    ),
    Choice(
        "Optimizer",
        "in part",
        "Sec. 3",
        "Stochastic gradient descent. Momentum and weight decay are not mentioned: we use none.",
        lambda c: f"{c.optimizer.title}, momentum {c.optimizer.momentum:g}, weight decay {c.optimizer.weight_decay:g}",
    ),
    Choice(
        "Learning rate",
        "ours",
        "",
        "Not said. We take the default of PyTorch's SGD: 0.001, constant.",
        lambda c: f"{c.optimizer.learning_rate:g}",
        ("rate",),
    ),
    Choice("Batch size", "stated", "Sec. 3", "32.", lambda c: str(c.batch_size)),
    Choice(
        "Batches",
        "ours",
        "",
        "Not said. We shuffle the images anew in each epoch and keep the last, smaller batch: 16 of 50,000 images with "
        "batches of 32. It counts as a step like any other.",
        _batches_in_words,
    ),
    Choice(
        "Input scaling",
        "ours",
        "",
        "Not said. Raw brightness from 0 to 255 with torchvision's initialization is what comes near Figure 1's p ≈ 1.",
        lambda c: c.dataset.scaling,
        ("standardised", "unit"),
    ),
    Choice("Length", "stated", "Sec. 3", "20 epochs.", lambda c: f"{c.epochs:g} epoch{'s' * (c.epochs != 1)}"),
    Choice(
        "Measured when",
        "stated",
        "Sec. 3",
        "Directly after initialization, after every batch of the first epoch, then after every epoch.",
        _probes_in_words,
    ),
    Choice("Measured what", "stated", "Eq. 4, Eq. 5, Fig. 1", "p̄ and accuracy of each class.", lambda c: "the same"),
    Choice(
        "Measured on",
        "in part",
        "Fig. 1, Sec. 4",
        "The validation set of CIFAR-10, which has none of that name: we take its 10,000 test images.",
        lambda c: "test images",
    ),
    Choice(
        "BatchNorm while measuring",
        "ours",
        "",
        "Not said. Running statistics, as in evaluation; at Init. they are 0 and 1 and change nothing.",
        lambda c: {"eval": "running statistics", "batch": "statistics of the probed images"}[c.probes.batch_norm],
        ("batch-statistics",),
    ),
    Choice(
        "Seeds",
        "ours",
        "",
        "The figures show one network. We count in how many of three seeds a claim holds.",
        lambda c: "0, 1, 2",
    ),
    Choice(
        "Rounding",
        "ours",
        "",
        "Training amplifies rounding errors, so the same seed on another processor or another version of PyTorch gives "
        "another trajectory after some hundred steps, under printed blurry after two. Comparisons of steps therefore "
        "have a margin.",
        lambda c: c.precision,
    ),
)
