"""Captured work gives the same bits as eager work. No GPU is needed: a tape takes the place of CUDA graphs."""

from __future__ import annotations

import copy
import gc
import time
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from igbviz.config import RunConfig
from igbviz.losses import LOSSES
from igbviz.training import cuda_graphs, loop, packed_inference
from igbviz.training.cuda_graphs import WARMUP_CALLS, CapturedFunction
from igbviz.training.loop import Training
from igbviz.training.stacked import Stack
from tests.support.stacked import alike, together
from tests.support.tape import on_tape

CPU = torch.device("cpu")


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The CPU in place of a GPU: it captures, and no step reads back whether its logits are finite. On one thread,
    since the number of threads changes the last digits of sums, and a tape does not record it."""
    monkeypatch.setitem(cuda_graphs.CAPTURES, "cpu", on_tape)
    monkeypatch.setattr(CapturedFunction, "can_capture", True)
    monkeypatch.setenv("IGBVIZ_CUDA_GRAPHS", "1")
    monkeypatch.setattr(
        packed_inference, "pack_network", lambda *_: None
    )  # a GPU has no packed network, and its tensors are opaque
    monkeypatch.setattr(loop, "guard_nonfinite", lambda logits: 0 * logits.detach().sum())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_work_is_captured_once_it_is_warm(tape: None) -> None:
    eager_calls, total = [], torch.zeros(3)

    def work(step: float) -> torch.Tensor:
        eager_calls.append(step)
        return total.add_(step).clone()

    captured = CapturedFunction(work, CPU, lambda: [total])
    assert [captured(1.0)[0].item() for _ in range(WARMUP_CALLS + 4)] == list(range(1, WARMUP_CALLS + 5))
    assert len(eager_calls) == WARMUP_CALLS + 2, "warm-up, capture, and once more to compare; the rest is launched"
    assert [captured(2.0)[0].item() for _ in range(WARMUP_CALLS + 2)] == [
        WARMUP_CALLS + 4 + 2 * count for count in range(1, WARMUP_CALLS + 3)
    ], "new arguments start over"


def test_work_that_reads_back_stays_eager(tape: None, capsys: pytest.CaptureFixture) -> None:
    total = torch.zeros(1)

    def work() -> torch.Tensor:
        total.add_(1)
        return total * 2 if total.item() > 0 else total

    captured = CapturedFunction(work, CPU, lambda: [total])
    assert [captured().item() for _ in range(WARMUP_CALLS + 3)] == [2 * count for count in range(1, WARMUP_CALLS + 4)]
    assert "not captured" in capsys.readouterr().err
    assert not CapturedFunction.can_capture, "this process captures nothing more"


def test_work_that_synchronizes_is_not_captured(
    tape: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setitem(cuda_graphs.SYNC_CHECKS, "cpu", lambda work: (work(), "called a synchronizing operation"))
    total = torch.zeros(1)
    captured = CapturedFunction(lambda: total.add_(1).clone(), CPU, lambda: [total])
    assert [captured().item() for _ in range(WARMUP_CALLS + 3)] == list(range(1, WARMUP_CALLS + 4))
    assert (
        captured.graph is None and CapturedFunction.can_capture and "called a synchronizing" in capsys.readouterr().err
    )


def test_out_of_memory_in_a_capture_loses_nothing(
    tape: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def launches_half(work, device: torch.device) -> cuda_graphs.Graph:
        def launch() -> None:
            total.add_(100)
            raise torch.OutOfMemoryError("out of memory")

        return cuda_graphs.Graph(launch, torch.zeros(1))

    monkeypatch.setitem(cuda_graphs.CAPTURES, "cpu", launches_half)
    total = torch.zeros(1)
    captured = CapturedFunction(lambda: total.add_(1).clone(), CPU, lambda: [total])
    assert [captured().item() for _ in range(WARMUP_CALLS + 3)] == list(range(1, WARMUP_CALLS + 4))
    assert "out of memory" in capsys.readouterr().err and CapturedFunction.can_capture, "the capture itself went well"


def test_work_that_a_graph_does_not_reproduce_stays_eager(tape: None, capsys: pytest.CaptureFixture) -> None:
    count, total = [0], torch.zeros(1)

    def work() -> torch.Tensor:  # a graph does not run the counter in Python
        count[0] += 1
        return total.add_(count[0]).clone()

    captured = CapturedFunction(work, CPU, lambda: [total])
    assert [captured().item() for _ in range(WARMUP_CALLS + 2)] == [1, 3, 6, 11, 17], (
        "the capture advances the counter, but its sum is discarded"
    )
    assert "does not give the same bits" in capsys.readouterr().err


RUNS = {
    "mlp": {},
    "uneven batches": {"batch_size": 60},
    "BatchNorm": {"model": {"name": "cnn", "depth": 2, "width": 4, "normalization": "batch"}},
    "batch statistics": {
        "model": {"name": "mlp", "depth": 2, "normalization": "batch"},
        "probes": {"size": 60, "batch_norm": "batch"},
    },
    "bfloat16": {"precision": "bfloat16"},
    "momentum": {"optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}},
    "scheduled learning rate": {
        "optimizer": {"name": "sgd", "learning_rate": 0.5, "warmup_steps": 5, "decay": "cosine"}
    },
    "adam": {"optimizer": {"name": "adam"}},
    "adamw": {"optimizer": {"name": "adamw", "warmup_steps": 9}},
    "switch": {"loss": {"name": "gce"}, "schedule": {"name": "switch", "duration": 20, "unit": "steps"}},
    "mix": {"loss": {"name": "gce"}, "schedule": {"name": "mix", "duration": 10, "unit": "steps"}},
    "wrong labels": {"label_noise": {"name": "symmetric", "rate": 0.4}},
    "resnet18": {"model": {"name": "resnet18"}, "batch_size": 64},
}


def stream(config: RunConfig, state: dict | None = None) -> tuple[Training, np.ndarray]:
    """A whole run, with the probes of a GPU; seconds are set to zero."""
    run = Training(config, "cpu", state)
    snapshots = np.array([tick for tick in run.ticks() if tick is not None])
    snapshots["seconds"] = 0
    return run, snapshots


def graphs(steps: Training | Stack) -> list[CapturedFunction]:
    """The captured steps of a training or a stack, one for each batch shape."""
    return [captured for _, captured in steps.descend.graphs.values()]


def mutated_by(run: Training | Stack) -> list[torch.Tensor]:
    """Every tensor that a step changes."""
    return [*run.tensors(), *cuda_graphs.optimizer_tensors(run.optimizer), run.loss_sum]


def same_as_eager(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    run, launched = stream(config)
    assert graphs(run)[0].graph and not graphs(run)[0].is_rejected and not run.evaluation.ticks.captured.is_rejected
    monkeypatch.setattr(cuda_graphs, "WARMUP_CALLS", 10**9)
    other, eager = stream(config)
    assert not graphs(other)[0].graph and launched.tobytes() == eager.tobytes()
    assert run.pace.per_step > 0 and run.pace.per_image > 0 and run.pace.images == other.pace.images
    assert all(map(torch.equal, mutated_by(run), mutated_by(other)))


@pytest.mark.parametrize("changes", RUNS.values(), ids=RUNS)
def test_a_captured_run_is_bit_equal_to_the_eager_run(
    tape: None, tiny: RunConfig, changes: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    same_as_eager(tiny.with_(**changes), monkeypatch)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_can_be_captured(tape: None, tiny: RunConfig, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    same_as_eager(tiny.with_(loss={"name": name}, epochs=1), monkeypatch)


def test_a_captured_run_resumes_from_a_checkpoint(tape: None, tiny: RunConfig) -> None:
    config = tiny.with_(**RUNS["adamw"] | RUNS["BatchNorm"])
    whole, _ = stream(config)
    first = Training(config, "cpu")
    for _ in range(WARMUP_CALLS + 4):
        first.advance()
    assert graphs(first)[0].graph
    resumed = Training(config, "cpu", copy.deepcopy(first.state()))
    while resumed.step < resumed.steps:
        resumed.advance()
    assert all(map(torch.equal, mutated_by(whole)[:-1], mutated_by(resumed)[:-1])), (
        "all but loss_sum, which probes reset"
    )


def test_nothing_is_captured_by_default(tape: None, tiny: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IGBVIZ_CUDA_GRAPHS")
    run = Training(tiny, "cpu")
    assert "descend" not in vars(run) and "ticks" not in vars(run.evaluation)
    assert "descend" not in vars(Stack([run, Training(tiny.with_(seed=1), "cpu")]))


def test_graphs_are_freed_with_their_run(tape: None, tiny: RunConfig) -> None:
    run, _ = stream(tiny)
    gone = weakref.ref(run)
    gc.collect()
    gc.disable()  # reference counting alone has to free it
    try:
        del run
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("key", ["mlp", "uneven batches", "momentum", "adamw", "BatchNorm", "switch"])
def test_a_captured_stack_is_bit_equal_to_the_eager_stack(
    tape: None, tiny: RunConfig, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = ("gce", "cross-entropy", "gce", "nce-rce")
    configs = [tiny.with_(**{"seed": seed, "loss": {"name": name}} | RUNS[key]) for seed, name in enumerate(losses)]
    stacks: list[Stack] = []
    launched = together([Training(config, "cpu") for config in configs], stacks)
    monkeypatch.setattr(cuda_graphs, "WARMUP_CALLS", 10**9)
    eager = together([Training(config, "cpu") for config in configs], stacks)
    for one, other in zip(launched, eager, strict=True):
        alike(one, other, tolerance=0)
    captured, plain = stacks
    assert graphs(captured)[0].graph and not graphs(captured)[0].is_rejected and not graphs(plain)[0].graph
    assert all(map(torch.equal, mutated_by(captured), mutated_by(plain)))


def test_a_stack_is_captured_anew_when_a_run_leaves(
    tape: None, tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = [tiny.with_(seed=seed, probes={"size": 60, "schedule": "batch"}) for seed in range(3)]

    def two_of_three() -> list[np.ndarray]:
        runs = [Training(config, "cpu") for config in configs]
        stack, found = Stack(runs), [[] for _ in runs]
        for step in range(17):
            for run, snapshots in zip(stack.trainings, found, strict=False):
                snapshots += [snapshot for snapshot in run.look() if snapshot is not None]
                snapshots[-1]["seconds"] = 0
            if step == 10:
                stack.drop(stack.trainings[-1])
            stack.advance()
        assert bool(runs[0].evaluation.ticks.captured.graph) == (cuda_graphs.WARMUP_CALLS < 10**9)
        return [np.array(snapshots) for snapshots in found[:2]]

    launched = two_of_three()
    monkeypatch.setattr(cuda_graphs, "WARMUP_CALLS", 10**9)
    assert all(one.tobytes() == other.tobytes() for one, other in zip(launched, two_of_three(), strict=True))


def test_stacked_runs_share_the_time_of_their_steps(
    tape: None, tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [Training(tiny.with_(seed=seed), "cpu") for seed in range(3)]
    stack = Stack(runs)
    descend = stack.descend
    monkeypatch.setattr(stack, "descend", lambda *arguments: (time.sleep(0.5), descend(*arguments)), raising=False)
    stack.advance()
    assert {run.step for run in runs} == {1} and all(run.pace.step_seconds > 0.5 for run in runs)
