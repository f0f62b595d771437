"""Tensors and arrays as data, and the sentences for parts that cannot be trained."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from igbviz.config import RunConfig
from igbviz.datasets import FashionMini
from igbviz.spec import ConfigError
from igbviz.training.loop import Training, train
from igbviz.training.memory import require_memory
from igbviz.training.own import data as own_data_module
from igbviz.training.own.data import OwnDataset, own_data
from igbviz.training.own.parts import with_own_parts

CPU = torch.device("cpu")
Y = torch.arange(12) % 3


@pytest.fixture
def short() -> RunConfig:
    return RunConfig(batch_size=4, epochs=1, probes={"size": "all", "count": 3})


def tables(**changes: Any) -> tuple[Any, ...]:
    """Twelve samples of five numbers in three classes, with some of the four parts changed."""
    x = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    return tuple(({"x": x, "y": Y, "x_test": x, "y_test": Y} | changes).values())


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_floating_point_samples_are_taken_as_they_are() -> None:
    x, y, *test = tables()
    data = own_data((x, y, *test), (), CPU)
    assert data.train_images.data_ptr() == x.data_ptr() and data.train_labels.data_ptr() == y.data_ptr()
    assert data.class_names == ("0", "1", "2") and data.source == "own data, 12 + 12 samples of shape (5,)"
    arrays = [part.numpy() for part in (x.double(), y.to(torch.uint8))]
    arrays[0].flags.writeable = False
    for same in (own_data((*arrays, *arrays), (), CPU), own_data((arrays[0][::-1][::-1], y, *arrays), (), CPU)):
        assert torch.equal(same.train_images, x) and torch.equal(same.test_labels, Y)
    foreign = x.numpy().astype(">f4")
    assert torch.equal(own_data((foreign, y, foreign, y), ["a", "b", "c"], CPU).train_images, x)


@pytest.mark.parametrize("shape", [(12, 8, 8), (12, 1, 8, 8), (12, 3, 8, 10)])
def test_images_of_bytes_are_standardized_and_shown_as_they_were(shape: tuple[int, ...], short: RunConfig) -> None:
    x = pixels(*shape)
    parts = (x, Y, x[:6], Y[:6])
    data = own_data(parts, (), CPU)
    assert data.shape == (shape[1:] if len(shape) == 4 else (1, 8, 8))
    assert data.train_images.mean((0, 2, 3)) == pytest.approx(0, abs=1e-5)
    assert data.train_images.std((0, 2, 3), correction=0) == pytest.approx(1, abs=1e-5)
    assert (data.pixels(data.test_images) == x[:6].reshape(6, *data.shape)).all()
    config, loaded = with_own_parts(short, CPU, None, parts, None, ())
    training = Training(config, "cpu", data=loaded)
    next(training.ticks())
    assert training.thumbnails().shape == (6, *data.shape) and training.watched.index.max() == 5


def test_built_in_images_give_the_built_in_run(short: RunConfig) -> None:
    fashion = FashionMini(examples_per_class=40)
    stored = fashion._read()
    mean, std = fashion._mean_and_std(torch.from_numpy(stored.train_images))
    data = own_data((stored.train_images, stored.train_labels, stored.test_images, stored.test_labels), (), CPU)
    assert torch.equal(data.mean, mean) and torch.equal(data.std, std)
    assert torch.equal(data.test_images, fashion.load().test_images)


def test_labels_may_be_a_list() -> None:
    data = own_data(tables(y=Y.tolist()), (), CPU)
    assert data.train_labels.dtype == torch.int64 and torch.equal(data.train_labels, Y)


def test_floating_point_images_are_shown_from_black_to_white() -> None:
    x = torch.linspace(-2, 3, 12 * 192).view(12, 3, 8, 8)
    shown = own_data((x, Y, x, Y), (), CPU).pixels(x)
    assert shown.min() == 0 and shown.max() == 255 and shown[0, 0, 0, 0] == 0
    assert own_data((x * 0, Y, x * 0, Y), (), CPU).pixels(x * 0).max() == 0


def test_samples_of_any_shape_are_trained_on(short: RunConfig) -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.head = nn.Embedding(30, 8), nn.Linear(8, 3)

        def forward(self, tokens: Tensor) -> Tensor:
            return self.head(self.words(tokens).mean(1))

    tokens = torch.arange(84).view(12, 7).to(torch.int32) % 30
    stream = train(short, "cpu", model=Words, data=(tokens, Y, tokens, Y), class_names=["a", "b", "c"])
    assert len(list(stream)) == 3 and stream.class_names == ("a", "b", "c")
    volumes = torch.randn(12, 1, 4, 4, 4)
    deep = nn.Sequential(nn.Conv3d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 3))
    assert len(list(train(short, "cpu", model=deep, data=(volumes, Y, volumes, Y)))) == 3
    config, loaded = with_own_parts(short, CPU, deep, (volumes, Y, volumes, Y), None, ())
    training = Training(config, "cpu", data=loaded)
    assert training.watched is None, "there is no picture of them"
    assert config.dataset.facts().side == 8 and config.dataset.facts().channels == 1


def test_data_in_memory_needs_none(short: RunConfig) -> None:
    config, _ = with_own_parts(short, CPU, None, tables(), None, ())
    facts = OwnDataset(own_data(tables(), (), CPU)).facts()
    weights = config.model.weights((1, 3, 3), 3)
    require_memory(config, facts, free=4 * 4 * weights + 4 * 4 * config.model.activations((1, 3, 3), 3) + 100)


def test_numbers_that_do_not_fit_into_memory_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_data_module, "free_memory", lambda: 100.0)
    with pytest.raises(ConfigError, match="data.x needs 0 GB as 4-byte numbers, allowed: at most the 0 GB"):
        own_data(tables(x=tables()[0].double()), (), CPU)


X = tables()[0]
NOT_DATA: dict[str, tuple[Any, str]] = {
    "no tuple": (X, "data is of type Tensor, allowed: four tensors or arrays"),
    "pairs": (((X, Y), (X, Y)), r"data is 2 parts, allowed: four tensors or arrays, \(x, y, x_test, y_test\)"),
    "lists": (tables(x=[[1.0]]), "data.x is of type list, allowed: a tensor or an array"),
    "objects": (tables(x=np.array([["a"]])), "data.x is an array of <U1, allowed: numbers"),
    "complex": (tables(x=X.to(torch.complex64)), "data.x has numbers of type complex64, allowed: real"),
    "one axis": (tables(x=X[:, 0]), r"data.x has shape \(12,\), allowed: \(samples, ...\)"),
    "empty": (tables(x=X[:0]), r"data.x has shape \(0, 5\), allowed"),
    "NaN": (tables(x_test=X.log()), "data.x_test has infinite numbers or NaN, allowed: finite"),
    "other shape": (tables(x_test=X[:, :4]), r"data.x_test has samples of shape \(4,\), allowed: \(5,\), as in x"),
    "other type": (tables(x_test=X.long()), "data.x_test has samples of type int64, allowed: float32, as in x"),
    "channels last": (tables(x=pixels(12, 8, 8, 3)), r"data.x is uint8 of shape \(12, 8, 8, 3\), allowed: images"),
    "bytes": (tables(x=pixels(12, 5)), "data.x is uint8 of shape .* or floating-point numbers of any shape"),
    "float labels": (tables(y=Y.float()), r"data.y has numbers of type float32, allowed: whole numbers, as in y.long"),
    "one-hot": (tables(y=functional.one_hot(Y)), r"data.y has shape \(12, 3\), allowed: \(12,\)"),
    "too few": (tables(y_test=Y[:5]), r"data.y_test has shape \(5,\), allowed: \(12,\), one number per sample"),
    "negative": (tables(y=Y - 1), "data.y has the label -1, allowed: 0 and above"),
    "from one": (tables(y=Y + 1), "data.y has no sample of class 0, allowed: at least one of each class"),
    "missing": (tables(y_test=Y.clamp(max=1)), "data.y_test has no sample of class 2, allowed"),
    "millions": (tables(y=Y * 10**15), "data.y has no sample of class 1, allowed"),
    "one class": (tables(y=Y * 0, y_test=Y * 0), "data.y has no sample of class 1, allowed"),
}


@pytest.mark.parametrize("data, sentence", NOT_DATA.values(), ids=NOT_DATA)
def test_what_cannot_be_data_is_one_sentence(data: Any, sentence: str, short: RunConfig) -> None:
    refuse(sentence, short, data=data)


class Answers(nn.Module):
    """A linear layer, and something else made of its logits."""

    def __init__(self, change: Any) -> None:
        super().__init__()
        self.layer, self.change = nn.Linear(5, 3), change

    def forward(self, samples: Tensor) -> Any:
        return self.change(self.layer(samples), self.training)


FIVE = "fails in evaluation mode, given samples of shape .2, 5. and type float32; RuntimeError: mat1"
NOT_MODELS: dict[str, tuple[Any, str]] = {
    "name": ("resnet18", "model is 'resnet18', allowed: a torch module, or a function without arguments"),
    "spec": (RunConfig().model, "model is Mlp.*; an architecture of igbviz is a field of the configuration"),
    "makes none": (lambda: 3, "model makes a value of type int, allowed: a torch module"),
    "needs arguments": (nn.Linear, "model fails, allowed: a function without arguments; TypeError: .*missing"),
    "always the same": ((lambda net: lambda: net)(nn.Linear(5, 3)), "makes the same module twice, allowed: a new one"),
    "no copy": (Answers(Lock()), "cannot be copied, allowed: .* or a function that makes one;"),
    "no weights": (nn.Flatten(), "has no weights to train, allowed: at least one"),
    "lazy": (nn.LazyLinear(3), "has lazy layers, allowed: layers with weights"),
    "other samples": (nn.Linear(4, 3), FIVE),
    "other classes": (nn.Linear(5, 4), r"gives a tensor of shape \(2, 4\) for 2 samples, allowed: .* \(2, 3\)"),
    "tuple in training": (
        Answers(lambda logits, training: (logits, logits) if training else logits),
        r"gives a value of type tuple in training mode, allowed: logits \(batch, classes\), here \(2, 3\), as one",
    ),
    "NaN": (Answers(lambda logits, _: logits * torch.nan), "gives logits that are infinite or NaN before the first"),
    "no gradient": (Answers(lambda logits, _: logits.detach()), "gives logits without a gradient, allowed"),
    "random": (Answers(lambda logits, _: functional.dropout(logits)), "draws random numbers in evaluation mode"),
}


@pytest.mark.parametrize("model, sentence", NOT_MODELS.values(), ids=NOT_MODELS)
def test_what_cannot_be_a_model_is_one_sentence(model: Any, sentence: str, short: RunConfig) -> None:
    refuse(sentence, short, data=tables(), model=model)


IMAGES = (torch.randn(12, 3, 8, 8), Y, torch.randn(12, 3, 8, 8), Y)
NO_BIAS = nn.Sequential(nn.Flatten(), nn.Linear(192, 3, bias=False))
NOT_TOGETHER: dict[str, tuple[dict, dict, str]] = {
    "names without data": ({"class_names": ["a"]}, {}, "class_names are given without data, allowed: the names"),
    "few names": ({"data": tables(), "class_names": ["a", "b"]}, {}, "class_names are 2, allowed: at least 3"),
    "many names": ({"data": tables(), "class_names": list("abcd")}, {}, "data.y has no sample of class 3, allowed"),
    "one text": ({"data": tables(), "class_names": "abc"}, {}, "class_names are the text 'abc', allowed: a list"),
    "no images": ({"data": tables()}, {"model": {"name": "cnn"}}, r"allowed with cnn: \(channels, height, width\)"),
    "no numbers": ({"data": tables(x=X.long(), x_test=X.long())}, {}, "has whole numbers, allowed with mlp: floating"),
    "other weights": (
        {"data": IMAGES, "model": NO_BIAS},
        {"initialization": {"name": "xavier"}},
        "initialization is {'name': 'xavier'}, which would overwrite the weights of your model, allowed: nothing, or",
    ),
    "no bias": (
        {"data": IMAGES, "model": NO_BIAS},
        {"initialization": {"name": "torchvision", "last_layer": "neutral-bias"}},
        "model adds no bias to its logits, allowed: one, since initialization.last_layer is neutral-bias",
    ),
    "no last layer": (
        {"data": IMAGES, "model": nn.Sequential(nn.Flatten(), nn.Linear(192, 9), nn.AvgPool1d(3))},
        {"initialization": {"name": "torchvision", "last_layer": "zero"}},
        "model has no linear layer with 3 outputs, allowed: one, since",
    ),
    "batch norm": (
        {"data": tables(), "model": nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3))},
        {"batch_size": 1},
        "model fails in training mode, given samples of shape .1, 5.*Expected more than 1 value per channel",
    ),
    "small probe": (
        {"data": tables(y=torch.arange(12), y_test=torch.arange(12))},
        {"probes": {"size": 10}},
        "probes.size is 10, allowed: at least 12",
    ),
    "weights of the loss": ({"loss": nn.CrossEntropyLoss(torch.ones(4)), "data": tables()}, {}, "loss fails with log"),
    "trained loss": ({"loss": Answers(lambda *_: 0)}, {}, "loss has weights to train, allowed: none, since"),
    "random loss": (
        {"loss": lambda logits, labels: functional.cross_entropy(functional.dropout(logits), labels)},
        {},
        "loss draws random numbers, allowed: the same value",
    ),
}


@pytest.mark.parametrize("parts, changes, sentence", NOT_TOGETHER.values(), ids=NOT_TOGETHER)
def test_what_does_not_fit_is_one_sentence(parts: dict, changes: dict, sentence: str, short: RunConfig) -> None:
    refuse(sentence, short.with_(**changes), **parts)


def refuse(sentence: str, config: RunConfig, **parts: Any) -> None:
    before = torch.get_rng_state()
    with pytest.raises(ConfigError, match=sentence) as caught:
        train(config, "cpu", **parts)
    assert "\n" not in str(caught.value) and torch.equal(before, torch.get_rng_state())
