"""Normalized losses and their combinations: active-passive pairs and active negative losses.

A loss is normalized by dividing it by its sum over all possible labels. That makes any loss robust and bounded, but the
sum grows with the favoured class's lead, so the force on the other classes fades; a second, "passive" part is therefore
added.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from types import ModuleType
from typing import Any, ClassVar, Literal

from pydantic import Field

from igbviz.losses.arrays import library
from igbviz.losses.base import LossOfP, LossOfProbabilities
from igbviz.losses.of_probability import (
    DETACH_HELP,
    AsymmetricExponential,
    AsymmetricGCE,
    AsymmetricUnhinged,
    CrossEntropy,
    Focal,
    MeanAbsoluteError,
    ReverseCrossEntropy,
)

APL = "Ma, Huang, Wang, Romano, Erfani, Bailey 2020 (arXiv 2006.13554)"
ALF = "Zhou, Liu, Jiang, Gao, Ji 2021 (arXiv 2106.03110)"
ANL = "Ye, Li, Dai, Wang 2023 (NeurIPS)"
NCE = r"\frac{\log p_y}{\sum_k \log p_k}"
NFL = r"\frac{(1 - p_y)^{\gamma} \log p_y}{\sum_k (1 - p_k)^{\gamma} \log p_k}"
FOCAL_HELP = "Power of the focal factor; at 0 the focal part is plain cross-entropy."


def label_fraction(terms: Any, slopes: Any, target: Any) -> tuple[Any, Any]:
    """(batch, 1) the label's fraction of the sum over `terms`, and its slopes (batch, classes).

    `terms` (batch, classes) are the losses of all possible labels, of one sign; `slopes` are their derivatives with
    respect to the log-probability of the same class; `target` is one-hot. The fraction of a zero sum is 0.
    """
    total = terms.sum(-1)[:, None]
    # 0 / 0 in the negative part when every class is below p_min
    total = library(total).where(total == 0, 1.0, total)
    value = (terms * target).sum(-1)[:, None] / total
    return value, slopes * (target - value) / total


class Normalized(LossOfProbabilities):
    """The loss of the label divided by the sum of the losses of all labels."""

    def normalized_loss(self) -> LossOfP:
        """The loss that is normalized."""
        return CrossEntropy()

    def value_and_slopes(self, log_p: Any, target: Any, xp: ModuleType) -> tuple[Any, Any]:
        loss = self.normalized_loss()
        return label_fraction(loss.f(log_p, xp), -loss.weight(log_p, xp), target)


class NormalizedCrossEntropy(Normalized):
    """Normalized cross-entropy (NCE)."""

    name: Literal["nce"] = "nce"
    title: ClassVar[str] = "Normalized cross-entropy"
    formula: ClassVar[str] = NCE
    source: ClassVar[str] = APL
    effect: ClassVar[str] = (
        "raises it with a force that falls as the favourite's lead grows, and hardly pushes the favourite down"
    )


class NormalizedFocal(Normalized):
    """Normalized focal loss (NFL)."""

    name: Literal["nfl"] = "nfl"
    gamma: float = Field(default=0.5, ge=0, le=10, description=FOCAL_HELP)
    detach_weight: bool = Field(default=False, description=DETACH_HELP)
    title: ClassVar[str] = "Normalized focal"
    formula: ClassVar[str] = NFL
    source: ClassVar[str] = APL
    effect: ClassVar[str] = "raises it as normalised cross-entropy does, and pushes a leading favourite down even less"

    def normalized_loss(self) -> LossOfP:
        return Focal(gamma=self.gamma, detach_weight=self.detach_weight)


class ActivePassive(Normalized):
    """alpha times a normalized loss (active), plus beta times a loss of p (passive), which also lowers the others."""

    alpha: float = Field(default=1.0, ge=0, le=100, description="Weight of the active part, the normalised loss.")
    beta: float = Field(default=1.0, ge=0, le=100, description="Weight of the passive part.")

    def passive(self) -> LossOfP:
        """The second part."""
        raise NotImplementedError

    def value_and_slopes(self, log_p: Any, target: Any, xp: ModuleType) -> tuple[Any, Any]:
        active, slopes = super().value_and_slopes(log_p, target, xp)
        passive, own = self.passive(), (log_p * target).sum(-1)[:, None]
        value = self.alpha * active + self.beta * passive.f(own, xp)
        return value, self.alpha * slopes - self.beta * passive.weight(own, xp) * target


class NceRce(ActivePassive):
    """NCE and reverse cross-entropy."""

    name: Literal["nce-rce"] = "nce-rce"
    title: ClassVar[str] = "NCE + RCE"
    formula: ClassVar[str] = rf"\alpha {NCE} + \beta A\,(p_y - 1), \quad A = \log 10^{{-4}}"
    source: ClassVar[str] = APL
    effect: ClassVar[str] = (
        "has only NCE's weak force below p of about 0.002; above it, the much larger RCE takes over (ten classes)"
    )

    def passive(self) -> LossOfP:
        return ReverseCrossEntropy()


class NceMae(ActivePassive):
    """NCE and mean absolute error."""

    name: Literal["nce-mae"] = "nce-mae"
    title: ClassVar[str] = "NCE + MAE"
    formula: ClassVar[str] = rf"\alpha {NCE} + \beta (1 - p_y)"
    source: ClassVar[str] = APL
    effect: ClassVar[str] = "has only NCE's weak force where p is small, since mean absolute error adds only p"

    def passive(self) -> LossOfP:
        return MeanAbsoluteError()


class NflRce(ActivePassive):
    """NFL and reverse cross-entropy."""

    name: Literal["nfl-rce"] = "nfl-rce"
    gamma: float = Field(default=0.5, ge=0, le=10, description=FOCAL_HELP)
    detach_weight: bool = Field(default=False, description=DETACH_HELP)
    title: ClassVar[str] = "NFL + RCE"
    formula: ClassVar[str] = rf"\alpha {NFL} + \beta A\,(p_y - 1), \quad A = \log 10^{{-4}}"
    source: ClassVar[str] = APL
    effect: ClassVar[str] = (
        "has only NFL's weak force below p of about 0.002; above it, the much larger RCE takes over (ten classes)"
    )

    def normalized_loss(self) -> LossOfP:
        return Focal(gamma=self.gamma, detach_weight=self.detach_weight)

    def passive(self) -> LossOfP:
        return ReverseCrossEntropy()


class NceAgce(ActivePassive):
    """NCE and the asymmetric generalised cross-entropy."""

    name: Literal["nce-agce"] = "nce-agce"
    beta: float = Field(default=4.0, ge=0, le=100, description="Weight of the passive part.")
    a: float = Field(default=6.0, ge=1e-9, le=20, description="Shift added to p in AGCE.")
    q: float = Field(
        default=1.5, gt=0, le=5, description="Power of AGCE; below 1 it emphasizes small p, above 1 large p."
    )
    title: ClassVar[str] = "NCE + AGCE"
    formula: ClassVar[str] = rf"\alpha {NCE} + \beta \frac{{(a + 1)^q - (a + p_y)^q}}{{q}}"
    source: ClassVar[str] = ALF
    effect: ClassVar[str] = "has only NCE's weak force where p is small, since that of AGCE is in proportion to p"

    def passive(self) -> LossOfP:
        return AsymmetricGCE(a=self.a, q=self.q)


class NceAul(ActivePassive):
    """NCE and the asymmetric unhinged loss."""

    name: Literal["nce-aul"] = "nce-aul"
    beta: float = Field(default=4.0, ge=0, le=100, description="Weight of the passive part.")
    a: float = Field(default=6.3, ge=1.01, le=20, description="The larger, the closer AUL is to a straight line in p.")
    q: float = Field(default=1.5, gt=0, le=5, description="Power of AUL; at 1 it is mean absolute error.")
    title: ClassVar[str] = "NCE + AUL"
    formula: ClassVar[str] = rf"\alpha {NCE} + \beta \frac{{(a - p_y)^q - (a - 1)^q}}{{q}}"
    source: ClassVar[str] = ALF
    effect: ClassVar[str] = "has only NCE's weak force where p is small, since that of AUL is in proportion to p"

    def passive(self) -> LossOfP:
        return AsymmetricUnhinged(a=self.a, q=self.q)


class NceAel(ActivePassive):
    """NCE and the asymmetric exponential loss."""

    name: Literal["nce-ael"] = "nce-ael"
    beta: float = Field(default=4.0, ge=0, le=100, description="Weight of the passive part.")
    a: float = Field(default=5.0, ge=0.05, le=1000, description="How slowly AEL falls with p.")
    title: ClassVar[str] = "NCE + AEL"
    formula: ClassVar[str] = rf"\alpha {NCE} + \beta e^{{-p_y / a}}"
    source: ClassVar[str] = ALF
    effect: ClassVar[str] = "has only NCE's weak force where p is small, since that of AEL is in proportion to p"

    def passive(self) -> LossOfP:
        return AsymmetricExponential(a=self.a)


class ActiveNegative(Normalized):
    """A normalized loss plus its negative counterpart, with an L1 penalty on all parameters in place of weight decay.

    The negative part replaces each term by worst - term and is 1 minus the label's fraction of their sum. Terms are
    clamped at p_min, where they reach the worst value, so it has zero gradient for a class below p_min.
    """

    alpha: float = Field(default=5.0, ge=0, le=100, description="Weight of the normalised loss.")
    beta: float = Field(default=5.0, ge=0, le=100, description="Weight of the negative loss.")
    p_min: float = Field(
        default=1e-7,
        ge=1e-12,
        le=1e-2,
        description="Smallest probability that the negative loss distinguishes from zero.",
    )
    l1: float = Field(
        default=5e-5,
        ge=0,
        le=1,
        description="Weight of the L1 norm of all parameters; do not combine it with weight decay.",
    )

    def value_and_slopes(self, log_p: Any, target: Any, xp: ModuleType) -> tuple[Any, Any]:
        active, slopes = super().value_and_slopes(log_p, target, xp)
        loss, floor = self.normalized_loss(), math.log(self.p_min)
        worst = loss.f(xp.full_like(log_p[:1, :1], floor), xp)
        room = worst - loss.f(xp.clip(log_p, floor, None), xp)
        # the clamp is part of the formula, so the slope below it is zero
        rises = xp.where(log_p > floor, loss.weight(log_p, xp), 0.0)
        negative, falls = label_fraction(room, rises, target)
        return self.alpha * active + self.beta * (1 - negative), self.alpha * slopes - self.beta * falls

    def batch_loss(self, logits: Any, labels: Any, parameters: Iterable[Any] = ()) -> Any:
        return super().batch_loss(logits, labels) + self.l1 * sum(parameter.abs().sum() for parameter in parameters)

    def descend(self, logits: Any, labels: Any, parameters: Iterable[Any] = ()) -> Any:
        import torch

        loss = super().descend(logits, labels)
        with torch.no_grad():
            for parameter in parameters:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                parameter.grad.add_(parameter.sign(), alpha=self.l1)
                loss = loss + self.l1 * parameter.abs().sum()
        return loss


class ActiveNegativeCrossEntropy(ActiveNegative):
    """Active negative loss built on cross-entropy."""

    name: Literal["anl-ce"] = "anl-ce"
    title: ClassVar[str] = "Active negative CE"
    formula: ClassVar[str] = (
        rf"\alpha {NCE} + \beta \left(1 - \frac{{A + \log p_y}}{{\sum_k (A + \log p_k)}}\right), \quad "
        r"A = -\log p_{\min} \ge -\log p_k"
    )
    source: ClassVar[str] = ANL
    effect: ClassVar[str] = (
        "raises it gently, and below p_min only by its fading NCE part, since the negative loss has zero gradient there"
    )


class ActiveNegativeFocal(ActiveNegative):
    """Active negative loss built on focal loss."""

    name: Literal["anl-fl"] = "anl-fl"
    gamma: float = Field(default=0.5, ge=0, le=10, description=FOCAL_HELP)
    detach_weight: bool = Field(default=False, description=DETACH_HELP)
    title: ClassVar[str] = "Active negative focal"
    formula: ClassVar[str] = (
        r"\alpha \frac{F_y}{\sum_k F_k} + \beta \left(1 - \frac{A - F_y}{\sum_k (A - F_k)}\right), \quad "
        r"F_k = -(1 - p_k)^{\gamma} \log p_k \le A = F(p_{\min})"
    )
    source: ClassVar[str] = ANL
    effect: ClassVar[str] = (
        "raises it gently, and below p_min only by its fading NFL part, since the negative loss has zero gradient there"
    )

    def normalized_loss(self) -> LossOfP:
        return Focal(gamma=self.gamma, detach_weight=self.detach_weight)
