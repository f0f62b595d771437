"""The shipped runs are complete, match their configurations, and are separate from the user's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from igbviz.config import PRESETS
from igbviz.datasets import CIFAR10
from igbviz.runs import queue
from igbviz.runs.files import write_json
from igbviz.runs.images import files as images
from igbviz.runs.kinds import TRAINED
from igbviz.runs.run import Run
from igbviz.runs.shipped import config_to_repeat, shipped_run, shipped_runs
from igbviz.runs.submit import submit, submit_all
from tests.support import ROOT
from tests.support.pages import page
from tests.support.stored_runs import finished

FIRST_LOOKS = ("first-look-cross-entropy", "first-look-piecewise-zero", "first-look-blurry")
GALLERY = sorted(folder.parent for folder in (ROOT / "cache" / "gallery").glob("*/config.json"))


def test_a_fresh_clone_has_runs_to_show() -> None:
    losses = {(run.config.loss.name, run.config.seed) for run in shipped_runs(ROOT / "cache", model="resnet50")}
    assert losses >= {(loss, seed) for loss in ("cross-entropy", "piecewise-zero", "blurry") for seed in (0, 1, 2)}
    # 8 MB of records, and 0.1 MB of images for each of the small runs
    assert sum(file.stat().st_size for folder in GALLERY for file in folder.iterdir()) < 12e6


@pytest.mark.parametrize("folder", GALLERY, ids=lambda folder: folder.name)
def test_a_shipped_run_is_complete(folder: Path) -> None:
    run = Run(folder)
    status, schema, recorded = run.status, run.schema, run.recorded()
    assert run.config.id == run.id and status.state == "done" and len(recorded) == status.snapshots
    assert status.step == status.steps and status.seconds > 1
    if run.kind is TRAINED:
        assert recorded.step[0] == 0 and recorded.step[-1] == status.steps
    else:
        assert len(recorded) == run.config.networks
    assert {"device", "torch", "date", "threads", "data"} <= set(schema) and "/root" not in run.config.to_json() + str(
        schema
    )
    present = {file.name for file in folder.iterdir()}
    assert present - set(images.FILES) == {"config.json", "schema.json", "status.json", "trajectory.bin"}
    if run.kind is TRAINED:
        images.check(folder, len(recorded), recorded.classes)


def test_the_first_looks_show_their_images() -> None:
    """What the records of a class say is what its images say: the two come from one training."""
    for name in FIRST_LOOKS:
        run = shipped_run(PRESETS[name].config, ROOT / "cache")
        watched, recorded = run.images(), run.trajectory()
        guesses = (watched.guess[:, :, None] == range(10)).mean(1)
        assert watched.count == 120 and np.abs(guesses - recorded.guess_fraction()).max() < 0.15
        means = watched.probability.reshape(len(watched), 10, 12).mean(-1)
        assert np.abs(means - recorded.true_class_probability()).max() < 0.4
        assert (run.path / images.SPRITE).exists()


def test_a_shipped_run_is_returned_unless_an_own_one_is_requested(own_cache: Path, tiny) -> None:
    run = finished(tiny, own_cache)
    (own_cache / "gallery").mkdir()
    shutil.move(run.path, own_cache / "gallery" / run.id)
    assert submit(tiny, own_cache).path.parent.name == "gallery" and not queue.waiting(own_cache)
    shown = page(ROOT / "pages" / "Train.py", run=run.id)
    shown.button(key="own").click().run()
    assert Run.open(run.id, own_cache).path.parent.name == "runs" and len(queue.waiting(own_cache)) == 1


def test_only_a_folder_of_cifar10_is_replaced(own_cache: Path, tiny) -> None:
    folder = tiny.with_(
        dataset={"name": "image-folder", "folder": "/nowhere/images", "grayscale": True, "scaling": "raw"}
    )
    (run,) = submit_all([folder], own_cache)
    for names in (CIFAR10, ("cat", "dog")):
        write_json(run.path / "schema.json", {"class_names": list(names)})
        is_cifar10 = names == CIFAR10
        assert (
            config_to_repeat(run).dataset.canonical() == {"name": "cifar10", "grayscale": True, "scaling": "raw"}
        ) == is_cifar10
        assert (config_to_repeat(run) == folder) != is_cifar10, "no other folder becomes CIFAR-10"
    assert all(
        tuple(shown.schema["class_names"]) == CIFAR10 for shown in shipped_runs(ROOT / "cache", model="resnet50")
    )
