"""Stacked networks are the same as one by one, whatever they are made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from igbviz.ensembles import EnsembleConfig, initialize
from igbviz.ensembles.networks import Overflow, StackedNetworks, blocks
from igbviz.models import INITIALIZATIONS
from igbviz.models.layers import ACTIVATIONS
from igbviz.theory import (
    mean_cosine,
)
from igbviz.training.network import evaluation_mode
from tests.support.untrained import SMALL, ensemble

SHAPES = [
    *(("eval", {"activation": activation}) for activation in ACTIVATIONS),
    *(
        ("eval", {"normalization": kind, "placement": where})
        for kind in ("layer", "rms")
        for where in ("before", "after")
    ),
    *(
        (mode, {"normalization": "batch", "placement": where})
        for mode in ("eval", "batch", "after")
        for where in ("before", "after")
    ),
    ("after", {"max_pool": 3, "normalization": "batch", "placement": "after"}),
    ("eval", {"bias": False}),
]


class TestStacked:
    @pytest.mark.parametrize(("batch_norm", "model"), SHAPES, ids=str)
    def test_equals_one_by_one(self, batch_norm: str, model: dict) -> None:
        changes = {
            "model": {"name": "mlp", "depth": 2, "width": 12, **model},
            "batch_norm": batch_norm,
            "passes": 2,
            "gradients": True,
        }
        config = EnsembleConfig(
            **SMALL | changes, initialization={"name": "gaussian", "sigma_w2": 1.5, "sigma_b2": 0.1}
        )
        for record, expected in zip(initialize(config, "cpu"), one_by_one(config), strict=True):
            for name, values in expected.items():
                np.testing.assert_allclose(record[name], values, rtol=2e-4, atol=2e-6, err_msg=name)

    @pytest.mark.parametrize("name", INITIALIZATIONS)
    @pytest.mark.parametrize("last", ["same", "zero", "scaled"])
    def test_every_initialization(self, name: str, last: str) -> None:
        e = ensemble(initialization={"name": name, "last_layer": last})
        assert (e.records["spread"] == 0).all() == (last == "zero")
        assert len(np.unique(e.records["layer_variance"][:, 0])) == 5

    def test_a_network_does_not_depend_on_its_block(self) -> None:
        for changes in (
            {},
            {"model": {"name": "mlp", "depth": 3, "width": 20, "normalization": "batch"}, "batch_norm": "after"},
        ):
            config = EnsembleConfig(**SMALL | {"networks": 9} | changes)
            whole = np.concatenate(list(blocks(config, "cpu")))
            for largest in (1, 3):
                assert np.concatenate(list(blocks(config, "cpu", largest))).tobytes() == whole.tobytes()
            fewer = EnsembleConfig(**SMALL | changes)
            assert np.concatenate(list(blocks(fewer, "cpu"))).tobytes() == whole[:5].tobytes()

    def test_the_first_picture_is_there_at_once(self) -> None:
        assert [len(block) for block in blocks(EnsembleConfig(**SMALL | {"networks": 21}), "cpu")] == [1, 1, 2, 4, 8, 5]

    def test_seeds_decide_everything_and_nothing_else_is_touched(self) -> None:
        before = torch.get_rng_state()
        first = ensemble()
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(7)
        assert ensemble().records.tobytes() == first.records.tobytes()
        assert (ensemble(seed=1).records["centre"] != first.records["centre"]).all()

    def test_without_and_with_gradients_the_same_numbers(self) -> None:
        plain, sloped = ensemble().records, ensemble(gradients=True).records
        assert all((plain[name] == sloped[name]).all() for name in plain.dtype.names)

    def test_too_large_numbers_are_a_sentence(self) -> None:
        model, weights = {"name": "mlp", "depth": 60, "width": 10}, {"name": "gaussian", "sigma_w2": 1000}
        with pytest.raises(Overflow, match="outputs of network 0 are too large"):
            ensemble(model=model, initialization=weights)


def one_by_one(config: EnsembleConfig) -> list[dict[str, np.ndarray]]:
    """The records of an ensemble as modules would give them, in double precision, with nothing of the stacked code."""
    subject, found = StackedNetworks(config, torch.device("cpu")), []
    for seed in subject.seeds(range(config.networks)):
        network = config.model.build(subject.shape, subject.classes)
        torch.manual_seed(seed)
        config.initialization.apply(network, subject.classes)
        network.double().train()
        if config.batch_norm == "after":
            for images in subject.training_batches(500):
                network(images.double())
        seen: list[torch.Tensor] = []
        linear = [layer for layer in network if isinstance(layer, nn.Linear)]
        for layer in linear:
            layer.register_forward_hook(lambda _layer, _inputs, outputs, seen=seen: seen.append(outputs))
        with evaluation_mode(network, "batch" if config.batch_norm == "batch" else "eval"):
            logits = network(subject.images.double())
        loss = cross_entropy(logits, subject.labels)
        slopes = torch.autograd.grad(loss, [layer.weight for layer in linear] + seen)
        logits, seen = logits.detach(), [outputs.detach() for outputs in seen]
        centred = logits - logits.mean(1, keepdim=True)
        found.append({
            "guesses": logits.argmax(1).bincount(minlength=subject.classes),
            "centre": logits.mean(0), "spread": logits.std(0), "probability": logits.softmax(1).mean(0),
            "variance": centred.var(0).sum() / (subject.classes - 1), "cosine": mean_cosine(centred),
            "nodes": [outputs.shape[1] for outputs in seen],
            "layer_centre": [outputs.mean(0).square().mean() for outputs in seen],
            "layer_variance": [outputs.var(0).mean() for outputs in seen],
            "layer_cosine": [mean_cosine(outputs) for outputs in seen],
            "gradient": [slope.norm() for slope in slopes[: len(linear)]],
            "backward": [slope.norm() * len(logits) ** 0.5 for slope in slopes[len(linear) :]],
        })  # fmt: skip
    return found
