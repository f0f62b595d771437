"""Two ways from cross-entropy to a loss that ignores improbable samples: a mixture, and a cutoff that is not sharp.

A mixture keeps a fixed part of cross-entropy's force at every p, however small; behind a soft cutoff the force falls as
a power of p.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from types import ModuleType
from typing import Any, ClassVar, Literal

from pydantic import Field, SerializeAsAny, field_validator

from igbviz.losses.base import Loss, LossOfP
from igbviz.losses.of_probability import CrossEntropy, PiecewiseZero
from igbviz.spec import ConfigError, Registry, alternatives, short


class SoftPiecewiseZero(LossOfP):
    """Piecewise-zero loss with a soft cutoff: the force is a sigmoid in log p instead of a step.

    The value is the integral of the force, so it has no jump: below a sharp cutoff it would be -log c, not 0. Far below
    the cutoff the force is (p/c)^s.
    """

    name: Literal["piecewise-zero-soft"] = "piecewise-zero-soft"
    cutoff: float = Field(default=0.1, gt=0, lt=1, description="The p at which the force is half of cross-entropy's.")
    steepness: float = Field(
        default=2.0,
        ge=0.01,
        le=1000,
        description="Power of p with which the force falls below the cutoff; large is the gradient of piecewise-zero.",
    )
    title: ClassVar[str] = "Soft piecewise-zero"
    formula: ClassVar[str] = r"\frac{1}{s} \log \frac{1 + c^{s}}{p_y^{s} + c^{s}}"
    source: ClassVar[str] = "this program: the integral of a sigmoid in log p"
    effect: ClassVar[str] = "raises it, but with a force that falls as the power s of p below the cutoff"

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        s, log_c = self.steepness, math.log(self.cutoff)
        below = math.exp(s * log_c)  # c^s
        # Near p = 1 the logarithm of a ratio near 1, elsewhere of the larger one of the two powers.
        near_one = -xp.log1p(xp.expm1(s * xp.clip(log_p, -1 / s, None)) / (1 + below)) / s
        rest = (math.log1p(below) - xp.log1p(xp.exp(-s * xp.abs(log_p - log_c)))) / s - xp.clip(log_p, log_c, None)
        return xp.where(s * log_p > -0.5, near_one, rest)

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        above = self.steepness * (log_p - math.log(self.cutoff))
        fallen = xp.exp(-xp.abs(above))
        return xp.where(above > 0, xp.ones_like(fallen), fallen) / (1 + fallen)


def _text(inner: str) -> str:
    return rf"-\lambda \log p_y + (1 - \lambda)\, L, \quad L = {inner}"


class Mixed(Loss):
    """A mixture of cross-entropy with any other loss: where that is silent, a part of cross-entropy is left."""

    name: Literal["mixed"] = "mixed"
    weight: float = Field(
        default=0.1, ge=0, le=1, description="Weight of cross-entropy, lambda: 1 is cross-entropy, 0 the other loss."
    )
    loss: SerializeAsAny[Loss] = Field(
        default=PiecewiseZero(), title="Mixed with", description="The other loss, with the weight 1 - lambda."
    )
    title: ClassVar[str] = "Mixture with cross-entropy"
    formula: ClassVar[str] = r"-\lambda \log p_y + (1 - \lambda)\, L(\mathbf{z}, y)"
    source: ClassVar[str] = "this program"
    effect: ClassVar[str] = (
        "raises it with lambda times cross-entropy's force where the other loss has none, so it returns, by default "
        "ten times slower at first"
    )

    @field_validator("loss", mode="before")
    @classmethod
    def _require_another_loss(cls, value: Any) -> Loss:
        if isinstance(value, Loss) and not isinstance(value, Mixed):
            return value
        fields = {"name": value} if isinstance(value, str) else value.model_dump() if isinstance(value, Loss) else value
        name = fields.get("name", "without a name") if isinstance(fields, Mapping) else fields
        registry = others()
        if not isinstance(name, str) or name not in registry:
            raise ConfigError(((), f"is {short(name)}, allowed: one of {alternatives(name, registry)}"))
        return registry[name].model_validate(fields)

    @classmethod
    def changed_hyperparameters(cls, values: Mapping[str, Any]) -> str:
        """As in 'weight 0.3, loss gce (q 0.5)'; the loss is named even if it is the default."""
        loss = values.get("loss", {"name": PiecewiseZero().name})
        fields = loss.model_dump() if isinstance(loss, Loss) else loss if isinstance(loss, Mapping) else {}
        name, registry = str(fields.get("name", loss))[:60], others()
        changed = registry[name].changed_hyperparameters(fields) if name in registry else ""
        own = super().changed_hyperparameters({key: value for key, value in values.items() if key != "loss"})
        return ", ".join(filter(None, (own, f"loss {name} ({changed})" if changed else f"loss {name}")))

    @property
    def runs_on_numpy(self) -> bool:  # type: ignore[override]
        return self.loss.runs_on_numpy

    @property
    def selection_note(self) -> str:  # type: ignore[override]
        return self.loss.selection_note

    def values(self, logits: Any, labels: Any) -> Any:
        return self._sum(lambda part: part.values(logits, labels))

    def values_in_batch(self, logits: Any, labels: Any) -> Any:
        return self._sum(lambda part: part.values_in_batch(logits, labels))

    def batch_loss(self, logits: Any, labels: Any, parameters: Iterable[Any] = ()) -> Any:
        parameters = list(parameters)
        return self._sum(lambda part: part.batch_loss(logits, labels, parameters))

    def descend(self, logits: Any, labels: Any, parameters: Iterable[Any] = ()) -> Any:
        (_, first), *more = self._parts
        return super().descend(logits, labels, parameters) if more else first.descend(logits, labels, parameters)

    def latex(self) -> str:
        return _text(self.loss.latex())

    @cached_property
    def of_p(self) -> LossOfP | None:
        """The same as a loss of the true class's probability alone, where the other loss is one; else None."""
        return None if self.loss.of_p is None else _MixedOfP(share=self.weight, loss=self.loss.of_p)

    @cached_property
    def _parts(self) -> list[tuple[float, Loss]]:
        """The losses that are summed, with their weights; a single one where one formula is enough."""
        if self.weight in (0, 1):  # the other part counts nothing, even where it is infinite
            return [(1.0, CrossEntropy() if self.weight else self.loss)]
        if self.of_p is not None:
            return [(1.0, self.of_p)]
        return [(self.weight, CrossEntropy()), (1 - self.weight, self.loss)]

    def _sum(self, of: Callable[[Loss], Any]) -> Any:
        first, *more = [of(part) if share == 1 else share * of(part) for share, part in self._parts]
        return first + more[0] if more else first


class _MixedOfP(LossOfP):
    """The mixture with another loss of p: f and w are the weighted sums."""

    name: Literal["mixed"] = "mixed"
    share: float
    loss: SerializeAsAny[LossOfP]
    title: ClassVar[str] = Mixed.title
    formula: ClassVar[str] = Mixed.formula

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        return (1 - self.share) * self.loss.f(log_p, xp) - self.share * log_p

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        return self.share + (1 - self.share) * self.loss.weight(log_p, xp)

    def latex(self) -> str:
        return _text(self.loss.latex())


def others() -> Registry:
    """The losses that can be mixed with cross-entropy: all but mixtures."""
    from igbviz.losses import LOSSES

    return Registry({name: kind for name, kind in LOSSES.items() if kind is not Mixed})
