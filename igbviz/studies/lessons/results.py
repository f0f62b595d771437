"""The results of a lesson: its runs as they are recorded on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from igbviz.runs.kinds import TRAINED, Config
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import FINISHED
from igbviz.studies.lessons.parts import Lesson, Results
from igbviz.trajectory.records import Recorded
from igbviz.trajectory.trajectory import ThinnedTrajectory


def find(config: Config, cache: Path) -> Run | None:
    """The run of this configuration, or None if it was never started."""
    try:
        return Run.open(config.id, cache)
    except RunError:
        return None


def is_finished(run: Run) -> bool:
    try:
        return run.stored_status().state in FINISHED
    except RunError:
        return False


def result(run: Run) -> Recorded:
    """What this run has recorded: an ensemble, or a trajectory, with its images where it has some. Raises RunError."""
    recorded = run.recorded()
    if run.kind is not TRAINED or (images := run.images()) is None:
        return recorded
    return ThinnedTrajectory(recorded.records, recorded.class_names, images)


def finished(lesson: Lesson, names: Iterable[str], cache: Path) -> Results | None:
    """The results of these runs of a lesson; None unless all have finished and can be read."""
    runs = {name: find(lesson.runs[name], cache) for name in names}
    if not all(run is not None and is_finished(run) for run in runs.values()):
        return None
    try:
        return {name: result(run) for name, run in runs.items()}
    except RunError:
        return None
