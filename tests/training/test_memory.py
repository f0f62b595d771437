"""The memory that a run needs, and what is free within a container's limits."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.spec import ConfigError
from igbviz.training import memory
from igbviz.training.memory import require_memory

NOISE = {"name": "gaussian-noise", "size": 512, "train_examples": 30_000, "test_examples": 10}
SMALL = {"name": "gaussian-noise", "size": 32, "train_examples": 100_000, "test_examples": 10}


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "has_gpu", lambda: False)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (RunConfig(dataset=NOISE), "dataset needs about 3\\d GB"),  # 30,010 images of 512 x 512 values
        (RunConfig(dataset=SMALL, model={"name": "resnet50"}, batch_size=65_536), "batch_size needs about"),
        (RunConfig(dataset=SMALL, model={"name": "cnn", "width": 256}, batch_size=65_536), "batch_size needs about"),
        (RunConfig(model={"name": "mlp", "depth": 100, "width": 8192}), "model needs about"),
    ],
)
def test_what_cannot_fit_into_24_gb_is_refused(config: RunConfig, field: str) -> None:
    with pytest.raises(ConfigError, match=f"{field}.* allowed: at most the 24 GB that are free here"):
        require_memory(config, config.dataset.facts(), free=24e9)


def test_what_fits_is_not_refused() -> None:
    for model in ("resnet50", "vgg19", "vit_tiny"):
        config = RunConfig(dataset=SMALL, model={"name": model}, batch_size=512)
        require_memory(config, config.dataset.facts(), free=4e9)
    whole = RunConfig(dataset=SMALL | {"train_examples": 100}, model={"name": "resnet50"}, batch_size=65_536)
    require_memory(whole, whole.dataset.facts(), free=1e9)  # a batch has at most all images


def test_a_gpu_keeps_the_batch_in_its_own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "has_gpu", lambda: True)
    config = RunConfig(dataset=SMALL, model={"name": "resnet50"}, batch_size=65_536)
    require_memory(config, config.dataset.facts(), free=24e9)


def write(folder: Path, **values: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n")


def test_limits_of_control_groups_of_version_2(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("0::/a/b\n")
    assert memory._free_of_container(tmp_path / "cgroup", tmp_path) == math.inf
    write(tmp_path / "a" / "b", memory__max="max", memory__current=5, memory__stat="anon 1\ninactive_file 2")
    assert memory._free_of_container(tmp_path / "cgroup", tmp_path) == math.inf
    write(tmp_path / "a", memory__max=1000, memory__current=700, memory__stat="anon 1\ninactive_file 200")
    assert memory._free_of_container(tmp_path / "cgroup", tmp_path) == 500, "what caches files can be taken back"


def test_limits_of_control_groups_of_version_1_in_a_container(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("3:cpu:/docker/x\n2:memory:/docker/x\n")
    write(tmp_path / "memory", memory__limit_in_bytes=1000, memory__usage_in_bytes=400,
          memory__stat="total_inactive_file 100")  # fmt: skip
    assert memory._free_of_container(tmp_path / "cgroup", tmp_path) == 700
    assert memory._free_of_container(tmp_path / "none", tmp_path) == math.inf
