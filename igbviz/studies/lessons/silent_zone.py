"""The lesson on piecewise-zero loss, which has zero gradient at small p."""

from __future__ import annotations

from igbviz.config import RunConfig
from igbviz.studies.lessons.escape import FIRST_LOOK
from igbviz.studies.lessons.parts import (
    LEARNED,
    Explore,
    Go,
    Guess,
    Lesson,
    Look,
    Picture,
    Results,
    Solution,
    Text,
    count,
    half_below,
    largest_guess,
    learned_at_the_end,
    learned_classes,
    percent,
    small,
)

# 3. The zone without gradient


def _silent(results: Results) -> Solution:
    fraction = results["cut"].silent_fraction()[0]
    return Solution(100 * fraction, f"At Init. {percent(fraction)} of the images have zero gradient.")


def _why_silent(results: Results) -> str:
    run = results["cut"]
    start, end, (largest, whose) = *run.silent_fraction()[[0, -1]], largest_guess(run, -1)
    change = start - end
    moved = (
        "Training hardly changed that"
        if abs(change) < 0.1
        else "Training brought some of them back"
        if change > 0
        else "It grew"
    )
    return (
        f"In the grey zone the force is exactly 0. {percent(start)} of the images were in it at the start, and "
        f"{percent(end)} at the end. {moved}: an image without gradient does not pull, and its p rises only if other "
        f"images happen to raise it. At the end {percent(largest)} of all guesses are *{whose}*.\n\nThe idea of the "
        "cutoff is sound for a network that has learned something: a label that it considers improbable may be wrong. "
        "At the start the network has learned nothing, and *improbable* only means *not the favourite*."
    )


def _cutoffs(results: Results) -> str:
    run, low = results["cut"], results["low"]
    typical, before, after = half_below(run), run.silent_fraction()[0], low.silent_fraction()[0]
    counts = [learned_classes(run), learned_classes(low)]
    if counts[1] == run.classes:
        result = "That was enough: every class was learned."
    elif counts[1] > counts[0]:
        result = f"That helped a little: {count(counts[1])} learned instead of {counts[0]}, not all {run.classes}."
    else:
        before_it = ", as before" if counts[0] == counts[1] else f" instead of {counts[0]}"
        result = f"That did not help: {count(counts[1])} learned{before_it}."
    below = (
        "far below both cutoffs"
        if typical < 0.0005
        else "not far below the smaller cutoff"
        if typical < 0.001
        else "above it"
    )
    return (
        f"With a hundredth of the cutoff {percent(after)} of the images have zero gradient at Init., instead of "
        f"{percent(before)}. {result}\n\nThe horizontal axis of the chart shows why: half of the images begin with p "
        f"below {small(typical)}, {below}. A softmax makes probabilities small by *factors*: ten points of difference "
        "between two scores are a factor of 22,000. On such a scale 0.1 and 0.001 are neighbours."
    )


def _piecewise(cutoff: float) -> RunConfig:
    return FIRST_LOOK.with_(loss={"name": "piecewise-zero", "cutoff": cutoff})


SILENT_ZONE = Lesson(
    "The silent zone",
    7,
    "A loss that ignores improbable labels, and a network that considers almost every label improbable.",
    {"cut": _piecewise(0.1), "low": _piecewise(0.001)},
    (
        Text(
            "Ignore what may be wrong",
            "Labels can be wrong. A *robust* loss tries not to learn from wrong labels, and one way is simple: if "
            "the network gives the label a very small probability p, the label may be nonsense, so ignore it.\n\n"
            "**Piecewise-zero** does exactly that: the price is −ln p as long as p is above a cutoff of 0.1, and 0 "
            "below it. A constant price has no slope, and without a slope there is no pull: below the cutoff is a "
            "**silent zone**, where images have *zero gradient*.\n\nThe network is the stubborn one: random weights, "
            "raw pixels, very sure of itself.",
        ),
        Guess(
            "silent",
            "How many images are ignored?",
            "Before the first step, for what percentage of the images is the probability of the right answer so small "
            "that the loss ignores them?",
            _silent,
            close=6,
        ),
        Guess(
            "alive",
            "How many classes are learned?",
            f"Three epochs with this loss. {LEARNED} How many of the ten are learned at the end?",
            learned_at_the_end("cut"),
            high=10,
            unit="classes",
            close=1,
        ),
        Go("Train it", "Three epochs with piecewise-zero, cutoff 0.1.", ("cut",), 4),
        Look(
            "What happened",
            "Compare the lines at *Init.* with those at the right end.",
            (
                Picture(
                    "true_class_probability",
                    "cut",
                    "Probability of the right answer",
                    "How many lines ever leave the bottom?",
                ),
                Picture("silent", "cut", "Ignored images", "A line at 1: every image of this class has zero gradient."),
            ),
            ("silent", "alive"),
        ),
        Text(
            "Which images count",
            _why_silent,
            (
                Picture(
                    "force with images",
                    "cut",
                    "Where the images stand at Init.",
                    "Above: the images. Below: the force. Grey: zero gradient.",
                ),
            ),
        ),
        Guess(
            "lower",
            "A hundred times smaller",
            "Then we make the silent zone smaller: the cutoff goes from 0.1 down to **0.001**. Same network, same "
            "images, same order. How many of the ten classes are learned now?",
            learned_at_the_end("low"),
            high=10,
            unit="classes",
            close=1,
        ),
        Go("Train again", "Three epochs with piecewise-zero, cutoff 0.001.", ("low",), 4),
        Look(
            "Two cutoffs",
            "The same network with both cutoffs.",
            (
                Picture("true_class_probability", "cut", "Cutoff 0.1", "Which classes are learned?"),
                Picture(
                    "true_class_probability",
                    "low",
                    "Cutoff 0.001",
                    "Which ones are learned that were not with cutoff 0.1?",
                ),
            ),
            ("lower",),
        ),
        Text(
            "Small is not small enough",
            _cutoffs,
            (
                Picture(
                    "force with images",
                    "low",
                    "Cutoff 0.001: where the images stand at Init.",
                    "How far left is far enough?",
                ),
            ),
        ),
        Explore(
            "Your turn",
            "The authors of this loss begin with cross-entropy and switch later. On the Train page open *Loss*, set "
            "*When it acts* to *cross-entropy first, then the loss* and count in steps. **How few steps of "
            "cross-entropy** does the network need before all classes are learned?",
            "pages/Train.py",
            "Open the run with cutoff 0.1",
            "cut",
        ),
    ),
)
