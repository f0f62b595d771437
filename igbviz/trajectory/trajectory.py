"""The stream of a run as arrays: what one probe records, and every curve that follows from it.

A probe is one look at the network over a fixed set of test images. It is stored as one fixed-size numpy record, so a
file of records can be appended to by one process and mapped by many. Only small tables are stored; every quantity of
the paper is derived from them here (Pellegrino, Szczecina and Fieguth, arXiv 2511.20826), none is stored twice. Shapes:
T probes, K classes, B histogram bins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from igbviz.trajectory.records import Recorded

# Edges of the histogram of p_y, the probability of the true class. Below 0.01 four bins a decade, so that "one in a
# million" and "one in a hundred" look as different as they are to a loss; above, steps of 0.02, so that usual cutoffs
# (0.1, 0.5) are edges. A bin holds lower < p <= upper (the first one also p = 0): p exactly at a cutoff counts as below
# it, as in piecewise-zero loss.
P_EDGES = np.concatenate([[0.0], np.logspace(-8, -2, 25), np.arange(1, 51) * 0.02])


# What becomes of training images with a wrong label, as shares of them that sum to 1: guessed as that label, as their
# true class, else.
WRONG_LABEL_SHARES = ("memorised", "resisted", "otherwise")

EVEN = 0.8  # of ln K: guesses are even from this entropy on, that of guesses spread evenly over 6.3 of ten classes


def snapshot_dtype(classes: int, noisy: bool = False) -> np.dtype:
    """The record of one probe; `noisy` adds the shares of wrongly labelled training images. The dtype is the schema: it
    is stored beside the data and read back from there."""
    k, bins = classes, len(P_EDGES) - 1
    shares = [(name, "<f8") for name in WRONG_LABEL_SHARES] if noisy else []
    return np.dtype([
        ("step", "<i8"),  # optimizer steps taken before this probe; 0 is the untrained network
        ("epoch", "<f8"),  # step / steps per epoch
        ("seconds", "<f8"),  # wall clock since training began: the only column that differs between two identical runs
        ("train_loss", "<f8"),  # mean loss of the training batches since the previous probe; NaN at step 0
        ("mean_prob", "<f4", (k, k)),  # mean softmax probability [true class, predicted class]
        ("confusion", "<i4", (k, k)),  # counts of the largest probability [true class, predicted class]
        ("signal", "<f4", (k,)),  # mean Euclidean norm of d loss / d logits, by true class
        ("silent", "<f4", (k,)),  # share of samples whose norm is under 1 % of cross-entropy's, by true class
        ("p_hist", "<i4", (k, bins)),  # counts of p_y in P_EDGES, by true class
        *shares,
    ])  # fmt: skip


def columns_of(dtype: np.dtype) -> list:
    """A dtype as plain lists for JSON; `runs.schema` reads it back."""
    return [[name, dtype[name].base.str, list(dtype[name].shape)] for name in dtype.names]


def thin(step: np.ndarray, per_decade: int = 40) -> np.ndarray:
    """Indices of the probes to draw: the first in each of `per_decade` cells a decade of steps, Init. and the last.

    The cells do not depend on the length of the run, so a point once drawn stays, and only the last one moves.
    """
    step = np.asarray(step)
    if not len(step):
        return np.empty(0, dtype=np.intp)
    cell = np.where(step > 0, np.floor(per_decade * np.log10(np.maximum(step, 1)) + 1e-9), -1)
    first = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]]))
    return first if first[-1] == len(step) - 1 else np.append(first, len(step) - 1)


def escape_step(step: ArrayLike, evenness: ArrayLike, threshold: float = EVEN) -> int | None:
    """The step of the first probe from which on the evenness is at least `threshold` to the end; None when that of the
    last probe is not, or when there is none."""
    step, uneven = np.asarray(step), np.flatnonzero(np.asarray(evenness) < threshold)
    first = uneven[-1] + 1 if len(uneven) else 0
    return int(step[first]) if first < len(step) else None


class Trajectory(Recorded):
    """The probes of one run so far: `records` is (T,) of `snapshot_dtype(K)`, oldest first."""

    column = "mean_prob"
    least = "a trajectory is made of at least one snapshot"

    # The stored columns.
    @property
    def step(self) -> np.ndarray:
        """(T,) optimizer steps before each probe; the first is 0."""
        return self.records["step"]

    @property
    def epoch(self) -> np.ndarray:
        """(T,) passes over the training set before each probe, a fraction inside an epoch."""
        return self.records["epoch"]

    @property
    def seconds(self) -> np.ndarray:
        """(T,) wall-clock seconds of training and probing before each probe."""
        return self.records["seconds"]

    @property
    def steps_per_epoch(self) -> float:
        """As the last probe tells; 0 before the first step. A run knows it from the start: `Run.steps_per_epoch`."""
        step, epoch = (float(self.step[-1]), float(self.epoch[-1])) if len(self) else (0.0, 0.0)
        return step / epoch if step and epoch else 0.0

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
        """(T, K) mean Euclidean norm of d loss / d logits over the probe images of a class: the training
        signal."""
        return self.records["signal"]

    @property
    def silent(self) -> np.ndarray:
        """(T, K) share of the probe images of a class that the loss ignores (norm under 1 % of cross-entropy's)."""
        return self.records["silent"]

    @property
    def p_hist(self) -> np.ndarray:
        """(T, K, B) counts of the true class's probability in `P_EDGES`."""
        return self.records["p_hist"]

    # Stored only by runs with wrong labels; NaN in the others.
    @property
    def has_noise(self) -> bool:
        """Whether the probes looked at training images with wrong labels."""
        return set(WRONG_LABEL_SHARES) <= set(self.records.dtype.names)

    @property
    def memorised(self) -> np.ndarray:
        """(T,) share of the wrongly labelled training images that are guessed as the wrong label they carry."""
        return self._share("memorised")

    @property
    def resisted(self) -> np.ndarray:
        """(T,) share of the wrongly labelled training images that are guessed as their true class."""
        return self._share("resisted")

    @property
    def otherwise(self) -> np.ndarray:
        """(T,) share of the wrongly labelled training images that are guessed as neither."""
        return self._share("otherwise")

    def _share(self, name: str) -> np.ndarray:
        return self.records[name] if self.has_noise else np.full(len(self), np.nan)

    # What follows from them.
    def class_sizes(self) -> np.ndarray:
        """(T, K) probe images of each true class; constant in time."""
        return self.confusion.sum(-1)

    def true_class_probability(self) -> np.ndarray:
        """(T, K) mean probability of the true class over the images of that class (paper, Eq. 4)."""
        return np.diagonal(self.mean_prob, axis1=1, axis2=2)

    def accuracy(self) -> np.ndarray:
        """(T, K) share of the images of a class that are guessed right (paper, Eq. 5)."""
        return np.diagonal(self.confusion, axis1=1, axis2=2) / self.class_sizes()

    def predicted_probability(self) -> np.ndarray:
        """(T, K) mean probability of each class over the whole probe set, whatever the truth (paper, Fig. 1); rows sum
        to 1."""
        sizes = self.class_sizes().astype(np.float64)
        return np.einsum("tk,tkj->tj", sizes / sizes.sum(-1, keepdims=True), self.mean_prob)

    def guess_fraction(self) -> np.ndarray:
        """(T, K) share of the probe set that is guessed as each class (G_k in the theory of initial guessing bias)."""
        return self.confusion.sum(1) / self.confusion.sum((1, 2))[:, None]

    def largest_guess(self) -> np.ndarray:
        """(T,) share of the probe set that the most guessed class gets: 1/K without prejudice, 1 when there is nothing
        else."""
        return self.guess_fraction().max(-1)

    def silent_fraction(self) -> np.ndarray:
        """(T,) fraction of all probe images that the loss ignores, however large their classes are."""
        sizes = self.class_sizes()
        return (self.silent * sizes).sum(-1) / sizes.sum(-1)

    def median_probability(self, index: int = 0) -> float:
        """The probability of the true class that half of the images of a probe stay below. (Their mean says little:
        with a guess that ignores the image it is 1/K.)"""
        below = np.pad(self.p_hist[index].sum(0).cumsum(), (1, 0))
        return float(np.interp(below[-1] / 2, below, P_EDGES))

    def balanced_accuracy(self) -> np.ndarray:
        """(T,) mean of the per-class accuracies."""
        return self.accuracy().mean(-1)

    def guess_entropy(self) -> np.ndarray:
        """(T,) entropy of the guess fractions over its largest value ln K: 0 for one class only, 1 for an even spread."""
        g = self.guess_fraction()
        return np.abs(np.where(g > 0, g * np.log(np.where(g > 0, g, 1.0)), 0.0).sum(-1)) / np.log(self.classes)

    def escape_step(self, threshold: float = EVEN) -> int | None:
        """The step of the first probe from which on the guesses stay even: `guess_entropy()` is at least `threshold`
        there and at every later probe. None when the last probe, too, is below, or when there is none; 0 when the
        network never was that prejudiced."""
        return escape_step(self.step, self.guess_entropy(), threshold)

    def favoured(self) -> int | None:
        """The class that the untrained network gives most probability to (largest bar of Fig. 1); None before the first
        probe."""
        return int(self.predicted_probability()[0].argmax()) if len(self) else None

    def thinned(self, step: np.ndarray | None = None) -> Glance:
        """The probes that a chart draws, see `thin`; `step` (T,) where it is known without reading every record."""
        return Glance(self.records[thin(self.step if step is None else step)], self.class_names)

    def to_frame(self):
        """A tidy pandas table, one row a (probe, class): step, epoch, seconds, train_loss, class and the per-class
        quantities; with wrong labels also their shares."""
        import pandas as pd

        t, k = len(self), self.classes
        shares = WRONG_LABEL_SHARES if self.has_noise else ()
        per_probe = {
            name: np.repeat(self.records[name], k) for name in ("step", "epoch", "seconds", "train_loss", *shares)
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


class Glance(Trajectory):
    """The probes of a run that a chart draws, or some of them."""

    def thinned(self, step: np.ndarray | None = None) -> Glance:
        """Itself: no second look at the steps, and no copy of the records."""
        return self
