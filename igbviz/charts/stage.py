"""What the stage shows of a run, as JSON for the browser: what is fixed, and the probes from one index on.

The browser keeps what it has received, so a growing run sends its new probes only. A fraction takes two bytes, a count
of the confusion matrix one unless a class has more images: about 250 bytes per probe with ten classes. A watched image
takes two, its p and its guess: about as many again. Shapes: T probes, K classes, L lines.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from igbviz.charts.colors import ClassStyle, class_style
from igbviz.charts.run import MAX_LINES, WRONG_LABEL_STYLES
from igbviz.charts.time_axis import TimeAxis, planned, units
from igbviz.config import RecordedConfig, RunConfig
from igbviz.losses.force import pulls
from igbviz.trajectory import Trajectory
from igbviz.trajectory.images import WatchedImages, probabilities_of_bytes, probability_bytes
from igbviz.trajectory.quantities import QUANTITIES, WRONG_LABELS, Quantity
from igbviz.trajectory.verdict import verdict

VIEWS = {  # in the order of the tabs
    "true_class_probability": "Probability",
    "accuracy": "Accuracy",
    "predicted_probability": "Predicted",
    "guess_fraction": "Guesses",
}
CONFUSION = "Images of each true class (rows) by what the network guesses for them (columns), in percent of the row."
OUTSIDE = "Recorded outside igbviz."
PLAIN, DOTTED = ClassStyle("", (), ""), ClassStyle("", (2, 3), "")
MAX_BARS = 12  # with more than MAX_LINES classes: those that the untrained network finds most probable
MESSAGE, MIN_IMAGE_ROWS = 60_000, 60  # bytes of a message; probes at which it has the images, in any case: the default
SUMMARY = {"highest class": 1.0, "median class": 0.5, "lowest class": 0.0}  # quantiles drawn in place of many classes


def scene(
    trajectory: Trajectory,
    config: RunConfig | RecordedConfig,
    *,
    steps_per_epoch: int | None,
    start: int = 0,
    ended: bool = True,
    diverged: bool = False,
    sprite: dict[str, Any] | None = None,
) -> str:
    """The JSON of a run on the stage: its probes from index `start` on, and before the first also all that is fixed.

    `trajectory` holds the probes to draw (`Trajectory.thinned`). Of these only the last one may move later, so a
    browser that has n of them needs those from n - 1 on. `sprite`: where the browser finds the thumbnails of the
    watched images, and how they are arranged: {"sprite": address, "tile": (width, height), "columns": in a row}.
    """
    shown = {"start": start, "ended": ended, **_probes(trajectory, start)}
    if len(trajectory):
        shown["verdict"] = verdict(trajectory, ended=ended, diverged=diverged).sentence
    if not start:
        shown["fixed"] = _fixed(trajectory, config, steps_per_epoch)
    if sprite and trajectory.images is not None:
        if not start:
            shown["fixed"]["images"] = sprite | _images(trajectory.images, config, trajectory.classes)
            _add_thumbnails(shown["fixed"]["bars"], _barred(trajectory), trajectory.images)
        _add_image_tables(shown, trajectory.images[start:])
    return _json(shown)


def _fixed(trajectory: Trajectory, config: RunConfig | RecordedConfig, steps_per_epoch: int | None) -> dict[str, Any]:
    names, favoured = trajectory.class_names, trajectory[:1].favoured()
    views = [
        {
            "name": name,
            "tab": tab,
            "title": QUANTITIES[name].title,
            "axis": QUANTITIES[name].axis,
            "caption": QUANTITIES[name].caption,
        }
        for name, tab in VIEWS.items()
    ]
    if len(names) <= MAX_LINES:
        views.append({"name": "confusion", "tab": "Confusion", "title": "Confusion", "caption": CONFUSION})
    if trajectory.has_noise:
        lines = [_line(name, style) for name, style in WRONG_LABEL_STYLES.items()]
        views.append(
            {
                "name": "wrong_labels",
                "tab": "Wrong labels",
                "title": WRONG_LABELS.title,
                "axis": WRONG_LABELS.axis,
                "caption": WRONG_LABELS.caption,
                "lines": lines,
                "chance": False,
            }
        )
    epochs, marks = planned(config, steps_per_epoch)
    in_units = units(trajectory.has_epochs)
    axes = {unit: _axis(TimeAxis.of(trajectory, steps_per_epoch, epochs, unit)) for unit in in_units}
    barred = _barred(trajectory)
    bars = [_line(names[k], class_style(k), strong=k == favoured) for k in barred]
    if len(names) > MAX_LINES:
        bars.append(_line(f"{len(names) - len(bars)} other classes"))
    return {
        "classes": list(names),
        "sizes": trajectory[:1].class_sizes().reshape(-1).tolist(),  # of the rows of the confusion matrix
        "favoured": favoured,
        "lines": _lines(names, favoured),  # of every view that has none of its own
        "views": views,
        "bars": bars,
        "axes": axes,
        "marks": marks,
        "origin": OUTSIDE if isinstance(config, RecordedConfig) else "",
        "steps_per_epoch": steps_per_epoch or trajectory.steps_per_epoch or None,
    }


def _line(name: str, style: ClassStyle = PLAIN, strong: bool = False) -> dict[str, Any]:
    """A line or a bar; without a color it has the color of the text."""
    width = 4 if strong else 2
    return {"name": name, "color": style.color, "dash": style.dashed(width), "width": width, "strong": strong}


def _lines(names: tuple[str, ...], favoured: int | None) -> list[dict[str, Any]]:
    if len(names) <= MAX_LINES:
        return [_line(name, class_style(k), strong=k == favoured) for k, name in enumerate(names)]
    summary = [_line(name, PLAIN if quantile == 0.5 else DOTTED) for name, quantile in SUMMARY.items()]
    first = _highlighted(favoured)
    return [*summary, _line(names[first], class_style(first), strong=True)]


def _highlighted(favoured: int | None) -> int:
    """The class that has a line of its own among many: the favoured one, any before the first probe."""
    return favoured or 0


def _barred(trajectory: Trajectory) -> list[int]:
    """The classes that have a bar, in their own order."""
    if trajectory.classes <= MAX_LINES or not len(trajectory):
        return list(range(min(trajectory.classes, MAX_LINES)))
    return sorted(np.argsort(-trajectory[:1].predicted_probability()[0], kind="stable")[:MAX_BARS].tolist())


def _axis(axis: TimeAxis) -> dict[str, Any]:
    """The log axis in powers of ten, so that the browser has only to add."""
    positions, labels = axis.ticks()
    return {
        "shift": float(np.log10(axis.per_step)),  # from log10 of the step to the position
        "range": axis.layout()["range"],
        "ticks": [[float(np.log10(position)), label] for position, label in zip(positions, labels, strict=True)],
        "minor": [float(np.log10(position)) for position in axis.minor_ticks()],
        "title": axis.layout()["title"]["text"],
        "first_epoch": float(np.log10(axis.steps_per_epoch)) if axis.epochs >= 1 and axis.steps_per_epoch > 1 else None,
    }


def _probes(trajectory: Trajectory, start: int) -> dict[str, Any]:
    probes = trajectory[start:]
    tables = {name: _fractions(_drawn(probes, QUANTITIES[name], trajectory)) for name in VIEWS}
    if trajectory.has_noise:
        tables["wrong_labels"] = _fractions(WRONG_LABELS.values(probes))
    if trajectory.classes <= MAX_LINES:
        tables["confusion"] = _encoded(probes.confusion.astype(_counts(trajectory)))
    else:
        tables["bars"] = _fractions(_bars(probes, trajectory))  # else they are the guesses
    return {"steps": probes.step.tolist(), "tables": tables}


def _counts(trajectory: Trajectory) -> str:
    """The smallest unsigned integers that hold the images of any class."""
    largest = int(trajectory[:1].class_sizes().max(initial=0))
    return next(kind for kind in ("<u1", "<u2", "<u4") if largest <= np.iinfo(kind).max)


def _drawn(probes: Trajectory, quantity: Quantity, trajectory: Trajectory) -> np.ndarray:
    """(T, L) the values of the lines of a view."""
    values = np.asarray(quantity.values(probes), dtype=np.float64)
    if trajectory.classes <= MAX_LINES:
        return values
    quantiles = np.quantile(values, list(SUMMARY.values()), axis=1).T if len(values) else np.empty((0, len(SUMMARY)))
    return np.concatenate([quantiles, values[:, [_highlighted(trajectory[:1].favoured())]]], 1)


def _bars(probes: Trajectory, trajectory: Trajectory) -> np.ndarray:
    """(T, bars) the guess fractions of the classes that have a bar, and of all the others together."""
    guesses, barred = probes.guess_fraction(), _barred(trajectory)
    return np.concatenate([guesses[:, barred], 1 - guesses[:, barred].sum(1, keepdims=True)], 1)


def _images(images: WatchedImages, config: RunConfig, classes: int) -> dict[str, Any]:
    pull = pulls(config.loss, probabilities_of_bytes(), classes)
    lists = {"labels": images.labels.tolist(), "given": images.given.tolist()}
    return lists | {"pull": np.round(pull, 3).tolist()}


def _add_thumbnails(bars: list[dict[str, Any]], barred: list[int], images: WatchedImages) -> None:
    """Give the bar of each class an image of it: its place in the sprite."""
    for bar, k in zip(bars, barred, strict=False):  # the last bar may be that of all other classes
        if len(own := np.flatnonzero((images.labels == k) & (images.given < 0))):
            bar["thumbnail"] = int(own[0])


def _add_image_tables(shown: dict[str, Any], images: WatchedImages) -> None:
    """Add what the images do, at as many of the probes as there is room for; "images_at" has these, unless it is all.

    Images have more numbers than all curves together: at each of 200 probes, they alone would be twice a message.
    """
    probes, room = len(images), MESSAGE - len(_json(shown))
    rows = max(MIN_IMAGE_ROWS, room // (2 * len(_encoded(images.guess[:1])) or 1))
    if rows < probes:
        at = np.unique(np.linspace(0, probes - 1, rows).round().astype(int))
        shown["images_at"], images = at.tolist(), images[at]
    shown["tables"]["images_p"] = _encoded(probability_bytes(images.probability))
    shown["tables"]["images_guess"] = _encoded(images.guess)


def _json(shown: dict[str, Any]) -> str:
    return json.dumps(shown, separators=(",", ":"), allow_nan=False)


def _fractions(values: np.ndarray) -> str:
    return _encoded(np.round(65535 * np.clip(np.nan_to_num(values), 0, 1)).astype("<u2"))


def _encoded(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values)).decode()
