"""The lesson on leaving the first guess with cross-entropy, and on what rounding does to a run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from igbviz.config import PRESETS
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
    learned_at_the_end,
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
    escapes = " and ".join("at no step" if step is None else f"at step {step:,}" for step in left)
    apart = np.flatnonzero(difference > 0.01)
    when = (
        f"At step {results['ce'].step[apart[0]]:,} the p̄ of some class is for the first time more than a point apart."
        if len(apart)
        else "The two runs stay within one point of each other in every class."
    )
    return (
        f"{when} Training amplifies the smallest differences, as weather does. So **a seed is not a trajectory**: on "
        "another processor, which rounds differently, the same seed gives another one.\n\nWhat can be trusted is what "
        f"both runs share. The first guess is left {escapes}, and {ends[0]} and {ends[1]} of the test images are "
        "recognized at the end. Before you believe a difference between two losses, compare several seeds."
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
