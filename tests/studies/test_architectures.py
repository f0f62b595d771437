"""Architectures before training: the shipped numbers, what they say, and how they are measured and resumed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from igbviz.cli import main
from igbviz.datasets import GaussianNoise, probe_indices
from igbviz.losses import LOSSES
from igbviz.runs.run import RunError
from igbviz.studies import architectures as study
from igbviz.studies.architectures import Architecture, cells, current, findings, missing, read
from igbviz.training.seeds import ENSEMBLE_WEIGHTS, derived_seed
from tests.support.architecture_rows import ROWS


def test_the_mlp_on_noise_by_hand() -> None:
    """The same networks, in double precision, with gamma from its definition."""
    shipped = next(row for row in read() if (row.architecture, row.data) == ("MLP", "noise"))
    noise = torch.randn(500, 3, 32, 32, generator=torch.Generator().manual_seed(0)).flatten(1)
    labels = GaussianNoise(**{k: v for k, v in study.NOISE.items() if k != "name"}).load().test_labels
    images = noise[probe_indices(labels, 200, 0)].double()
    logits = []
    for index in range(20):
        torch.manual_seed(derived_seed(0, ENSEMBLE_WEIGHTS, index))
        sizes = [3 * 32 * 32, 256, 256, 256, 10]
        layers = [torch.nn.Linear(*pair).double() for pair in zip(sizes, sizes[1:], strict=False)]
        x = images
        for layer in layers[:-1]:
            x = (x @ layer.weight.T + layer.bias).clamp_min(0)
        logits.append((x @ layers[-1].weight.T + layers[-1].bias).detach().numpy())
    y = np.stack(logits)
    counts = np.stack([np.bincount(network.argmax(1), minlength=10) for network in y])
    assert np.abs(counts - shipped.guesses).max() <= 1  # a tie that float32 decides otherwise
    y -= y.mean(-1, keepdims=True)
    gamma = (y.mean(1) ** 2).sum() / y.var(1, ddof=1).sum() - 1 / 200
    assert shipped.gamma[0] == pytest.approx(gamma, rel=1e-3)
    leaving_one_out = [
        (z.mean(1) ** 2).sum() / z.var(1, ddof=1).sum() - 1 / 200 for z in (np.delete(y, i, 0) for i in range(20))
    ]
    assert shipped.gamma[1] == pytest.approx(np.std(leaving_one_out) * 19**0.5, rel=1e-3)
    largest = counts.max(1) / 200
    assert shipped.largest_guess == pytest.approx((largest.mean(), largest.std(ddof=1) / 20**0.5), abs=1e-3)


def test_what_ships_is_complete_and_of_todays_settings() -> None:
    rows, facts = read(), study.provenance()
    assert current(rows) == rows and not missing(cells(), rows)
    assert {"date", "device", "torch", "torchvision", "numerics"} <= set(facts) and facts["inputs"] == 200
    assert all(row.networks == study.ARCHITECTURES[row.architecture].networks and row.inputs == 200 for row in rows)
    assert "/root" not in study.DATA.read_text() and study.DATA.stat().st_size < 60_000
    assert {row.architecture for row in rows if row.gamma is None} == {"ViT"}, "its head is zero"
    assert all(set(counts) == {0, 200} for row in rows if row.gamma is None for counts in row.guesses)
    by_place = {(row.architecture, row.data, row.statistics): row for row in rows}
    for data in study.DATASETS:  # a fresh BatchNorm in eval mode is the identity up to its epsilon
        plain, normalized = (by_place[name, data, "eval"] for name in ("VGG-11", "VGG-11 with BatchNorm"))
        assert normalized.gamma == pytest.approx(plain.gamma, rel=0.02)


def test_the_cells() -> None:
    planned = cells()
    assert len({cell.config.id for cell in planned}) == len(planned)
    normalized = {cell.architecture for cell in planned if cell.statistics == "batch"}
    assert (
        normalized == {name for name in study.ARCHITECTURES if study.has_batch_norm(name)} and "ViT" not in normalized
    )
    trained = cells(pretrained=["resnet18"])[len(planned) :]
    assert [(cell.config.pretrained, cell.data, cell.statistics) for cell in trained] == [
        (True, "noise", "eval"), (True, "CIFAR-10", "eval"),
    ]  # fmt: skip


def test_what_came_of_it() -> None:
    first, batch, data, zero = findings(ROWS)
    assert first == (
        "On CIFAR-10, 2 of 2 kinds of networks give more than half of their guesses to one class before training, on "
        "average; it gets from 90 ± 5\u00a0% in net down to 51 ± 1\u00a0% in even (n = 2 networks, BatchNorm in eval "
        "mode); neutral: even."
    )
    assert "from 90\u00a0% to 51\u00a0% on noise (lower in all 1) and from 90" in batch
    assert data == (
        "γ of the logits is larger on noise than on CIFAR-10 in net; "
        "within two standard errors the same in the other 1."
    )
    assert zero.startswith("zero: torchvision sets the last layer to zero")
    (alone,) = findings(ROWS[:1])
    assert alone.startswith("On noise, 1 of 1")
    assert findings([]) == []


def test_piecewise_zero_has_no_gradient_where_a_zero_head_begins() -> None:
    pull = LOSSES["piecewise-zero"]().gradient(np.zeros((10, 10)), np.arange(10))
    assert not pull.any() and LOSSES["cross-entropy"]().gradient(np.zeros((10, 10)), np.arange(10)).any()


def test_measures_resumes_and_says_what_it_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "architectures.json"
    few = {
        "MLP": Architecture({"name": "mlp", "width": 16}, networks=3),
        "BN": Architecture({"name": "mlp", "width": 16, "normalization": "batch"}, networks=3),
    }
    monkeypatch.setattr(study, "ARCHITECTURES", few)
    monkeypatch.setattr(study, "DATA", path)
    monkeypatch.setenv("IGBVIZ_DATA", str(tmp_path / "without-cifar10"))
    assert main(["architectures"]) == 0
    out, told = capsys.readouterr()
    assert "Left out: CIFAR-10, which is not on this machine.\n" in told and out.startswith("On noise, ")
    rows = read(path)
    assert [(row.architecture, row.statistics) for row in rows] == [("MLP", "eval"), ("BN", "eval"), ("BN", "batch")]
    assert json.loads(path.read_text())["provenance"]["CIFAR-10"] == "left out"
    monkeypatch.setattr(study, "measure", lambda *_: pytest.fail("it was measured before"))
    assert main(["architectures"]) == 0 and read(path) == rows
    assert (
        current([replace(rows[0], architecture="an old name"), replace(rows[0], run="of other settings")]) == rows[:1]
    )


def test_another_folder_than_cifar10_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(tmp_path / split / name / "0.png")
    assert main(["architectures", "--cifar10", str(tmp_path)]) == 2
    assert "with cat, dog, allowed: a folder with CIFAR-10's classes" in capsys.readouterr().err


def test_a_foreign_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "foreign.json").write_text('{"rows": [{"loss": 1}]}')
    with pytest.raises(RunError, match="is not a file of architectures"):
        read(tmp_path / "foreign.json")
    assert read(tmp_path / "nothing.json") == []
