"""Two lessons on leaving the first guess: with cross-entropy, and with a loss that has zero gradient at small p."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from igbviz.config import PRESETS, RunConfig
from igbviz.losses import CrossEntropy
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

# 2. Why cross-entropy escapes

HARDLY, HALF, SAME, TWICE = "hardly at all", "about half as hard", "just as hard", "about twice as hard"


def gradient_on_true_logit(p: float, classes: int = 10) -> float:
    """Minus cross-entropy's gradient on the true class's logit, where that class has probability p and the others share
    the rest evenly."""
    logits = np.log(np.array([[p, *[(1 - p) / (classes - 1)] * (classes - 1)]]))
    return float(-CrossEntropy().gradient(logits, np.zeros(1, np.int64))[0, 0])


def _pull(_: Results) -> Solution:
    even, rare = gradient_on_true_logit(0.5), gradient_on_true_logit(1e-6)
    ratio = rare / even
    value = HARDLY if ratio < 0.25 else HALF if ratio < 0.75 else SAME if ratio < 1.5 else TWICE
    return Solution(
        value, f"Anna's pull is {even:.3g}, Ben's {rare:.3g}: {ratio:.2g} times as hard. The strength is 1 − p."
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
            f"From step {step:,} on the guesses stay spread over the classes. That is {steps}; an epoch has "
            f"{per_epoch:,.0f}.",
        )

    return solution


def _who_pulled(results: Results) -> str:
    run = results["ce"]
    favoured = run.favoured()
    first, rest = run.signal[0, favoured], np.delete(run.signal[0], favoured).mean()
    last = run.signal[-1].mean()
    comparison = (
        "So the images that it classifies wrongly pull harder."
        if rest > first
        else "So here the images of the favourite pull hardest."
    )
    later = "the pull has faded as the network learned" if last < rest else "the pull has not faded"
    return (
        "The chart shows the **training signal**: the size of an image's gradient on the scores. Before the first step "
        f"it was {first:.2f} on average for the favourite, *{run.class_names[favoured]}*, and {rest:.2f} for the "
        f"other classes. {comparison} At the end the average over all classes is {last:.2f}: {later}.\n\nThis is why "
        "the bias does not last under cross-entropy: **no image is too improbable to count**. An image whose right "
        "answer has no probability pulls with full strength, and the pull fades only when the answer is right."
    )


def _the_force(results: Results) -> str:
    typical = small(half_below(results["ce"]))
    return (
        f"Half of the images begin with p below **{typical}**. There the price −ln p is enormous, and its slope −1/p "
        "even more so. But the network does not set p: it sets scores, and the **softmax** turns them into "
        "probabilities. At tiny p the softmax is flat; it multiplies the slope by p (and by 1 − p). The p cancels "
        "exactly:\n\n$$ -\\frac{1}{p} \\cdot p\\,(1-p) = -(1-p) $$\n\nThe chart shows the **force**, this gradient "
        "with the common factor 1 − p left out: with w(p) = 1 everywhere every image counts alike."
    )


def _difference(results: Results) -> np.ndarray:
    """(T,) the largest difference of a class's p̄ between the run and its repeat, at the probes that both have."""
    first, again = (results[name].true_class_probability() for name in ("ce", "again"))
    common = min(len(first), len(again))
    return np.abs(first[:common] - again[:common]).max(-1)


def _rounding(results: Results) -> Solution:
    difference = _difference(results)
    step = results["ce"].step[difference.argmax()]
    return Solution(
        100 * float(difference.max()),
        f"At step {step:,} the mean probability of one class differs by {100 * difference.max():.2g} points.",
    )


def _what_rounding_does(results: Results) -> str:
    difference = _difference(results)
    ends = [percent(results[name].balanced_accuracy()[-1]) for name in ("ce", "again")]
    left = [results[name].escape_step() for name in ("ce", "again")]
    escapes = " and ".join("never" if step is None else f"at step {step:,}" for step in left)
    apart = np.flatnonzero(difference > 0.01)
    when = (
        f"At step {results['ce'].step[apart[0]]:,} the p̄ of some class is for the first time more than a point apart."
        if len(apart)
        else "The two runs stay within one point of each other in every class."
    )
    return (
        f"{when} Training amplifies the smallest differences, as weather does. So **a seed is not a trajectory**: on "
        "another processor, which rounds differently, the same seed gives another one.\n\nWhat can be trusted is what "
        f"both runs share. They leave the first guess {escapes} and recognise {ends[0]} and {ends[1]} of the test "
        "images at the end. Before you believe a difference between two losses, compare several seeds."
    )


FIRST_LOOK = PRESETS["first-look"].config.with_(epochs=3)

CROSS_ENTROPY = Lesson(
    "Why cross-entropy escapes",
    9,
    "A network begins sure that everything is the same thing. Does it ever change its mind, and how fast?",
    {"ce": FIRST_LOOK, "again": FIRST_LOOK.with_(rounding_noise=1)},
    (
        Text(
            "A very stubborn start",
            "This network sorts clothes into ten classes. Its weights are random, and its inputs are raw pixels from "
            "0 to 255: large numbers, which make it **very sure of itself** before it has learned anything.\n\nFor "
            "every image look at one number: **p, the probability of the right answer**. Training lowers a *loss*, a "
            "price that each image pays. Cross-entropy is the usual one: the price is −ln p. A step of training "
            "changes the *scores* of the classes (the logits), and every image in the batch pulls the score of its "
            "own class up. How hard it pulls is its *gradient*.",
        ),
        Guess(
            "pull",
            "Who pulls harder?",
            "Two images, cross-entropy. The right answer of **Anna's** has p = 0.5. The right answer of **Ben's** "
            "has p = 0.000001: the network considers it impossible. Compared with Anna's, Ben's image pulls on its "
            "score ...",
            _pull,
            (HARDLY, HALF, SAME, TWICE),
        ),
        Guess(
            "alive",
            "How many classes are learned?",
            f"We train for three epochs (three passes over 10,000 images). {LEARNED} How many of the ten are learned "
            "at the end?",
            learned_at_the_end("ce"),
            high=10,
            unit="classes",
            close=1,
        ),
        Guess(
            "when",
            "When is the bias gone?",
            "Each step uses 32 images. At the start one or two classes get nearly all guesses: the *initial guessing "
            "bias*. From when on are the guesses spread over the classes?",
            _when("ce"),
            (FIRST_STEPS, FIRST_EPOCH, LATE),
        ),
        Go("Train it", "Three epochs with cross-entropy.", ("ce",), 5),
        Look(
            "What happened",
            "Time runs from left to right, on an axis where every factor of ten is equally wide: what matters "
            "happens in the first steps. *Init.* is the network before its first step.",
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
            "Which images drive the training",
            _who_pulled,
            (Picture("signal", "ce", "Training signal of each class", "The bold line is the favourite."),),
        ),
        Guess(
            "rounding",
            "The same run once more?",
            "A computer rounds every number to about seven digits, and another processor rounds differently. We repeat "
            "the run from weights that differ in their last digit (by about 0.000006 %): same images, same order. By "
            "how many points does the mean probability p̄ of a class differ between the two runs, where they differ "
            "most?",
            _rounding,
            close=5,
            unit="points",
        ),
        Go("Train it again", "Three epochs, weights changed by rounding noise.", ("again",), 5),
        Look(
            "Two runs of one seed",
            "Same network, same images, same order: only the last digit of the initial weights differs.",
            (
                Picture("true_class_probability", "ce", "The first run", "Remember one line at the right end."),
                Picture(
                    "true_class_probability", "again", "With rounding noise", "Until which step is it the same picture?"
                ),
            ),
            ("rounding",),
        ),
        Text("A seed is not a trajectory", _what_rounding_does),
        Explore(
            "Your turn",
            "Is it the number of *steps* that counts? Make the learning rate ten times smaller (under *Training*) and "
            "train again. Does the escape take ten times as many steps? And with a batch of 256 images?",
            "pages/Train.py",
            "Open this run",
            "ce",
        ),
    ),
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
                    "Which ones are learned that were not on the left?",
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
