"""Single changes that might cure a stuck start: each maps the configuration of a run to a changed one.

An intervention is a `Spec` like a loss or a network: identified by its name, with its hyperparameters as fields. Adding
one takes a class and an entry in the registry at the foot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from igbviz.config.optimizers import Optimizer, Sgd
from igbviz.config.run import RunConfig
from igbviz.config.schedules import Switch
from igbviz.datasets import Images
from igbviz.losses import CrossEntropy, LabelSmoothing
from igbviz.models import Cnn, Mlp
from igbviz.spec import Spec, any_of, by_name

# Raw pixels have a mean square near 10,000. Where no layer normalizes, the gradient of a weight and the weight's effect
# on the logits both scale with the input. A learning rate that suits raw pixels is then too small by this factor for
# inputs of size 1, which would hide what else has changed.
RAW_PIXEL_SQUARED = 1e4
MAX_RATE = 1.0


class Intervention(Spec):
    """One change. `title` names it; `help` says why it might help, in words that are true for every configuration."""

    title: ClassVar[str]
    help: ClassVar[str]

    def apply(self, config: RunConfig) -> RunConfig | None:
        """The changed configuration; None where nothing would change, or the change makes no sense."""
        raise NotImplementedError

    def explain(self, config: RunConfig) -> str:
        """Why the change might help this configuration, which it applies to."""
        return self.help


class CrossEntropyFirst(Intervention):
    """The usual warm-up of a robust loss: the delay d of the papers."""

    name: Literal["cross-entropy-first"] = "cross-entropy-first"
    epochs: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="Duration in epochs, d in the papers; empty takes a tenth of the run.",
    )
    title: ClassVar[str] = "Cross-entropy first"
    help: ClassVar[str] = (
        "Cross-entropy has a gradient for improbable classes too, so the first guess (initial guessing bias, IGB) can "
        "be lost before the chosen loss takes over."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        duration = config.epochs / 10 if self.epochs is None else self.epochs
        if isinstance(config.loss, CrossEntropy) or duration >= config.epochs:  # the chosen loss would never act
            return None
        return _changed(config, schedule=Switch(duration=duration))


class ZeroLastLayer(Intervention):
    """No initial guessing bias at all: every class starts at exactly 1/K."""

    name: Literal["zero-last-layer"] = "zero-last-layer"
    title: ClassVar[str] = "Zero last layer"
    help: ClassVar[str] = (
        "All logits start at 0, so every class has probability 1/K; a loss with zero gradient at p = 1/K then ignores "
        "every image."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        return _changed(config, initialization=config.initialization.with_(last_layer="zero"))


class NeutralBias(Intervention):
    """Logit adjustment (Menon et al. 2021, arXiv 2007.07314) by the untrained network's own prior."""

    name: Literal["neutral-bias"] = "neutral-bias"
    title: ClassVar[str] = "Neutral biases"
    help: ClassVar[str] = (
        "The last layer's biases are chosen so that the mean prediction over 1,000 training images is even: no class "
        "is favoured. Single images may be predicted as confidently as before, and a loss that ignores improbable "
        "classes still ignores those images. Probes of BatchNorm networks use batch statistics."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        if not config.model.ends_in_bias:
            return None
        probes = config.probes.with_(batch_norm="batch") if config.model.has_batch_norm else config.probes
        return _changed(config, initialization=config.initialization.with_(last_layer="neutral-bias"), probes=probes)


class BatchStatistics(Intervention):
    """Measures the same training differently: networks with BatchNorm are trained on batch statistics anyway."""

    name: Literal["batch-statistics"] = "batch-statistics"
    title: ClassVar[str] = "Probe with batch statistics"
    help: ClassVar[str] = (
        "Probes normalize by the statistics of the probed images, as training does by those of its batch: the training "
        "is exactly the same, but the guess shown at Init. is close to the one that the loss starts from."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        return _changed(config, probes=config.probes.with_(batch_norm="batch")) if config.model.has_batch_norm else None


class AddBatchNorm(Intervention):
    """Only for the fully connected and the plain convolutional network, whose layers can be chosen."""

    name: Literal["batch-norm"] = "batch-norm"
    title: ClassVar[str] = "Add BatchNorm"
    help: ClassVar[str] = (
        "With batch statistics, BatchNorm before the activations keeps the bias from growing with depth, and after "
        "them it removes the bias. Probes use batch statistics too, since the running ones do nothing at Init."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        if not isinstance(config.model, Mlp | Cnn) or config.model.normalization != "none" or config.batch_size == 1:
            return None
        model, probes = config.model.with_(normalization="batch"), config.probes.with_(batch_norm="batch")
        return _changed(config, model=model, probes=probes, optimizer=_optimizer_without_raw_pixels(config))

    def explain(self, config: RunConfig) -> str:
        effect = (
            "BatchNorm after every activation removes the mean of each node over the images, and with it the bias."
            if isinstance(config.model, Mlp) and config.model.placement == "after"
            else "BatchNorm before every activation keeps the bias from growing with depth."
        )
        probes = "Probes use batch statistics, as training does, since the running ones do nothing at Init."
        return " ".join(filter(None, (effect, probes, _raised_rate(config))))


class NormalizationPlacement(Intervention):
    """From before the activation to after it, or back."""

    name: Literal["normalisation-placement"] = "normalisation-placement"
    title: ClassVar[str] = "Move the normalization"
    help: ClassVar[str] = (
        "To the other side of the activation. After it, LayerNorm and, with batch statistics, BatchNorm remove the "
        "mean that the activation adds in every layer; before it they leave that mean in. RMSNorm only rescales."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        if not isinstance(config.model, Mlp) or config.model.normalization == "none":
            return None
        return _changed(
            config, model=config.model.with_(placement="after" if config.model.placement == "before" else "before")
        )

    def explain(self, config: RunConfig) -> str:
        moved_after = config.model.placement == "before"
        moved = f"Moved {'after' if moved_after else 'before'} the activation."
        if config.model.normalization == "rms":
            return f"{moved} RMSNorm only rescales, so the first guess stays about as one-sided."
        if config.model.normalization == "layer":
            effect = (
                "LayerNorm then removes the mean that the activation adds: little bias is left, and for uncorrelated "
                "inputs almost none."
                if moved_after
                else "LayerNorm then leaves in the mean that the activation adds, and the bias with it."
            )
            return f"{moved} {effect}"
        effect = (
            "With batch statistics, as in training, BatchNorm then removes the mean of each node, and the bias with it."
            if moved_after
            else "With batch statistics, as in training, each BatchNorm then removes the mean that the layer below "
            "adds; only that of the last activation is left."
        )
        if config.probes.batch_norm == "eval":
            effect += (
                " These probes use the running statistics, which do nothing at Init.: the first guess looks the same."
            )
        return f"{moved} {effect}"


class SmoothedLabels(Intervention):
    """Replaces the loss: smoothing is defined for cross-entropy."""

    name: Literal["label-smoothing"] = "label-smoothing"
    epsilon: float = Field(default=0.1, gt=0, lt=1, description="Fraction of the label spread evenly over all classes.")
    title: ClassVar[str] = "Label smoothing"
    help: ClassVar[str] = (
        "Replaces the loss by cross-entropy with a fraction of every label spread over all classes, so that no class "
        "has a target of zero."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        return _changed(config, loss=LabelSmoothing(epsilon=self.epsilon))


class OtherInitialization(Intervention):
    """Draws the weights from another distribution; the treatment of the last layer stays."""

    to: ClassVar[str]
    scale: ClassVar[str]  # a sentence on the size of weights and signals

    def apply(self, config: RunConfig) -> RunConfig | None:
        if config.initialization.name == self.to:
            return None
        last_layer = {name: getattr(config.initialization, name) for name in ("last_layer", "last_layer_scale")}
        return _changed(config, initialization={"name": self.to, **last_layer})

    def explain(self, config: RunConfig) -> str:
        if config.initialization.last_layer == "zero":
            return "Changes the layers below the last one, which stays zero: every class still starts at exactly 1/K."
        if config.initialization.last_layer == "neutral-bias":
            return f"{self.scale} The last layer's biases are chosen again so that no class is favoured."
        return self._effect(config)

    def _effect(self, config: RunConfig) -> str:
        """Why it might help if the last layer is drawn."""
        return self.help


class StartHeNormal(OtherInitialization):
    name: Literal["he-normal"] = "he-normal"
    to: ClassVar[str] = "he-normal"
    title: ClassVar[str] = "He normal weights"
    scale: ClassVar[str] = "Weights of variance 2/fan_in, which keep the size of signals through ReLU."
    help: ClassVar[str] = f"{scale} Biases are zero: random ones would shift the logits of every image alike."


class StartPyTorch(OtherInitialization):
    name: Literal["pytorch"] = "pytorch"
    to: ClassVar[str] = "pytorch"
    title: ClassVar[str] = "PyTorch's weights"
    scale: ClassVar[str] = "A sixth of He normal's variance: smaller logits, so a less confident first guess."
    help: ClassVar[str] = (
        f"{scale} Where the random biases, the same for every image, outweigh the signals, it is also more one-sided."
    )

    def _effect(self, config: RunConfig) -> str:
        model, smaller = config.model, self.scale
        if not isinstance(model, Mlp | Cnn) or model.has_batch_norm:
            return self.help
        if isinstance(model, Mlp) and model.normalization != "none":
            return f"{smaller} Normalization keeps signals from fading, so it stays about as one-sided."
        if not model.ends_in_bias:
            homogeneous = model.activation in ("relu", "leaky-relu", "abs", "linear")
            homogeneous &= not (getattr(model, "shift", 0) or getattr(model, "offset", 0))
            return f"{smaller} Without biases it is as one-sided as with He normal weights." if homogeneous else smaller
        if _has_raw_pixels(config):
            return f"{smaller} It is more one-sided only in networks so deep that random biases outweigh raw pixels."
        return (
            f"{smaller} The deeper the network, the more the random biases, the same for every image, outweigh the "
            "fading signals: it is also more one-sided than with He normal weights."
        )


class StartXavier(OtherInitialization):
    name: Literal["xavier"] = "xavier"
    to: ClassVar[str] = "xavier"
    title: ClassVar[str] = "Xavier weights"
    scale: ClassVar[str] = "About half of He normal's variance between layers of equal width."
    help: ClassVar[str] = (
        f"{scale} Through ReLU, where no layer normalizes, signals shrink with depth, and the first logits with them."
    )


class StandardizedInput(Intervention):
    """Scales each channel to mean 0 and standard deviation 1."""

    name: Literal["standardised-input"] = "standardised-input"
    title: ClassVar[str] = "Standardized input"
    help: ClassVar[str] = (
        "Pixels of mean 0 and standard deviation 1: centred images resemble each other less than positive pixels do."
    )

    def apply(self, config: RunConfig) -> RunConfig | None:
        if not isinstance(config.dataset, Images) or config.dataset.scaling == "standardised":
            return None
        dataset = config.dataset.with_(scaling="standardised")
        return _changed(config, dataset=dataset, optimizer=_optimizer_without_raw_pixels(config))

    def explain(self, config: RunConfig) -> str:
        return " ".join(filter(None, (self.help, _raised_rate(config))))


def _optimizer_without_raw_pixels(config: RunConfig) -> Optimizer:
    """The optimizer for the same network once its inputs or signals no longer have the size of raw pixels."""
    normalized = not isinstance(config.model, Mlp | Cnn) or config.model.normalization != "none"
    # Adam's steps do not depend on the size of gradients.
    if not _has_raw_pixels(config) or normalized or not isinstance(config.optimizer, Sgd):
        return config.optimizer
    rate = config.optimizer.learning_rate
    return config.optimizer.with_(learning_rate=max(rate, min(rate * RAW_PIXEL_SQUARED, MAX_RATE)))


def _raised_rate(config: RunConfig) -> str:
    """A sentence on the learning rate of the changed run; empty where it stays."""
    rate = _optimizer_without_raw_pixels(config).learning_rate
    if rate == config.optimizer.learning_rate:
        return ""
    return (
        f"SGD's learning rate is raised from {config.optimizer.learning_rate:g} to {rate:g}, since gradients are "
        "smaller than for raw pixels."
    )


def _has_raw_pixels(config: RunConfig) -> bool:
    return isinstance(config.dataset, Images) and config.dataset.scaling == "raw"


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
if TYPE_CHECKING:  # one of the registry, or its fields as a mapping
    AnyIntervention: TypeAlias = Any
else:
    AnyIntervention = any_of(INTERVENTIONS)


class _Choice(Spec):
    intervention: AnyIntervention


def chosen(value: str | dict[str, Any] | Intervention) -> Intervention:
    """The intervention from its name or its fields; raises ConfigError, naming `intervention`, for anything else."""
    return _Choice(intervention={"name": value} if isinstance(value, str) else value).intervention


def applicable(config: RunConfig) -> dict[str, RunConfig]:
    """The changed configurations by name of the intervention, for those that change something."""
    configs = {name: kind().apply(config) for name, kind in INTERVENTIONS.items()}
    return {name: changed for name, changed in configs.items() if changed is not None}


FIRST_TO_TRY = ("cross-entropy-first", "batch-norm", "zero-last-layer", "neutral-bias", "standardised-input")


def suggested(config: RunConfig, count: int = 3) -> list[str]:
    """The names of the interventions to try first on a stuck run, at most `count`, strongest first."""
    return [name for name in FIRST_TO_TRY if INTERVENTIONS[name]().apply(config) is not None][:count]
