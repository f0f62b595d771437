"""A run is its data, too: other files in the same folder are another run, and no run goes on with other files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from igbviz.config import RunConfig
from igbviz.datasets import DataError, fingerprints
from igbviz.ensembles import EnsembleConfig
from igbviz.runs import queue
from igbviz.runs.files import write_json
from igbviz.runs.session import work_on
from igbviz.runs.shipped import shipped_run
from igbviz.runs.submit import submit, submit_all
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import Group, plan, submit_sweep
from igbviz.training import checkpoints
from igbviz.training.loop import Training, train


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes of 8 + 8 images, and no worker."""
    monkeypatch.setenv("IGBVIZ_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    for split in ("train", "test"):
        for value, name in enumerate(("cat", "dog")):
            for number in range(8):
                path = tmp_path / "images" / split / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("L", (8, 8), 100 * value + number).save(path)
    return tmp_path / "images"


@pytest.fixture
def config(tiny: RunConfig, folder: Path) -> RunConfig:
    return tiny.with_(dataset={"name": "image-folder", "folder": str(folder)}, batch_size=4, probes={"size": 10})


def replace(folder: Path) -> None:
    Image.new("L", (8, 8), 250).save(folder / "train" / "dog" / "3.png")


def test_a_shipped_run_does_not_answer_for_a_folder_that_nobody_looked_at(
    config: RunConfig, folder: Path, tmp_path: Path
) -> None:
    (unseen,) = submit_all([config], tmp_path)
    write_json(unseen.path / "status.json", {"state": "done"})
    (tmp_path / "gallery").mkdir()
    unseen.path.rename(tmp_path / "gallery" / unseen.id)
    assert shipped_run(config, tmp_path), "the shipped runs on folders have no fingerprint"
    assert submit(config, tmp_path).config.dataset.fingerprint
    shutil.rmtree(folder)
    with pytest.raises(DataError, match="does not exist"):
        submit(config, tmp_path)


def test_replaced_pictures_are_another_run(config: RunConfig, folder: Path, tmp_path: Path) -> None:
    first = submit(config, tmp_path)
    assert first.config.dataset.fingerprint and first.config.id == first.id != config.id
    assert submit(config, tmp_path) == submit(first.config, tmp_path) == first
    replace(folder)
    second = submit(config, tmp_path)
    assert second != first and second.config.with_(dataset=config.dataset) == config
    with pytest.raises(DataError, match="no longer has the files"):
        submit(first.config, tmp_path)
    ensemble = EnsembleConfig(dataset=config.dataset, networks=2, inputs=10)
    assert submit(ensemble, tmp_path).config.dataset.fingerprint == second.config.dataset.fingerprint


def test_no_run_goes_on_with_other_files(config: RunConfig, folder: Path, tmp_path: Path) -> None:
    run = submit(config, tmp_path)
    replace(folder)
    list(work_on(run, torch.device("cpu")))
    status = run.stored_status()
    assert status.state == "failed" and f"{folder} no longer has the files" in status.message
    with pytest.raises(DataError, match="no longer has the files"):
        train(run.config)


def test_a_run_without_a_fingerprint_does_not_go_on_with_other_classes(config: RunConfig, tmp_path: Path) -> None:
    (run,) = submit_all([config], tmp_path)
    checkpoints.write(Training(config, "cpu").state(), run.id, run.path / "checkpoint.pt")
    write_json(run.path / "schema.json", {"class_names": ["dog", "cat"]})
    list(work_on(run, torch.device("cpu")))
    assert run.stored_status().state == "failed" and "no longer those" in run.stored_status().message


def test_a_finished_run_needs_no_data(config: RunConfig, folder: Path, tmp_path: Path) -> None:
    run = submit(config, tmp_path)
    list(work_on(run, torch.device("cpu")))
    assert run.stored_status().state == "done"
    source = run.schema["data"]
    assert "16 PNG L; 8 x 8 pixels" not in source and "32 PNG L; 8 x 8 pixels" in source
    folder.rename(tmp_path / "elsewhere")
    assert submit(run.config, tmp_path) == run and len(run.trajectory()) > 1
    with pytest.raises(DataError, match="does not exist"):
        submit(config, tmp_path)


def test_a_sweep_reads_its_data_once(
    config: RunConfig, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    fingerprint = fingerprints.fingerprint
    monkeypatch.setattr(
        "igbviz.datasets.image_folder.fingerprint", lambda *args: calls.append(args) or fingerprint(*args)
    )
    sweep = Sweep(base=config, axes={"seed": [0, 1, 2], "dataset.size": [None, 16]})
    group = submit_sweep(sweep, tmp_path)
    assert len(calls) == 1
    assert group.sweep.identified() == group.sweep and group.id == sweep.identified().id != sweep.id
    assert len({run.config.dataset.fingerprint for run in group.runs}) == 1 and len(group.runs) == 6
    assert submit_sweep(sweep, tmp_path) == submit_sweep(group.sweep, tmp_path) == group
    replace(folder)
    other = submit_sweep(sweep, tmp_path)
    assert other != group and not set(other.run_ids) & set(group.run_ids) and plan(other.sweep, tmp_path).runs == 6
    assert Group.open(group.id, tmp_path).run_ids == group.run_ids
    with pytest.raises(DataError, match="no longer has the files"):
        submit_sweep(group.sweep, tmp_path)
    assert np.unique([run.stored_status().state for run in group.runs]).tolist() == ["queued"]
