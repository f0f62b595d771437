"""Losses of the true class's probability alone: each defines f and the weight w = -df/dlog p as functions of log p.

1 - p is always computed as -expm1(log p), which stays accurate where p rounds to 1. Powers of p are exp(q log p), which
are finite where p underflows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from types import ModuleType
from typing import Any, ClassVar, Literal

from pydantic import Field

from igbviz.losses.arrays import upcast
from igbviz.losses.base import LossOfP

LOG_OF_ZERO = math.log(1e-4)  # reverse cross-entropy replaces log 0 by this
DETACH_HELP = (
    "Treat the factor before the logarithm as a constant when differentiating. Off: the gradient of the printed "
    "formula. On: as in much public code."
)


class CrossEntropy(LossOfP):
    """Cross-entropy: the usual loss, and the unit of force for all the others."""

    name: Literal["cross-entropy"] = "cross-entropy"
    title: ClassVar[str] = "Cross-entropy"
    formula: ClassVar[str] = r"-\log p_y"
    source: ClassVar[str] = "Good 1952; paper, Eq. 1"
    effect: ClassVar[str] = "raises it with full force, however small p is, so the network leaves the initial guess"

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        return -log_p

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        return xp.ones_like(log_p)

    def at(self, log_p: Any) -> Any:
        return -log_p  # equal to the general form, and needs no f and w

    def descend(self, logits: Any, labels: Any, parameters: Iterable[Any] = ()) -> Any:
        from torch.nn.functional import cross_entropy

        loss = cross_entropy(upcast(logits), labels.long())
        loss.backward()
        return loss.detach()


class Blurry(LossOfP):
    """Blurry loss: the less probable the network considers a label, the less weight its sample has."""

    name: Literal["blurry"] = "blurry"
    gamma: float = Field(
        default=0.7, ge=0, le=10, description="How fast the weight falls as p falls; 0 is cross-entropy."
    )
    detach_weight: bool = Field(
        default=False,
        description="Treat p^gamma as a constant when differentiating. Off: the printed formula, which pushes the true "
        "class down below p = exp(-1/gamma). On: always the right way, with the gradient of GCE at q = gamma.",
    )
    title: ClassVar[str] = "Blurry"
    formula: ClassVar[str] = r"-p_y^{\gamma} \log p_y"
    source: ClassVar[str] = "Pellegrino, Szczecina, Fieguth 2024 (arXiv 2511.16512); paper, Eq. 2"
    effect: ClassVar[str] = (
        "pushes it further down where p is below exp(-1/gamma); with the weight detached raises it, but weakly"
    )

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        return -xp.exp(self.gamma * log_p) * log_p

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        factor = xp.exp(self.gamma * log_p)
        return factor if self.detach_weight else factor * (1 + self.gamma * log_p)


class PiecewiseZero(LossOfP):
    """Piecewise-zero loss: cross-entropy, but samples whose label is improbable are ignored."""

    name: Literal["piecewise-zero"] = "piecewise-zero"
    cutoff: float = Field(
        default=0.1, ge=0, lt=1, description="Samples with p at or below this count as mislabelled and are ignored."
    )
    title: ClassVar[str] = "Piecewise-zero"
    formula: ClassVar[str] = r"\begin{cases} 0 & p_y \le c \\ -\log p_y & p_y > c \end{cases}"
    source: ClassVar[str] = "Pellegrino, Szczecina, Fieguth 2024 (arXiv 2511.16512); paper, Eq. 3"
    effect: ClassVar[str] = "ignores it: the gradient is zero at and below the cutoff, so it can stay there for ever"

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        # where instead of a product, since 0 * inf is not 0
        return xp.where(is_above(self.cutoff, log_p, xp), -log_p, xp.zeros_like(log_p))

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        return xp.where(is_above(self.cutoff, log_p, xp), xp.ones_like(log_p), xp.zeros_like(log_p))


class Focal(LossOfP):
    """Focal loss: samples that are already right have less weight."""

    name: Literal["focal"] = "focal"
    gamma: float = Field(
        default=2.0, ge=0, le=10, description="How fast the weight falls as p nears 1; 0 is cross-entropy."
    )
    detach_weight: bool = Field(default=False, description=DETACH_HELP)
    title: ClassVar[str] = "Focal"
    formula: ClassVar[str] = r"-(1 - p_y)^{\gamma} \log p_y"
    source: ClassVar[str] = "Lin, Goyal, Girshick, He, Dollár 2017 (arXiv 1708.02002)"
    effect: ClassVar[str] = (
        "raises it about as hard as cross-entropy does, and reduces the force on samples that are already right"
    )

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        return -((-xp.expm1(log_p)) ** self.gamma) * log_p

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        factor = (-xp.expm1(log_p)) ** self.gamma
        if self.detach_weight:
            return factor
        # (1-p)^(gamma-1) log p would be inf * 0 at p = 1; log p / (1-p) tends to -1 there.
        below = xp.clip(log_p, None, -1e-30)
        return factor * (1 + self.gamma * xp.exp(log_p) * below / xp.expm1(below))


class MeanAbsoluteError(LossOfP):
    """Mean absolute error of the probabilities, halved so that it runs from 1 to 0."""

    name: Literal["mae"] = "mae"
    title: ClassVar[str] = "Mean absolute error"
    formula: ClassVar[str] = r"1 - p_y"
    source: ClassVar[str] = "Ghosh, Kumar, Sastry 2017 (arXiv 1712.09482)"
    effect: ClassVar[str] = "raises it with force p, so hardly at all: the less probable it is, the slower its return"

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        return -xp.expm1(log_p)

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        return xp.exp(log_p)


class GeneralizedCrossEntropy(LossOfP):
    """Generalized cross-entropy, Lq: between cross-entropy and mean absolute error, by one hyperparameter."""

    name: Literal["gce"] = "gce"
    q: float = Field(default=0.7, gt=0, le=1, description="Near 0 it is cross-entropy, at 1 mean absolute error.")
    title: ClassVar[str] = "Generalized cross-entropy"
    formula: ClassVar[str] = r"\frac{1 - p_y^{q}}{q}"
    source: ClassVar[str] = "Zhang, Sabuncu 2018 (arXiv 1805.07836)"
    effect: ClassVar[str] = "raises it with force p^q: the right way, but the weaker the less probable it is"

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        return -xp.expm1(self.q * log_p) / self.q

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        return xp.exp(self.q * log_p)


class TruncatedGCE(LossOfP):
    """Truncated generalised cross-entropy: flat for samples whose label is improbable."""

    name: Literal["truncated-gce"] = "truncated-gce"
    q: float = Field(
        default=0.7, gt=0, le=1, description="Near 0 cross-entropy above the threshold, at 1 mean absolute error."
    )
    k: float = Field(
        default=0.5, ge=0, lt=1, description="Samples with p at or below this have a constant loss and zero gradient."
    )
    title: ClassVar[str] = "Truncated GCE"
    formula: ClassVar[str] = r"\begin{cases} (1 - k^{q})/q & p_y \le k \\ (1 - p_y^{q})/q & p_y > k \end{cases}"
    source: ClassVar[str] = "Zhang, Sabuncu 2018 (arXiv 1805.07836)"
    effect: ClassVar[str] = (
        "ignores it, like piecewise-zero but below a much higher threshold, so training must start with another loss"
    )

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        flat = (1 - self.k**self.q) / self.q
        return xp.where(is_above(self.k, log_p, xp), -xp.expm1(self.q * log_p) / self.q, flat * xp.ones_like(log_p))

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        return xp.where(is_above(self.k, log_p, xp), xp.exp(self.q * log_p), xp.zeros_like(log_p))


class ReverseCrossEntropy(LossOfP):
    """Reverse cross-entropy: label and prediction change places, and log 0 is replaced by log 1e-4."""

    name: Literal["rce"] = "rce"
    title: ClassVar[str] = "Reverse cross-entropy"
    formula: ClassVar[str] = r"A\,(p_y - 1), \quad A = \log 10^{-4}"
    source: ClassVar[str] = "Wang, Ma, Chen, Luo, Yi, Bailey 2019 (arXiv 1908.06112)"
    effect: ClassVar[str] = (
        "raises it with force 9.2 p: 9.2 times that of mean absolute error, and still next to nothing"
    )

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        return LOG_OF_ZERO * xp.expm1(log_p)

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        return -LOG_OF_ZERO * xp.exp(log_p)


class SymmetricCrossEntropy(LossOfP):
    """Symmetric cross-entropy: a little cross-entropy for learning, reverse cross-entropy for robustness."""

    name: Literal["sce"] = "sce"
    alpha: float = Field(
        default=0.1, ge=0, le=100, description="Weight of cross-entropy: the force that is left where p is small."
    )
    beta: float = Field(default=1.0, ge=0, le=100, description="Weight of reverse cross-entropy.")
    title: ClassVar[str] = "Symmetric cross-entropy"
    formula: ClassVar[str] = r"-\alpha \log p_y + \beta A\,(p_y - 1), \quad A = \log 10^{-4}"
    source: ClassVar[str] = "Wang, Ma, Chen, Luo, Yi, Bailey 2019 (arXiv 1908.06112)"
    effect: ClassVar[str] = (
        "raises it with at least alpha times cross-entropy's force, so it returns, by default ten times slower at first"
    )

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        return -self.alpha * log_p + self.beta * LOG_OF_ZERO * xp.expm1(log_p)

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        return self.alpha - self.beta * LOG_OF_ZERO * xp.exp(log_p)


class AsymmetricGCE(LossOfP):
    """Asymmetric generalised cross-entropy (AGCE): GCE of a shifted p."""

    name: Literal["agce"] = "agce"
    a: float = Field(default=0.6, ge=1e-9, le=20, description="Shift added to p; towards 0 it is GCE.")
    q: float = Field(default=0.6, gt=0, le=5, description="Power; below 1 it emphasizes small p, above 1 large p.")
    title: ClassVar[str] = "Asymmetric GCE"
    formula: ClassVar[str] = r"\frac{(a + 1)^{q} - (a + p_y)^{q}}{q}"
    source: ClassVar[str] = "Zhou, Liu, Jiang, Gao, Ji 2021 (arXiv 2106.03110)"
    effect: ClassVar[str] = "raises it in proportion to p where p is well below a: by default about as weakly as MAE"

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        # The difference of powers is one expm1 of the ratio's logarithm, without cancellation as p nears 1. Where the
        # ratio itself is near 0, its log1p would cancel instead.
        shifted, ratio = self.a + xp.exp(log_p), xp.log1p(xp.expm1(log_p) / (self.a + 1))
        ratio = xp.where(shifted < 0.005, xp.log(shifted) - math.log1p(self.a), ratio)
        return -((self.a + 1) ** self.q) * xp.expm1(self.q * ratio) / self.q

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        p = xp.exp(log_p)
        return p * (self.a + p) ** (self.q - 1)


class AsymmetricUnhinged(LossOfP):
    """Asymmetric unhinged loss (AUL)."""

    name: Literal["aul"] = "aul"
    a: float = Field(default=5.5, ge=1.01, le=20, description="The larger, the closer to a straight line in p.")
    q: float = Field(default=3.0, gt=0, le=5, description="Power; at 1 it is mean absolute error.")
    title: ClassVar[str] = "Asymmetric unhinged"
    formula: ClassVar[str] = r"\frac{(a - p_y)^{q} - (a - 1)^{q}}{q}"
    source: ClassVar[str] = "Zhou, Liu, Jiang, Gao, Ji 2021 (arXiv 2106.03110)"
    effect: ClassVar[str] = (
        "raises it in proportion to p, some 30 times as hard as mean absolute error by default: slowly, then abruptly"
    )

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        ratio = xp.log1p(-xp.expm1(log_p) / (self.a - 1))  # as in AGCE, from the other side
        return (self.a - 1) ** self.q * xp.expm1(self.q * ratio) / self.q

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        p = xp.exp(log_p)
        return p * (self.a - p) ** (self.q - 1)


class AsymmetricExponential(LossOfP):
    """Asymmetric exponential loss (AEL); its minimum is exp(-1/a), not 0."""

    name: Literal["ael"] = "ael"
    a: float = Field(default=2.5, ge=0.05, le=1000, description="How slowly it falls with p; large is a straight line.")
    title: ClassVar[str] = "Asymmetric exponential"
    formula: ClassVar[str] = r"e^{-p_y / a}"
    source: ClassVar[str] = "Zhou, Liu, Jiang, Gao, Ji 2021 (arXiv 2106.03110)"
    effect: ClassVar[str] = (
        "raises it with force p / a where p is small: by default weaker than mean absolute error, next to nothing"
    )

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        return xp.exp(-xp.exp(log_p) / self.a)

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        ratio = xp.exp(log_p) / self.a
        return ratio * xp.exp(-ratio)


class PHuberCrossEntropy(LossOfP):
    """Partially Huberized cross-entropy: a straight line in p where cross-entropy would be steeper than tau."""

    name: Literal["phuber-ce"] = "phuber-ce"
    tau: float = Field(
        default=2.0,
        ge=1,
        le=1e12,
        description="Steepest slope in p, reached at p = 1/tau. Large is cross-entropy, 1 is MAE.",
    )
    title: ClassVar[str] = "Partially Huberized cross-entropy"
    formula: ClassVar[str] = (
        r"\begin{cases} -\log p_y & p_y > 1/\tau \\ 1 + \log \tau - \tau p_y & p_y \le 1/\tau \end{cases}"
    )
    source: ClassVar[str] = "Menon, Rawat, Reddi, Kumar 2020 (ICLR)"
    effect: ClassVar[str] = (
        "raises it with force tau p below p = 1/tau, tau times that of mean absolute error, and full force above"
    )

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        log_ratio = log_p + math.log(self.tau)
        line = 1 + math.log(self.tau) - xp.exp(xp.clip(log_ratio, None, 0))
        return xp.where(log_ratio > 0, -log_p, line)

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        return xp.exp(xp.clip(log_p + math.log(self.tau), None, 0))


class PHuberGCE(LossOfP):
    """Partially Huberized generalized cross-entropy: a straight line in p where GCE would be steeper than tau."""

    name: Literal["phuber-gce"] = "phuber-gce"
    q: float = Field(default=0.7, gt=0, le=1, description="As in GCE: near 0 it is PHuber-CE, at 1 MAE.")
    tau: float = Field(
        default=10.0,
        ge=1,
        le=1e12,
        description="Steepest slope in p, reached at p = tau^(1/(q - 1)). Large is GCE, 1 is MAE.",
    )
    title: ClassVar[str] = "Partially Huberized GCE"
    formula: ClassVar[str] = (
        r"\begin{cases} (1 - p_y^{q})/q & p_y > t \\ (1 - t^{q})/q + \tau\,(t - p_y) & p_y \le t \end{cases}, "
        r"\quad t = \tau^{1/(q - 1)}"
    )
    source: ClassVar[str] = "Menon, Rawat, Reddi, Kumar 2020 (ICLR)"
    effect: ClassVar[str] = (
        "raises it with force tau p below p = t, still more weakly than GCE, whose force p^q it has above"
    )

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        curve = -xp.expm1(self.q * log_p) / self.q
        if self.q == 1:  # the slope is 1 everywhere
            return curve
        log_t = math.log(self.tau) / (self.q - 1)
        at_t = math.exp(self.q * log_t)  # t^q, which is also tau t
        line = at_t - math.expm1(self.q * log_t) / self.q - at_t * xp.exp(xp.clip(log_p - log_t, None, 0))
        return xp.where(log_p > log_t, curve, line)

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        return xp.exp(xp.minimum(self.q * log_p, log_p + math.log(self.tau)))


def is_above(threshold: float, log_p: Any, xp: ModuleType) -> Any:
    """True where p is above the threshold; at threshold 0 true everywhere, also where p underflows.

    A p within rounding of the threshold is not above it: with equal logits p equals 1/K only up to a few units in the
    last place.
    """
    rounding = 4 * float(xp.finfo(log_p.dtype).eps)
    return xp.exp(log_p) > threshold * (1 + rounding) if threshold else xp.ones_like(log_p, dtype=bool)
