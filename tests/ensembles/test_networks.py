"""Ensembles: stacked is the same as one by one, and both are what the theory of wide networks says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from igbviz.datasets import Facts
from igbviz.ensembles import Ensemble, EnsembleConfig, ensemble_dtype, initialize, require_room
from igbviz.ensembles.measures import measure_layer, measure_logits
from igbviz.ensembles.networks import Overflow, SingleNetworks, StackedNetworks, blocks
from igbviz.ensembles.records import HISTOGRAM_EDGES
from igbviz.models import INITIALIZATIONS
from igbviz.models.layers import ACTIVATIONS
from igbviz.spec import ConfigError
from igbviz.theory import (
    expected_max_guess,
    gamma_by_depth,
    gamma_from_cosine,
    gamma_from_guesses,
    gamma_variance_ratio,
    gradient_gain,
    jackknife,
    mean_cosine,
    normalised_gamma,
)
from igbviz.theory.estimators import (
    agreement_of_guesses,
    correlation_from_agreement,
    correlation_from_cosine,
    jackknife_of_means,
)
from igbviz.training.network import probing

NOISE = {"name": "gaussian-noise", "size": 8, "train_examples": 600, "test_examples": 300, "classes": 4}
SMALL = {"dataset": NOISE, "model": {"name": "mlp", "depth": 2, "width": 12}, "networks": 5, "inputs": 60}
ESTIMATORS = ("variance", "cosine", "guesses")

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


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads wait for each other when tests run beside something else."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def ensemble(**changes: object) -> Ensemble:
    return Ensemble.of(initialize(EnsembleConfig(**SMALL | changes), "cpu"))


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


class TestConfig:
    def test_round_trip_and_identity(self) -> None:
        config = EnsembleConfig(**SMALL)
        assert EnsembleConfig.from_json(config.to_json()) == config
        assert (
            config.id.startswith("gaussian-noise-mlp-he-normal-n5-s0-")
            and config.id == EnsembleConfig(**SMALL | {"seed": 0}).id
        )
        assert (
            len(
                {
                    EnsembleConfig(**SMALL | change).id
                    for change in ({}, {"seed": 1}, {"inputs": 61}, {"gradients": True})
                }
            )
            == 4
        )

    @pytest.mark.parametrize(
        ("values", "sentence"),
        [
            ({"networks": 1}, "networks is 1, allowed: a whole number from 2 to 100000"),
            ({"inputs": 9}, "inputs is 9, allowed"),
            ({"batch_norm": "train"}, "batch_norm is 'train', allowed: one of eval, batch, after"),
            ({"pretrained": True}, "pretrained is true with mlp, allowed: false"),
            ({"depth": 3}, "depth is not a field"),
        ],
    )
    def test_wrong_values_are_a_sentence(self, values: dict, sentence: str) -> None:
        with pytest.raises(ConfigError, match=sentence):
            EnsembleConfig(**values)
        with pytest.raises(ConfigError, match="not JSON"):
            EnsembleConfig.from_json("{")

    def test_what_cannot_be_done_is_refused_before_it_starts(self) -> None:
        with pytest.raises(ConfigError, match="inputs is 301, allowed: at most the 300 test images"):
            next(initialize(EnsembleConfig(**SMALL | {"inputs": 301}), "cpu"))
        huge = EnsembleConfig(model={"name": "mlp", "depth": 100, "width": 8192, "max_pool": 64})
        with pytest.raises(ConfigError, match="model needs about .* GB of memory .* allowed"):
            next(initialize(huge, "cpu"))
        plain, sloped = (
            EnsembleConfig(model={"name": "mlp", "depth": 50}, gradients=choice) for choice in (False, True)
        )
        facts = Facts(1, 28, tuple("0123456789"), 10, 1000)
        require_room(plain, facts, free=5e7)
        with pytest.raises(ConfigError):
            require_room(sloped, facts, free=5e7)


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
        with probing(network, "batch" if config.batch_norm == "batch" else "eval"):
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


class TestMeasures:
    @pytest.mark.parametrize("offset", [0.0, 1.0, 1e3])
    def test_layer_against_double_precision(self, offset: float) -> None:
        outputs = (
            torch.randn(3, 50, 20, generator=torch.Generator().manual_seed(0))
            + offset * torch.arange(3.0)[:, None, None]
        )
        reference = outputs.double()
        found = measure_layer(outputs)
        np.testing.assert_allclose(found["centre"], reference.mean(1).square().mean(-1), rtol=1e-5)
        np.testing.assert_allclose(found["variance"], reference.var(1).mean(-1), rtol=1e-4)
        np.testing.assert_allclose(1 - found["cosine"], 1 - mean_cosine(reference), rtol=1e-3)

    def test_histogram(self) -> None:
        logits = torch.randn(2, 400, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1e-6, 1.0, 1e6]) + 5
        logits[1, 0, 1] = 1e4  # far out: in the last bin
        found = measure_logits(logits)
        values = logits.double().numpy()
        standard = (values - values.mean(1, keepdims=True)) / values.std(1, ddof=1, keepdims=True)
        bins = np.concatenate([[-np.inf], HISTOGRAM_EDGES[1:-1], [np.inf]])
        expected = [[np.histogram(column, bins)[0] for column in network.T] for network in standard]
        np.testing.assert_array_equal(found["histogram"], expected)
        assert (found["histogram"].sum(-1) == 400).all() and found["histogram"][1, 1, -1] == 1

    def test_equal_logits(self) -> None:
        found = measure_logits(torch.zeros(1, 20, 3))
        assert (found["histogram"][0, :, 16] == 20).all() and HISTOGRAM_EDGES[16] == 0
        assert found["guesses"].tolist() == [[20, 0, 0]] and found["cosine"] == found["variance"] == 0
        np.testing.assert_allclose(found["probability"], 1 / 3)


class TestEstimators:
    def test_jackknife_is_that_of_the_theory(self) -> None:
        squares, variances = np.random.default_rng(0).random((2, 12))
        ours = jackknife_of_means(lambda mu, var: gamma_variance_ratio(mu, var, 100), squares, variances)
        np.testing.assert_allclose(
            ours, jackknife(lambda mu, var: gamma_variance_ratio(mu.mean(), var.mean(), 100), squares, variances)
        )
        assert jackknife_of_means(lambda mean: mean, [1.0])[1] == np.inf

    def test_two_classes_are_the_closed_forms(self) -> None:
        counts = np.random.default_rng(0).binomial(100, 0.3, 50)
        agreement = agreement_of_guesses(np.stack([counts, 100 - counts], 1)).mean()
        assert gamma_from_cosine(correlation_from_agreement(agreement, 2)) == pytest.approx(
            gamma_from_guesses(counts / 100, 100), rel=1e-6
        )
        cosine = np.linspace(-1, 1, 41)
        np.testing.assert_allclose(correlation_from_cosine(cosine, 1), np.sin(np.pi * cosine / 2), atol=1e-5)
        np.testing.assert_allclose(correlation_from_cosine(cosine, 10**6), cosine, atol=1e-5)

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 1e4])
    def test_many_dimensions_keep_the_digits(self, gamma: float) -> None:
        c = gamma / (1 + gamma)
        assert gamma_from_cosine(correlation_from_cosine(c, 1000)) == pytest.approx(gamma, rel=2e-3)

    @pytest.mark.parametrize("classes", [2, 3, 10])
    @pytest.mark.parametrize("gamma", [0.0, 0.467, 3.0, 20.0])
    def test_all_find_the_gamma_of_ideal_logits(self, classes: int, gamma: float) -> None:
        generator = torch.Generator().manual_seed(classes)
        networks, inputs = 1500, 60
        centres = gamma**0.5 * torch.randn(networks, 1, classes, generator=generator)
        shift = 3 * torch.randn(networks, inputs, 1, generator=generator)  # of all logits alike: no guess depends on it
        columns = measure_logits(centres + torch.randn(networks, inputs, classes, generator=generator) + shift)
        records = np.zeros(networks, ensemble_dtype(classes))
        for name, values in columns.items():
            records[name] = values
        for estimator in ESTIMATORS:
            value, error = Ensemble(records).gamma(estimator)
            assert abs(value - gamma) < 4 * error and error < 0.02 + 0.15 * gamma, estimator


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
    def test_normalisation(self, kind: str, placement: str) -> None:
        e = Ensemble.of(initialize(wide(depth=3, width=400, normalization=kind, placement=placement), "cpu"))
        value, error = e.gamma_by_depth("cosine").T
        expected = normalised_gamma(f"{kind}-{placement}", 4)
        assert (np.abs(value - expected)[:3] < 0.05 * expected[:3] + 4 * error[:3] + 4e-3).all()

    def test_batch_norm_that_was_never_run_changes_nothing(self) -> None:
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


class TestOthers:
    COLOUR = {"name": "gaussian-noise", "channels": 3, "size": 32, "train_examples": 200, "test_examples": 60}

    def test_a_fresh_resnet_guesses_one_class_until_batches_are_compared(self) -> None:
        gamma = {}
        for mode in ("eval", "after", "batch"):
            options = {
                "dataset": self.COLOUR,
                "model": {"name": "resnet18"},
                "initialization": {"name": "torchvision"},
                "networks": 2,
            }
            e = Ensemble.of(initialize(EnsembleConfig(**options, inputs=30, batch_norm=mode), "cpu"))
            gamma[mode], _ = e.gamma("cosine")
        assert gamma["eval"] > 10 * gamma["batch"] and gamma["eval"] > gamma["after"] > gamma["batch"]

    def test_records_have_no_layers_and_sum_up(self) -> None:
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

    def test_pieces_add_up_to_the_whole_gradient(self) -> None:
        config = EnsembleConfig(**SMALL | {"model": {"name": "cnn", "depth": 1, "width": 4}, "gradients": True})
        whole = SingleNetworks(config, torch.device("cpu"))
        pieces = SingleNetworks(config, torch.device("cpu"))
        pieces.batch = 7
        np.testing.assert_allclose(pieces.columns(range(2))["gradient"], whole.columns(range(2))["gradient"], rtol=1e-4)

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


class TestReader:
    def test_frame_is_tidy(self) -> None:
        e = Ensemble(ensemble().records, ("cat", "dog", "owl", "emu"))
        frame = e.to_frame()
        assert len(frame) == 20 and frame["class"].tolist()[:5] == ["cat", "dog", "owl", "emu", "cat"]
        np.testing.assert_allclose(frame.groupby("network")["guess_fraction"].max(), e[:].largest_guess())

    def test_wrong_questions_are_a_sentence(self) -> None:
        e = ensemble()
        for ask in (e.gamma, e.gamma_by_depth):
            with pytest.raises(ValueError, match="estimator is 'mean', allowed: one of variance, cosine"):
                ask("mean")
        with pytest.raises(ValueError, match="2 names"):
            Ensemble(e.records, ("a", "b"))

    def test_one_network_has_a_value_and_no_error(self) -> None:
        value, error = ensemble()[:1].gamma()
        assert np.isfinite(value) and error == np.inf
        assert ensemble().gamma_by_depth().shape == (3, 2)
        assert json.dumps(ensemble().gamma("guesses"))


def test_an_ensemble_keeps_its_bias() -> None:
    with pytest.raises(ConfigError, match="^initialization.last_layer is neutral-bias, allowed: same, zero or scaled"):
        EnsembleConfig(initialization={"name": "he-normal", "last_layer": "neutral-bias"})
