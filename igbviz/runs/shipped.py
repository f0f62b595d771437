"""The finished runs that ship with the program, which a fresh copy can show before anything is trained."""

from __future__ import annotations

from pathlib import Path

from igbviz.config.missing import has_stand_ins, require_installed
from igbviz.datasets import CIFAR10, Cifar10, DataError, ImageFolder
from igbviz.disk.places import gallery
from igbviz.runs.files import folders
from igbviz.runs.kinds import RECORDED, TRAINED, Config, kind_of
from igbviz.runs.listing import is_complete
from igbviz.runs.run import Run, RunError
from igbviz.spec import ConfigError


def shipped_runs(cache: Path, **parts: str) -> list[Run]:
    """The shipped trainings whose parts have these names, as in model="resnet50", sorted by the name of the run."""
    runs = []
    for folder in sorted(folders(gallery(cache))):
        run = Run(Path(folder), cache)
        try:
            config = run.config
        except RunError:
            continue
        if kind_of(config) is TRAINED and all(getattr(config, part).name == name for part, name in parts.items()):
            runs.append(run)
    return runs


def shipped_run(config: Config, cache: Path) -> Run | None:
    """The shipped run of this configuration, if there is one."""
    run = Run(gallery(cache) / config.id, cache)
    return run if is_complete(run) else None


def config_to_repeat(run: Run) -> Config:
    """The configuration that repeats a run on this machine.

    Raises RunError when the run is unreadable, was recorded outside, or was made with a package that is not installed
    here.
    A missing image folder of CIFAR-10 is replaced by the data set CIFAR-10. Any other folder stays, and starting the
    run reports that it is missing.
    """
    config, data = run.config, run.config.dataset
    if kind_of(config) is RECORDED:
        raise RunError(f"run {run.id} was recorded outside igbviz: it cannot be repeated here")
    if has_stand_ins(config):
        try:
            require_installed(config)
        except ConfigError as error:
            raise RunError(f"run {run.id} can be read, but not repeated: {error}") from None
    if not isinstance(data, ImageFolder) or run.schema.get("class_names") != list(CIFAR10):
        return config
    try:
        data.facts()
    except DataError:
        return config.with_(dataset=Cifar10(grayscale=data.grayscale, scaling=data.scaling, size=data.size))
    return config


def is_shipped(run: Run) -> bool:
    """Whether the run is part of the program: it can be read and copied, but not changed."""
    return run.is_shipped


def require_own(run: Run) -> None:
    """Raise RunError for a shipped run."""
    run.require_own()
