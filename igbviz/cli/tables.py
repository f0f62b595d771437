"""Results as text: the classes of a run, the networks of an ensemble, and columns of words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from igbviz.ensembles import Ensemble
from igbviz.ensembles.records import Estimator
from igbviz.runs.run import Run
from igbviz.trajectory import Trajectory

ESTIMATORS: tuple[Estimator, ...] = ("variance", "cosine", "guesses")

OF_A_TRAINING = """\
p: mean probability of the true class over the images of that class
accuracy: fraction of the images of that class that are guessed right (recall)
guesses: fraction of all images that are guessed as that class; 1/K without bias
alive: the step from which on the accuracy is at least 1/K, chance, at every probe
Init.: the untrained network; now: the last probe
*: the class favoured at Init., with the highest mean probability over all images"""

OF_AN_ENSEMBLE = """\
G: fraction of the inputs that a network guesses as that class; over networks its
mean, standard deviation and maximum
favoured by: fraction of the networks that guess that class most often
gamma: variance over networks of a logit's mean, over its variance over inputs; 0
without bias; ± standard error over networks"""


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows of cells as lines of aligned columns; those with an index in `right` end alike instead of beginning so."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = (
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def counted(count: int, noun: str) -> str:
    """The number and the noun, as in '1 run' and '2 runs'."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def table(run: Run) -> str:
    """What a run shows: of a training its classes, of an ensemble of untrained networks their guesses."""
    recorded = run.recorded()
    return ensemble_table(recorded) if isinstance(recorded, Ensemble) else class_table(recorded)


def class_table(trajectory: Trajectory) -> str:
    """The classes at Init. and at the last probe, one line per class, and below them what the columns mean."""
    if not len(trajectory):
        return "no probe yet"
    probability, guesses = trajectory.true_class_probability(), trajectory.guess_fraction()
    values = zip(probability[0], probability[-1], trajectory[-1:].accuracy()[0], guesses[0], guesses[-1], strict=True)
    lines = [f"{'class':>14}   p at Init.   p now  accuracy now  guesses at Init.  guesses now  alive"]
    alive = ["never" if step is None else str(step) for step in trajectory.alive_steps()]
    for index, (name, numbers) in enumerate(zip(trajectory.class_names, values, strict=True)):
        star = "*" if index == trajectory.favoured() else " "
        cells = (f"{value:{width}.3f}" for value, width in zip(numbers, (10, 6, 12, 16, 11), strict=True))
        lines.append(f"{name[:14]:>14}{star}  {'  '.join(cells)}  {alive[index]:>5}")
    accuracy = trajectory[-1:].balanced_accuracy()[0]
    when = f"epoch {trajectory.epoch[-1]:.3g}" if trajectory.has_epochs else f"step {trajectory.step[-1]:,}"
    return "\n".join([*lines, f"{when}, mean accuracy {accuracy:.3f}", OF_A_TRAINING])


def ensemble_table(ensemble: Ensemble) -> str:
    """The guesses of untrained networks by class, gamma by each estimator, and below them what the numbers mean."""
    if not len(ensemble):
        return "no network yet"
    guesses = ensemble.guess_fraction()
    shares = favoured_by(ensemble)
    rows = [["class", "mean G", "sd of G", "max G", "favoured by"]]
    for index, name in enumerate(ensemble.class_names):
        numbers = (guesses[:, index].mean(), guesses[:, index].std(), guesses[:, index].max(), shares[index])
        rows.append([name[:14], *(f"{number:.3f}" for number in numbers)])
    largest = ensemble.largest_guess()
    lines = [
        columns(rows, right=range(5)),
        f"{len(ensemble)} networks, {ensemble.inputs} inputs, largest G of a network: mean {largest.mean():.3f}, "
        f"median {np.median(largest):.3f}, from {largest.min():.3f} to {largest.max():.3f}",
    ]
    for name, (value, error) in gammas(ensemble).items():
        lines.append(f"gamma from {name:8}  {value:.3g} ± {error:.2g}")
    return "\n".join([*lines, OF_AN_ENSEMBLE])


def gammas(ensemble: Ensemble) -> dict[str, tuple[float, float]]:
    """Gamma and its standard error by estimator; empty with one network, of which no error can be computed."""
    return {name: ensemble.gamma(name) for name in ESTIMATORS} if len(ensemble) > 1 else {}


def favoured_by(ensemble: Ensemble) -> np.ndarray:
    """(K,) fraction of the networks that guess each class most often."""
    return np.bincount(ensemble.guess_fraction().argmax(-1), minlength=ensemble.classes) / len(ensemble)
