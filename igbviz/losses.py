"""Classification losses: frozen descriptions whose fields are their knobs and whose call is their formula.

Most robust losses depend on the probability p of the true class alone, L = f(p). Their gradient is then exactly that of
cross-entropy times one number a sample, the weight w(p) = -p f'(p):

    dL/dz_k = -w(p) (1[k = y] - p_k)

Such a loss states f and w here, as functions of log p, and nothing else: the training uses w as the gradient (so it stays finite
wherever the formula is), and the pages draw the same two functions. `xp` is numpy or torch: one formula serves both, and describing
a loss needs no torch. Logits are (batch, classes), labels (batch,) whole numbers, results (batch,); the mean is taken by the caller.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar, Literal

from pydantic import Field

from igbviz.description import ConfigError, Description, any_of, by_name


class Loss(Description):
    """One loss function. Calling it on logits and labels gives one value an example, in the dtype of the logits."""

    title: ClassVar[str]
    formula: ClassVar[str]  # LaTeX, for one sample
    source: ClassVar[str]
    effect: ClassVar[str]  # what it does to a class that the network holds improbable
    depends_on_p_only: ClassVar[bool] = False

    def __call__(self, logits: Any, labels: Any) -> Any:
        """(batch,) values. Raises ConfigError for labels outside 0..classes-1 or shapes that do not fit."""
        classes = logits.shape[-1]
        if logits.ndim != 2 or labels.shape != logits.shape[:1]:
            raise ConfigError(((), f"logits of shape {tuple(logits.shape)} and labels of shape {tuple(labels.shape)} do not fit: "
                                   "allowed are (batch, classes) and (batch,)"))  # fmt: skip
        if len(labels) and not (0 <= int(labels.min()) and int(labels.max()) < classes):
            raise ConfigError((("labels",), f"run from {int(labels.min())} to {int(labels.max())}, allowed: 0 to {classes - 1}"))
        return self.values(wide(logits), labels).to(logits.dtype)

    def values(self, logits: Any, labels: Any) -> Any:
        """(batch,) values of checked float32 or float64 logits; differentiable."""
        raise NotImplementedError

    def batch_loss(self, logits: Any, labels: Any, parameters: Any = ()) -> Any:
        """The scalar that a training step descends: the mean over the batch, and the place for batch-level parts of a loss."""
        return self.values(logits, labels).mean()


class LossOfP(Loss):
    """A loss f(p) of the true class's probability alone."""

    depends_on_p_only: ClassVar[bool] = True

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        """The value at log p, elementwise."""
        raise NotImplementedError

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        """w(p) = -df/dlog p, elementwise: how hard this loss pulls, in units of cross-entropy. Negative pushes the true class down."""
        raise NotImplementedError

    def values(self, logits: Any, labels: Any) -> Any:
        import torch

        log_p = true_log_probability(logits, labels)
        here = log_p.detach()
        # Equal to f in value (the bracket is zero) and to -w in gradient: exact for every p, also where autograd of f would give 0 * inf.
        return self.f(here, torch) - self.weight(here, torch) * (log_p - here)


class CrossEntropy(LossOfP):
    """Cross-entropy: the usual loss, and the yardstick of all the others."""

    name: Literal["cross-entropy"] = "cross-entropy"
    title: ClassVar[str] = "Cross-entropy"
    formula: ClassVar[str] = r"-\log p_y"
    source: ClassVar[str] = "Good 1952; paper, Eq. 1"
    effect: ClassVar[str] = "pulls every sample with full force, however improbable its class: it leaves any first guess"

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        return -log_p

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        return xp.ones_like(log_p)

    def values(self, logits: Any, labels: Any) -> Any:
        return -true_log_probability(logits, labels)  # as the general way, without its detour


class Blurry(LossOfP):
    """Blurry loss: trusts a sample less, the less probable the network holds its label."""

    name: Literal["blurry"] = "blurry"
    gamma: float = Field(0.7, ge=0, le=10, description="How fast trust fades with p; 0 is cross-entropy.")
    detach_weight: bool = Field(
        False,
        description="Hold p^gamma fixed when differentiating. Off, the formula as printed, which pushes the true class down below "
        "p = exp(-1/gamma); on, always the right way, and the gradient of GCE.",
    )
    title: ClassVar[str] = "Blurry"
    formula: ClassVar[str] = r"-p_y^{\gamma} \log p_y"
    source: ClassVar[str] = "Pellegrino, Szczecina, Fieguth 2024 (arXiv 2511.16512); paper, Eq. 2"
    effect: ClassVar[str] = "pushes it further down below p = exp(-1/gamma), unless the weight is detached; then it pulls, but faintly"

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        return -xp.exp(self.gamma * log_p) * log_p

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        trust = xp.exp(self.gamma * log_p)
        return trust if self.detach_weight else trust * (1 + self.gamma * log_p)


class PiecewiseZero(LossOfP):
    """Piecewise-zero loss: cross-entropy, but samples whose label is improbable are ignored."""

    name: Literal["piecewise-zero"] = "piecewise-zero"
    cutoff: float = Field(0.1, ge=0, lt=1, description="Samples with p at or below this count as mislabelled and are ignored.")
    title: ClassVar[str] = "Piecewise-zero"
    formula: ClassVar[str] = r"\begin{cases} 0 & p_y \le c \\ -\log p_y & p_y > c \end{cases}"
    source: ClassVar[str] = "Pellegrino, Szczecina, Fieguth 2024 (arXiv 2511.16512); paper, Eq. 3"
    effect: ClassVar[str] = "ignores it: no gradient at all at or below the cutoff, so it can stay there for ever"

    def kept(self, log_p: Any, xp: ModuleType) -> Any:
        return xp.exp(log_p) > self.cutoff if self.cutoff else xp.ones_like(log_p, dtype=bool)  # at 0 also a p that underflows

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        return xp.where(self.kept(log_p, xp), -log_p, xp.zeros_like(log_p))  # where, not a product: 0 * inf is not 0

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        return xp.where(self.kept(log_p, xp), xp.ones_like(log_p), xp.zeros_like(log_p))


def wide(logits: Any) -> Any:
    """Logits in at least float32: half precision has too few digits for a log-softmax."""
    return logits if logits.dtype.itemsize >= 4 else logits.float()


def true_log_probability(logits: Any, labels: Any) -> Any:
    """(batch,) log p_y by log-softmax: finite where softmax itself would underflow."""
    from torch.nn.functional import cross_entropy

    return -cross_entropy(logits, labels, reduction="none")  # log-softmax and the choice of y in one kernel, forward and backward


LOSSES = by_name(CrossEntropy, Blurry, PiecewiseZero)
AnyLoss = any_of(LOSSES)
