"""Submit runs: make sure that they exist and will be trained in the background."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from igbviz.config import Preset
from igbviz.config.missing import packages, require_installed
from igbviz.datasets.base import FromFiles
from igbviz.runs import queue, succession
from igbviz.runs.files import claim, write_text
from igbviz.runs.images import files as images
from igbviz.runs.kinds import Config, as_config, kind_of
from igbviz.runs.listing import is_complete
from igbviz.runs.locks import lock
from igbviz.runs.run import DEFAULT_CACHE, Run, RunError
from igbviz.runs.shipped import shipped_run
from igbviz.runs.status import FINISHED, QUEUED, Status
from igbviz.runs.trash import trash
from igbviz.spec import ConfigError


def submit(
    config: Config | Preset | str | dict[str, Any], cache: str | Path = DEFAULT_CACHE, *, own: bool = False
) -> Run:
    """Make sure that this run exists and will be trained, and return it at once.

    `config` may be a preset or its name: `submit("first-look")`. The same configuration is the same run, whoever
    submits it. A finished or running run is returned unchanged; a stopped, failed or lost one continues from its
    checkpoint; a finished one with damaged files starts again. A shipped run is returned, too, unless `own` is set, or
    its data are in a folder, which may have other files here. An imported run never answers for a training: it moves to
    the trash, from where it can be restored, and the run that is trained here takes its place. Data in a folder that
    the configuration names are read once here: other files are another run. Raises ConfigError for an invalid
    configuration, an unknown preset, or the configuration of a recorded run, DataError for a folder that is missing or
    has other files than a fingerprint in it says.

    >>> run = igbviz.submit("first-look")
    >>> run.wait().state
    'done'
    """
    config, cache = as_config(config), Path(cache)
    if kind_of(config).job is None:
        raise ConfigError(
            ((), f"{config.title!r} was recorded outside igbviz: it cannot be trained from its description")
        )
    may_be_shipped = not own and not _reads_unseen_files(config) and not (cache / "runs" / config.id).is_dir()
    if may_be_shipped and (run := shipped_run(config, cache)):
        return run
    return submit_all([identified(config, cache)], cache)[0]


def _reads_unseen_files(config: Config) -> bool:
    """Whether the data are files in a named folder, of whose contents the configuration says nothing."""
    data = config.dataset
    return isinstance(data, FromFiles) and bool(data.folder) and data.fingerprint is None


def identified(config: Config, cache: Path) -> Config:
    """The configuration with the fingerprint of its data, which is part of the run's identity.

    A finished run is the same run wherever its data are now. Raises DataError.
    """
    if getattr(config.dataset, "fingerprint", None) and _is_finished(Run(cache / "runs" / config.id)):
        return config
    dataset = config.dataset.identified()
    return config if dataset == config.dataset else config.with_(dataset=dataset)


def submit_all(
    configs: Iterable[Config], cache: str | Path = DEFAULT_CACHE, sweep: str = "", race: bool = False
) -> list[Run]:
    """`submit` many own runs in this order, reading the queue once for all.

    `sweep`: the id of their sweep; its runs may be trained in parallel, where that is faster, and those of a `race` are
    in any case. Raises RunError for an unreadable status, NewerCache for a cache of a newer program.
    """
    cache, configs = Path(cache), list(configs)
    runs = [Run(cache / "runs" / config.id) for config in configs]
    claim(cache)
    for needs in {frozenset(packages(config)) for config in configs}:
        succession.prepare(cache, needs)
    with lock(cache / "submit.lock", timeout=60.0):
        new = []
        try:
            for config, run in zip(configs, runs, strict=True):
                note = _set_aside(run)
                if not (run.path / "status.json").exists():
                    _create(run, config, note)
                    new.append(run.id)
                elif (state := run.stored_status().state) in FINISHED and not is_complete(run):
                    for file in ("trajectory.bin", "schema.json", *images.FILES, "checkpoint.pt", "stop"):
                        (run.path / file).unlink(missing_ok=True)
                    _create(run, config)
                    new.append(run.id)
                elif state == "queued":
                    new.append(run.id)  # in the queue already, unless a process was killed between the two steps
                elif state in ("stopped", "failed") or (state == "running" and run.status.state == "lost"):
                    # The same run, but the folder with its data may have changed.
                    write_text(run.path / "config.json", config.to_json())
                    run.resume(sweep, race)
        finally:  # an unreadable run does not keep the others out of the queue
            queue.enqueue(cache, *new, sweep=sweep, race=race)
    if not all(run.stored_status().ended for run in runs):
        queue.ensure_worker(cache)
    return runs


def _is_finished(run: Run) -> bool:
    try:
        return not run.is_imported and run.stored_status().state in FINISHED and is_complete(run)
    except RunError:
        return False


def _set_aside(run: Run) -> str:
    """Move an imported run that has ended to the trash; a note about it for the run that takes its place."""
    if not run.is_imported or not run.stored_status().ended:
        return ""
    if problems := trash([run]):
        raise RunError(problems[0].removesuffix("."))
    return " The imported run with these settings is in the trash."


def _create(run: Run, config: Config, note: str = "") -> None:
    require_installed(config)
    is_new = not run.path.exists()
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        write_text(run.path / "config.json", config.to_json())
        run.write_status(Status(state="queued", message=f"{QUEUED}{note}", submitted=time.time()))
    except OSError:
        if is_new:  # a full disk: leave nothing half made
            shutil.rmtree(run.path, ignore_errors=True)
        raise
