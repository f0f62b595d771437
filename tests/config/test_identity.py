"""The ids of existing runs: a run is found on disk by the hash of its configuration, so none of these may change."""

from __future__ import annotations

from pathlib import Path

from igbviz.config import PRESETS, RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.runs.kinds import parse_config
from igbviz.studies.architectures import TRAININGS

GALLERY = Path(__file__).parents[2] / "cache" / "gallery"

PRESET_IDS = {
    "first-look": "fashion-mini-mlp-cross-entropy-s0-75ae6d9e02",
    "first-look-cross-entropy": "fashion-mini-mlp-cross-entropy-s0-75ae6d9e02",
    "first-look-piecewise-zero": "fashion-mini-mlp-piecewise-zero-s0-f71620e6c6",
    "first-look-blurry": "fashion-mini-mlp-blurry-s0-92e3c7c2b3",
    "first-look-blurry-detached": "fashion-mini-mlp-blurry-s0-b246f4708b",
    "paper-quick-cross-entropy": "cifar10-resnet50-cross-entropy-s0-03b9a96a10",
    "paper-quick-piecewise-zero": "cifar10-resnet50-piecewise-zero-s0-78457d31d8",
    "paper-quick-blurry": "cifar10-resnet50-blurry-s0-6f5c875e89",
    "paper-quick-blurry-detached": "cifar10-resnet50-blurry-s0-2eb5f6ad86",
    "paper-cross-entropy": "cifar10-resnet50-cross-entropy-s0-a51190fc28",
    "paper-piecewise-zero": "cifar10-resnet50-piecewise-zero-s0-73f0823294",
    "paper-blurry": "cifar10-resnet50-blurry-s0-da86b12811",
    "paper-blurry-detached": "cifar10-resnet50-blurry-s0-543e94f103",
}


def test_defaults() -> None:
    assert RunConfig().id == "fashion-mini-mlp-cross-entropy-s0-ef1424cb5c"
    assert EnsembleConfig().id == "gaussian-noise-mlp-he-normal-n100-s0-339baeaad5"


def test_presets() -> None:
    assert {name: preset.config.id for name, preset in PRESETS.items()} == PRESET_IDS


def test_only_a_fingerprint_makes_a_folder_another_run() -> None:
    folder = {"name": "image-folder", "folder": "/data/pictures"}
    plain, empty, one, other = (
        RunConfig(dataset=folder | more)
        for more in ({}, {"fingerprint": None}, {"fingerprint": "0" * 16}, {"fingerprint": "1" * 16})
    )
    assert plain.id == empty.id == "image-folder-mlp-cross-entropy-s0-f93b7299f5"
    assert len({plain.id, one.id, other.id}) == len({plain.group, one.group, other.group}) == 3


def test_only_a_shift_of_the_activation_makes_another_run() -> None:
    plain, unshifted, *others = (
        EnsembleConfig(model={"name": "mlp"} | more)
        for more in ({}, {"shift": 0, "offset": 0.0}, {"shift": 0.5}, {"offset": 0.5})
    )
    assert plain.id == unshifted.id == "gaussian-noise-mlp-he-normal-n100-s0-339baeaad5"
    assert len({plain.id, *(other.id for other in others)}) == 3


def test_the_shipped_runs() -> None:
    names = {folder.parent.name for folder in GALLERY.glob("*/config.json")}
    assert len(names) == 54
    assert {config.id for config in TRAININGS.values()} <= names
    assert names == {parse_config((GALLERY / name / "config.json").read_bytes()).id for name in names}
    assert {PRESET_IDS[f"first-look-{loss}"] for loss in ("cross-entropy", "piecewise-zero", "blurry")} <= names
