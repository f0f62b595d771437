"""Bad input gets one sentence with the argument, its value and what is allowed; a later look never stops a training."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import IterableDataset, TensorDataset

from igbviz.recording.probe import Probe
from igbviz.spec import ConfigError

INPUTS, LABELS = torch.randn(12, 4), torch.arange(12) % 3


class Returns(nn.Module):
    """Returns what `make` makes of its logits."""

    def __init__(self, make=lambda logits: logits) -> None:
        super().__init__()
        self.layer, self.make = nn.Linear(4, 3), make

    def forward(self, inputs: torch.Tensor):
        return self.make(self.layer(inputs))


class Endless(IterableDataset):
    def __iter__(self):
        yield from zip(INPUTS, LABELS, strict=True)


GOOD = {"model": Returns(), "inputs": INPUTS, "labels": LABELS}
BAD = {
    "a function": ({"model": torch.relu}, "model is .*, allowed: a torch.nn.Module"),
    "lazy": ({"model": nn.LazyLinear(3)}, r"model has weights without a shape \(weight\), allowed: .* called once"),
    "list": ({"inputs": [1, 2]}, r"inputs is of type list, allowed: a tensor \(N, ...\), a dict or a tuple"),
    "nothing": ({"inputs": None}, "inputs is None, allowed: a tensor"),
    "dict": ({"inputs": {"x": "text"}}, r"inputs\['x'\] is of type str, allowed: a tensor"),
    "words": ({"inputs": np.array(["a"] * 12)}, "inputs is of type ndarray, allowed: a tensor"),
    "fewer": ({"inputs": INPUTS[:7]}, r"inputs has shape \(7, 4\), allowed: \(12, ...\), one for each of the labels"),
    "uneven": ({"inputs": {"a": INPUTS, "b": INPUTS[:7]}}, r"inputs\['b'\] has shape \(7, 4\), allowed: \(12, ...\)"),
    "endless": ({"inputs": Endless(), "labels": None}, "inputs is of type Endless and has no length, allowed: "),
    "unlabeled": ({"inputs": TensorDataset(INPUTS), "labels": None}, r"inputs has samples .*, allowed: \(inputs"),
    "twice": ({"inputs": TensorDataset(INPUTS, LABELS)}, "labels is Tensor, allowed: None, since the labels come"),
    "no labels": ({"labels": None}, r"labels are None, allowed: whole numbers \(N,\)"),
    "floats": ({"labels": LABELS.float()}, r"labels are of type torch.float32, allowed: whole numbers \(N,\)"),
    "one-hot": ({"labels": torch.eye(3)[LABELS].long()}, r"labels have shape \(12, 3\), allowed: whole numbers \(N,\)"),
    "names": ({"labels": ["cat"] * 12}, r"labels are of type list, allowed: whole numbers \(N,\)"),
    "negative": ({"labels": LABELS - 1}, "labels run from -1 to 1, allowed: 0 to 1"),
    "too large": ({"class_names": ["a", "b"]}, "labels run from 0 to 2, allowed: 0 to 1, one for each of class_names"),
    "absent": ({"labels": LABELS // 2 * 2}, "labels have no input of class 1, allowed: at least one of each of the 3"),
    "absent, named": ({"class_names": list("abcde")}, r"labels have no input of class 3 \(d\) and of 1 more, allowed"),
    "one class": ({"labels": LABELS * 0}, "labels are all 0, allowed: those of at least 2 classes"),
    "a name": ({"class_names": "abc"}, "class_names is 'abc', allowed: a list of names, or None"),
    "batch_norm": ({"batch_norm": "train"}, "batch_norm is 'train', allowed: 'eval' or 'batch'"),
    "schedule": ({"schedule": "often"}, "schedule is 'often', allowed: 'log', 'batch', the steps"),
    "epoch": ({"steps_per_epoch": 0}, "steps_per_epoch is 0, allowed: a whole number of at least 1"),
    "batch size": ({"batch_size": 2.5}, "batch_size is 2.5, allowed: a whole number of at least 1"),
    "loss": ({"loss": "mae"}, r"loss is 'mae', allowed: a function of .*, as in igbviz.losses.MeanAbsoluteError\(\)"),
    "empty": (
        {"inputs": TensorDataset(INPUTS[:0], LABELS[:0]), "labels": None},
        "inputs is of type TensorDataset and empty, allowed: at least one sample",
    ),
    "loss class": ({"loss": nn.CrossEntropyLoss}, "loss is the class CrossEntropyLoss, allowed: an instance"),
    # what the first look finds
    "device": ({"model": Returns().to("meta")}, "inputs is on cpu, allowed: meta, where model is"),
    "wrong shape": ({"inputs": torch.randn(12, 5)}, r"model fails on inputs \(12, 5\) torch.float32: RuntimeError: "),
    "wrong type": ({"inputs": INPUTS.double()}, r"model fails on inputs \(12, 4\) torch.float64: RuntimeError: mat1"),
    "wrong keyword": ({"inputs": {"x": INPUTS}}, r"model fails on inputs\['x'\] .*: TypeError: .*'x'"),
    "a tuple": ({"model": Returns(lambda z: (z, z))}, r"model returns a tuple, allowed: logits \(batch, classes\)"),
    "images": ({"model": Returns(lambda z: z[..., None])}, r"model returns torch.float32 of shape \(12, 3, 1\) for 12"),
    "guesses": ({"model": Returns(lambda z: z.long()[:, None])}, r"model returns torch.int64 of shape \(12, 1, 3\)"),
    "a logit": ({"model": nn.Linear(4, 1), "labels": LABELS % 2}, "model returns one number per input, allowed: one"),
    "fewer logits": ({"model": nn.Linear(4, 2)}, "model returns logits of 2 classes, allowed: 3, as in labels"),
    "more logits": ({"model": nn.Linear(4, 10)}, "labels have no input of class 3 and of 6 more, allowed: .* the 10 "),
    "NaN": ({"model": Returns(lambda z: z * np.nan)}, "model returns NaN or infinity at step 0, allowed: finite"),
    "infinity": ({"model": Returns(lambda z: z + np.inf)}, "model returns NaN or infinity at step 0, allowed: finite"),
    "other loss": ({"loss": nn.BCEWithLogitsLoss()}, "loss fails with logits of shape .*ValueError: Target size"),
    "loss shape": ({"loss": lambda z, y: z}, r"loss gives a tensor of shape \(12, 3\) for 12 samples, allowed"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "sentence"), BAD.values(), ids=BAD)
def test_one_sentence(arguments: dict, sentence: str) -> None:
    with pytest.raises(ConfigError, match=f"^{sentence}") as error:
        Probe(**GOOD | arguments)()
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


def test_the_first_look_can_be_repeated() -> None:
    probe = Probe(model := Returns().to("meta"), INPUTS, LABELS)
    for look in (probe, probe.look):
        with pytest.raises(ConfigError, match="inputs is on cpu"):
            look()
    model.to_empty(device="cpu").layer.reset_parameters()
    probe()
    assert probe.trajectory.step.tolist() == [0]


def later(probe: Probe, *arguments, **named) -> list[str]:
    """The warnings of a later call, and that the training goes on."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        probe(*arguments, **named)
        for _ in range(3):
            probe()
            probe.look()
    assert [warning.filename for warning in caught] == [__file__] * len(caught), "they point to the loop"
    return [str(warning.message) for warning in caught]


def test_a_later_error_ends_the_recording_with_one_warning() -> None:
    def nan(logits: torch.Tensor) -> torch.Tensor:
        return logits * float("nan")

    def fail(logits: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("out of memory\nfor example")

    reasons = {
        nan: "model returns NaN or infinity at step 1, allowed: finite logits",
        fail: "model fails on inputs (12, 4) torch.float32: RuntimeError: out of memory",
        (lambda z: z[:, :2]): "model returns logits of 2 classes at step 1, allowed: 3 as before",
        (lambda z: (z,)): "model returns a tuple, allowed: logits (batch, classes), or an output with such logits",
    }
    for make, reason in reasons.items():
        probe = Probe(model := Returns(), INPUTS, LABELS, loss=nn.CrossEntropyLoss())
        probe()
        model.make = make
        message = f"igbviz.Probe records no more after step 1, the training goes on: {reason}"
        assert later(probe) == [message]
        assert probe.error == reason and len(probe.trajectory) == 1 and probe.version == 2
        assert reason in repr(probe) and probe.step == 4


def test_nor_does_a_wrong_argument_stop_the_training() -> None:
    for arguments, named, reason in [
        (("high",), {}, "train_loss is .high., allowed: a number"),
        ((torch.zeros(3),), {}, "train_loss is a torch.float32 tensor of shape"),
        ((), {"step": -1}, "step is -1, allowed: a whole number of at least 0"),
        ((), {"step": 2.5}, "step is 2.5, allowed"),
    ]:
        probe = Probe(Returns(), INPUTS, LABELS)
        probe()
        assert re.search(reason, later(probe, *arguments, **named)[0])
    probe = Probe(Returns(), INPUTS, LABELS, schedule=lambda step: 1 // (step - 2))
    probe()
    probe()
    assert "ZeroDivisionError" in later(probe)[0]


def test_not_even_if_warnings_are_errors(capsys: pytest.CaptureFixture) -> None:
    probe = Probe(model := Returns(), INPUTS, LABELS)
    probe()
    model.make = lambda logits: None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probe()
    assert "records no more after step 1" in capsys.readouterr().err


def test_an_interrupt_is_no_error() -> None:
    def interrupt(logits: torch.Tensor) -> torch.Tensor:
        raise KeyboardInterrupt

    probe = Probe(model := Returns(), INPUTS, LABELS)
    probe()
    model.make = interrupt
    with pytest.raises(KeyboardInterrupt):
        probe()
    model.make = lambda logits: logits
    probe()
    assert probe.trajectory.step.tolist() == [0, 2] and model.training


@pytest.mark.parametrize(
    "loss, problem",
    [
        ("high", "is 'high'"),
        ([0.5], r"is \[0.5\]"),
        (torch.ones(3), r"is a torch.float32 tensor of shape \(3,\)"),
        (torch.tensor(1j), "is a torch.complex64 tensor"),
    ],
)
def test_a_loss_that_is_no_number_is_ignored(loss, problem: str) -> None:
    probe = Probe(**GOOD, schedule="batch")
    probe()
    probe(0.5)
    with pytest.warns(RuntimeWarning, match=f"ignores the loss of step 2: train_loss {problem}.*, allowed: a number"):
        probe(loss)
    with warnings.catch_warnings(action="error"):
        probe(loss)
    for value in (torch.tensor([0.25]), np.float32(0.25), np.array(0.25)):
        probe(value)
    np.testing.assert_equal(probe.trajectory.train_loss, [np.nan, 0.5, np.nan, np.nan, 0.25, 0.25, 0.25])
    assert probe.error is None
