"""A probe becomes a run like any other, which says that it was recorded outside."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset

import igbviz
from igbviz.charts.run import run_curves
from igbviz.recording.description import loss_name
from igbviz.recording.probe import Probe
from igbviz.runs.kinds import RECORDED
from igbviz.runs.listing import list_runs
from igbviz.runs.run import RunError
from igbviz.spec import ConfigError


class Parity(Dataset):
    classes = ("even", "odd")

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.tensor([float(index)]), index % 2


def recorded(steps_per_epoch: int | None = None) -> Probe:
    probe = Probe(nn.Linear(1, 2), Parity(), loss=nn.CrossEntropyLoss(), steps_per_epoch=steps_per_epoch, images=20)
    for _ in range(30):
        probe(1.0)
    return probe


@pytest.mark.parametrize("steps_per_epoch", [None, 5])
def test_saved_and_read_again(cache: Path, steps_per_epoch: int | None) -> None:
    probe = recorded(steps_per_epoch)
    run = probe.save("my run", cache, optimizer="SGD 0.1", seed=3)
    assert run.kind is RECORDED and run.is_recorded and [listed.run for listed in list_runs(cache)] == [run]
    assert run.trajectory().records.tobytes() == probe.trajectory.records.tobytes()
    assert run.trajectory().class_names == ("even", "odd") and run.steps_per_epoch == steps_per_epoch
    config = run.config
    assert (config.title, config.model.name, config.model.parameters) == ("my run", "Linear", 4)
    assert (config.loss.name, config.dataset.name, config.optimizer.name) == ("CrossEntropyLoss", "Parity", "SGD 0.1")
    assert (config.seed, config.probes.size, config.torch) == (3, 20, torch.__version__)
    figure = run_curves(run.trajectory(), config, "accuracy", steps_per_epoch=run.steps_per_epoch)
    assert figure["layout"]["xaxis"]["title"]["text"].startswith("epochs" if steps_per_epoch else "optimizer steps")
    assert probe.save("my run", cache, optimizer="SGD 0.1", seed=3) == run and len(list_runs(cache)) == 1
    probe.look()
    assert probe.save("my run", cache, seed=3, data="numbers").config.dataset.name == "numbers"


def test_seeds_of_one_setting_are_one_group(cache: Path) -> None:
    runs = [recorded().save("my run", cache, seed=seed) for seed in (0, 1)]
    assert runs[0].id != runs[1].id and runs[0].config.group == runs[1].config.group


def test_what_cannot_be_saved(cache: Path) -> None:
    probe = Probe(nn.Linear(1, 2), Parity())
    assert probe.config.title == "Linear" and probe.config.loss.name == ""
    with pytest.raises(RunError, match="'early' cannot be stored: it has no probe"):
        probe.save("early", cache)
    probe(step=100)
    with pytest.raises(RunError, match="its first probe is at step 100, not at 0"):
        probe.save("resumed", cache)
    with pytest.raises(ConfigError, match="^name has 0 characters, allowed: 1 to 100"):
        recorded().save(" ", cache)
    with pytest.raises(ConfigError, match=f"^seed is 'zero', allowed: .* at least -{2**63} and below {2**63}"):
        recorded().save("my run", cache, seed="zero")
    assert not list_runs(cache)


def test_losses_have_names() -> None:
    assert loss_name(igbviz.losses.LOSSES["piecewise-zero"](cutoff=0.3)) == "piecewise-zero, cutoff 0.3"
    assert loss_name(partial(F.cross_entropy, label_smoothing=0.1)) == "cross_entropy"
    assert loss_name(None) == loss_name(lambda z, y: z) == ""
