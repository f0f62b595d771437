"""Training with one's own network, data and loss: as a plain loop would, the same every time."""

from __future__ import annotations

import copy
import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from igbviz.config import RunConfig
from igbviz.training.loop import Training, train
from igbviz.training.own.parts import with_own_parts
from igbviz.training.seeds import ORDER, derived_seed
from igbviz.trajectory import Trajectory
from tests.support.trajectories import same

CPU = torch.device("cpu")
NAMES = ("cat", "dog", "owl")


class Block(nn.Module):
    """A residual block, as in a ResNet."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(inputs, outputs, 3, 2, 1), nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs) for _ in range(2))
        self.shortcut = nn.Conv2d(inputs, outputs, 1, 2)

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.norms[0](self.first(maps)).relu()
        return (self.norms[1](self.second(inner)) + self.shortcut(maps)).relu()


def residual() -> nn.Module:
    return nn.Sequential(Block(3, 8), Block(8, 16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 3))


def dropping() -> nn.Module:
    """Random in training, which no attribute says."""

    class Dropping(nn.Sequential):
        def forward(self, samples: Tensor) -> Tensor:
            return super().forward(functional.dropout(samples, 0.5, self.training))

    return Dropping(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3))


def pictures(count: int = 96, test: int = 36) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Noise with a little of its label."""
    generator = torch.Generator().manual_seed(0)
    labels = [torch.arange(n) % 3 for n in (count, test)]
    images = [torch.randn(len(y), 3, 8, 8, generator=generator) + y[:, None, None, None] for y in labels]
    return images[0], labels[0], images[1], labels[1]


def table(count: int = 90, test: int = 36) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x, y, x_test, y_test = pictures(count, test)
    return x[:, 0, 0, :5], y, x_test[:, 0, 0, :5], y_test


@pytest.fixture
def short() -> RunConfig:
    optimizer = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}
    return RunConfig(batch_size=16, epochs=3, probes={"size": "all", "count": 10}, optimizer=optimizer)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return residual()


LOSSES = {
    "cross-entropy": nn.CrossEntropyLoss(),
    "weights and smoothing": nn.CrossEntropyLoss(torch.tensor([1.0, 0.2, 3.0]), label_smoothing=0.1),
    "sum": partial(functional.cross_entropy, reduction="sum"),
    "own": lambda logits, labels: functional.multi_margin_loss(logits, labels),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_it_does_what_a_plain_loop_does(network: nn.Module, short: RunConfig, loss) -> None:
    config = short.with_(optimizer={"name": "sgd", "learning_rate": 0.002, "momentum": 0.9})
    x, y, x_test, y_test = pictures()
    net, ours = copy.deepcopy(network), list(train(config, "cpu", model=network, data=pictures(), loss=loss))
    optimizer = torch.optim.SGD(net.parameters(), 0.002, momentum=0.9)
    theirs, losses, step = {}, [], 0
    for epoch in range(3):
        order = torch.randperm(96, generator=torch.Generator().manual_seed(derived_seed(0, ORDER, epoch)))
        for rows in order.split(16):
            net.eval()
            with torch.no_grad():
                probability = net(x_test).softmax(-1)
            theirs[step] = torch.stack([probability[y_test == k].mean(0) for k in range(3)]), losses
            net.train()
            optimizer.zero_grad()
            value = loss(net(x[rows]), y[rows])
            value.backward()
            optimizer.step()
            losses, step = [*losses, value.item()], step + 1
    seen, before = 0, 0
    for record in ours[:-1]:
        probability, losses = theirs[int(record["step"])]
        np.testing.assert_allclose(record["mean_prob"], probability, rtol=1e-3, atol=1e-5)
        if losses:
            assert record["train_loss"] == pytest.approx(np.mean(losses[before:]), rel=1e-3)
        seen, before = seen + 1, len(losses)
    assert seen == 9 and np.abs(ours[-1]["mean_prob"] - ours[0]["mean_prob"]).max() > 0.02


PARTS = {
    "module": {"model": residual(), "data": pictures()},
    "function": {"model": residual, "data": pictures(), "loss": nn.CrossEntropyLoss()},
    "class": {"model": partial(nn.Linear, 5, 3), "data": table(), "loss": functional.cross_entropy},
    "dropout": {"model": dropping, "data": table(), "loss": nn.CrossEntropyLoss(label_smoothing=0.1)},
    "data alone": {"data": table()},
    "loss alone": {"loss": nn.CrossEntropyLoss()},
}


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_two_calls_give_the_same_bits(short: RunConfig, tiny: RunConfig, parts: dict) -> None:
    config = short if "data" in parts else tiny
    before = torch.get_rng_state()
    first = Trajectory.of(train(config, "cpu", **parts))
    assert torch.equal(before, torch.get_rng_state()), "the caller's random numbers are their own"
    torch.rand(3)
    assert same(first.records, Trajectory.of(train(config, "cpu", **parts)).records)
    assert np.isfinite(first.records["signal"]).all() and first.records["mean_prob"][-1].std() > 0
    if "data" in parts:
        assert not same(first.records, Trajectory.of(train(config.with_(seed=1), "cpu", **parts)).records)


def test_a_function_is_called_under_the_seed_and_a_module_is_not_touched(short: RunConfig) -> None:
    starts = [next(train(short.with_(seed=seed), "cpu", model=residual, data=pictures())) for seed in (0, 0, 1)]
    assert (starts[0]["mean_prob"] == starts[1]["mean_prob"]).all()
    assert (starts[0]["mean_prob"] != starts[2]["mean_prob"]).any()
    network = residual().eval()
    before = copy.deepcopy(network.state_dict())
    stream = train(short, "cpu", model=network, data=pictures())
    list(stream)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not network.training and stream.network is not network
    assert not torch.equal(stream.network[-1].weight, network[-1].weight)


def test_the_same_parts_of_igbviz_give_the_same_run(tiny: RunConfig) -> None:
    """Its network, its data and its loss, handed in as if they were somebody's own."""
    training = Training(tiny, "cpu")
    data = training.clean_data
    parts = {
        "model": training.network,
        "data": (data.train_images, data.train_labels, data.test_images, data.test_labels),
        "loss": tiny.loss,
    }
    ours, theirs = (Trajectory.of(train(tiny, "cpu", **chosen)) for chosen in ({}, parts))
    for column in ("mean_prob", "signal", "train_loss"):
        np.testing.assert_allclose(ours.records[column], theirs.records[column], rtol=1e-4, atol=1e-6)


def test_noise_imbalance_and_probes_follow_the_given_data(short: RunConfig) -> None:
    config = short.with_(
        label_noise={"name": "symmetric", "rate": 0.5},
        imbalance={"ratio": 2, "majority": 1},
        probes={"size": 12, "count": 5},
    )
    stream = train(config, "cpu", model=nn.Linear(5, 3), data=table(), class_names=NAMES)
    trajectory = Trajectory.of(stream)
    assert trajectory.class_names == NAMES == stream.class_names and len(stream) == 5
    assert (stream.steps_per_epoch, stream.steps) == (4, 12), "30 + 15 + 15 samples are left"
    assert trajectory.has_noise and (trajectory.class_sizes() == 4).all()
    favoured = config.with_(imbalance={"ratio": 2})
    assert len(list(train(favoured, "cpu", model=nn.Linear(5, 3), data=table(), loss=nn.CrossEntropyLoss()))) == 5


def test_a_schedule_holds_for_a_loss_of_ones_own(short: RunConfig) -> None:
    for name in ("switch", "mix"):
        config = short.with_(schedule={"name": name, "duration": 6, "unit": "steps"})
        own, ours = (
            Trajectory.of(train(chosen, "cpu", model=nn.Linear(5, 3).requires_grad_(), data=table(), loss=loss))
            for chosen, loss in ((config, nn.MultiMarginLoss()), (config, None))
        )
        assert np.isfinite(own.signal).all() and len(own) == len(ours)
        assert own.silent[-1].max() >= 0


def test_a_scalar_loss_trains_and_its_signal_is_unknown(short: RunConfig) -> None:
    def scalar(logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(logits, labels)

    model = nn.Linear(5, 3)
    known, unknown = (
        Trajectory.of(train(short, "cpu", model=model, data=table(), loss=loss))
        for loss in (nn.CrossEntropyLoss(), scalar)
    )
    assert np.isnan(unknown.signal).all() and np.isnan(unknown.silent).all() and np.isfinite(known.signal).all()
    np.testing.assert_array_equal(known.mean_prob, unknown.mean_prob)


def test_what_is_measured_of_a_model(short: RunConfig) -> None:
    config, data = with_own_parts(short, CPU, residual(), pictures(), None, ())
    model, size = config.model, (data.shape, 3)
    weights = sum(weight.numel() for weight in residual().parameters())
    assert model.weights(*size) == weights and not model.is_random
    first, second = (27 + 72 + 3) * 8 * 16, (72 + 144 + 8) * 16 * 4
    assert model.flops(*size) == first + second + 16 * 3
    assert 3 * 64 + 5 * 8 * 16 <= model.activations(*size) < 2000
    assert with_own_parts(short, CPU, dropping, table(), None, ())[0].model.is_random


def test_what_keeps_tensors_or_changes_weights_is_trained_as_it_is(short: RunConfig) -> None:
    class Caching(nn.Module):
        """Keeps what it computed in a probe for the next step."""

        def __init__(self) -> None:
            super().__init__()
            self.inner, self.scale = nn.utils.spectral_norm(nn.Linear(5, 3)), None

        def forward(self, samples: Tensor) -> Tensor:
            if self.scale is None:
                self.scale = torch.full((5,), 2.0)
            return self.inner(samples * self.scale)

    list(stream := train(short, "cpu", model=Caching, data=table()))
    stream.network.eval()
    *_, x_test, y_test = table()
    with torch.no_grad():
        probability = stream.network(x_test).softmax(-1)
    expected = torch.stack([probability[y_test == k].mean(0) for k in range(3)])
    np.testing.assert_allclose(stream.trajectory.mean_prob[-1], expected, rtol=1e-5)


def test_the_last_layer_may_be_treated(short: RunConfig) -> None:
    zero = short.with_(initialization={"name": "torchvision", "last_layer": "zero"})
    assert next(train(zero, "cpu", model=residual, data=pictures()))["mean_prob"] == pytest.approx(1 / 3)
    neutral = short.with_(initialization={"name": "torchvision", "last_layer": "neutral-bias"})
    neutral = neutral.with_(probes={"size": "all", "count": 4, "batch_norm": "batch"})
    first = next(train(neutral, "cpu", model=residual, data=pictures()))
    assert first["mean_prob"].mean(0) == pytest.approx(1 / 3, abs=0.05) and not math.isnan(first["signal"][0])


def test_frozen_weights_stay(short: RunConfig) -> None:
    network = residual()
    network[0].requires_grad_(False)
    for weight in network[0].parameters():
        weight.grad = torch.ones_like(weight)
    list(stream := train(short, "cpu", model=network, data=pictures()))
    assert torch.equal(stream.network[0].first.weight, network[0].first.weight)
    assert not torch.equal(stream.network[1].first.weight, network[1].first.weight)
