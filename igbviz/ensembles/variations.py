"""One change to an ensemble of untrained networks: the experiments that explain where initial guessing bias comes from.

What a change does depends on the data, the other layers and BatchNorm's mode, so the sentence beside it is built from
the two configurations. The rules are those of wide networks. The outputs of a layer have a part that all inputs share
and a part of each input alone. Activations with nonzero mean, max-pooling and random biases add to the shared part,
batch statistics remove it, and LayerNorm after the activation removes what the activation added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from igbviz.ensembles.config import EnsembleConfig
from igbviz.models import Mlp

ODD_ACTIVATIONS = ("tanh", "erf", "linear")
HOMOGENEOUS_ACTIVATIONS = ("relu", "leaky-relu", "abs")  # phi(a u) = a phi(u) for a > 0; each has mean > 0
RUNNING_MOMENTUM = 0.1  # nn.BatchNorm's default: the fraction of a batch's statistics that enters the running ones


@dataclass(frozen=True)
class Change:
    """A change as it is offered: its title, and in a sentence what to expect of it."""

    title: str
    expect: str


@dataclass(frozen=True)
class Variation:
    """`apply` returns the changed ensemble, or None where it makes no sense; `expect(before, after)` its sentence."""

    title: str
    apply: Callable[[EnsembleConfig], EnsembleConfig | None]
    expect: Callable[[EnsembleConfig, EnsembleConfig], str]


def changes(config: EnsembleConfig) -> dict[str, tuple[Change, EnsembleConfig]]:
    """The changes that give another ensemble, by key, each with its ensemble."""
    varied = {key: (variation, variation.apply(config)) for key, variation in CHANGES.items()}
    return {
        key: (Change(variation.title, variation.expect(config, other)), other)
        for key, (variation, other) in varied.items()
        if other is not None and other.id != config.id
    }


# What the sentences depend on.


def _has_random_biases(config: EnsembleConfig) -> bool:
    start = config.initialization
    drawn = start.name in ("pytorch", "torchvision") or getattr(start, "sigma_b2", 0) > 0
    return drawn and getattr(config.model, "bias", True)


def _inputs_are_correlated(config: EnsembleConfig) -> bool:
    return config.dataset.name != "gaussian-noise"


def _normalizes(config: EnsembleConfig, placement: str) -> str:
    """'layer', 'rms' or 'batch' if such layers act at this placement; BatchNorm does so by batch statistics only."""
    model = config.model
    idle = model.placement != placement or (model.has_batch_norm and not _has_batch_statistics(config))
    return "none" if idle else model.normalization


def _has_batch_statistics(config: EnsembleConfig) -> bool:
    """Whether BatchNorm subtracts the batch statistics, or running statistics that are next to them."""
    return config.batch_norm == "batch" or (config.batch_norm == "after" and _run_in(config) > 0.95)


def _run_in(config: EnsembleConfig) -> float:
    """How far the running statistics have moved to the batch statistics: 0 to 1."""
    return 1 - (1 - RUNNING_MOMENTUM) ** config.passes


def _pushes(config: EnsembleConfig) -> bool:
    """Whether activation or max-pooling give the nodes of a layer a common mean that nothing after them removes."""
    model = config.model
    has_mean = model.activation not in ODD_ACTIVATIONS or model.max_pool > 1 or _is_shifted(config)
    return has_mean and _normalizes(config, "after") not in ("layer", "batch")


def _is_shifted(config: EnsembleConfig) -> bool:
    return bool(getattr(config.model, "shift", 0) or getattr(config.model, "offset", 0))


def _is_neutral(config: EnsembleConfig) -> bool:
    """Whether theory gives gamma = 0: nothing pushes, no random biases, and inputs with nothing in common."""
    correlated = _inputs_are_correlated(config) and not _uses_batch_statistics(config)
    return not (_pushes(config) or _has_random_biases(config) or correlated)


def _uses_batch_statistics(config: EnsembleConfig) -> bool:
    return "batch" in (_normalizes(config, "before"), _normalizes(config, "after"))


def _remaining_bias(config: EnsembleConfig) -> str:
    """What favours a class where activation and pooling do not."""
    if _is_neutral(config):
        return "the bias vanishes (γ = 0)"
    correlated = _inputs_are_correlated(config) and not _uses_batch_statistics(config)
    causes = ["what the images have in common"] if correlated else []
    if _has_random_biases(config):
        causes.append("random biases, which shift all inputs alike")
    return f"what is left comes from {' and '.join(causes)}"


# The sentences.


def _expect_activation(_: EnsembleConfig, config: EnsembleConfig) -> str:
    if config.model.activation == "tanh":
        if _pushes(config):
            return (
                "An odd activation prefers no sign, but max-pooling over its nodes still does: the larger values win."
            )
        return f"An odd activation prefers no sign: {_remaining_bias(config)}."
    return f"Outputs are never negative: a push that all inputs share{_accumulation(config)}."


def _expect_max_pool(_: EnsembleConfig, config: EnsembleConfig) -> str:
    return f"The largest of several nodes lies above their mean: a push for any activation{_accumulation(config)}."


def _accumulation(config: EnsembleConfig) -> str:
    if not _pushes(config):
        return f", but {_name(config)} after the activation removes it: {_remaining_bias(config)}"
    if _uses_batch_statistics(config):
        return "; batch statistics remove it in the next layer, so it does not add up"
    return ", in every layer"


def _expect_deeper(_: EnsembleConfig, config: EnsembleConfig) -> str:
    if _uses_batch_statistics(config):
        return "Batch statistics subtract every node's mean in each layer: the bias does not grow with depth."
    if not _pushes(config) and not _has_random_biases(config):
        if _is_neutral(config):
            return "No layer pushes the inputs one way: there is no bias at any depth (γ = 0)."
        return "No layer pushes the inputs one way: what the images have in common does not grow with depth."
    if config.model.has_batch_norm and config.batch_norm == "after":
        return f"Every layer pushes all inputs alike; the next BatchNorm subtracts about {_run_in(config):.0%} of that."
    is_homogeneous = config.model.activation in HOMOGENEOUS_ACTIVATIONS and not _is_shifted(config)
    if _pushes(config) and is_homogeneous and config.model.max_pool == 1:
        return "Every layer adds to what the layers below prefer: the bias grows with depth."
    return "Every layer pushes all inputs alike; how far that adds up depends on the variances of weights and biases."


def _expect_before(_: EnsembleConfig, config: EnsembleConfig) -> str:
    model = config.model
    if model.has_batch_norm:
        return _expect_batch_norm(config, "what one layer adds is left, at any depth")
    if _has_random_biases(config):
        name = _name(config)
        return f"{name} keeps signals at one size, so the random biases weigh as much in deep layers as in the first."
    if model.activation in HOMOGENEOUS_ACTIVATIONS and not _is_shifted(config):
        return f"{_name(config)} only rescales each input here: nearly the same guesses as with no normalization."
    return f"{_name(config)} keeps signals at one size, so the activation acts alike in every layer."


def _expect_after(_: EnsembleConfig, config: EnsembleConfig) -> str:
    if config.model.has_batch_norm:
        return _expect_batch_norm(config, _remaining_bias(config))
    if config.model.normalization == "rms":
        return "RMSNorm rescales and subtracts nothing: what the activation adds stays."
    return f"LayerNorm subtracts the mean that the activation adds: {_remaining_bias(config)}."


def _expect_batch_norm(config: EnsembleConfig, remaining: str) -> str:
    if config.batch_norm == "eval":
        return "A fresh BatchNorm in eval mode subtracts 0 and divides by 1: the same as no normalization."
    if config.batch_norm == "after":
        return (
            f"The running statistics hold {_run_in(config):.0%} of the batch statistics after {config.passes} training "
            f"batch{'es' if config.passes > 1 else ''}: BatchNorm subtracts about that fraction of every node's mean."
        )
    return f"With batch statistics BatchNorm subtracts every node's mean over the inputs: {remaining}."


def _expect_statistics(_: EnsembleConfig, config: EnsembleConfig) -> str:
    if config.batch_norm == "eval":
        return (
            "A fresh BatchNorm in eval mode subtracts 0 and divides by 1: the bias is that of the network without it."
        )
    example = "" if isinstance(config.model, Mlp) else " (a ResNet-50 then has a hundred times less bias)"
    return (
        "With batch statistics BatchNorm subtracts the mean over the images from every node, and with it most of what "
        f"all inputs share{example}."
    )


def _expect_he(_: EnsembleConfig, config: EnsembleConfig) -> str:
    return "Weights of variance 2 / fan-in keep the size of signals in a ReLU network; all biases are 0."


def _expect_pytorch(before: EnsembleConfig, config: EnsembleConfig) -> str:
    if not getattr(config.model, "bias", True):
        return "Weights of variance 1 / (3 fan-in); this network has no biases."
    sentence = "Smaller weights, of variance 1 / (3 fan-in), and random biases, which shift all inputs alike"
    model, biased = config.model, _has_random_biases(before)
    if isinstance(model, Mlp) and not biased and model.max_pool == 1 and not _acts_on_signals(config):
        return f"{sentence}: the initial guesses become more one-sided."
    return f"{sentence}."


def _acts_on_signals(config: EnsembleConfig) -> bool:
    return config.model.normalization != "none" and not (config.model.has_batch_norm and config.batch_norm == "eval")


def _name(config: EnsembleConfig) -> str:
    return {"batch": "BatchNorm", "layer": "LayerNorm", "rms": "RMSNorm"}[config.model.normalization]


# The changed ensembles.


def _with_mlp(**hyperparameters) -> Callable[[EnsembleConfig], EnsembleConfig | None]:
    """Replace hyperparameters of a fully connected network."""
    return lambda config: (
        config.with_(model=config.model.model_dump() | hyperparameters) if isinstance(config.model, Mlp) else None
    )


def _twice_as_deep(config: EnsembleConfig) -> EnsembleConfig | None:
    max_depth = next(rule.le for rule in Mlp.model_fields["depth"].metadata if hasattr(rule, "le"))
    return _with_mlp(depth=min(2 * config.model.depth, max_depth))(config) if isinstance(config.model, Mlp) else None


def _other_statistics(config: EnsembleConfig) -> EnsembleConfig | None:
    if not config.model.has_batch_norm:
        return None
    return config.with_(batch_norm="eval" if config.batch_norm == "batch" else "batch")


def _normalized(placement: str) -> Callable[[EnsembleConfig], EnsembleConfig | None]:
    def apply(config: EnsembleConfig) -> EnsembleConfig | None:
        kind = getattr(config.model, "normalization", "none")
        return _with_mlp(normalization="layer" if kind == "none" else kind, placement=placement)(config)

    return apply


CHANGES: dict[str, Variation] = {
    "tanh": Variation("tanh", _with_mlp(activation="tanh", shift=0.0, offset=0.0), _expect_activation),
    "relu": Variation("ReLU", _with_mlp(activation="relu", shift=0.0, offset=0.0), _expect_activation),
    "max-pool": Variation("Max-pooling over 4 nodes", _with_mlp(max_pool=4), _expect_max_pool),
    "deeper": Variation("Twice as deep", _twice_as_deep, _expect_deeper),
    "before": Variation("Normalize before the activation", _normalized("before"), _expect_before),
    "after": Variation("Normalize after the activation", _normalized("after"), _expect_after),
    "statistics": Variation("BatchNorm: the other statistics", _other_statistics, _expect_statistics),
    "he": Variation("He normal", lambda config: config.with_(initialization={"name": "he-normal"}), _expect_he),
    "pytorch": Variation(
        "PyTorch's defaults", lambda config: config.with_(initialization={"name": "pytorch"}), _expect_pytorch
    ),
}
