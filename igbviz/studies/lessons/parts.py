"""What a lesson is made of: what is told, what is to be guessed, what is run, what to look at, and what came out of it.

A lesson never knows a solution beforehand. Whatever it says about a run is computed from that run, so that the
sentence holds for the numbers on the page, with another seed or on another machine too. Nothing here draws anything or
imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from igbviz.ensembles import Ensemble
from igbviz.runs.kinds import Config
from igbviz.trajectory import Trajectory
from igbviz.trajectory.trajectory import P_EDGES

Results = Mapping[str, Trajectory | Ensemble]  # of the finished runs that a step needs, by their names in the lesson
Words = str | Callable[[Results], str]  # Markdown, or what makes it from the results


@dataclass(frozen=True)
class Solution:
    """What came out: the choice that was right or the number measured, and a sentence that says so."""

    value: str | float
    sentence: str


@dataclass(frozen=True)
class Guess:
    """A question asked before anything is shown: with choices, or for a number from `low` to `high`. `name` is its
    place in the session. A number no further than `close` from the measured one is a good guess."""

    name: str
    title: str
    question: str
    solution: Callable[[Results], Solution]
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 100
    unit: str = "%"
    close: float = 10


OF_ENSEMBLES = ("outputs", "guesses", "class_probabilities", "gamma_by_depth")  # functions of initial_charts.py
OF_SETTINGS = ("force", "loss over p", "phase map")  # drawn from the configuration alone: there before anything has run
# the loss of a run over p, and above it the images as the untrained network sees them
FORCE_WITH_IMAGES = "force with images"


@dataclass(frozen=True)
class Picture:
    """A chart of one run and what to look for in it. `run` is a name in the lesson; `kind` is a quantity over time (of
    charts.py, or 'wrong_labels') or one of those below."""

    kind: str
    run: str
    title: str
    look_for: str = ""


@dataclass(frozen=True)
class Text:
    """Something to read, perhaps with pictures of runs that the lesson needed before."""

    title: str
    body: Words
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Go:
    """Runs that a button starts, and how many seconds they take together on two free cores."""

    title: str
    body: str
    runs: tuple[str, ...]
    seconds: int


@dataclass(frozen=True)
class Look:
    """Pictures of finished runs, and what became of the guesses."""

    title: str
    body: Words
    pictures: tuple[Picture, ...]
    guesses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explore:
    """The question to go on with, and the page where to try; `run` opens it with the settings of that run."""

    title: str
    body: str
    page: str
    label: str
    run: str = ""


Step = Text | Guess | Go | Look | Explore


@dataclass(frozen=True)
class Lesson:
    """`runs` are the configurations by name; steps refer to them."""

    title: str
    minutes: int
    about: str
    runs: dict[str, Config]
    steps: tuple[Step, ...] = field(repr=False)

    def guesses(self) -> dict[str, Guess]:
        return {step.name: step for step in self.steps if isinstance(step, Guess)}

    def needs(self, step: Step) -> tuple[str, ...]:
        """Names of the runs whose results this step shows or speaks of: those of its pictures, or of every run started
        before it."""
        if isinstance(step, Go):
            return step.runs
        if not isinstance(step, Look | Text) or not (step.pictures or callable(step.body)):
            return ()
        started = [
            name for earlier in self.steps[: self.steps.index(step)] if isinstance(earlier, Go) for name in earlier.runs
        ]
        return tuple(dict.fromkeys(started))


Verdict = Literal["right", "near", "off"]
KIND_WORDS: dict[Verdict, str] = {
    "right": "Well guessed.",
    "near": "Not far off.",
    "off": "A surprise, and that is worth more than a lucky guess.",
}


def verdict(guess: Guess, answer: str | float, solution: Solution) -> Verdict:
    """How a guess fared. A choice is right or off; a number is right within `close` and near within three times that."""
    if guess.choices:
        return "right" if answer == solution.value else "off"
    distance = abs(float(answer) - float(solution.value))
    return "right" if distance <= guess.close else "near" if distance <= 3 * guess.close else "off"


# Words and measures that several lessons need.


def percent(share: float) -> str:
    """'57 %'; what is not quite nothing or everything does not round to it."""
    share = float(share)
    if 0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{share:.0%}".replace("%", " %")


def count(number: int, what: str = "class", plural: str = "classes") -> str:
    return f"{number} {what if number == 1 else plural}"


def small(p: float) -> str:
    """A probability, also a tiny one, so that it can be read aloud: '0.07', 'one in 40,000'."""
    if p >= 0.001:
        return f"{p:.2g}"
    return f"one in {float(f'{1 / p:.1g}'):,.0f}"


def half_below(run: Trajectory, index: int = 0) -> float:
    """A p that half of the images stay below. The histogram of a probe does not tell more of those below its first
    edge."""
    return max(run.median_probability(index), float(P_EDGES[1]))


def alive(run: Trajectory, index: int = -1) -> int:
    """Classes of which a probe gets at least a share of 1/K right: no fewer than dice would."""
    return int((run.accuracy()[index] >= 1 / run.classes).sum())


def largest_share(run: Trajectory, index: int) -> tuple[float, str]:
    """The largest share of the guesses at a probe, and whose it is."""
    shares = run.guess_fraction()[index]
    return float(shares.max()), run.class_names[int(shares.argmax())]


def alive_at_the_end(name: str) -> Callable[[Results], Solution]:
    def solution(results: Results) -> Solution:
        run = results[name]
        number, mean = alive(run), run.balanced_accuracy()[-1]
        verb = "is" if number == 1 else "are"
        return Solution(
            number,
            f"{number} of {run.classes} classes {verb} alive, and {percent(mean)} of all test images are recognised.",
        )

    return solution


ALIVE = "A class is alive when the network gets at least one in ten of its images right: no worse than dice would do."
