"""Stacked networks give the same records as single ones, for every architecture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from igbviz.ensembles import EnsembleConfig, initialize
from igbviz.ensembles.networks import Overflow, StackedNetworks, record_batches
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
    *(("eval", {"activation": activation, "shift": 0.4, "offset": -0.3}) for activation in ("relu", "tanh")),
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

    def test_a_record_does_not_depend_on_its_batch(self) -> None:
        for changes in (
            {},
            {"model": {"name": "mlp", "depth": 3, "width": 20, "normalization": "batch"}, "batch_norm": "after"},
        ):
            config = EnsembleConfig(**SMALL | {"networks": 9} | changes)
            whole = np.concatenate(list(record_batches(config, "cpu")))
            for max_batch in (1, 3):
                assert np.concatenate(list(record_batches(config, "cpu", max_batch))).tobytes() == whole.tobytes()
            fewer = EnsembleConfig(**SMALL | changes)
            assert np.concatenate(list(record_batches(fewer, "cpu"))).tobytes() == whole[:5].tobytes()

    def test_the_first_record_is_available_at_once(self) -> None:
        assert [len(batch) for batch in record_batches(EnsembleConfig(**SMALL | {"networks": 21}), "cpu")] == [
            1,
            1,
            2,
            4,
            8,
            5,
        ]

    def test_records_depend_on_the_seed_alone(self) -> None:
        before = torch.get_rng_state()
        first = ensemble()
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(7)
        assert ensemble().records.tobytes() == first.records.tobytes()
        assert (ensemble(seed=1).records["centre"] != first.records["centre"]).all()

    def test_gradients_do_not_change_the_other_columns(self) -> None:
        plain, with_gradients = ensemble().records, ensemble(gradients=True).records
        assert all((plain[name] == with_gradients[name]).all() for name in plain.dtype.names)

    def test_overflow_is_a_sentence(self) -> None:
        model, weights = {"name": "mlp", "depth": 60, "width": 10}, {"name": "gaussian", "sigma_w2": 1000}
        with pytest.raises(Overflow, match="outputs of network 0 became infinite or NaN"):
            ensemble(model=model, initialization=weights)


def one_by_one(config: EnsembleConfig) -> list[dict[str, np.ndarray]]:
    """The records of an ensemble from plain modules in double precision, without any of the stacked code."""
    sampler, records = StackedNetworks(config, torch.device("cpu")), []
    for seed in sampler.seeds(range(config.networks)):
        network = config.model.build(sampler.shape, sampler.classes)
        torch.manual_seed(seed)
        config.initialization.apply(network, sampler.classes)
        network.double().train()
        if config.batch_norm == "after":
            for images in sampler.training_batches(500):
                network(images.double())
        outputs_by_layer: list[torch.Tensor] = []
        linear = [layer for layer in network if isinstance(layer, nn.Linear)]
        for layer in linear:
            layer.register_forward_hook(
                lambda _layer, _inputs, outputs, outputs_by_layer=outputs_by_layer: outputs_by_layer.append(outputs)
            )
        with evaluation_mode(network, "batch" if config.batch_norm == "batch" else "eval"):
            logits = network(sampler.images.double())
        loss = cross_entropy(logits, sampler.labels)
        gradients = torch.autograd.grad(loss, [layer.weight for layer in linear] + outputs_by_layer)
        logits, outputs_by_layer = logits.detach(), [outputs.detach() for outputs in outputs_by_layer]
        centred = logits - logits.mean(1, keepdim=True)
        records.append({
            "guesses": logits.argmax(1).bincount(minlength=sampler.classes),
            "centre": logits.mean(0), "spread": logits.std(0), "probability": logits.softmax(1).mean(0),
            "variance": centred.var(0).sum() / (sampler.classes - 1), "cosine": mean_cosine(centred),
            "nodes": [outputs.shape[1] for outputs in outputs_by_layer],
            "layer_centre": [outputs.mean(0).square().mean() for outputs in outputs_by_layer],
            "layer_variance": [outputs.var(0).mean() for outputs in outputs_by_layer],
            "layer_cosine": [mean_cosine(outputs) for outputs in outputs_by_layer],
            "gradient": [gradient.norm() for gradient in gradients[: len(linear)]],
            "backward": [gradient.norm() * len(logits) ** 0.5 for gradient in gradients[len(linear) :]],
        })  # fmt: skip
    return records
