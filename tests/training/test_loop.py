"""The training loop: probes before and between steps, bit-equal repeats and resumes, threads and precision."""

from __future__ import annotations

import copy
import io
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from igbviz.config import RunConfig
from igbviz.spec import ConfigError
from igbviz.training.devices import deterministic_kernels
from igbviz.training.loop import Diverged, Training, train
from igbviz.training.network import build_network
from igbviz.trajectory import Trajectory
from tests.support.trajectories import same


def run(config: RunConfig) -> np.ndarray:
    return np.array(list(train(config, "cpu")))


@pytest.mark.parametrize(
    "variables, spins", [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")]
)
def test_environment_variables_decide_how_threads_wait(variables: dict[str, str], spins: str) -> None:
    free = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    lines = "import igbviz, os; print(os.environ['OMP_WAIT_POLICY'], os.environ.get('GOMP_SPINCOUNT'))"
    output = subprocess.run(
        [sys.executable, "-c", lines], env=free | variables, capture_output=True, text=True, check=True
    ).stdout
    assert output.split() == [variables.get("OMP_WAIT_POLICY", "PASSIVE"), spins]


def test_only_large_probes_use_more_threads(tiny) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        small, large = Training(tiny, "cpu"), Training(RunConfig(probes={"size": 1000}), "cpu")
        assert (small.threads, small.evaluation.threads, large.threads, large.evaluation.threads) == (1, 1, 1, 2)
        logits = []
        for threads in (1, 2):
            large.evaluation.threads = threads
            logits.append(torch.cat(list(large.evaluation.logits(large.evaluation.images))))
        torch.testing.assert_close(*logits)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_probes_come_at_the_planned_steps(tiny: RunConfig) -> None:
    records = run(tiny)
    assert records["step"].tolist() == tiny.probes.steps(32, 16).tolist()
    assert records["step"][0] == 0 and records["step"][-1] == 32
    np.testing.assert_allclose(records["epoch"], records["step"] / 16)
    assert np.isnan(records["train_loss"][0]) and np.isfinite(records["train_loss"][1:]).all()
    assert (np.diff(records["seconds"]) > 0).all()
    assert (records["confusion"].sum((1, 2)) == 60).all()


def test_before_the_first_step_there_is_no_speed(tiny: RunConfig) -> None:
    training = Training(tiny, "cpu")
    ticks = training.ticks()
    while training.step == 0:
        assert training.progress()["steps_per_second"] == 0
        next(ticks)
    assert 0 < training.progress()["steps_per_second"] < 1e5


def test_two_identical_runs_are_bit_equal(tiny: RunConfig) -> None:
    assert same(run(tiny), run(tiny))
    assert not same(run(tiny), run(tiny.with_(seed=1)))


def test_a_mapping_describes_a_run(tiny: RunConfig) -> None:
    assert same(np.array(list(train(tiny.model_dump(), "cpu"))), run(tiny))


@pytest.mark.parametrize("config", [None, 3, [("seed", 1)]])
def test_an_invalid_config_is_refused_at_once(config) -> None:
    with pytest.raises(ConfigError, match="is not a RunConfig: give its fields as a mapping$"):
        train(config)


@pytest.mark.parametrize("device", ["tpu", "meta", "", "cuda:99", 3.5, torch.ones(99, 99)])
def test_an_unavailable_device_is_one_sentence(tiny: RunConfig, device) -> None:
    with pytest.raises(ValueError, match="^device is '.*, allowed: cpu, cuda or mps if this machine has it") as caught:
        train(tiny, device)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("loss", ["cross-entropy", "curriculum", "anl-ce"])
def test_gradients_that_the_caller_disabled(tiny: RunConfig, loss: str) -> None:
    config = tiny.with_(loss={"name": loss})
    with torch.no_grad():
        without = run(config)
        assert not torch.is_grad_enabled()
    assert same(without, run(config))


def test_the_callers_random_numbers_are_left_alone(tiny: RunConfig) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    run(tiny)
    assert torch.equal(torch.rand(3), expected)


def test_first_probe_is_the_untrained_network(tiny: RunConfig) -> None:
    first = next(iter(train(tiny, "cpu")))
    network = build_network(tiny, tiny.dataset.load()).eval()
    data = tiny.dataset.load()
    with torch.no_grad():
        guesses = network(data.test_images).argmax(1)
    assert first["confusion"].sum(0).tolist() == torch.bincount(guesses, minlength=3).tolist()


def test_against_a_plain_loop(tiny: RunConfig) -> None:
    """The whole trajectory, recomputed by a textbook loop."""
    config = tiny.with_(
        loss={"name": "blurry", "gamma": 0.5}, optimizer={"name": "sgd", "learning_rate": 0.05, "momentum": 0.5}
    )
    data = config.dataset.load()
    network = build_network(config, data)
    optimizer = torch.optim.SGD(network.parameters(), 0.05, momentum=0.5)
    reference = Training(config, "cpu")
    expected = {}
    for step in range(33):
        network.eval()
        with torch.no_grad():
            p = network(data.test_images).softmax(1)
        expected[step] = [p[data.test_labels == k].mean(0).numpy() for k in range(3)]
        network.train()
        if step < 32:
            images, labels = reference.batches.of_step(step)
            p = network(images).softmax(1)[torch.arange(len(labels)), labels]
            loss = (-(p**0.5) * p.log()).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for record in run(config):
        np.testing.assert_allclose(record["mean_prob"], expected[int(record["step"])], rtol=2e-4, atol=1e-6)


def test_every_epoch_visits_every_image_once(tiny: RunConfig) -> None:
    training = Training(tiny.with_(batch_size=18), "cpu")
    images = torch.cat([training.batches.of_step(step)[0] for step in range(training.steps_per_epoch)])
    assert len(images) == 256 and len(images.flatten(1).unique(dim=0)) == 256
    again = torch.cat(
        [training.batches.of_step(step)[0] for step in range(training.steps_per_epoch, 2 * training.steps_per_epoch)]
    )
    assert not torch.equal(images, again), "another order in the next epoch"


VARIANTS = {
    "momentum": {"optimizer": {"name": "sgd", "momentum": 0.9, "learning_rate": 0.05}},
    "adam, cosine": {"optimizer": {"name": "adam", "decay": "cosine", "warmup_steps": 5}},
    "adamw": {"optimizer": {"name": "adamw"}},
    "batch norm": {"model": {"name": "mlp", "depth": 2, "width": 16, "normalization": "batch"}},
    "batch statistics": {
        "model": {"name": "mlp", "depth": 2, "width": 16, "normalization": "batch"},
        "probes": {"size": 60, "count": 12, "batch_norm": "batch"},
    },
    "convolutions": {"model": {"name": "cnn", "depth": 2, "width": 4}},
    "dropout": {"model": {"name": "mobilenet_v2"}, "epochs": 0.25},
    "stochastic depth": {"model": {"name": "efficientnet_b0"}, "epochs": 0.125, "probes": {"size": 60, "count": 3}},
    "bfloat16": {"precision": "bfloat16"},
    "switch": {"schedule": {"name": "switch", "duration": 0.5}, "loss": {"name": "piecewise-zero"}},
    "wrong labels": {"label_noise": {"name": "symmetric", "rate": 0.4}},
    "wrong labels, batch statistics": {
        "label_noise": {"name": "pair-flip", "rate": 0.3},
        "model": {"name": "mlp", "depth": 2, "width": 16, "normalization": "batch"},
        "probes": {"size": 60, "count": 12, "batch_norm": "batch"},
    },
    "imbalance": {
        "imbalance": {"ratio": 4, "majority": "unfavoured"},
        "label_noise": {"name": "symmetric", "rate": 0.2},
    },
    "every batch": {"probes": {"size": "all", "schedule": "batch"}},
}


@pytest.mark.parametrize("change", VARIANTS.values(), ids=VARIANTS)
def test_resume_is_bit_equal(tiny: RunConfig, change: dict) -> None:
    """Stop after any tick, save, load in a new Training: the rest is the same, bit for bit."""
    config = tiny.with_(**change)
    whole = run(config)
    for stop_after in (0, 1, 7):
        training, records = Training(config, "cpu"), []
        for tick, snapshot in enumerate(training.ticks()):
            if snapshot is not None:
                records.append(snapshot)
            if tick == stop_after:
                break
        file = io.BytesIO()
        torch.save(training.state(), file)
        file.seek(0)
        second = Training(config, "cpu", torch.load(file, weights_only=True))
        records += [snapshot for snapshot in second.ticks() if snapshot is not None]
        assert same(np.array(records), whole), f"stopped after tick {stop_after}"
        assert records[-1]["seconds"] > records[0]["seconds"]


def test_a_probe_changes_nothing(tiny: RunConfig) -> None:
    """More probes, the same training: also with batch statistics."""
    for model in (
        {"name": "mlp", "normalization": "batch", "width": 16},
        {"name": "cnn", "normalization": "batch", "width": 4, "depth": 2},
    ):
        for mode in ("eval", "batch"):
            few = run(tiny.with_(model=model, probes={"size": 60, "count": 3, "batch_norm": mode}))
            many = run(tiny.with_(model=model, probes={"size": 60, "schedule": "batch", "batch_norm": mode}))
            assert few[-1]["mean_prob"].tobytes() == many[-1]["mean_prob"].tobytes()


def test_batch_statistics_are_far_less_biased_at_init() -> None:
    """A fresh BatchNorm in eval mode is the identity; with batch statistics it subtracts every node's mean."""
    noise = {"name": "gaussian-noise", "size": 32, "train_examples": 64, "test_examples": 200}
    largest = {"eval": 0.0, "batch": 0.0}
    for mode in largest:
        for seed in range(3):
            probes = {"size": 200, "count": 2, "batch_norm": mode}
            config = RunConfig(
                dataset=noise,
                model={"name": "resnet18"},
                initialization={"name": "torchvision"},
                probes=probes,
                seed=seed,
            )
            largest[mode] += Trajectory(np.array([next(iter(train(config, "cpu")))])).guess_fraction().max() / 3
    assert largest["eval"] > 1.5 * largest["batch"]


def test_switch_starts_as_cross_entropy(tiny: RunConfig) -> None:
    plain = run(tiny)
    switched = run(
        tiny.with_(loss={"name": "piecewise-zero", "cutoff": 0.4}, schedule={"name": "switch", "duration": 1})
    )
    before = plain["step"] <= 16
    assert before.sum() > 3
    np.testing.assert_array_equal(plain["mean_prob"][before], switched["mean_prob"][before])
    assert not np.array_equal(plain["mean_prob"][-1], switched["mean_prob"][-1])
    assert switched["silent"][0].max() == 0 and switched["silent"][-1].max() > 0


def test_a_loss_with_zero_gradient_does_not_train(tiny: RunConfig) -> None:
    """Piecewise-zero with all images below the cutoff changes no weight."""
    records = run(tiny.with_(loss={"name": "piecewise-zero", "cutoff": 0.999999}, initialization={"name": "he-normal"}))
    np.testing.assert_array_equal(records["mean_prob"][0], records["mean_prob"][-1])
    assert records["silent"].min() == 1


def test_divergence_names_its_step(tiny: RunConfig) -> None:
    wild = tiny.with_(
        optimizer={"name": "sgd", "learning_rate": 100.0}, epochs=50, model={"name": "mlp", "depth": 6, "width": 64}
    )
    records = []
    with pytest.raises(Diverged, match="step") as caught:
        for snapshot in train(wild, "cpu"):
            records.append(snapshot)
    assert records and all(np.isfinite(record["mean_prob"]).all() for record in records)
    assert caught.value.step >= records[-1]["step"]


@pytest.mark.parametrize("loss", ["cross-entropy", "piecewise-zero", "blurry"])
def test_a_loss_cannot_hide_a_diverged_network(tiny: RunConfig, loss: str) -> None:
    """Piecewise-zero calls a sample with p = NaN ignored, with loss 0; the run must still diverge."""
    training = Training(tiny.with_(loss={"name": loss}), "cpu")
    ticks = training.ticks()
    next(ticks)
    with torch.no_grad():
        training.parameters[0].fill_(float("nan"))
    with pytest.raises(Diverged, match="at step 1"):
        list(ticks)


def test_a_class_without_test_images_is_a_sentence(tiny: RunConfig) -> None:
    many = tiny.with_(
        dataset={"name": "gaussian-noise", "size": 8, "classes": 50, "train_examples": 200, "test_examples": 60}
    )
    with pytest.raises(
        ConfigError,
        match=r"^dataset.test_examples is 60, allowed: more, since so few have no image of \d+ of the 50 classes$",
    ):
        train(many, "cpu")


def test_bfloat16_is_close_to_float32(tiny: RunConfig) -> None:
    full, half = run(tiny), run(tiny.with_(precision="bfloat16"))
    assert not same(full, half)
    np.testing.assert_allclose(full["mean_prob"], half["mean_prob"], atol=0.03)


def test_learning_rate_schedule(tiny: RunConfig) -> None:
    optimizer = tiny.with_(
        optimizer={"name": "sgd", "learning_rate": 1.0, "warmup_steps": 4, "decay": "cosine"}
    ).optimizer
    rates = [optimizer.rate_at(step, 20) for step in range(20)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0] and rates[4] == 1.0
    assert all(later < earlier for earlier, later in zip(rates[4:], rates[5:], strict=False)) and rates[-1] < 0.02


def test_gpu_or_none(tiny: RunConfig) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    training = Training(tiny, device)
    assert next(training.network.parameters()).device.type == device
    assert isinstance(training.network, nn.Module) and training.network.training


def test_layers_that_ask_for_their_version_resume(tiny: RunConfig) -> None:
    """MNASNet refuses weights without the versions of its layers, which are no part of a state."""
    config = tiny.with_(model={"name": "mnasnet0_5"})
    first = Training(config, "cpu")
    first.advance()
    resumed = Training(config, "cpu", copy.deepcopy(first.state()))
    assert all(map(torch.equal, first.tensors(), resumed.tensors()))


@pytest.mark.parametrize("optimizer", [{"name": "sgd", "momentum": 0.9}, {"name": "adam"}], ids=["momentum", "adam"])
def test_a_checkpoint_of_another_device_can_be_resumed(tiny: RunConfig, optimizer: dict) -> None:
    """On a GPU the kernels of a ResNet in bfloat16 are channels-last, here they are not."""
    config = tiny.with_(model={"name": "resnet18"}, optimizer={"learning_rate": 0.001} | optimizer, epochs=0.5)
    here = Training(config, "cpu")
    for _ in range(3):
        here.advance()
    elsewhere = copy.deepcopy(here.state())
    for memory in elsewhere["optimizer"]["state"].values():
        for name, value in memory.items():
            if value.ndim == 4:
                memory[name] = value.contiguous(memory_format=torch.channels_last)
    resumed = Training(config, "cpu", elsewhere)
    for run in (here, resumed):
        run.advance()
    assert all(map(torch.equal, here.network.state_dict().values(), resumed.network.state_dict().values()))


def test_cuda_kernels_are_deterministic() -> None:
    def settings() -> tuple:
        return (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,
            torch.backends.cudnn.deterministic,
            torch.backends.cuda.flash_sdp_enabled(),
        )

    before = settings()
    with deterministic_kernels():
        assert settings() == (True, True, False, True, False) and torch.backends.cudnn.enabled
    assert settings() == before
