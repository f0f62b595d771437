"""A probe in somebody's loop gives the trajectory that igbviz would have given, whatever the model and its inputs."""

from __future__ import annotations

import re
import textwrap
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import igbviz
from igbviz._torchvision import torchvision
from igbviz.charts.run import curves
from igbviz.config import RunConfig
from igbviz.datasets import probe_indices
from igbviz.recording import probe as module
from igbviz.recording.probe import Probe
from igbviz.training.data import Batches
from igbviz.training.network import build_network
from igbviz.trajectory import Trajectory
from igbviz.trajectory.quantities import QUANTITIES


def train(model: nn.Module, probe: Probe, batches, loss=F.cross_entropy, rate: float = 0.1) -> Trajectory:
    """The loop of anybody: `batches` yields (inputs, labels)."""
    optimizer = torch.optim.SGD(model.parameters(), rate)
    probe()
    for inputs, labels in batches:
        optimizer.zero_grad()
        output = model(**inputs) if isinstance(inputs, dict) else model(inputs)
        value = loss(getattr(output, "logits", output), labels)
        value.backward()
        optimizer.step()
        probe(value)
    return probe.trajectory


@pytest.mark.parametrize(
    ("batch_norm", "loss", "ours"),
    [
        ("eval", nn.CrossEntropyLoss(), {"name": "cross-entropy"}),
        ("batch", igbviz.losses.LOSSES["piecewise-zero"](cutoff=0.3), {"name": "piecewise-zero", "cutoff": 0.3}),
    ],
    ids=["eval", "batch"],
)
def test_the_same_training_gives_the_same_numbers_as_igbviz(tiny: RunConfig, batch_norm: str, loss, ours: dict) -> None:
    """A ResNet-18 of torchvision, its weights and batches drawn as igbviz draws them."""
    config = tiny.with_(
        model={"name": "resnet18"}, loss=ours, epochs=0.4, probes=tiny.probes.with_(batch_norm=batch_norm)
    )
    expected = Trajectory.of(list(igbviz.train(config, "cpu")))
    data = config.dataset.load("cpu")
    model, batches = build_network(config, data), Batches(data, config)
    assert isinstance(model, torchvision.models.ResNet)
    rows = probe_indices(data.test_labels, 60, config.seed)
    probe = Probe(
        model, data.test_images[rows], data.test_labels[rows], loss=loss, batch_norm=batch_norm,
        steps_per_epoch=batches.per_epoch, schedule=expected.step,
    )  # fmt: skip
    rate = config.optimizer.learning_rate
    steps = (batches.of_step(step) for step in range(int(expected.step[-1])))
    recorded = train(model, probe, steps, lambda logits, labels: loss(logits, labels).mean(), rate)
    assert len(recorded) == len(expected) > 5 and recorded.class_names == expected.class_names
    for name in ("step", "epoch"):
        np.testing.assert_array_equal(getattr(recorded, name), getattr(expected, name))
    for name in ("mean_prob", "signal", "silent", "train_loss"):
        np.testing.assert_allclose(getattr(recorded, name), getattr(expected, name), rtol=2e-3, atol=2e-5, err_msg=name)
    assert np.abs(recorded.confusion - expected.confusion).sum() <= 4, "images that are tied may be guessed differently"
    assert np.abs(np.diff(recorded.mean_prob, axis=0)).max() > 0.01, "without learning, any two would agree"


class Text(nn.Module):
    """A transformer that classifies padded texts, called as those of Hugging Face are."""

    def __init__(self, words: int = 20, classes: int = 3) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), nn.Linear(16, classes)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        hidden = self.encoder(self.embedding(input_ids), src_key_padding_mask=attention_mask == 0)
        weights = attention_mask[..., None].float()
        return SimpleNamespace(logits=self.head((hidden * weights).sum(1) / weights.sum(1)))


def texts(count: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Sentences of words of their class and of other words, of different lengths."""
    labels = torch.arange(count) % 3
    words = torch.randint(1, 20, (count, 8))
    words[:, :3] = 1 + labels[:, None] * 5 + torch.randint(5, (count, 3))
    mask = (torch.arange(8) < torch.randint(3, 9, (count, 1))).long()
    return {"input_ids": words * mask, "attention_mask": mask}, labels


def test_a_transformer_on_texts() -> None:
    torch.manual_seed(0)
    inputs, labels = texts(120)
    model = Text()
    probe = Probe(model, inputs, labels, ["sport", "art", "law"], nn.CrossEntropyLoss(label_smoothing=0.1))
    trajectory = train(model, probe, (texts(30) for _ in range(120)), probe.loss, 0.5)
    assert trajectory.class_names == ("sport", "art", "law") and trajectory.class_sizes()[0].tolist() == [40] * 3
    assert trajectory.balanced_accuracy()[-1] > 0.8 > trajectory.balanced_accuracy()[0]
    assert (trajectory.signal > 0).all() and trajectory.train_loss[-1] < trajectory.train_loss[1]


def test_an_mlp_on_a_table() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 4))
    table, truth = torch.randn(400, 5), nn.Linear(5, 4)
    labels = truth(table).argmax(1)
    probe = Probe(model, table.numpy()[:200], labels.tolist()[:200], loss=F.cross_entropy)
    order = (torch.randint(200, 400, (50,)) for _ in range(200))
    trajectory = train(model, probe, ((table[rows], labels[rows]) for rows in order))
    assert trajectory.balanced_accuracy()[-1] > 0.8 > trajectory.balanced_accuracy()[0]
    for quantity in QUANTITIES:
        figure = curves(trajectory, quantity)
        assert figure.layout.xaxis.title.text.startswith("optimizer steps") and figure.data


def test_twelve_lines_with_a_resnet() -> None:
    code = textwrap.dedent(re.search(r"two lines\.\n\n(.*)\Z", module.__doc__, re.S)[1])
    assert len([line for line in code.splitlines() if line.strip()]) <= 14
    names: dict = {}
    exec(code.replace("import torch, torchvision", "import torch").replace(".show()", ".data"), {
        "torchvision": torchvision}, names)  # fmt: skip
    assert len(names["probe"]) == 6 and names["probe"].trajectory.classes == 10


def test_a_thousand_classes() -> None:
    labels = torch.arange(2000) % 1000
    model = nn.Linear(8, 1000)
    probe = Probe(model, torch.randn(2000, 8), labels, loss=F.cross_entropy)
    probe()
    first, records = probe.trajectory, len(probe._records)
    for _ in range(records):
        probe.step += 1
        probe.look()
    assert len(probe) == records + 1 and len(probe._records) == 2 * records, "the buffer has grown once"
    np.testing.assert_allclose(probe.trajectory.mean_prob.sum(-1), 1, rtol=1e-4)
    assert len(first) == 1 and first.mean_prob.tobytes() == probe.trajectory.mean_prob[:1].tobytes()


def test_the_signal_needs_a_loss_with_a_value_for_each_input() -> None:
    inputs, labels, model = torch.randn(30, 4), torch.arange(30) % 3, nn.Linear(4, 3)

    def signal(model: nn.Module, loss) -> np.ndarray:
        probe = Probe(model, inputs, labels, loss=loss)
        probe()
        assert np.isnan(probe.trajectory.signal).all() == np.isnan(probe.trajectory.silent).all()
        return probe.trajectory.signal

    module, expected = nn.CrossEntropyLoss(), signal(model, igbviz.losses.LOSSES["cross-entropy"]())
    for loss in (module, F.cross_entropy, lambda z, y: F.cross_entropy(z, y, reduction="none")):
        np.testing.assert_allclose(signal(model, loss), expected, rtol=1e-5)
    assert module.reduction == "mean"
    np.testing.assert_allclose(signal(nn.Sequential(model, nn.LogSoftmax(1)), F.nll_loss), expected, rtol=1e-5)
    for loss in (None, lambda z, y: F.cross_entropy(z, y)):
        assert np.isnan(signal(model, loss)).all()


def test_train_loss_is_the_mean_since_the_look_before() -> None:
    probe = Probe(nn.Linear(2, 2), torch.randn(8, 2), [0, 1] * 4, schedule=[2, 5])
    probe()
    for value in (1.0, torch.tensor(3.0, requires_grad=True), 4, torch.tensor(6.0).bfloat16(), torch.tensor(2.0)):
        probe(value)
    probe.look()
    probe()
    probe.look()
    assert probe.trajectory.step.tolist() == [0, 2, 5, 6]
    np.testing.assert_array_equal(probe.trajectory.train_loss, [np.nan, 2, 4, np.nan])


def test_a_loop_that_counts_its_own_steps() -> None:
    """With gradient accumulation a callback comes several times for a step; a resumed training begins later."""
    probe = Probe(nn.Linear(2, 2), torch.randn(8, 2), [0, 1] * 4)
    for step in (100, 100, 101, 101, 150, 1000):
        probe(step=step)
    assert probe.trajectory.step.tolist() == [100, 150, 1000], "101 is drawn at the place of 100"


def test_epochs() -> None:
    probe = Probe(nn.Linear(2, 2), torch.randn(8, 2), [0, 1] * 4, steps_per_epoch=4, schedule="batch")
    for _ in range(14):
        probe()
    assert probe.trajectory.step.tolist() == [0, 1, 2, 3, 4, 8, 12]
    assert probe.trajectory.epoch[-2:].tolist() == [2, 3] and probe.trajectory.steps_per_epoch == 4
    assert curves(probe.trajectory).layout.xaxis.title.text.startswith("epochs")


def test_it_is_read_while_it_records() -> None:
    probe, problems = Probe(nn.Linear(2, 2), torch.randn(8, 2), [0, 1] * 4, schedule="batch"), []
    over = threading.Event()
    assert len(probe.trajectory) == probe.version == len(probe) == 0 and "0 looks" in repr(probe)

    def read() -> None:
        while not over.is_set():
            trajectory = probe.trajectory
            if not (trajectory.step == np.arange(len(trajectory))).all() or (trajectory.class_sizes() != 4).any():
                problems.append(trajectory)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(200):
        probe()
    over.set()
    reader.join()
    assert not problems and probe.version == len(probe) == 200 and "200 looks to step 199" in repr(probe)
