"""A look leaves no trace in the training: it goes on, bit for bit, as it would without."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from igbviz.recording.probe import Probe


class Fussy(nn.Module):
    """Everything that a forward pass can disturb: BatchNorm, dropout, random numbers, a counter, a frozen part."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm, self.drop = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5)
        self.head, self.frozen = nn.Linear(8, 3), nn.BatchNorm1d(6)
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("latest", None)
        self.fails = False

    def train(self, mode: bool = True) -> Fussy:
        super().train(mode)
        self.frozen.eval()  # as those do who fine-tune
        return self

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.calls += 1  # in evaluation mode, too
        if self.fails:
            raise RuntimeError("it broke")
        noise = torch.randn(len(inputs), 6) * random.random() * np.random.random()  # noqa: NPY002
        return self.head(self.drop(self.norm(self.layer(self.frozen(inputs) + noise))))


class CountingLoss(nn.CrossEntropyLoss):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().forward(logits, labels)


def trained(batch_norm: str | None, fails_at: int = 99) -> list:
    """What a training leaves, with a probe that looks at every step or, for None, without one."""
    torch.manual_seed(0), random.seed(0), np.random.seed(0)  # noqa: NPY002
    model, loss = Fussy(), CountingLoss()
    model.norm.eval()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    inputs, labels, losses = torch.randn(30, 6), torch.arange(30) % 3, []
    probe = Probe(model, inputs, labels, None, loss, "batch", batch_norm) if batch_norm else None
    for step in range(8):
        if probe:
            before = [parameter.grad for parameter in model.parameters()]
            model.fails = step == fails_at
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                probe()
            model.fails = False
            assert len(caught) == (step == fails_at)
            assert all(parameter.grad is grad for parameter, grad in zip(model.parameters(), before, strict=True))
        if step == 4:
            model.train()
        optimizer.zero_grad()
        value = loss(model(inputs), labels)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    modes = [part.training for part in model.modules()]
    state = {name: value.clone() for name, value in (model.state_dict() | {"loss calls": loss.calls}).items()}
    if probe:
        assert len(probe) == min(8, fails_at) and loss.reduction == "mean"
        assert (probe.error is None) == (fails_at == 99)
    return [losses, modes, state, random.random(), np.random.random(), torch.rand(1).item()]  # noqa: NPY002


@pytest.mark.parametrize("fails_at", [99, 3], ids=["", "a look fails"])
@pytest.mark.parametrize("batch_norm", ["eval", "batch"])
def test_a_training_is_the_same_with_and_without_a_probe(batch_norm: str, fails_at: int) -> None:
    (losses, modes, state, *after), expected = trained(batch_norm, fails_at), trained(None)
    assert losses == expected[0] and modes == expected[1] and after == expected[3:]
    assert state.keys() == expected[2].keys()
    for name, value in state.items():
        assert torch.equal(value, expected[2][name]), name


def test_batch_statistics_are_those_of_a_pass() -> None:
    model, inputs = nn.BatchNorm1d(2), torch.randn(20, 2) * 5 + 3
    probes = [Probe(model, inputs, [0, 1] * 10, batch_norm=mode) for mode in ("eval", "batch")]
    halves = Probe(model, inputs, [0, 1] * 10, batch_norm="batch", batch_size=10)
    for probe in (*probes, halves):
        probe()
    by_hand = [inputs / (1 + 1e-5) ** 0.5, F.batch_norm(inputs, None, None, training=True)]
    by_hand.append(torch.cat([F.batch_norm(half, None, None, training=True) for half in inputs.split(10)]))
    for probe, logits in zip((*probes, halves), by_hand, strict=True):
        expected = torch.stack([logits.softmax(1)[k::2].mean(0) for k in (0, 1)])
        np.testing.assert_allclose(probe.trajectory.mean_prob[0], expected, rtol=1e-5)
    assert model.running_mean.tolist() == [0, 0] and model.num_batches_tracked == 0


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_in_any_grad_mode(context) -> None:
    model = nn.Linear(4, 3)
    probe = Probe(model, torch.randn(12, 4), torch.arange(12) % 3, loss=nn.CrossEntropyLoss())
    grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    with context():
        probe()
    assert (grad, inference) == (torch.is_grad_enabled(), torch.is_inference_mode_enabled())
    assert (probe.trajectory.signal > 0).all()


def test_under_autocast_the_training_keeps_its_gradients() -> None:
    """Autocast keeps converted weights: those of a pass without a graph would have no gradient."""
    model, inputs, labels = nn.Linear(4, 3), torch.randn(12, 4), torch.arange(12) % 3
    dtypes: list[torch.dtype] = []
    model.register_forward_hook(lambda module, args, output: dtypes.append(output.dtype))
    probe = Probe(model, inputs, labels, loss=nn.CrossEntropyLoss(), schedule="batch")
    with torch.autocast("cpu", torch.bfloat16):
        probe()
        F.cross_entropy(model(inputs), labels).backward()
        with torch.no_grad():
            model.weight += 1.0 * torch.randn(3, 4)
        probe()
    assert model.weight.grad is not None and dtypes == [torch.bfloat16] * 3
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        expected = model(inputs).float().softmax(1)
    np.testing.assert_allclose(
        probe.trajectory.mean_prob[-1], [expected[k::3].mean(0).tolist() for k in range(3)], rtol=1e-5
    )
    assert np.isfinite(probe.trajectory.signal).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_precision(dtype: torch.dtype) -> None:
    model, inputs = nn.Linear(4, 3).to(dtype), torch.randn(12, 4).to(dtype)
    probe = Probe(model, inputs, torch.arange(12) % 3, loss=nn.CrossEntropyLoss())
    probe()
    np.testing.assert_allclose(probe.trajectory.mean_prob.sum(-1), 1, rtol=1e-6)


def test_wrappers_are_taken_off() -> None:
    """The look compiles nothing, and waits for no other process."""
    model, labels = nn.Linear(4, 3), torch.arange(12) % 3
    compiled = torch.compile(model, backend=lambda *_: pytest.fail("compiled"))
    for wrapped in (compiled, nn.DataParallel(model), nn.DataParallel(compiled)):
        probe = Probe(wrapped, torch.randn(12, 4), labels)
        probe()
        assert probe.model is model and len(probe) == 1
