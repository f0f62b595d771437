"""What the changes of an ensemble promise, against ensembles that are drawn: every claim holds wherever it is made."""

from __future__ import annotations

from functools import cache

import pytest

from igbviz.ensembles import Ensemble, EnsembleConfig, initialize
from igbviz.ensembles.variations import CHANGES, changes

DATASETS = {
    "noise": {"name": "gaussian-noise", "size": 16, "train_examples": 100, "test_examples": 100},
    "clothes": {"name": "fashion-mini", "examples_per_class": 10},
}
RANDOM_BIASES = {"initialization": {"name": "gaussian", "sigma_w2": 2, "sigma_b2": 0.5}}
# model, other fields
BASES = {
    "ReLU": ({}, {}),
    "ReLU, PyTorch's defaults": ({}, {"initialization": {"name": "pytorch"}}),
    "ReLU, LayerNorm after": ({"normalization": "layer", "placement": "after"}, {}),
    "ReLU, RMSNorm": ({"normalization": "rms"}, {}),
    "ReLU, BatchNorm, eval": ({"normalization": "batch"}, {}),
    "ReLU, BatchNorm, batch statistics": ({"normalization": "batch"}, {"batch_norm": "batch"}),
    "ReLU, BatchNorm, after 2 batches": ({"normalization": "batch"}, {"batch_norm": "after", "passes": 2}),
    "ReLU, BatchNorm, run in": ({"normalization": "batch"}, {"batch_norm": "after", "passes": 30}),
    "tanh": ({"activation": "tanh"}, {}),
    "tanh, random biases": ({"activation": "tanh"}, RANDOM_BIASES),
    "tanh, BatchNorm, batch statistics": (
        {"activation": "tanh", "normalization": "batch"},
        {"batch_norm": "batch"},
    ),
    "tanh, max-pooling, LayerNorm after": (
        {"activation": "tanh", "max_pool": 4, "normalization": "layer", "placement": "after"},
        {},
    ),
    "ReLU, max-pooling": ({"max_pool": 2}, {}),
    "GELU": ({"activation": "gelu"}, {}),
    "no biases": ({"bias": False}, {}),
}

# phrase of a sentence: what it says of gamma before and after the change, and of the same network without normalization
CLAIMS = {
    "γ = 0": lambda before, after, plain: abs(after) < 0.03,
    "what is left comes from": lambda before, after, plain: after > -0.01,
    "grows with depth": lambda before, after, plain: after > 1.3 * before,
    "does not grow with depth": lambda before, after, plain: after < 1.15 * before + 0.02,
    "nearly the same guesses as with no normalization": lambda before, after, plain: after == pytest.approx(plain, 0.1),
    "the same as no normalization": lambda before, after, plain: after == pytest.approx(plain, 0.01, 0.01),
    "the bias is that of the network without it": lambda before, after, plain: (
        after == pytest.approx(plain, 0.01, 0.01)
    ),
    "what the activation adds stays": lambda before, after, plain: after == pytest.approx(plain, 0.1),
    "become more one-sided": lambda before, after, plain: after > 1.2 * before + 0.02,
    "subtracts the mean over the images": lambda before, after, plain: after < 0.6 * plain + 0.03,
    "max-pooling over its nodes still does": lambda before, after, plain: after > 1,
}


@cache
def gamma(config_json: str) -> float:
    """By the cosine, which does not depend on how bright images are."""
    return Ensemble.of(initialize(EnsembleConfig.from_json(config_json), "cpu")).gamma("cosine")[0]


def ensemble(base: str, data: str) -> EnsembleConfig:
    model, fields = BASES[base]
    return EnsembleConfig(
        dataset=DATASETS[data],
        model={"name": "mlp", "depth": 3, "width": 64} | model,
        networks=40,
        inputs=100,
        **fields,
    )


def without_normalization(config: EnsembleConfig) -> EnsembleConfig:
    """One ensemble for all modes of BatchNorm, which there is none of."""
    return config.with_(model=config.model.model_dump() | {"normalization": "none"}, batch_norm="eval", passes=1)


@pytest.mark.parametrize("data", DATASETS)
@pytest.mark.parametrize("base", BASES)
def test_every_sentence_is_true_where_it_shows(base: str, data: str) -> None:
    config = ensemble(base, data)
    for key, (change, other) in changes(config).items():
        claims = [phrase for phrase in CLAIMS if phrase in change.expect]
        if not claims and key not in ("tanh", "after"):
            continue
        values = [gamma(each.to_json()) for each in (config, other, without_normalization(other))]
        for phrase in claims:
            assert CLAIMS[phrase](*values), f"{key}: {change.expect} Measured: {values}"
        if key in ("tanh", "after") and abs(values[1]) < 0.003:
            assert "γ = 0" in change.expect or "100%" in change.expect, f"{key} is neutral: {change.expect}"


def test_every_claim_is_made_somewhere() -> None:
    sentences = [
        change.expect for base in BASES for data in DATASETS for change, _ in changes(ensemble(base, data)).values()
    ]
    assert all(any(phrase in sentence for sentence in sentences) for phrase in CLAIMS)
    assert all(sentence.endswith(".") and len(sentence) < 190 for sentence in sentences)


def test_running_statistics_are_named_by_how_far_they_have_moved() -> None:
    change, _ = changes(ensemble("ReLU, BatchNorm, after 2 batches", "noise"))["after"]
    assert "hold 19% of the batch statistics after 2 training batches" in change.expect
    config = ensemble("ReLU, BatchNorm, eval", "noise").with_(batch_norm="after")
    assert "hold 10% of the batch statistics after 1 training batch:" in changes(config)["after"][0].expect


def test_other_networks_have_sentences_too() -> None:
    resnet = changes(EnsembleConfig(model={"name": "resnet18"}))
    assert "With batch statistics" in resnet["statistics"][0].expect and "random biases" in resnet["pytorch"][0].expect
    assert set(resnet) <= set(CHANGES)
