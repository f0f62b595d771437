"""Finished runs that ship with the program: what a fresh copy can show before anything was trained."""

from __future__ import annotations

from pathlib import Path

from igbviz.datasets import CIFAR10, Cifar10, DataError, ImageFolder
from igbviz.runs.kinds import TRAINED, Config, kind_of
from igbviz.runs.run import Run, RunError


def shipped_runs(cache: Path, **parts: str) -> list[Run]:
    """The shipped trainings, those only whose parts have these names, as in model="resnet50"; by name of the run."""
    runs = []
    for folder in sorted((cache / "gallery").glob("*/config.json")):
        run = Run(folder.parent)
        try:
            config = run.config
        except RunError:
            continue
        if kind_of(config) is TRAINED and all(getattr(config, part).name == name for part, name in parts.items()):
            runs.append(run)
    return runs


def config_to_repeat(run: Run) -> Config:
    """What to start here to repeat a run: CIFAR-10 takes the place of a folder of its images that is not on this
    machine. Any other folder stays, and whoever starts the run is told that it is missing. Raises RunError."""
    config, data = run.config, run.config.dataset
    if not isinstance(data, ImageFolder) or run.schema.get("class_names") != list(CIFAR10):
        return config
    try:
        data.facts()
    except DataError:
        return config.with_(dataset=Cifar10(grayscale=data.grayscale, scaling=data.scaling, size=data.size))
    return config


def is_shipped(run: Run) -> bool:
    """Whether the run is part of the program: to look at and to copy, not to change."""
    return run.path.parent.name == "gallery"


def require_own(run: Run) -> None:
    if is_shipped(run):
        raise RunError(
            f"run {run.id} ships with the program and stays as it is: run it yourself to have one of your own"
        )
