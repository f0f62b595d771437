"""One thing changed in an ensemble of untrained networks: the experiments that explain where the first guess comes
from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from igbviz.ensembles.config import EnsembleConfig
from igbviz.models import Mlp


@dataclass(frozen=True)
class Change:
    """`of` gives the changed ensemble, or None where the change makes no sense or changes nothing."""

    title: str
    expect: str
    of: Callable[[EnsembleConfig], EnsembleConfig | None]


def _network(**knobs) -> Callable[[EnsembleConfig], EnsembleConfig | None]:
    """Other knobs of a fully connected network."""
    return lambda config: (
        config.with_(model=config.model.model_dump() | knobs) if isinstance(config.model, Mlp) else None
    )


def _deeper(config: EnsembleConfig) -> EnsembleConfig | None:
    deepest = next(rule.le for rule in Mlp.model_fields["depth"].metadata if hasattr(rule, "le"))
    return _network(depth=min(2 * config.model.depth, deepest))(config) if isinstance(config.model, Mlp) else None


def _batch_statistics(config: EnsembleConfig) -> EnsembleConfig | None:
    if not config.model.has_batch_norm:
        return None
    return config.with_(batch_norm="eval" if config.batch_norm == "batch" else "batch")


def _normalized(placement: str) -> Callable[[EnsembleConfig], EnsembleConfig | None]:
    def changed(config: EnsembleConfig) -> EnsembleConfig | None:
        kind = getattr(config.model, "normalization", "none")
        return _network(normalization="layer" if kind == "none" else kind, placement=placement)(config)

    return changed


CHANGES: dict[str, Change] = {
    "tanh": Change(
        "tanh",
        "An odd activation has no preferred sign: without biases the prejudice vanishes.",
        _network(activation="tanh"),
    ),
    "relu": Change(
        "ReLU",
        "Outputs that are never negative push all inputs the same way, layer after layer.",
        _network(activation="relu"),
    ),
    "max-pool": Change(
        "Max-pooling of 4",
        "The largest of several nodes lies above their mean: another push, for any activation.",
        _network(max_pool=4),
    ),
    "deeper": Change("Twice as deep", "Every layer adds to what the one below prefers.", _deeper),
    "before": Change(
        "Normalise before the activation",
        "LayerNorm there changes nothing; BatchNorm there keeps the bias at one level.",
        _normalized("before"),
    ),
    "after": Change(
        "Normalise after the activation",
        "What the activation prefers is taken away again: neutral at any depth.",
        _normalized("after"),
    ),
    "statistics": Change(
        "BatchNorm: the other statistics",
        "A fresh network in eval mode divides by 1, with batch "
        "statistics by the spread of the images at hand: a hundred times less bias in a "
        "ResNet-50.",
        _batch_statistics,
    ),
    "he": Change(
        "He-normal",
        "Keeps the size of signals in a ReLU network, and with it the differences between inputs.",
        lambda config: config.with_(initialization={"name": "he-normal"}),
    ),
    "pytorch": Change(
        "PyTorch's default",
        "Smaller weights and random biases: biases shift all inputs alike.",
        lambda config: config.with_(initialization={"name": "pytorch"}),
    ),
}


def changes(config: EnsembleConfig) -> dict[str, tuple[Change, EnsembleConfig]]:
    """The changes that make another ensemble of this one, by key."""
    made = {key: (change, change.of(config)) for key, change in CHANGES.items()}
    return {
        key: (change, other) for key, (change, other) in made.items() if other is not None and other.id != config.id
    }
