"""Changes that might cure a stuck start, one at a time: each takes a run's configuration and gives the changed one.

An intervention is a description like a loss or a network: told apart by its name, with its few knobs as fields. Adding
one is one class and one word in the registry at the foot.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from igbviz.config.optimizers import Optimizer, Sgd
from igbviz.config.run import RunConfig
from igbviz.config.schedules import Switch
from igbviz.datasets import Images
from igbviz.losses import CrossEntropy, LabelSmoothing
from igbviz.models import Cnn, Mlp
from igbviz.spec import Spec, any_of, by_name

# Raw pixels have a mean square near 10,000. Where no layer normalises, the gradient of a weight and its effect on the
# answer both carry the size of the input, so a rate that suits raw pixels is this much too small for signals of size 1,
# and hides what else has changed.
RAW_PIXEL_SQUARED = 1e4
LARGEST_RATE = 1.0


class Intervention(Spec):
    """One change. `title` names it, `help` is a sentence on why it might help."""

    title: ClassVar[str]
    help: ClassVar[str]

    def apply(self, config: RunConfig) -> RunConfig | None:
        """The changed configuration; None where there is nothing to change, or the change makes no sense."""
        raise NotImplementedError


class CrossEntropyFirst(Intervention):
    """The usual way to give a robust loss a start: the delay d of the papers."""

    name: Literal["cross-entropy-first"] = "cross-entropy-first"
    epochs: float | None = Field(
        None, gt=0, le=10_000, description="How long, d in the papers; empty takes a tenth of the run."
    )
    title: ClassVar[str] = "Cross-entropy first"
    help: ClassVar[str] = (
        "Cross-entropy pulls every image with full force, so the first guess is gone before the loss takes over."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        duration = config.epochs / 10 if self.epochs is None else self.epochs
        if isinstance(config.loss, CrossEntropy) or duration >= config.epochs:  # the loss itself would never act
            return None
        return _changed(config, schedule=Switch(duration=duration))


class ZeroLastLayer(Intervention):
    """No guess at all: every class begins at exactly 1/K."""

    name: Literal["zero-last-layer"] = "zero-last-layer"
    title: ClassVar[str] = "Zero last layer"
    help: ClassVar[str] = (
        "All logits begin at 0, so every class has 1/K; a loss that ignores p = 1/K then ignores everybody."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        return _changed(config, initialization=config.initialization.with_(last_layer="zero"))


class NeutralBias(Intervention):
    """Logit adjustment (Menon et al. 2021, arXiv 2007.07314) by the untrained network's own prior."""

    name: Literal["neutral-bias"] = "neutral-bias"
    title: ClassVar[str] = "Neutral biases"
    help: ClassVar[str] = (
        "The last layer's biases make the mean prediction over 1,000 training images even: no class is favoured, but "
        "single images may be judged as confidently as before, and a loss that ignores those still does. Probes of "
        "BatchNorm networks use batch statistics."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        if not config.model.ends_in_bias:
            return None
        probes = config.probes.with_(batch_norm="batch") if config.model.has_batch_norm else config.probes
        return _changed(config, initialization=config.initialization.with_(last_layer="neutral-bias"), probes=probes)


class BatchStatistics(Intervention):
    """Another look at the same training: networks with BatchNorm learn from batch statistics anyway."""

    name: Literal["batch-statistics"] = "batch-statistics"
    title: ClassVar[str] = "Look with batch statistics"
    help: ClassVar[str] = (
        "Probes divide by the statistics of the probed images, as training does: the network learns exactly as "
        "before, but the guess seen at Init. is the one that the loss meets."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        return _changed(config, probes=config.probes.with_(batch_norm="batch")) if config.model.has_batch_norm else None


class AddBatchNorm(Intervention):
    """Only for the networks of our own, whose layers can be chosen."""

    name: Literal["batch-norm"] = "batch-norm"
    title: ClassVar[str] = "Add BatchNorm"
    help: ClassVar[str] = (
        "BatchNorm in every layer keeps the prejudice from growing with depth. Probes use batch statistics too, "
        "since running ones do nothing at Init.; SGD's rate for raw pixels is raised 10,000-fold (to 1 at most), "
        "since signals of size 1 have smaller gradients."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        if not isinstance(config.model, Mlp | Cnn) or config.model.normalization != "none" or config.batch_size == 1:
            return None
        model, probes = config.model.with_(normalization="batch"), config.probes.with_(batch_norm="batch")
        return _changed(config, model=model, probes=probes, optimizer=_optimizer_without_raw_pixels(config))


class NormalizationPlacement(Intervention):
    """From before the activation to behind it, or back."""

    name: Literal["normalisation-placement"] = "normalisation-placement"
    title: ClassVar[str] = "Move the normalisation"
    help: ClassVar[str] = (
        "To the other side of the activation: behind it BatchNorm and LayerNorm take away the mean that ReLU adds in "
        "every layer, in front of it they leave that mean alone."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        if not isinstance(config.model, Mlp) or config.model.normalization == "none":
            return None
        return _changed(
            config, model=config.model.with_(placement="after" if config.model.placement == "before" else "before")
        )


class SmoothedLabels(Intervention):
    """Replaces the loss: smoothing is defined for cross-entropy."""

    name: Literal["label-smoothing"] = "label-smoothing"
    epsilon: float = Field(0.1, gt=0, lt=1, description="Part of the label spread evenly over all classes.")
    title: ClassVar[str] = "Label smoothing"
    help: ClassVar[str] = (
        "Cross-entropy with a share of every label spread over all classes, in place of the loss: none is held "
        "impossible."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        return _changed(config, loss=LabelSmoothing(epsilon=self.epsilon))


class OtherInitialization(Intervention):
    """Draws the weights otherwise; what is done to the last layer stays."""

    to: ClassVar[str]

    def apply(self, config: RunConfig) -> RunConfig | None:
        kept = {name: getattr(config.initialization, name) for name in ("last_layer", "last_layer_scale")}
        return (
            None
            if config.initialization.name == self.to
            else _changed(config, initialization={"name": self.to, **kept})
        )


class StartHeNormal(OtherInitialization):
    name: Literal["he-normal"] = "he-normal"
    to: ClassVar[str] = "he-normal"
    title: ClassVar[str] = "He normal weights"
    help: ClassVar[str] = (
        "Weights that keep the size of signals through ReLU, and no biases that are the same for every image."
    )


class StartPyTorch(OtherInitialization):
    name: Literal["pytorch"] = "pytorch"
    to: ClassVar[str] = "pytorch"
    title: ClassVar[str] = "PyTorch's weights"
    help: ClassVar[str] = (
        "Six times less variance than He normal: small logits, so the first guess is as one-sided but less confident."
    )


class StartXavier(OtherInitialization):
    name: Literal["xavier"] = "xavier"
    to: ClassVar[str] = "xavier"
    title: ClassVar[str] = "Xavier weights"
    help: ClassVar[str] = (
        "About half the variance of He normal: through ReLU signals shrink with depth, and the first logits with them."
    )


class StandardizedInput(Intervention):
    """Each channel of mean 0 and standard deviation 1."""

    name: Literal["standardised-input"] = "standardised-input"
    title: ClassVar[str] = "Standardised input"
    help: ClassVar[str] = (
        "Pixels of mean 0 and spread 1: images resemble each other less, and logits are smaller. SGD's rate for raw "
        "pixels is raised 10,000-fold (to 1 at most) where no layer normalises, since gradients shrink as much."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        if not isinstance(config.dataset, Images) or config.dataset.scaling == "standardised":
            return None
        dataset = config.dataset.with_(scaling="standardised")
        return _changed(config, dataset=dataset, optimizer=_optimizer_without_raw_pixels(config))


def _optimizer_without_raw_pixels(config: RunConfig) -> Optimizer:
    """The optimizer for the same network once its signals no longer have the size of raw pixels."""
    raw = isinstance(config.dataset, Images) and config.dataset.scaling == "raw"
    normalized = not isinstance(config.model, Mlp | Cnn) or config.model.normalization != "none"
    if (
        not raw or normalized or not isinstance(config.optimizer, Sgd)
    ):  # Adam's steps do not depend on the size of gradients
        return config.optimizer
    rate = config.optimizer.learning_rate
    return config.optimizer.with_(learning_rate=max(rate, min(rate * RAW_PIXEL_SQUARED, LARGEST_RATE)))


def _changed(config: RunConfig, **changes: Any) -> RunConfig | None:
    changed = config.with_(**changes)
    return None if changed == config else changed


INTERVENTIONS = by_name(
    CrossEntropyFirst,
    ZeroLastLayer,
    NeutralBias,
    BatchStatistics,
    AddBatchNorm,
    NormalizationPlacement,
    SmoothedLabels,
    StartHeNormal,
    StartPyTorch,
    StartXavier,
    StandardizedInput,
)
AnyIntervention = any_of(INTERVENTIONS)


class _Chosen(Spec):
    intervention: AnyIntervention


def chosen(value: str | dict[str, Any] | Intervention) -> Intervention:
    """The intervention of this name, or described by this mapping; ConfigError, naming `intervention`, for anything
    else."""
    return _Chosen(intervention={"name": value} if isinstance(value, str) else value).intervention


def applicable(config: RunConfig) -> dict[str, RunConfig]:
    """By name, this configuration after each intervention that changes something in it."""
    after = {name: kind().apply(config) for name, kind in INTERVENTIONS.items()}
    return {name: changed for name, changed in after.items() if changed is not None}
