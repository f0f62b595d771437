"""Captured work: the same bits as when it is done as written. There is no GPU here, so a tape takes the place of its
graphs."""

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
from igbviz.training.cuda_graphs import WARM, Captured
from igbviz.training.loop import Training
from igbviz.training.stacked import Stack
from tests.support.stacked import alike, together
from tests.support.tape import on_tape

CPU = torch.device("cpu")


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The CPU as if it were a GPU: it captures, and no step reads back whether its logits are finite. On one thread,
    since sums of another number have other last digits, and a tape knows of none."""
    monkeypatch.setitem(cuda_graphs.CAPTURES, "cpu", on_tape)
    monkeypatch.setattr(Captured, "trusted", True)
    monkeypatch.setenv("IGBVIZ_CUDA_GRAPHS", "1")
    monkeypatch.setattr(packed_inference, "packed", lambda *_: None)  # a GPU has none, and its tensors are opaque
    monkeypatch.setattr(loop, "guarded", lambda logits: 0 * logits.detach().sum())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_work_is_captured_once_it_is_warm(tape: None) -> None:
    written, total = [], torch.zeros(3)

    def work(step: float) -> torch.Tensor:
        written.append(step)
        return total.add_(step).clone()

    often = Captured(work, CPU, lambda: [total])
    assert [often(1.0)[0].item() for _ in range(WARM + 4)] == list(range(1, WARM + 5))
    assert len(written) == WARM + 2, "as written, put down, and once more to compare; the rest is launched"
    assert [often(2.0)[0].item() for _ in range(WARM + 2)] == [WARM + 4 + 2 * count for count in range(1, WARM + 3)], (
        "begun anew"
    )


def test_work_that_reads_back_is_done_as_written(tape: None, capsys: pytest.CaptureFixture) -> None:
    total = torch.zeros(1)

    def work() -> torch.Tensor:
        total.add_(1)
        return total * 2 if total.item() > 0 else total

    often = Captured(work, CPU, lambda: [total])
    assert [often().item() for _ in range(WARM + 3)] == [2 * count for count in range(1, WARM + 4)]
    assert "not captured" in capsys.readouterr().err
    assert not Captured.trusted, "nor anything else, from now on"


def test_work_that_waits_for_the_device_is_not_tried(
    tape: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setitem(cuda_graphs.WATCHES, "cpu", lambda work: (work(), "called a synchronizing operation"))
    total = torch.zeros(1)
    often = Captured(lambda: total.add_(1).clone(), CPU, lambda: [total])
    assert [often().item() for _ in range(WARM + 3)] == list(range(1, WARM + 4))
    assert often.graph is None and Captured.trusted and "called a synchronizing" in capsys.readouterr().err


def test_without_room_for_a_trial_nothing_is_lost(
    tape: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def launches_half(work, device: torch.device) -> cuda_graphs.Graph:
        def launch() -> None:
            total.add_(100)
            raise torch.OutOfMemoryError("out of memory")

        return cuda_graphs.Graph(launch, torch.zeros(1))

    monkeypatch.setitem(cuda_graphs.CAPTURES, "cpu", launches_half)
    total = torch.zeros(1)
    often = Captured(lambda: total.add_(1).clone(), CPU, lambda: [total])
    assert [often().item() for _ in range(WARM + 3)] == list(range(1, WARM + 4))
    assert "out of memory" in capsys.readouterr().err and Captured.trusted, "the capture itself went well"


def test_work_that_a_graph_does_otherwise_is_done_as_written(tape: None, capsys: pytest.CaptureFixture) -> None:
    count, total = [0], torch.zeros(1)

    def work() -> torch.Tensor:  # what Python counts is not counted by a graph
        count[0] += 1
        return total.add_(count[0]).clone()

    often = Captured(work, CPU, lambda: [total])
    assert [often().item() for _ in range(WARM + 2)] == [1, 3, 6, 11, 17], "capturing counts, its sum is not kept"
    assert "does not give the same bits" in capsys.readouterr().err


RUNS = {
    "mlp": {},
    "batches that do not come out even": {"batch_size": 60},
    "BatchNorm": {"model": {"name": "cnn", "depth": 2, "width": 4, "normalization": "batch"}},
    "batch statistics": {
        "model": {"name": "mlp", "depth": 2, "normalization": "batch"},
        "probes": {"size": 60, "batch_norm": "batch"},
    },
    "bfloat16": {"precision": "bfloat16"},
    "momentum": {"optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}},
    "a moving rate": {"optimizer": {"name": "sgd", "learning_rate": 0.5, "warmup_steps": 5, "decay": "cosine"}},
    "adam": {"optimizer": {"name": "adam"}},
    "adamw": {"optimizer": {"name": "adamw", "warmup_steps": 9}},
    "switch": {"loss": {"name": "gce"}, "schedule": {"name": "switch", "duration": 20, "unit": "steps"}},
    "mix": {"loss": {"name": "gce"}, "schedule": {"name": "mix", "duration": 10, "unit": "steps"}},
    "wrong labels": {"label_noise": {"name": "symmetric", "rate": 0.4}},
    "resnet18": {"model": {"name": "resnet18"}, "batch_size": 64},
}


def stream(config: RunConfig, state: dict | None = None) -> tuple[Training, np.ndarray]:
    """A whole run, with the probes that a GPU has; wall clocks at zero."""
    run = Training(config, "cpu", state)
    snapshots = np.array([tick for tick in run.ticks() if tick is not None])
    snapshots["seconds"] = 0
    return run, snapshots


def graphs(steps: Training | Stack) -> list[Captured]:
    """What was captured of a training's or a stack's steps, a graph for each shape of a batch."""
    return [captured for _, captured in steps.descend.graphs.values()]


def changed(run: Training | Stack) -> list[torch.Tensor]:
    """All that a step changes."""
    return [*run.tensors(), *cuda_graphs.moments(run.optimizer), run.loss_sum]


def same_as_written(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    run, launched = stream(config)
    assert graphs(run)[0].graph and not graphs(run)[0].refused and not run.evaluation.ticks.captured.refused
    monkeypatch.setattr(cuda_graphs, "WARM", 10**9)
    other, written = stream(config)
    assert not graphs(other)[0].graph and launched.tobytes() == written.tobytes()
    assert run.pace.per_step > 0 and run.pace.per_image > 0 and run.pace.images == other.pace.images
    assert all(map(torch.equal, changed(run), changed(other)))


@pytest.mark.parametrize("changes", RUNS.values(), ids=RUNS)
def test_a_captured_run_is_the_run_as_written(
    tape: None, tiny: RunConfig, changes: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    same_as_written(tiny.with_(**changes), monkeypatch)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_can_be_captured(tape: None, tiny: RunConfig, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    same_as_written(tiny.with_(loss={"name": name}, epochs=1), monkeypatch)


def test_a_captured_run_goes_on_from_a_checkpoint(tape: None, tiny: RunConfig) -> None:
    config = tiny.with_(**RUNS["adamw"] | RUNS["BatchNorm"])
    whole, _ = stream(config)
    first = Training(config, "cpu")
    for _ in range(WARM + 4):
        first.advance()
    assert graphs(first)[0].graph
    resumed = Training(config, "cpu", copy.deepcopy(first.state()))
    while resumed.step < resumed.steps:
        resumed.advance()
    assert all(map(torch.equal, changed(whole)[:-1], changed(resumed)[:-1])), (
        "but for the sum of losses, which probes set to zero"
    )


def test_nothing_is_captured_unless_asked_for(tape: None, tiny: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IGBVIZ_CUDA_GRAPHS")
    run = Training(tiny, "cpu")
    assert "descend" not in vars(run) and "ticks" not in vars(run.evaluation)
    assert "descend" not in vars(Stack([run, Training(tiny.with_(seed=1), "cpu")]))


def test_what_was_captured_leaves_with_its_run(tape: None, tiny: RunConfig) -> None:
    run, _ = stream(tiny)
    gone = weakref.ref(run)
    gc.collect()
    gc.disable()  # counting references has to do
    try:
        del run
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "key", ["mlp", "batches that do not come out even", "momentum", "adamw", "BatchNorm", "switch"]
)
def test_a_stack_is_captured_as_it_is_written(
    tape: None, tiny: RunConfig, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = ("gce", "cross-entropy", "gce", "nce-rce")
    configs = [tiny.with_(**{"seed": seed, "loss": {"name": name}} | RUNS[key]) for seed, name in enumerate(losses)]
    stacks: list[Stack] = []
    launched = together([Training(config, "cpu") for config in configs], stacks)
    monkeypatch.setattr(cuda_graphs, "WARM", 10**9)
    written = together([Training(config, "cpu") for config in configs], stacks)
    for one, other in zip(launched, written, strict=True):
        alike(one, other, tolerance=0)
    captured, plain = stacks
    assert graphs(captured)[0].graph and not graphs(captured)[0].refused and not graphs(plain)[0].graph
    assert all(map(torch.equal, changed(captured), changed(plain)))


def test_what_was_captured_of_a_stack_is_forgotten_when_a_run_leaves(
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
        assert bool(runs[0].evaluation.ticks.captured.graph) == (cuda_graphs.WARM < 10**9)
        return [np.array(snapshots) for snapshots in found[:2]]

    launched = two_of_three()
    monkeypatch.setattr(cuda_graphs, "WARM", 10**9)
    assert all(one.tobytes() == other.tobytes() for one, other in zip(launched, two_of_three(), strict=True))


def test_stacked_runs_share_the_time_of_their_steps(
    tape: None, tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [Training(tiny.with_(seed=seed), "cpu") for seed in range(3)]
    stack = Stack(runs)
    descend = stack.descend
    monkeypatch.setattr(stack, "descend", lambda *some: (time.sleep(0.5), descend(*some)), raising=False)
    stack.advance()
    assert {run.step for run in runs} == {1} and all(run.pace.step_seconds > 0.5 for run in runs)
