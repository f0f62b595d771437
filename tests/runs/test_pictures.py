"""Runs on uploaded pictures: small ones train, and pictures in use are not deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

import igbviz
from igbviz.config import RunConfig
from igbviz.datasets import ImageFolder, uploads
from igbviz.runs import queue
from igbviz.runs.run import RunError
from igbviz.runs.submit import submit
from igbviz.runs.trash import delete_pictures
from tests.support.pictures import pets, zipped
from tests.support.stored_runs import finished


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGBVIZ_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)


def dataset_of(pictures: uploads.Pictures) -> ImageFolder:
    return ImageFolder(folder=str(pictures.folder), size=pictures.size, grayscale=pictures.grayscale)


def test_pictures_in_use_are_not_deleted(tiny: RunConfig, tmp_path: Path) -> None:
    pictures = uploads.add(zipped(pets()), "pets.zip", tmp_path)
    finished(tiny, tmp_path)
    run = submit(tiny.with_(dataset=dataset_of(pictures)), tmp_path)
    with pytest.raises(RunError, match=f"the pictures pets cannot be deleted while run {run.id} is trained on them"):
        delete_pictures(pictures, tmp_path)
    run.stop()
    delete_pictures(pictures, tmp_path)
    delete_pictures(pictures, tmp_path)  # gone already, by somebody else
    assert uploads.sets(tmp_path) == [] and run.config.dataset.folder == str(pictures.folder)


@pytest.mark.parametrize(
    "network, changes",
    [
        ({"name": "cnn"}, {"probes": {"size": "all"}}),
        ({"name": "mlp", "normalization": "batch"}, {"imbalance": {"ratio": 5}}),
        ({"name": "resnet18"}, {"label_noise": {"name": "symmetric"}}),
    ],
)
def test_twelve_photographs_of_a_class_train_with_the_usual_settings(
    network: dict, changes: dict, tmp_path: Path
) -> None:
    pictures = uploads.add(zipped(pets(12)), "pets.zip", tmp_path)
    config = RunConfig(dataset=dataset_of(pictures), model=network, **changes)
    snapshots = list(igbviz.train(config))
    assert snapshots[-1]["step"] >= 1 and len(snapshots) > 1
