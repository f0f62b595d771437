"""`RunConfig`: everything that decides the numbers of a run, and nothing else. Equal choices are one run, for
everybody."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from igbviz.config.optimizers import AnyOptimizer, Sgd
from igbviz.config.probe_plan import ProbePlan
from igbviz.config.schedules import AnySchedule, Immediate
from igbviz.datasets import AnyDataset, Facts, FashionMini, ImageFolder
from igbviz.datasets.imbalance import Imbalance
from igbviz.datasets.label_noise import AnyLabelNoise, TrueLabels
from igbviz.losses import AnyLoss, CrossEntropy
from igbviz.models import AnyInitialization, AnyModel, Mlp
from igbviz.models.initializations import HeNormal
from igbviz.spec import ConfigError, Spec

# Raised whenever the same description would give other numbers than before (order of batches, probes, random streams
# ...), but for the last digits of a probe, which differ between processors as well: runs of another version then keep
# their folders and their names.
NUMERICS = 2


class RunConfig(Spec):
    """One run, described. Whatever is left out has a default; `id` names the run and its folder."""

    dataset: AnyDataset = FashionMini()
    label_noise: AnyLabelNoise = TrueLabels()
    imbalance: Imbalance = Imbalance()
    model: AnyModel = Mlp()
    initialization: AnyInitialization = HeNormal()
    loss: AnyLoss = CrossEntropy()
    schedule: AnySchedule = Immediate()
    optimizer: AnyOptimizer = Sgd()
    batch_size: int = Field(32, ge=1, le=65_536, description="Training images an optimizer step looks at.")
    epochs: float = Field(1.0, gt=0, le=10_000, description="Passes over the training set; a fraction is fine.")
    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        description="Seed of the weights, the order of the batches, the choice of probe images and of wrong labels.",
    )
    rounding_noise: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        description="Repeat with rounding noise: 0 is none; any other number is the seed of a factor 1 + 6e-8 times a "
        "normal number on each initial weight, the same run as another processor would round it.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Arithmetic of the network; the losses are always float32."
    )
    probes: ProbePlan = ProbePlan()
    stacked: bool = Field(
        False,
        description="Train the runs of a group that differ in loss, seed or initialization as one stack of networks: "
        "faster for many small networks, but rounded differently, so that a run drifts from the same run on its own.",
    )

    @model_validator(mode="after")
    def _batch_norm_needs_a_batch(self) -> Self:
        if self.batch_size == 1 and self.model.has_batch_norm:
            raise ConfigError(
                (("batch_size",), f"is 1 with {self.model.name}, allowed: at least 2, since BatchNorm compares images")
            )
        return self

    @model_validator(mode="after")
    def _a_neutral_bias_needs_a_bias(self) -> Self:
        if self.initialization.last_layer == "neutral-bias" and not self.model.ends_in_bias:
            problem = f"is neutral-bias with {self.model.name}, allowed: same, zero or scaled, since no bias is added to its logits"
            raise ConfigError((("initialization", "last_layer"), problem))
        return self

    @model_validator(mode="after")
    def _made_for_these_classes(self) -> Self:
        if not isinstance(
            self.dataset, ImageFolder
        ):  # a folder may change or vanish: what it holds is looked at when the run begins
            self.require_fit(self.dataset.facts())
        return self

    @property
    def id(self) -> str:
        """A short readable name and a hash of the canonical choices and the numerics' version."""
        words = (
            self.dataset.name,
            self.label_noise.label,
            self.imbalance.label,
            self.model.name,
            self.loss.name,
            f"s{self.seed}",
        )
        return f"{'-'.join(map(slug, filter(None, words)))}-{digest(self.canonical())}"

    @property
    def group(self) -> str:
        """The same for all seeds of one setting."""
        return digest({key: value for key, value in self.canonical().items() if key != "seed"})

    def require_fit(self, facts: Facts) -> None:
        """Raise ConfigError where label noise or imbalance speak of other classes than the data's, or where a probe has
        not an image of each class."""
        classes = len(facts.class_names)
        self.require_classes(classes)
        if facts.test_size < classes and hasattr(self.dataset, "test_examples"):
            field, size = ("dataset", "test_examples"), facts.test_size
        elif self.probes.size != "all" and self.probes.size < classes:
            field, size = ("probes", "size"), self.probes.size
        else:
            return
        raise ConfigError(
            (field, f"is {size}, allowed: at least {classes}, so that a probe has an image of each class")
        )

    def require_classes(self, classes: int) -> None:
        """The part of `require_fit` that is about the number of classes alone."""
        for name in ("label_noise", "imbalance"):
            try:
                getattr(self, name).require_classes(classes)
            except ConfigError as error:
                raise error.inside(name) from None

    def train_size(self, facts: Facts) -> int:
        """Images in a pass over this training set, which may have been thinned out for the sake of imbalance."""
        return self.imbalance.train_size(facts.train_size, len(facts.class_names))

    def steps_per_epoch(self, train_size: int) -> int:
        """Batches in a pass over `train_size` images. The last one may be short, but is left out when it holds a single
        image, which BatchNorm could not use."""
        full, rest = divmod(train_size, self.batch_size)
        return max(1, full + (rest > 1 or (rest == 1 and self.batch_size == 1)))

    def total_steps(self, train_size: int) -> int:
        """Optimizer steps of the whole run."""
        return max(1, math.floor(self.epochs * self.steps_per_epoch(train_size) + 0.5))


def digest(value: Any) -> str:
    """Ten hexadecimal digits that stand for a JSON value and the version of the numerics."""
    text = json.dumps([NUMERICS, value], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def slug(word: str) -> str:
    """A word as it may stand in a run's name."""
    return re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")
