"""`RunConfig`: everything that determines the results of a run, and nothing else. Equal configurations are one run."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import re
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from igbviz.config.optimizers import AnyOptimizer, Sgd
from igbviz.config.probe_plan import ProbePlan
from igbviz.config.schedules import AnySchedule, Immediate
from igbviz.datasets import AnyDataset, DataError, Facts, FashionMini, ImageFolder
from igbviz.datasets.imbalance import Imbalance
from igbviz.datasets.label_noise import AnyLabelNoise, TrueLabels
from igbviz.losses import AnyLoss, CrossEntropy
from igbviz.models import AnyInitialization, AnyModel, Mlp
from igbviz.models.initializations import HeNormal
from igbviz.spec import ConfigError, Spec

# Raised whenever the same configuration would give other numbers than before (order of batches, probes, random streams
# ...), so that runs of another version keep their folders and names. Rounding alone is no reason: it differs between
# processors, and training amplifies it, so that the same seed is another trajectory there after some hundred steps.
NUMERICS = 2


class RunConfig(Spec):
    """The configuration of one run. Every field has a default; `id` names the run and its folder.

    >>> config = igbviz.RunConfig(loss={"name": "piecewise-zero", "cutoff": 0.2}, epochs=2)
    >>> config.id, config.with_(seed=1).seed
    ('fashion-mini-mlp-piecewise-zero-s0-5b8cb6da5b', 1)
    """

    dataset: AnyDataset = FashionMini()
    label_noise: AnyLabelNoise = TrueLabels()
    imbalance: Imbalance = Imbalance()
    model: AnyModel = Mlp()
    initialization: AnyInitialization = HeNormal()
    loss: AnyLoss = CrossEntropy()
    schedule: AnySchedule = Immediate()
    optimizer: AnyOptimizer = Sgd()
    batch_size: int = Field(default=32, ge=1, le=65_536, description="Training images per optimizer step.")
    epochs: float = Field(
        default=1.0, gt=0, le=10_000, description="Passes over the training set; a fraction is allowed."
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=2**31 - 1,
        description="Seed of the weights, the order of the batches, the choice of probe images and of wrong labels. "
        "On another processor the same seed begins alike, but training amplifies rounding: after some hundred steps it "
        "is another trajectory.",
    )
    rounding_noise: int = Field(
        default=0,
        ge=0,
        le=2**31 - 1,
        title="Repeat with rounding noise",
        description="Repeats the run as another processor would round it: each initial weight is multiplied by "
        "1 + 6e-8 times a normal random number, drawn from the seed and this number. 0 adds no noise; 1, 2, ... are "
        "different repeats.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="Arithmetic of the network; losses are always computed in float32."
    )
    probes: ProbePlan = ProbePlan()
    stacked: bool = Field(
        default=False,
        description="Train the runs of a group that differ in loss, seed or initialization as one stack of networks: "
        "faster for many small networks, but rounded differently, so that a run drifts away from the same run alone.",
    )

    @model_validator(mode="after")
    def _batch_norm_needs_a_batch(self) -> Self:
        if self.batch_size == 1 and self.model.has_batch_norm:
            raise ConfigError(
                (
                    ("batch_size",),
                    f"is 1 with {self.model.name}, allowed: at least 2, since BatchNorm needs several images",
                )
            )
        return self

    @model_validator(mode="after")
    def _a_neutral_bias_needs_a_bias(self) -> Self:
        if self.initialization.last_layer == "neutral-bias" and not self.model.ends_in_bias:
            problem = (
                f"is neutral-bias with {self.model.name}, allowed: same, zero or scaled, since no bias is added to its "
                "logits"
            )
            raise ConfigError((("initialization", "last_layer"), problem))
        return self

    @model_validator(mode="after")
    def _made_for_these_classes(self) -> Self:
        # The contents of a folder may change, so they are checked when the run begins.
        if not isinstance(self.dataset, ImageFolder):
            with contextlib.suppress(DataError):  # of a plugin, whose files may be missing
                self.require_fit(self.dataset.facts())
        return self

    @classmethod
    def model_validate(cls, values: Any, **_: Any) -> Self:
        """Build from a mapping, a preset or a preset's name: `RunConfig.model_validate("first-look")`.

        Raises ConfigError, one sentence for each invalid field.
        """
        from igbviz.config.presets import Preset, preset_config  # which are made of these configurations

        if isinstance(values, str | Preset):
            values = preset_config(values)
        return super().model_validate(values)

    @property
    def id(self) -> str:
        """A short readable name with a hash of the canonical choices and the version of the numerics."""
        parts = (
            self.dataset.name,
            self.label_noise.label,
            self.imbalance.label,
            self.model.name,
            self.loss.name,
            f"s{self.seed}",
        )
        return f"{'-'.join(map(slug, filter(None, parts)))}-{digest(self.canonical())}"

    @property
    def group(self) -> str:
        """A hash that is equal for all seeds of one setting."""
        return digest({key: value for key, value in self.canonical().items() if key != "seed"})

    def require_fit(self, facts: Facts) -> None:
        """Raise ConfigError if label noise or imbalance do not fit the classes, or if a probe is too small to have an
        image of each class."""
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
        """The part of `require_fit` that depends on the number of classes only. Raises ConfigError."""
        for name in ("label_noise", "imbalance"):
            try:
                getattr(self, name).require_classes(classes)
            except ConfigError as error:
                raise error.inside(name) from None

    def train_size(self, facts: Facts) -> int:
        """Images in a pass over this training set, after class imbalance has removed some."""
        return self.imbalance.train_size(facts.train_size, len(facts.class_names))

    def steps_per_epoch(self, train_size: int) -> int:
        """Batches in a pass over `train_size` images.

        The last one may be short, but is dropped if it holds a single image, which BatchNorm could not use.
        """
        full, rest = divmod(train_size, self.batch_size)
        return max(1, full + (rest > 1 or (rest == 1 and self.batch_size == 1)))

    def total_steps(self, train_size: int) -> int:
        """Optimizer steps of the whole run; at least 1."""
        return max(1, math.floor(self.epochs * self.steps_per_epoch(train_size) + 0.5))


def digest(value: Any) -> str:
    """A hash of a JSON value and the version of the numerics: ten hexadecimal digits."""
    text = json.dumps([NUMERICS, value], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def slug(text: str) -> str:
    """The text in lower case, with a hyphen for everything that is not a letter or digit."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
