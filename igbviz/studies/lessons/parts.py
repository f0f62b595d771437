"""The steps of a lesson: text, guess, run, pictures with the solution, and where to explore further.

No solution is written into a lesson. Every sentence about a run is computed from that run, so that it holds for the
numbers on the page, also with another seed or on another machine. Nothing here draws or imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from igbviz.ensembles import Ensemble
from igbviz.runs.kinds import Config
from igbviz.trajectory import Trajectory
from igbviz.trajectory.images import WatchedImages
from igbviz.trajectory.trajectory import P_EDGES

Results = Mapping[str, Trajectory | Ensemble]  # finished runs that a step needs, by their names in the lesson
Words = str | Callable[[Results], str]  # Markdown, or a function that writes it from the results


@dataclass(frozen=True)
class Solution:
    """The right choice or the measured number, and a sentence that says so."""

    value: str | float
    sentence: str


@dataclass(frozen=True)
class Guess:
    """A question asked before its answer is shown: with choices, or for a number from `low` to `high`. `name` is its
    key in the session. A number within `close` of the measured one is a good guess."""

    name: str
    title: str
    question: str
    solution: Callable[[Results], Solution]
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 100
    unit: str = "%"
    close: float = 10


OF_ENSEMBLES = ("outputs", "guesses", "class_probabilities", "gamma_by_depth")  # functions of charts/ensemble.py
OF_SETTINGS = ("force", "loss over p", "phase map")  # drawn from the configuration alone, before anything has run
# The force over p, and above it the histogram of the images' p in the untrained network.
FORCE_WITH_IMAGES = "force with images"
IMAGES = "images"  # the stage with its panel of images
RACE = "race"  # several runs on one time axis
ON_STAGE = (IMAGES, RACE)


@dataclass(frozen=True)
class Picture:
    """A figure of one run and what to look for in it. `run` is a name in the lesson; `kind` is a quantity over time (of
    `trajectory.quantities`, or 'wrong_labels') or one of the kinds above. `beside`: further runs, of a race or to
    switch to. `filter`: which images are shown at first, as in an address of the stage."""

    kind: str
    run: str
    title: str
    look_for: str = ""
    beside: tuple[str, ...] = ()
    filter: str = "all"

    @property
    def runs(self) -> tuple[str, ...]:
        return (self.run, *self.beside)


@dataclass(frozen=True)
class Text:
    """A text, with or without figures of runs that an earlier step started."""

    title: str
    body: Words
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Go:
    """Runs that a button starts, and the seconds that they take together on two free cores. Those of a `race` train at
    the same time, and are watched on one time axis."""

    title: str
    body: str
    runs: tuple[str, ...]
    seconds: int
    race: bool = False


@dataclass(frozen=True)
class Look:
    """Figures of finished runs, and the solutions of guesses."""

    title: str
    body: Words
    pictures: tuple[Picture, ...]
    guesses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explore:
    """A question to explore, and the page for it; `run` opens the page with the settings of that run."""

    title: str
    body: str
    page: str
    label: str
    run: str = ""


Step = Text | Guess | Go | Look | Explore


@dataclass(frozen=True)
class Lesson:
    """`runs` are the configurations by name; steps refer to them. `opening` is the loss of the shipped run that plays
    before the lesson has pictures of its own: one that does not give an answer away."""

    title: str
    minutes: int
    about: str
    runs: dict[str, Config]
    steps: tuple[Step, ...] = field(repr=False)
    opening: str = "cross-entropy"

    def guesses(self) -> dict[str, Guess]:
        return {step.name: step for step in self.steps if isinstance(step, Guess)}

    def needs(self, step: Step) -> tuple[str, ...]:
        """Names of the runs that must have finished before this step can be shown."""
        if isinstance(step, Go):
            return step.runs
        if not isinstance(step, Look | Text) or not (step.pictures or callable(step.body)):
            return ()
        started = [
            name for earlier in self.steps[: self.steps.index(step)] if isinstance(earlier, Go) for name in earlier.runs
        ]
        return tuple(dict.fromkeys(started))

    def pictures(self, step: Step) -> tuple[Picture, ...]:
        """The pictures to show beside a step: its own, or else those of the closest earlier step that has any."""
        until_here = self.steps[: self.steps.index(step) + 1]
        return next((shown for each in reversed(until_here) if (shown := getattr(each, "pictures", ()))), ())


Verdict = Literal["right", "near", "off"]
VERDICT_TEXTS: dict[Verdict, str] = {
    "right": "Well guessed.",
    "near": "Not far off.",
    "off": "A surprise, and worth more than a lucky guess.",
}


def verdict(guess: Guess, answer: str | float, solution: Solution) -> Verdict:
    """A choice is right or off; a number is right within `close` and near within three times that."""
    if guess.choices:
        return "right" if answer == solution.value else "off"
    distance = abs(float(answer) - float(solution.value))
    return "right" if distance <= guess.close else "near" if distance <= 3 * guess.close else "off"


class NoImages(LookupError):
    """A run lacks the images that a step is about."""


def images_of(run: Trajectory) -> WatchedImages:
    """The images that a run watches. Raises NoImages."""
    if run.images is None:
        raise NoImages("This run has no images. Delete it on the page of runs, then run it again")
    return run.images


# Phrases and measures that several lessons need.


def percent(fraction: float) -> str:
    """'57 %'; only 0 and 1 themselves are written as 0 % and 100 %."""
    fraction = float(fraction)
    if 0 < fraction < 0.005:
        return "under 1 %"
    if 0.995 <= fraction < 1:
        return "over 99 %"
    return f"{fraction:.0%}".replace("%", " %")


def count(number: int, singular: str = "class", plural: str = "classes") -> str:
    return f"{number} {singular if number == 1 else plural}"


def small(p: float) -> str:
    """A probability, also a tiny one, as one would say it: '0.07', 'one in 40,000'."""
    if p >= 0.001:
        return f"{p:.2g}"
    return f"one in {float(f'{1 / p:.1g}'):,.0f}"


def half_below(run: Trajectory, index: int = 0) -> float:
    """The median probability of the true class over the images, at least the first edge of the histogram of a probe,
    which does not resolve smaller ones."""
    return max(run.median_probability(index), float(P_EDGES[1]))


def learned_classes(run: Trajectory, index: int = -1) -> int:
    """Number of classes whose accuracy (recall) at a probe is at least chance, 1/K."""
    return int((run.accuracy()[index] >= 1 / run.classes).sum())


def largest_guess(run: Trajectory, index: int) -> tuple[float, str]:
    """The largest guess fraction at a probe, and the name of its class."""
    fractions = run.guess_fraction()[index]
    return float(fractions.max()), run.class_names[int(fractions.argmax())]


def learned_at_the_end(name: str) -> Callable[[Results], Solution]:
    def solution(results: Results) -> Solution:
        run = results[name]
        number, accuracy = learned_classes(run), run.balanced_accuracy()[-1]
        verb = "is" if number == 1 else "are"
        return Solution(
            number,
            f"{number} of {run.classes} classes {verb} learned, and {percent(accuracy)} of all test images are "
            "recognized.",
        )

    return solution


LEARNED = (
    "A class counts as learned when the network recognizes at least one in ten of its images, which random guessing "
    "would do, too."
)
