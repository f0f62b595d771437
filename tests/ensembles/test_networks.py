"""Ensembles against the theory of wide networks, and networks drawn one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from igbviz.ensembles import Ensemble, EnsembleConfig, initialize
from igbviz.ensembles.networks import SingleNetworks
from igbviz.spec import ConfigError
from igbviz.theory import (
    expected_max_guess,
    gamma_by_depth,
    gradient_gain,
    normalized_gamma,
)
from tests.support.untrained import ESTIMATORS, NOISE, SMALL, ensemble


def wide(inputs: int = 500, classes: int = 10, networks: int = 8, **model: object) -> EnsembleConfig:
    """An ensemble near the theory's limit: many nodes, uncorrelated inputs of many pixels."""
    data = {"name": "gaussian-noise", "size": 28, "train_examples": 600, "test_examples": inputs, "classes": classes}
    return EnsembleConfig(
        dataset=data,
        model={"name": "mlp", **model},
        initialization={"name": "gaussian"},
        networks=networks,
        inputs=inputs,
        batch_norm="batch",
    )


class TestTheory:
    @pytest.mark.parametrize(("activation", "weights", "biases"), [("relu", 2, 0), ("tanh", 1.5, 0.05), ("gelu", 2, 0)])
    def test_gamma_by_depth(self, activation: str, weights: float, biases: float) -> None:
        config = wide(depth=4, width=500, activation=activation)
        config = EnsembleConfig(
            **dict(config) | {"initialization": {"name": "gaussian", "sigma_w2": weights, "sigma_b2": biases}}
        )
        expected = gamma_by_depth(activation, weights, biases, 4)
        e = Ensemble.of(initialize(config, "cpu"))
        for estimator in ("variance", "cosine"):
            value, error = e.gamma_by_depth(estimator)[:4].T
            assert (np.abs(value - expected) < 0.05 * expected + 3 * error + 1e-3).all(), estimator

    def test_the_favoured_class(self) -> None:
        e = Ensemble.of(initialize(wide(inputs=150, classes=2, networks=400, depth=1, width=300), "cpu"))
        largest, gamma = e.largest_guess(), gamma_by_depth("relu", 2, 0, 2)[-1]
        assert abs(largest.mean() - expected_max_guess(gamma, 2)) < 0.01 + 3 * largest.std() / len(largest) ** 0.5
        assert all(abs(value - gamma) < 4 * error for value, error in map(e.gamma, ESTIMATORS))

    @pytest.mark.parametrize("kind", ["batch", "layer", "rms"])
    @pytest.mark.parametrize("placement", ["before", "after"])
    def test_normalization(self, kind: str, placement: str) -> None:
        e = Ensemble.of(initialize(wide(depth=3, width=400, normalization=kind, placement=placement), "cpu"))
        value, error = e.gamma_by_depth("cosine").T
        expected = normalized_gamma(f"{kind}-{placement}", 4)
        assert (np.abs(value - expected)[:3] < 0.05 * expected[:3] + 4 * error[:3] + 4e-3).all()

    def test_fresh_batch_norm_in_eval_mode_has_no_effect(self) -> None:
        config = wide(depth=2, width=64, normalization="batch", networks=2)
        normal, plain = (
            Ensemble.of(initialize(EnsembleConfig(**dict(config) | change), "cpu"))
            for change in ({"batch_norm": "eval"}, {"model": {"name": "mlp", "depth": 2, "width": 64}})
        )
        np.testing.assert_allclose(normal.gamma_by_depth(), plain.gamma_by_depth(), rtol=1e-3, atol=1e-6)

    def test_gradients_grow_as_predicted(self) -> None:
        config = wide(inputs=100, depth=8, width=300, activation="tanh", networks=8)
        chaotic = {"initialization": {"name": "gaussian", "sigma_w2": 3, "sigma_b2": 0.05}, "gradients": True}
        backward = Ensemble.of(initialize(EnsembleConfig(**dict(config) | chaotic), "cpu")).records["backward"]
        growth = np.log((backward[:, 0] ** 2).mean() / (backward[:, 7] ** 2).mean())
        assert growth == pytest.approx(np.log(gradient_gain("tanh", 3, 0.05, 8, cumulative=True)[-1]), abs=0.15)


class TestSingleNetworks:
    COLOR = {"name": "gaussian-noise", "channels": 3, "size": 32, "train_examples": 200, "test_examples": 60}

    def test_a_fresh_resnet_is_far_less_biased_with_batch_statistics(self) -> None:
        gamma = {}
        for mode in ("eval", "after", "batch"):
            options = {
                "dataset": self.COLOR,
                "model": {"name": "resnet18"},
                "initialization": {"name": "torchvision"},
                "networks": 2,
            }
            e = Ensemble.of(initialize(EnsembleConfig(**options, inputs=30, batch_norm=mode), "cpu"))
            gamma[mode], _ = e.gamma("cosine")
        assert gamma["eval"] > 10 * gamma["batch"] and gamma["eval"] > gamma["after"] > gamma["batch"]

    def test_records_have_no_layers_and_fractions_sum_to_1(self) -> None:
        e = ensemble(model={"name": "cnn", "depth": 2, "width": 4, "normalization": "batch"}, gradients=True)
        assert (
            len(e) == 5
            and e.inputs == 60
            and e.records["gradient"].shape == (5, 3)
            and (e.records["gradient"] > 0).all()
        )
        np.testing.assert_allclose(e.guess_fraction().sum(1), 1)
        np.testing.assert_allclose(e.records["probability"].sum(1), 1)
        with pytest.raises(ValueError, match="layer by layer"):
            e.gamma_by_depth()
        assert ensemble(model={"name": "cnn", "depth": 2, "width": 4}).records.tobytes() == (
            ensemble(model={"name": "cnn", "depth": 2, "width": 4}).records.tobytes()
        )

    def test_gradients_of_chunks_sum_to_the_whole(self) -> None:
        config = EnsembleConfig(**SMALL | {"model": {"name": "cnn", "depth": 1, "width": 4}, "gradients": True})
        whole = SingleNetworks(config, torch.device("cpu"))
        chunked = SingleNetworks(config, torch.device("cpu"))
        chunked.batch_size = 7
        np.testing.assert_allclose(
            chunked.columns(range(2))["gradient"], whole.columns(range(2))["gradient"], rtol=1e-4
        )

    def test_trained_weights(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from igbviz._torchvision import torchvision

        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
        options = {"dataset": NOISE, "model": {"name": "resnet18"}, "networks": 2, "inputs": 20, "pretrained": True}
        config = EnsembleConfig(**options)
        with pytest.raises(
            ConfigError,
            match=rf"pretrained is true, but {tmp_path}/checkpoints has no resnet18-f37072fd.pth: put it there",
        ):
            next(initialize(config, "cpu"))
        (tmp_path / "checkpoints").mkdir()
        trained = torchvision.models.resnet18()
        torch.save(trained.state_dict(), tmp_path / "checkpoints" / "resnet18-f37072fd.pth")
        first, second = (SingleNetworks(config, torch.device("cpu"))._network(seed) for seed in (1, 2))
        assert torch.equal(first.conv1.weight, trained.conv1.weight[:, :1]) and torch.equal(
            first.layer4[1].bn2.weight, second.layer4[1].bn2.weight
        )
        assert not torch.equal(first.fc.weight, second.fc.weight)
        assert len(Ensemble.of(initialize(config, "cpu"))) == 2


def test_data_that_is_loaded_already_gives_the_same_networks() -> None:
    config = EnsembleConfig(dataset={"name": "gaussian-noise", "size": 8, "train_examples": 10, "data_seed": 3})
    config = config.with_(networks=2, inputs=50, model={"name": "mlp", "width": 8})
    data = config.dataset.load("cpu")
    alone, given = (Ensemble.of(initialize(config, "cpu", source)).records for source in (None, data))
    assert (alone == given).all()
