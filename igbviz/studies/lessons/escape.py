"""Two lessons on leaving the first guess: the loss that hears everyone, and one that is silent about the improbable."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from igbviz.config import PRESETS, RunConfig
from igbviz.losses import CrossEntropy
from igbviz.studies.lessons.parts import (
    ALIVE,
    Explore,
    Go,
    Guess,
    Lesson,
    Look,
    Picture,
    Results,
    Solution,
    Text,
    alive,
    alive_at_the_end,
    count,
    half_below,
    largest_share,
    percent,
    small,
)

# 2. Why cross-entropy escapes

HARDLY, HALF, SAME, TWICE = "hardly at all", "about half as hard", "just as hard", "about twice as hard"


def gradient_on_true_logit(p: float, classes: int = 10) -> float:
    """The size of cross-entropy's gradient on the true class's logit, where that class has probability p and the others
    share the rest."""
    logits = np.log(np.array([[p, *[(1 - p) / (classes - 1)] * (classes - 1)]]))
    return float(-CrossEntropy().gradient(logits, np.zeros(1, np.int64))[0, 0])


def _pull(_: Results) -> Solution:
    even, rare = gradient_on_true_logit(0.5), gradient_on_true_logit(1e-6)
    ratio = rare / even
    value = HARDLY if ratio < 0.25 else HALF if ratio < 0.75 else SAME if ratio < 1.5 else TWICE
    return Solution(
        value, f"Anna pulls with {even:.3g}, Ben with {rare:.3g}: {ratio:.2g} times as hard. The strength is 1 − p."
    )


FIRST_STEPS, FIRST_EPOCH, LATE = "within 50 steps", "later in the first epoch (313 steps)", "after that, or never"


def _when(name: str) -> Callable[[Results], Solution]:
    def solution(results: Results) -> Solution:
        run = results[name]
        step = run.escape_step()
        per_epoch = run.steps_per_epoch
        if step is None:
            return Solution(LATE, f"After {run.step[-1]:,} steps the guesses are still uneven.")
        value = FIRST_STEPS if step <= 50 else FIRST_EPOCH if step <= per_epoch else LATE
        steps = count(step, "step", "steps")
        return Solution(
            value,
            f"From step {step:,} on the guesses stay spread over the classes: it took {steps} of {per_epoch:,.0f} in "
            "an epoch.",
        )

    return solution


def _who_pulled(results: Results) -> str:
    run = results["ce"]
    favoured = run.favoured()
    first, rest = run.signal[0, favoured], np.delete(run.signal[0], favoured).mean()
    last = run.signal[-1].mean()
    order = "So the ones it holds wrong pull harder." if rest > first else "So here the favourite itself pulls hardest."
    later = "became calm as it learned" if last < rest else "did not become calm"
    return (
        f"Before the first step an image of the favourite, *{run.class_names[favoured]}*, pulled with {first:.2f} on "
        f"average, the images of the other classes with {rest:.2f}. {order} At the end the average over all classes "
        f"is {last:.2f}: the network {later}.\n\nThis is why the bias does not last under cross-entropy: **nobody is "
        "too improbable to be heard**. Whoever has no probability pulls with full strength, and the pull only fades "
        "when the answer is right."
    )


def _the_force(results: Results) -> str:
    typical = small(half_below(results["ce"]))
    return (
        f"Half of the images begin with p below **{typical}**. As a price −ln p is enormous there, and its slope −1/p "
        "even more so. But the network does not set p: it sets scores, and the **softmax** turns them into "
        "probabilities. At tiny p the softmax is flat; it multiplies the slope by p (and by 1 − p). The p cancels "
        "exactly:\n\n$$ -\\frac{1}{p} \\cdot p\\,(1-p) = -(1-p) $$\n\nThe chart shows the force with the common "
        "factor 1 − p left out: a loss with w(p) = 1 everywhere listens to every image alike."
    )


FIRST_LOOK = PRESETS["first-look"].config.with_(epochs=3)

CROSS_ENTROPY = Lesson(
    "Why cross-entropy escapes",
    7,
    "A network begins sure that everything is the same thing. Does it ever change its mind, and how fast?",
    {"ce": FIRST_LOOK},
    (
        Text(
            "A very stubborn start",
            "This network sorts clothes into ten classes. Its weights are random, and its inputs are raw pixels from "
            "0 to 255: large numbers, which make it **very sure of itself** before it has learned anything.\n\nFor "
            "every image look at one number: **p, the probability of the right answer**. Training lowers a *loss*, a "
            "price that each image pays. Cross-entropy is the usual one: the price is −ln p. A step of training "
            "changes the *scores* of the classes (the logits), and every image in the batch pulls the score of its "
            "own class up.",
        ),
        Guess(
            "pull",
            "Who pulls harder?",
            "Two images, cross-entropy. The right answer of **Anna's** has p = 0.5. The right answer of **Ben's** "
            "has p = 0.000001: the network holds it impossible. Compared with Anna's, Ben's image pulls on its score "
            "...",
            _pull,
            (HARDLY, HALF, SAME, TWICE),
        ),
        Guess(
            "alive",
            "How many classes come alive?",
            f"We train for three epochs (three passes over 10,000 images). {ALIVE} How many of the ten are alive at "
            "the end?",
            alive_at_the_end("ce"),
            high=10,
            unit="classes",
            close=1,
        ),
        Guess(
            "when",
            "When is the prejudice gone?",
            "A step looks at 32 images. At the start a class or two get nearly all guesses. From when on are they "
            "spread over the classes?",
            _when("ce"),
            (FIRST_STEPS, FIRST_EPOCH, LATE),
        ),
        Go("Train it", "Three epochs with cross-entropy.", ("ce",), 5),
        Look(
            "What happened",
            "Time runs from left to right, on an axis where every factor of ten is equally wide: the first steps are "
            "the story. *Init.* is the network before its first step.",
            (
                Picture(
                    "true_class_probability",
                    "ce",
                    "Probability of the right answer",
                    "The bold line starts high. Who rises when it falls?",
                ),
                Picture(
                    "guess_fraction",
                    "ce",
                    "Share of the guesses",
                    "Near Init. one or two classes take nearly all. When does that end?",
                ),
            ),
            ("alive", "when"),
        ),
        Look(
            "The force of an image",
            _the_force,
            (
                Picture(
                    "force with images",
                    "ce",
                    "Where the images stand at Init.",
                    "The line stays at 1 even where p is one in a million.",
                ),
            ),
            ("pull",),
        ),
        Text(
            "Who steers",
            _who_pulled,
            (Picture("signal", "ce", "How hard each class pulls", "At Init. the bold line is the favourite."),),
        ),
        Explore(
            "Your turn",
            "It is the *steps* that count, or is it? Make the learning rate ten times smaller (under *Training*) and "
            "train again. Does the escape take ten times as many steps? And with a batch of 256 images?",
            "pages/Train.py",
            "Open this run",
            "ce",
        ),
    ),
)


# 3. The silent zone


def _silent(results: Results) -> Solution:
    share = results["cut"].silent_fraction()[0]
    return Solution(100 * share, f"At Init. {percent(share)} of the images send no signal at all.")


def _why_silent(results: Results) -> str:
    run = results["cut"]
    start, end, (largest, whose) = *run.silent_fraction()[[0, -1]], largest_share(run, -1)
    change = start - end
    moved = (
        "Training hardly changed that"
        if abs(change) < 0.1
        else "Training brought some of them back"
        if change > 0
        else "It grew"
    )
    return (
        f"In the grey zone the force is exactly 0. {percent(start)} of the images stood in it at the start, and "
        f"{percent(end)} at the end. {moved}: who is silent does not pull, and who does not pull rises only if others "
        f"happen to lift it. At the end {percent(largest)} of all guesses are *{whose}*.\n\nThe idea of the cutoff is "
        "sound for a network that has learned something: an answer it holds improbable may be a wrong label. At the "
        "start the network has learned nothing, and *improbable* only means *not the favourite*."
    )


def _cutoffs(results: Results) -> str:
    run, low = results["cut"], results["low"]
    typical, before, after = half_below(run), run.silent_fraction()[0], low.silent_fraction()[0]
    counts = [alive(run), alive(low)]
    if counts[1] == run.classes:
        result = "That was enough: every class came alive."
    elif counts[1] > counts[0]:
        result = f"That helped some: {count(counts[1])} alive instead of {counts[0]}, not all {run.classes}."
    else:
        result = f"That freed nobody: {count(counts[1])} alive{', as before' if counts[0] == counts[1] else f' instead of {counts[0]}'}."
    below = (
        "far below both cutoffs"
        if typical < 0.0005
        else "not far below the smaller cutoff"
        if typical < 0.001
        else "above it"
    )
    return (
        f"A hundredth of the cutoff, and the silent share at Init. is {percent(after)}; it was {percent(before)}. "
        f"{result}\n\nThe reason stands on the horizontal axis of the chart: half of the images begin with p below "
        f"{small(typical)}, {below}. A softmax makes probabilities small by *factors*: ten points of difference "
        "between two scores are a factor of 22,000. On such a scale 0.1 and 0.001 are neighbours."
    )


def _piecewise(cutoff: float) -> RunConfig:
    return FIRST_LOOK.with_(loss={"name": "piecewise-zero", "cutoff": cutoff})


SILENT_ZONE = Lesson(
    "The silent zone",
    7,
    "A loss that ignores the improbable, and a network that holds almost everything improbable.",
    {"cut": _piecewise(0.1), "low": _piecewise(0.001)},
    (
        Text(
            "Do not listen to nonsense",
            "Labels can be wrong. A *robust* loss tries not to learn from wrong labels, and one way is simple: if "
            "the network gives the label a very small probability p, the label may be nonsense, so ignore it.\n\n"
            "**Piecewise-zero** does exactly that: the price is −ln p as long as p is above a cutoff of 0.1, and 0 "
            "below it. A price that is constant has no slope, and without slope there is no pull: below the cutoff "
            "an image is **silent**.\n\nThe network is the stubborn one: random weights, raw pixels, very sure of "
            "itself.",
        ),
        Guess(
            "silent",
            "How many are silent?",
            "Before the first step, for which share of the images is the probability of their right answer so small "
            "that the loss ignores them?",
            _silent,
            close=6,
        ),
        Guess(
            "alive",
            "How many come alive?",
            f"Three epochs with this loss. {ALIVE} How many of the ten are alive at the end?",
            alive_at_the_end("cut"),
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
                Picture("silent", "cut", "Ignored images", "A line at 1: not one image of this class says anything."),
            ),
            ("silent", "alive"),
        ),
        Text(
            "Who is heard",
            _why_silent,
            (
                Picture(
                    "force with images",
                    "cut",
                    "Where the images stand at Init.",
                    "Above: the images. Below: the force. Grey is silence.",
                ),
            ),
        ),
        Guess(
            "lower",
            "A hundred times smaller",
            "Then we make the silent zone smaller: the cutoff goes from 0.1 down to **0.001**. Same network, same "
            "images, same order. How many of the ten classes are alive now?",
            alive_at_the_end("low"),
            high=10,
            unit="classes",
            close=1,
        ),
        Go("Train again", "Three epochs with piecewise-zero, cutoff 0.001.", ("low",), 4),
        Look(
            "Two cutoffs",
            "The same network with both cutoffs.",
            (
                Picture("true_class_probability", "cut", "Cutoff 0.1", "Which classes are alive?"),
                Picture(
                    "true_class_probability",
                    "low",
                    "Cutoff 0.001",
                    "Which ones came to life that were not on the left?",
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
            "cross-entropy** does the network need before all classes stay alive?",
            "pages/Train.py",
            "Open the run with cutoff 0.1",
            "cut",
        ),
    ),
)
