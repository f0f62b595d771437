"""The record of one probe, and the trajectory of a run: all its probes as arrays, with every curve derived from them.

A probe evaluates the network on a fixed set of test images. It is stored as one fixed-size numpy record, so one process
can append to a file of records while others map it. Only small tables are stored; every quantity of the paper
(Pellegrino, Szczecina and Fieguth, arXiv 2511.20826) is derived from them here, and none is stored twice. Shapes: T
probes, K classes, B histogram bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from igbviz.trajectory.images import WatchedImages
from igbviz.trajectory.records import Recorded

if TYPE_CHECKING:
    import pandas as pd

# Edges of the histogram of p_y, the probability of the true class: four bins per decade below 0.01, since 1e-6 and 0.01
# are very different for a loss; steps of 0.02 above, so that the usual cutoffs (0.1, 0.5) are edges. A bin holds
# lower < p <= upper (the first one also p = 0): p exactly at a cutoff counts as below it, as in piecewise-zero loss.
P_EDGES = np.concatenate([[0.0], np.logspace(-8, -2, 25), np.arange(1, 51) * 0.02])

# Fractions of the training images with a wrong label, which sum to 1: guessed as that label, as their true class, or as
# another class.
WRONG_LABEL_FRACTIONS = ("memorised", "resisted", "otherwise")

EVENNESS_THRESHOLD = (
    0.8  # guesses count as even from this entropy on, in units of ln K: an even spread over 6.3 of 10 classes
)


def snapshot_dtype(classes: int, noisy: bool = False) -> np.dtype:
    """The dtype of one probe; `noisy` adds the fractions of wrongly labelled training images.

    The dtype is the schema: it is stored beside the data and read back from there.

    >>> igbviz.trajectory.snapshot_dtype(classes=10)["mean_prob"].shape
    (10, 10)
    """
    k, bins = classes, len(P_EDGES) - 1
    noise_columns = [(name, "<f8") for name in WRONG_LABEL_FRACTIONS] if noisy else []
    return np.dtype([
        ("step", "<i8"),  # optimizer steps taken before this probe; 0 is the untrained network
        ("epoch", "<f8"),  # step / steps per epoch
        ("seconds", "<f8"),  # wall clock since training began: the only column that differs between two identical runs
        ("train_loss", "<f8"),  # mean loss of the training batches since the previous probe; NaN at step 0
        ("mean_prob", "<f4", (k, k)),  # mean softmax probability [true class, predicted class]
        ("confusion", "<i4", (k, k)),  # counts of the argmax [true class, predicted class]
        ("signal", "<f4", (k,)),  # mean Euclidean norm of d loss / d logits, by true class
        ("silent", "<f4", (k,)),  # fraction of samples whose norm is under 1 % of cross-entropy's, by true class
        ("p_hist", "<i4", (k, bins)),  # counts of p_y in P_EDGES, by true class
        *noise_columns,
    ])  # fmt: skip


def columns_of(dtype: np.dtype) -> list[list[Any]]:
    """A dtype as plain lists for JSON; `runs.schema` reads them back."""
    return [[name, dtype[name].base.str, list(dtype[name].shape)] for name in dtype.names]


POINTS_PER_DECADE = 40  # that a chart draws


def log_cell(step: ArrayLike, per_decade: int = POINTS_PER_DECADE) -> np.ndarray:
    """The cell of each step in a grid of `per_decade` cells per decade; -1 for step 0."""
    step = np.asarray(step)
    return np.where(step > 0, np.floor(per_decade * np.log10(np.maximum(step, 1)) + 1e-9), -1)


def thin(step: np.ndarray, per_decade: int = POINTS_PER_DECADE) -> np.ndarray:
    """Indices of the probes to draw: Init., the last, and the first in each of `per_decade` log cells of the steps.

    The cells do not depend on the length of the run: a point once drawn stays, and only the last one moves.
    """
    step = np.asarray(step)
    if not len(step):
        return np.empty(0, dtype=np.intp)
    cell = log_cell(step, per_decade)
    first = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]]))
    return first if first[-1] == len(step) - 1 else np.append(first, len(step) - 1)


def lasting(holds: np.ndarray) -> np.ndarray:
    """The index of the first probe from which on `holds` (T, ...) is true to the last probe; T where it ends false."""
    return len(holds) - np.logical_and.accumulate(holds[::-1], axis=0).sum(0)


def escape_step(step: ArrayLike, evenness: ArrayLike, threshold: float = EVENNESS_THRESHOLD) -> int | None:
    """The first step from which on the evenness stays at least `threshold` to the end.

    None if the last probe is below the threshold, or if there is no probe.
    """
    step, first = np.asarray(step), lasting(~(np.asarray(evenness) < threshold))
    return int(step[first]) if first < len(step) else None


class Trajectory(Recorded):
    """The probes of one run so far: `records` (T,) of `snapshot_dtype(K)`, oldest first.

    >>> trajectory = igbviz.submit("first-look").trajectory()
    >>> trajectory.accuracy().shape, trajectory.escape_step()
    ((60, 10), 7)
    """

    column = "mean_prob"
    noun = "probe"
    least = "a trajectory is made of at least one snapshot"
    images = None  # of the probes that are drawn, see `ThinnedTrajectory`

    # The stored columns.
    @property
    def step(self) -> np.ndarray:
        """(T,) optimizer steps before each probe; the first is 0."""
        return self.records["step"]

    @property
    def epoch(self) -> np.ndarray:
        """(T,) passes over the training set before each probe, a fraction inside an epoch; NaN where unknown."""
        return self.records["epoch"]

    @property
    def seconds(self) -> np.ndarray:
        """(T,) wall-clock seconds of training and probing before each probe."""
        return self.records["seconds"]

    @property
    def has_epochs(self) -> bool:
        """Whether the length of an epoch is known; it may not be where a training was recorded outside igbviz."""
        return not np.isnan(self.epoch[-1:]).any()

    @property
    def has_loss(self) -> bool:
        """Whether `signal` and `silent` are known, for which a probe needs the loss of the training. Before the first
        probe nothing says that they are not."""
        return len(self) == 0 or not np.isnan(self.signal[-1]).all()

    @property
    def steps_per_epoch(self) -> float:
        """From the last probe; 0 before the first step, and where the epochs are unknown (NaN). `Run.steps_per_epoch`
        knows it from the start."""
        step, epoch = (float(self.step[-1]), float(self.epoch[-1])) if len(self) else (0.0, 0.0)
        return step / epoch if step and epoch > 0 else 0.0

    @property
    def train_loss(self) -> np.ndarray:
        """(T,) mean loss of the training batches since the previous probe; NaN at step 0."""
        return self.records["train_loss"]

    @property
    def mean_prob(self) -> np.ndarray:
        """(T, K, K) mean softmax probability [probe, true class, predicted class]; rows sum to 1."""
        return self.records["mean_prob"]

    @property
    def confusion(self) -> np.ndarray:
        """(T, K, K) number of probe images [probe, true class, predicted class]."""
        return self.records["confusion"]

    @property
    def signal(self) -> np.ndarray:
        """(T, K) mean Euclidean norm of d loss / d logits over the probe images of a class: the training signal."""
        return self.records["signal"]

    @property
    def silent(self) -> np.ndarray:
        """(T, K) fraction of the probe images of a class that the loss ignores (norm under 1 % of cross-entropy's)."""
        return self.records["silent"]

    @property
    def p_hist(self) -> np.ndarray:
        """(T, K, B) counts of the true class's probability in `P_EDGES`."""
        return self.records["p_hist"]

    # Stored by runs with wrong labels only; NaN in the others.
    @property
    def has_noise(self) -> bool:
        """Whether the probes include training images with wrong labels."""
        return set(WRONG_LABEL_FRACTIONS) <= set(self.records.dtype.names)

    @property
    def memorised(self) -> np.ndarray:
        """(T,) fraction of the wrongly labelled training images that are guessed as their wrong label."""
        return self._noise_fraction("memorised")

    @property
    def resisted(self) -> np.ndarray:
        """(T,) fraction of the wrongly labelled training images that are guessed as their true class."""
        return self._noise_fraction("resisted")

    @property
    def otherwise(self) -> np.ndarray:
        """(T,) fraction of the wrongly labelled training images that are guessed as neither."""
        return self._noise_fraction("otherwise")

    def _noise_fraction(self, name: str) -> np.ndarray:
        return self.records[name] if self.has_noise else np.full(len(self), np.nan)

    # Derived quantities.
    def class_sizes(self) -> np.ndarray:
        """(T, K) probe images of each true class; the same at every probe."""
        return self.confusion.sum(-1)

    def true_class_probability(self) -> np.ndarray:
        """(T, K) mean probability of the true class over the images of that class (paper, Eq. 4)."""
        return np.diagonal(self.mean_prob, axis1=1, axis2=2)

    def accuracy(self) -> np.ndarray:
        """(T, K) fraction of the images of a class that are guessed right: its recall (paper, Eq. 5)."""
        return np.diagonal(self.confusion, axis1=1, axis2=2) / self.class_sizes()

    def predicted_probability(self) -> np.ndarray:
        """(T, K) mean probability of each class over all probe images (paper, Fig. 1); rows sum to 1."""
        sizes = self.class_sizes().astype(np.float64)
        return np.einsum("tk,tkj->tj", sizes / sizes.sum(-1, keepdims=True), self.mean_prob)

    def guess_fraction(self) -> np.ndarray:
        """(T, K) fraction of the probe set that is guessed as each class (G_k in the theory of IGB); rows sum to 1."""
        return self.confusion.sum(1) / self.confusion.sum((1, 2))[:, None]

    def error_fraction(self) -> np.ndarray:
        """(T, K) fraction of all wrong guesses that are of each class; rows sum to 1, NaN where all are right."""
        wrong = self.confusion.sum(1) - np.diagonal(self.confusion, axis1=1, axis2=2)
        errors = wrong.sum(-1, keepdims=True)
        return np.where(errors > 0, wrong / np.maximum(errors, 1), np.nan)

    def largest_guess(self) -> np.ndarray:
        """(T,) guess fraction of the most guessed class: 1/K without bias, 1 if every image gets the same guess."""
        return self.guess_fraction().max(-1)

    def silent_fraction(self) -> np.ndarray:
        """(T,) fraction of all probe images that the loss ignores; classes count by their size."""
        sizes = self.class_sizes()
        return (self.silent * sizes).sum(-1) / sizes.sum(-1)

    def median_probability(self, index: int = 0) -> float:
        """The median probability of the true class over the images of a probe, interpolated in its histogram.

        The mean says little: it is 1/K for any prediction that does not depend on the image.
        """
        below = np.pad(self.p_hist[index].sum(0).cumsum(), (1, 0))
        return float(np.interp(below[-1] / 2, below, P_EDGES))

    def balanced_accuracy(self) -> np.ndarray:
        """(T,) mean of the per-class accuracies (macro-averaged recall)."""
        return self.accuracy().mean(-1)

    def guess_entropy(self) -> np.ndarray:
        """(T,) entropy of the guess fractions divided by ln K: 0 for a single class, 1 for an even spread."""
        g = self.guess_fraction()
        return np.abs(np.where(g > 0, g * np.log(np.where(g > 0, g, 1.0)), 0.0).sum(-1)) / np.log(self.classes)

    def escape_step(self, threshold: float = EVENNESS_THRESHOLD) -> int | None:
        """The first step from which on `guess_entropy()` stays at least `threshold`, at that probe and every later one.

        None if the last probe is below the threshold, or if there is no probe; 0 if no probe is below it.
        """
        return escape_step(self.step, self.guess_entropy(), threshold)

    def alive(self) -> np.ndarray:
        """(T, K) whether the accuracy of a class is at chance or above: at least 1/K of its images guessed right."""
        right, sizes = np.diagonal(self.confusion, axis1=1, axis2=2), self.class_sizes()
        return (sizes > 0) & (right * self.classes >= sizes)  # whole numbers, so that no rounding decides

    def alive_steps(self) -> tuple[int | None, ...]:
        """When each class comes alive: the first step from which on it is `alive()` to the last probe; None for never.

        >>> igbviz.submit("first-look").trajectory().alive_steps()
        (16, 33, 33, 5, 9, 169, 134, 18, 6, 9)
        """
        first = lasting(self.alive())
        return tuple(int(self.step[probe]) if probe < len(self) else None for probe in first)

    def favoured(self) -> int | None:
        """The class with the highest mean probability at Init. (largest bar of Fig. 1); None before the first probe."""
        return int(self.predicted_probability()[0].argmax()) if len(self) else None

    def thinned(self, step: np.ndarray | None = None, images: WatchedImages | None = None) -> ThinnedTrajectory:
        """The probes that a chart draws, see `thin`; pass `step` (T,) if known, to avoid reading every record.

        `images`: those of all probes, thinned along.
        """
        drawn = thin(self.step if step is None else step)
        return ThinnedTrajectory(self.records[drawn], self.class_names, None if images is None else images[drawn])

    def to_frame(self) -> pd.DataFrame:
        """A tidy pandas table with one row per (probe, class): step, epoch, seconds, train_loss, class and the
        quantities per class; for runs with wrong labels also their fractions."""
        import pandas as pd

        t, k = len(self), self.classes
        noise_columns = WRONG_LABEL_FRACTIONS if self.has_noise else ()
        per_probe = {
            name: np.repeat(self.records[name], k)
            for name in ("step", "epoch", "seconds", "train_loss", *noise_columns)
        }
        per_class = {
            "true_class_probability": self.true_class_probability(),
            "accuracy": self.accuracy(),
            "predicted_probability": self.predicted_probability(),
            "guess_fraction": self.guess_fraction(),
            "signal": self.signal,
            "silent": self.silent,
        }
        names = np.tile(np.array(self.class_names, dtype=object), t)
        return pd.DataFrame(
            per_probe | {"class": names} | {name: values.reshape(-1) for name, values in per_class.items()}
        )


@dataclass(frozen=True, eq=False, repr=False)
class ThinnedTrajectory(Trajectory):
    """A thinned trajectory: the probes that a chart draws, and what the watched images do at these."""

    images: WatchedImages | None = None

    def __getitem__(self, index: slice | np.ndarray) -> ThinnedTrajectory:
        images = None if self.images is None else self.images[index]
        return ThinnedTrajectory(self.records[index], self.class_names, images)

    def thinned(self, step: np.ndarray | None = None, images: WatchedImages | None = None) -> ThinnedTrajectory:
        """Itself: neither reads the steps nor copies the records again."""
        return self
