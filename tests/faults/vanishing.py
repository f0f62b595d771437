"""Folders that vanish while a run is being trained: of the run, of all runs, the cache, the data."""

from __future__ import annotations

import os
import shutil
import time

import numpy as np
from PIL import Image

from igbviz.runs.run import RunError
from igbviz.runs.submit import submit_all
from tests.faults.registry import Case, command, fault, losing, one_sentence
from tests.faults.signals import wait_a_moment
from tests.faults.trainings import ALONE_SECONDS, Watched, end, forked, some_config, wait_for, working


@fault("vanished", "a folder that vanishes while training: the run, all runs, the cache")
def vanished(case: Case) -> None:
    run = Watched(case)
    (other,) = submit_all([run.config.with_(seed=7)], run.cache)
    pid = run.start()
    wait_a_moment(run, case.random)
    folder = case.random.choice((run.run.path, run.cache / "runs", run.cache))
    aside, is_back = case.folder / "aside", case.random.random() < 0.5
    folder.rename(aside)
    case.count()
    try:
        one_sentence(run.run.status.message)
    except RunError as error:
        one_sentence(error)
    assert command("runs", "--cache", str(run.cache)) == 0
    assert command("show", run.run.id, "--cache", str(run.cache)) in (0, 2)
    if folder == run.run.path:
        wait_for(pid, 2 * ALONE_SECONDS)  # trains the other one
    else:
        time.sleep(0.1)
        end(pid)
    if is_back:
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
        submit_all([run.config, other.config], run.cache)
        run.finish()
    else:
        shutil.rmtree(aside)
        (again,) = submit_all([run.config], run.cache)
        assert wait_for(forked(working(run.cache, 0.5), case.folder), 2 * ALONE_SECONDS) == 0
        with losing("the run that was submitted again"):
            assert again.stored_status().state == "done", again.stored_status()


@fault("vanished-data", "the data of a run vanish or change while it is read and trained")
def vanished_data(case: Case) -> None:
    images = case.folder / "images"
    random = np.random.default_rng(case.random.randrange(2**32))
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (images / split / name).mkdir(parents=True)
            for number in range(60):
                pixels = random.integers(0, 256, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(images / split / name / f"{number}.png")
    os.environ["IGBVIZ_DATA"] = str(case.folder / "data")
    folder = {"name": "image-folder", "folder": str(images), "grayscale": True}
    config = some_config(case).with_(dataset=folder, epochs=20)
    run = Watched(case, config=config.with_(dataset=config.dataset.identified()))
    for _ in range(case.few(case.random.randint(1, 3))):
        shutil.rmtree(case.folder / "data", ignore_errors=True)  # the decoded copy
        pid = run.start()
        wait_a_moment(run, case.random)
        place = case.random.choice((images, images / "test", images / "train" / "dog"))
        aside = case.folder / "aside"
        place.rename(aside)
        case.count()
        wait_for(pid, ALONE_SECONDS)
        aside.rename(place)
        run.check()
        run.resume()
    run.finish()
