"""Optimizers and their learning-rate schedules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from igbviz.spec import ConfigError, Spec, any_of, by_name


class Optimizer(Spec):
    """Base of all optimizers: a learning rate, its schedule, and weight decay.

    >>> sgd = igbviz.optimizers.Sgd(learning_rate=0.1, warmup_steps=10)
    >>> sgd.rate_at(step=4, steps=100)
    0.05
    """

    title: ClassVar[str]
    learning_rate: float = Field(default=0.01, gt=0, le=100, description="Step size.")
    weight_decay: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="L2 penalty: this times the weight is added to its gradient.",
    )
    warmup_steps: int = Field(
        default=0, ge=0, le=1_000_000, description="Number of first steps over which the learning rate rises linearly."
    )
    decay: Literal["constant", "cosine"] = Field(
        default="constant", description="After the warm-up: stay constant, or fall to zero along a cosine."
    )

    def build(self, parameters: Any) -> Any:
        """The torch optimizer over these parameters, fused: one pass over the weights per step in place of up to
        eight."""
        raise NotImplementedError

    def rate_at(self, step: int, steps: int) -> float:
        """The learning rate at step number `step` (from 0) of `steps`."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        if self.decay == "constant":
            return self.learning_rate
        progress = (step - self.warmup_steps) / max(1, steps - self.warmup_steps)
        return self.learning_rate * (1 + math.cos(math.pi * progress)) / 2

    @property
    def rate_changes(self) -> bool:
        """Whether the learning rate changes during training."""
        return self.warmup_steps > 0 or self.decay != "constant"


class Sgd(Optimizer):
    """Stochastic gradient descent, as in the paper."""

    name: Literal["sgd"] = "sgd"
    momentum: float = Field(
        default=0.0, ge=0, lt=1, description="Fraction of the previous step that is added to the next one."
    )
    nesterov: bool = Field(default=False, description="Evaluate the gradient ahead along the momentum (Nesterov).")
    title: ClassVar[str] = "SGD"

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise ConfigError((("nesterov",), "is True with momentum 0, allowed: only with a momentum above 0"))
        return self

    def build(self, parameters: Any) -> Any:
        import torch

        options = {"momentum": self.momentum, "weight_decay": self.weight_decay, "nesterov": self.nesterov}
        return torch.optim.SGD(parameters, self.learning_rate, **options, fused=True)


class Adam(Optimizer):
    """Adam: step sizes that hardly depend on the size of the gradient."""

    name: Literal["adam"] = "adam"
    learning_rate: float = Field(default=0.001, gt=0, le=100, description="Step size.")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="Decay rate of the running mean of the gradient.")
    beta2: float = Field(
        default=0.999, ge=0, lt=1, description="Decay rate of the running mean of the squared gradient."
    )
    epsilon: float = Field(
        default=1e-8, gt=0, le=1, description="Added to the denominator, so that the division stays finite."
    )
    title: ClassVar[str] = "Adam"

    def build(self, parameters: Any) -> Any:
        import torch

        return torch.optim.Adam(
            parameters, self.learning_rate, (self.beta1, self.beta2), self.epsilon, self.weight_decay, fused=True
        )


class AdamW(Adam):
    """Adam with weight decay decoupled from the gradient."""

    name: Literal["adamw"] = "adamw"
    weight_decay: float = Field(
        default=0.01,
        ge=0,
        le=10,
        description="Times the learning rate: the fraction of every weight that a step subtracts.",
    )
    title: ClassVar[str] = "AdamW"

    def build(self, parameters: Any) -> Any:
        import torch

        return torch.optim.AdamW(
            parameters, self.learning_rate, (self.beta1, self.beta2), self.epsilon, self.weight_decay, fused=True
        )


OPTIMIZERS = by_name(Sgd, Adam, AdamW)
if TYPE_CHECKING:  # one of the registry, or its fields as a mapping
    AnyOptimizer: TypeAlias = Any
else:
    AnyOptimizer = any_of(OPTIMIZERS)
