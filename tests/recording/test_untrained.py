"""Untrained networks of one's own architecture are drawn and measured like those of a configuration."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import igbviz
from igbviz.datasets import probe_indices
from igbviz.ensembles import Ensemble, EnsembleConfig, initialize
from igbviz.recording import untrained as module
from igbviz.spec import ConfigError

X = torch.randn(120, 20, generator=torch.Generator().manual_seed(0))


def mlp(classes: int = 4, depth: int = 2) -> nn.Module:
    hidden = [layer for _ in range(depth) for layer in (nn.Linear(20, 20), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(20, classes))


def equal(a: Ensemble, b: Ensemble) -> bool:
    return a.records.tobytes() == b.records.tobytes()


class TestMeasure:
    def test_the_same_weights_have_the_same_records_as_in_an_ensemble_of_a_configuration(self) -> None:
        config = EnsembleConfig(
            dataset={"name": "gaussian-noise", "size": 8, "train_examples": 100, "test_examples": 90, "classes": 4},
            model={"name": "cnn", "depth": 2, "width": 4, "normalization": "batch"},
            networks=3, inputs=60, seed=5, batch_norm="batch",
        )  # fmt: skip
        data = config.dataset.load(torch.device("cpu"))
        images = data.test_images[probe_indices(data.test_labels, config.inputs, config.seed)]

        def make() -> nn.Module:
            network = config.model.build(data.shape, data.classes)
            config.initialization.apply(network, data.classes)
            return network

        own = igbviz.untrained(make, images, 3, seed=5, batch_norm="batch", class_names=["a", "b", "c", "d"])
        built_in = Ensemble.of(initialize(config, "cpu"))
        for column in own.records.dtype.names:
            np.testing.assert_allclose(own.records[column], built_in.records[column], rtol=1e-4, atol=1e-5)
        assert own.class_names == ("a", "b", "c", "d") and own.inputs == 60

    def test_gamma_in_double_precision(self) -> None:
        """Against the definition: the variance of the centres over the variance over inputs, less 1/D."""
        weights: list[list[Tensor]] = []

        def make() -> nn.Module:
            network = mlp(depth=1)
            weights.append([weight.detach().double() for weight in network.parameters()])
            return network

        ensemble = igbviz.untrained(make, X, 30, batch_size=50)
        logits = np.stack([(((X.double() @ a.T + b).relu()) @ c.T + d).numpy() for a, b, c, d in weights])
        centred = logits - logits.mean(-1, keepdims=True)
        ratio = (centred.mean(1) ** 2).sum(-1).mean() / centred.var(1, ddof=1).sum(-1).mean() - 1 / len(X)
        assert ensemble.gamma()[0] == pytest.approx(ratio, rel=1e-5) and ratio > 0.1
        guesses = np.stack([np.bincount(network.argmax(-1), minlength=4) for network in logits])
        np.testing.assert_array_equal(ensemble.records["guesses"], guesses)

    def test_a_module_is_drawn_anew_like_its_class(self) -> None:
        template = mlp()
        before = {name: value.clone() for name, value in template.state_dict().items()}
        drawn, built = (igbviz.untrained(source, X, 60, seed=seed) for source, seed in ((template, 1), (mlp, 2)))
        assert all(value.equal(before[name]) for name, value in template.state_dict().items()) and template.training
        for estimator in ("variance", "cosine", "guesses"):
            (a, error_a), (b, error_b) = drawn.gamma(estimator), built.gamma(estimator)
            assert abs(a - b) < 4 * np.hypot(error_a, error_b) and error_a < a

    @pytest.mark.parametrize("classes", [2, 1000])
    def test_any_number_of_classes(self, classes: int) -> None:
        ensemble = igbviz.untrained(lambda: mlp(classes, 0), X, 2)
        assert ensemble.classes == classes and ensemble.guess_fraction().sum() == pytest.approx(2)

    def test_a_dict_goes_to_the_arguments_and_logits_may_be_an_attribute(self) -> None:
        class Tokens(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embedding = nn.Embedding(7, 5)

            def forward(self, ids: Tensor, mask: Tensor) -> SimpleNamespace:
                return SimpleNamespace(logits=(self.embedding(ids) * mask[..., None]).sum(1).to(torch.bfloat16))

        ids = torch.arange(60).view(12, 5) % 7
        inputs = {"ids": ids, "mask": torch.ones(12, 5)}
        whole, chunked = (igbviz.untrained(Tokens, inputs, 2, batch_size=size) for size in (100, 5))
        assert equal(whole, chunked) and whole.inputs == 12 and whole.classes == 5

    def test_modes(self) -> None:
        """Dropout does nothing; BatchNorm has its running statistics, or those of the batch, which leave no centre."""

        def make() -> nn.Module:
            return nn.Sequential(nn.Dropout(0.9), nn.Linear(20, 4), nn.BatchNorm1d(4))

        fixed, batch = (igbviz.untrained(make, X + 1, 3, batch_norm=mode) for mode in ("eval", "batch"))
        assert abs(batch.records["centre"]).max() < 1e-6 < abs(fixed.records["centre"]).max()
        plain = igbviz.untrained(lambda: nn.Linear(20, 4), X + 1, 3)
        np.testing.assert_allclose(fixed.records["centre"], plain.records["centre"], rtol=1e-4)


class TestSeeds:
    def test_a_network_depends_on_seed_and_index_alone(self) -> None:
        torch.manual_seed(1)
        few = igbviz.untrained(mlp, X, 2, seed=3)
        torch.manual_seed(2)
        state = torch.get_rng_state()
        more = igbviz.untrained(mlp, X, 4, seed=3)
        assert torch.get_rng_state().equal(state)
        assert equal(few, more[:2]) and not equal(few, igbviz.untrained(mlp, X, 2, seed=4))
        assert list(more.records["network"]) == [0, 1, 2, 3]

    def test_lazy_layers_draw_in_the_forward_pass(self) -> None:
        def make() -> nn.Module:
            return nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.Linear(8, 3))

        first, second = igbviz.untrained(make, X, 3), igbviz.untrained(make, X, 3)
        assert equal(first, second)

    def test_an_interrupt_keeps_what_there_is(self, capsys: pytest.CaptureFixture[str]) -> None:
        count = iter(range(10))

        def make() -> nn.Module:
            if next(count) == 3:
                raise KeyboardInterrupt
            return mlp()

        ensemble = igbviz.untrained(make, X, 10, progress=True)
        assert equal(ensemble, igbviz.untrained(mlp, X, 3)) and "3/10" in capsys.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            igbviz.untrained(_interrupt, X, 10)

    def test_no_bar_but_on_request(self, capsys: pytest.CaptureFixture[str]) -> None:
        igbviz.untrained(mlp, X, 2)
        igbviz.untrained(mlp, X, 2, progress=False)
        assert not capsys.readouterr().err


def _interrupt() -> nn.Module:
    raise KeyboardInterrupt


class Own(nn.Module):
    """A weight of which no `reset_parameters` knows."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.layer = nn.Parameter(torch.ones(20)), nn.Linear(20, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs * self.scale)


class TestModules:
    def test_what_reset_parameters_does_not_reach(self) -> None:
        with pytest.raises(ConfigError, match="a module whose scale no reset_parameters draws anew, allowed: a func"):
            igbviz.untrained(Own(), X)
        assert len(igbviz.untrained(Own, X, 2)) == 2

    def test_attention_and_normalization_are_reached(self) -> None:
        layer = nn.TransformerEncoderLayer(20, 2, 8, batch_first=True)
        model = nn.Sequential(nn.Unflatten(1, (1, 20)), layer, nn.Flatten(), nn.BatchNorm1d(20), nn.Linear(20, 3))
        model[3].running_mean.fill_(100)  # of a training, say
        trained_away = igbviz.untrained(model, X, 3)
        model[3].reset_running_stats()
        assert equal(trained_away, igbviz.untrained(model, X, 3))


LINEAR = nn.Linear(20, 4)


def nan() -> nn.Module:
    network = nn.Linear(20, 4)
    nn.init.constant_(network.bias, torch.nan)
    return network


def reseeding() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(20, 4)


def growing(sizes: Any = itertools.count(4)) -> nn.Module:  # noqa: B008 (the same at every call)
    return nn.Linear(20, next(sizes))


class Refusing(nn.Linear):
    def __init__(self) -> None:
        super().__init__(20, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        torch._assert(inputs.ndim == 4, "Wrong image height!")  # as torchvision's transformer
        return super().forward(inputs)


@pytest.mark.parametrize(
    ("make", "inputs", "options", "sentence"),
    [
        (3, X, {}, r"make_model is 3, allowed: a function without arguments that returns a torch.nn.Module, or a"),
        (lambda: 3, X, {}, r"make_model returned an object of type int, allowed: a torch.nn.Module"),
        (lambda: LINEAR, X, {}, r"make_model gave two networks the same weights, allowed: a function that draws new"),
        (reseeding, X, {}, r"make_model gave two networks the same weights, .* which it must not seed"),
        (growing, X, {}, r"make_model made networks of 4 and of 5 classes, allowed: the same number in all"),
        (Refusing, X, {}, r"inputs is a torch.float32 tensor \(120, 20\), .*; it says: Wrong image height!"),
        (nn.LazyLinear(3), X, {}, r"make_model is a module with lazy layers, allowed: a function that builds"),
        (lambda: nn.LSTM(20, 4), X, {}, r"returns an output of type tuple, allowed: a tensor of logits \(inputs, K\)"),
        (lambda: nn.Linear(20, 1), X, {}, r"shape \(120, 1\), allowed: logits .* return torch.stack\(\[0 \* x, x\]"),
        (lambda: nn.Unflatten(1, (4, 5)), X, {}, r"turns 120 inputs into outputs of shape \(120, 4, 5\), allowed: log"),
        (nan, X, {}, r"make_model makes a model with infinite or NaN logits, allowed: finite ones"),
        (
            LINEAR,
            [1.0, 2.0],
            {},
            r"inputs is of type list, allowed: a tensor or an array \(inputs, ",
        ),
        (
            LINEAR,
            X[:, :3],
            {},
            r"inputs is a torch.float32 tensor \(120, 3\), allowed: what the model takes; it says: ",
        ),
        (LINEAR, torch.tensor(1.0), {}, r"inputs is a tensor without axes, allowed: a tensor"),
        (LINEAR, X[:1], {}, r"inputs has 1 of them, allowed: at least 2"),
        (LINEAR, X / 0, {}, r"inputs has infinite or NaN values, allowed: finite numbers"),
        (LINEAR, {}, {}, r"inputs has the lengths \{\}, allowed: the same number of inputs in each tensor"),
        (LINEAR, {"input": X, "b": X[:3]}, {}, r"inputs has the lengths \{'input': 120, 'b': 3\}, allowed: the same"),
        (LINEAR, {"input": 3}, {}, r"inputs has a value of type int as 'input', allowed: a tensor"),
        (LINEAR, {"other": X}, {}, r"inputs is a dict of other: a torch.float32 tensor \(120, 20\), allowed: what the"),
        (LINEAR, X, {"networks": 1}, r"networks is 1, allowed: a whole number from 2 to 1000000"),
        (LINEAR, X, {"networks": 2.5}, r"networks is 2.5, allowed: a whole number"),
        (LINEAR, X, {"seed": -1}, r"seed is -1, allowed: a whole number from 0 to 2147483647"),
        (LINEAR, X, {"batch_size": True}, r"batch_size is True, allowed: a whole number"),
        (LINEAR, X, {"batch_norm": "after"}, r"batch_norm is 'after', allowed: one of eval, batch"),
        (LINEAR, X, {"class_names": ["a"]}, r"class_names is \['a'\], allowed: 4 names, one for each logit"),
        (LINEAR, X, {"device": "abacus"}, r"device is 'abacus', allowed: cpu, cuda or mps"),
    ],
)
def test_one_sentence(make: nn.Module | Callable[[], Any], inputs: Any, options: dict[str, Any], sentence: str) -> None:
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=sentence) as caught:
        igbviz.untrained(make, inputs, **{"networks": 3} | options)
    assert "\n" not in str(caught.value) and torch.get_rng_state().equal(state)


def test_only_one_network_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    living, most = 0, 0

    class Counted(nn.Linear):
        def __init__(self) -> None:
            nonlocal living, most
            super().__init__(20, 4)
            living += 1
            most = max(most, living)

        def __del__(self) -> None:
            nonlocal living
            living -= 1

    igbviz.untrained(Counted, X, 4)
    assert most == 1 and module.untrained is igbviz.untrained


def test_inputs_may_be_an_array() -> None:
    drawn = [igbviz.untrained(LINEAR, inputs, 3).records for inputs in (X, X.numpy())]
    np.testing.assert_array_equal(*drawn)
