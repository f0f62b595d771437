"""What runs, configurations, trajectories, ensembles and groups look like as the last value of a cell.

They are attached here to types of lower layers, by name: nothing is imported before such a value is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from importlib import import_module
from typing import Any

from igbviz.notebook.still import still_image

SHOWN = {
    ("igbviz.runs.run", "Run"): "run",
    ("igbviz.config.run", "RunConfig"): "configuration",
    ("igbviz.config.recorded", "RecordedConfig"): "configuration",
    ("igbviz.ensembles.config", "EnsembleConfig"): "configuration",
    ("igbviz.trajectory.trajectory", "Trajectory"): "trajectory",
    ("igbviz.trajectory.trajectory", "ThinnedTrajectory"): "trajectory",
    ("igbviz.ensembles.records", "Ensemble"): "ensemble",
    ("igbviz.runs.sweeps", "Group"): "group",
}
WIDTH = 640  # pixels of the picture of a run


def register(shell: Any) -> None:
    """Attach the pictures and tables to the types, in this IPython."""
    html = shell.display_formatter.formatters["text/html"]
    for (module, name), function in SHOWN.items():
        html.for_type_by_name(module, name, _safely(function))


def _safely(function: str) -> Callable[[Any], str | None]:
    """An object that cannot be read is shown by its text alone."""

    def show(value: Any) -> str | None:
        try:
            return globals()[function](value)
        except (ValueError, OSError):
            return None

    return show


def run(value: Any) -> str:
    """What it is doing, what sets it apart, and its picture."""
    status, config = value.status, value.config
    parts = [f"<p><b>{escape(value.id)}</b><br>{escape(status.state)}: {escape(status.sentence(value.kind.unit))}</p>"]
    if value.kind.name == "untrained":
        return "".join([*parts, ensemble(value.ensemble())])
    probes = value.glance()
    if len(probes):
        plan = {"ended": status.ended, "diverged": status.state == "diverged", "steps_per_epoch": value.steps_per_epoch}
        image = still_image(import_module("igbviz.charts.animation").still(probes, config, **plan))
        parts.append(f'<img src="data:image/png;base64,{image}" width="{WIDTH}" alt="{escape(value.id)}">')
    return "".join([*parts, _differences(config)])


def configuration(value: Any) -> str:
    """The choices that differ from the defaults."""
    return f"<p><b>{escape(value.id)}</b></p>{_differences(value)}"


def trajectory(value: Any) -> str:
    """What came of it in a sentence, and each class at Init. and at the last probe."""
    if not len(value):
        return "<p>No probe yet.</p>"
    verdict = import_module("igbviz.trajectory.verdict").verdict
    probability, accuracy, guesses = value.true_class_probability(), value.accuracy(), value.guess_fraction()
    rows = [
        (name, *(f"{table[at, k]:.3f}" for table in (guesses, probability, accuracy) for at in (0, -1)))
        for k, name in enumerate(value.class_names[:20])
    ]
    head = ("class", "guessed at Init.", "now", "mean probability at Init.", "now", "accuracy at Init.", "now")
    more = f"<p>and {value.classes - 20} more classes</p>" if value.classes > 20 else ""
    probes = f"{len(value):,} probes, step {int(value.step[0])} to {int(value.step[-1]):,}"
    return f"<p>{escape(verdict(value).sentence)}<br>{probes}</p>{_table(head, rows)}{more}"


def ensemble(value: Any) -> str:
    """Whether its networks are prejudiced, and gamma by each estimator."""
    if not len(value):
        return "<p>No network yet.</p>"
    rows = []
    for estimator in ("variance", "cosine", "guesses"):
        gamma, error = value.gamma(estimator)
        rows.append((estimator, f"{gamma:.3f}", f"{error:.3f}" if error == error else "unknown for one network"))
    return f"<p>{escape(value.verdict())}</p>{_table(('estimator', 'gamma', 'standard error'), rows)}"


def group(value: Any) -> str:
    """Its runs, how far they are, and what came of them."""
    labels = import_module("igbviz.studies.comparison").labels
    members = value.members()
    readable = [member for member in members if member.run is not None and member.state != "unreadable"]
    names = dict(
        zip([member.id for member in readable], labels([member.run.config for member in readable]), strict=True)
    )
    rows = []
    for member in members:
        came = member.outcome() if member.id in names else None
        escaped = "" if came is None else "not yet" if came.escape_step is None else f"step {came.escape_step:,}"
        accuracy = "" if came is None else f"{came.balanced_accuracy:.3f}"
        rows.append((names.get(member.id, member.id), member.state, f"{100 * member.share:.0f} %", accuracy, escaped))
    head = ("run", "state", "done", "balanced accuracy", "guesses even from")
    return f"<p><b>{escape(value.id)}</b></p>{_table(head, rows)}"


def _differences(config: Any) -> str:
    rows = list(_flat(config.canonical(incidental=True)))
    return _table(("choice", "value"), rows) if rows else "<p>All choices are the defaults.</p>"


def _flat(values: dict[str, Any], path: str = "") -> Iterable[tuple[str, str]]:
    for key, value in sorted(values.items(), key=lambda item: item[0] != "name"):
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}".removesuffix(".name"), str(value)[:200]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    heads = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
