"""The lesson on blurry loss as printed, whose gradient has the wrong sign at small p."""

from __future__ import annotations

import numpy as np

from igbviz.config import RunConfig
from igbviz.losses.force import zones
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
from igbviz.trajectory import Trajectory
from igbviz.trajectory.zones import images_by_zone

UP, NOWHERE, DOWN = "further up", "nowhere", "further down"
EVEN, AS_BEFORE, TAKES_ALL = (
    "the guesses become even",
    "about as uneven as at the start",
    "one class takes nearly everything",
)


def _direction(_: Results) -> Solution:
    force = float(BLURRY.loss.weight(np.log(np.array([0.05])), np)[0])
    value = UP if force > 0.01 else DOWN if force < -0.01 else NOWHERE
    top = np.exp(-1 / BLURRY.loss.gamma)
    return Solution(
        value,
        f"The force at p = 0.05 is {force:.2f}, where cross-entropy has 1. The price is highest at p = {top:.2f}.",
    )


def pushed_wrong(run: Trajectory, config: RunConfig, index: int = 0) -> float:
    """Fraction of all probe images at which the force on the true class is negative."""
    fractions = images_by_zone(run, index, zones(config.loss))[:, 2]
    return float(np.average(fractions, weights=run.class_sizes()[index]))


def _wrong_at_init(results: Results) -> Solution:
    fraction = pushed_wrong(results["printed"], BLURRY)
    return Solution(
        100 * fraction, f"At Init. the loss pushes {percent(fraction)} of the images away from their right answer."
    )


def _the_end(results: Results) -> Solution:
    run = results["printed"]
    (start, _), (end, whose) = largest_guess(run, 0), largest_guess(run, -1)
    value = TAKES_ALL if end >= 0.9 else EVEN if end < 0.25 else AS_BEFORE
    return Solution(
        value,
        f"At Init. the most guessed class had {percent(start)} of the guesses; at the end it is *{whose}* with "
        f"{percent(end)}.",
    )


def _downhill(results: Results) -> str:
    run = results["printed"]
    wrong, typical, end = pushed_wrong(run, BLURRY), half_below(run), half_below(run, -1)
    moved = "sank" if end < typical / 1.5 else "rose" if end > 1.5 * typical else "stayed about where it was"
    return (
        f"The median p of the images was {small(typical)} at Init. and is {small(end)} at the end: it {moved}. "
        f"{percent(wrong)} of the images began left of the top of the hill, on the side where downhill means *towards "
        "0*.\n\nIt does not take a stubborn network for this. With ten classes an even guess is p = 0.1, and that is "
        "already left of the top, which is at 0.24. The formula was meant to *trust improbable labels less*. Written "
        "as one product and differentiated as printed, it *trains against them*."
    )


def _repaired(results: Results) -> str:
    counts = [learned_classes(results[name]) for name in ("printed", "held")]
    comparison = (
        "The values are the same, the gradient is not"
        if counts[1] > counts[0]
        else "Here the second gradient did not lead to more learned classes"
    )
    return (
        f"As printed {count(counts[0])} learned, with the weight held fixed {counts[1]}. {comparison}. Both versions "
        "of the code compute the same loss; they differ only in whether the gradient flows through the "
        "weight.\n\nThe lesson: look at the **slope**, not only at the value. Two programs that implement 'the same' "
        "formula may train in opposite directions."
    )


_CALM = RunConfig(
    model={"name": "mlp", "depth": 2},
    loss={"name": "blurry", "gamma": 0.7},
    optimizer={"name": "sgd", "learning_rate": 0.01},
    epochs=2,
)
BLURRY, BLURRY_HELD = _CALM, _CALM.with_(loss={"name": "blurry", "gamma": 0.7, "detach_weight": True})

WRONG_PUSH = Lesson(
    "The wrong push",
    7,
    "Two programs, the same formula, the same values. One learns, the other does the opposite.",
    {"printed": BLURRY, "held": BLURRY_HELD},
    (
        Text(
            "Trust the improbable less",
            "**Blurry loss** is another robust loss. It multiplies the price −ln p by a weight that is small when p "
            "is small:\n\n$$ L = -\\,p^{0.7} \\ln p $$\n\nSo an improbable label, which may be a wrong one, should "
            "count less. This time the network is less sure of itself: two hidden layers, and pixels scaled to mean 0 "
            "and variance 1.",
        ),
        Guess(
            "direction",
            "Which way?",
            "An image, and its right answer has p = 0.05. A step of training makes the loss of this image smaller. "
            "Its p goes ...",
            _direction,
            (UP, NOWHERE, DOWN),
        ),
        Look(
            "The hill",
            "Read the curve like a landscape in which a ball rolls downhill. Left and right of the top it rolls in "
            "different directions.",
            (
                Picture(
                    "loss over p", "printed", "The price over p", "Where is the top? Which way is downhill at p = 0.05?"
                ),
                Picture(
                    "force",
                    "printed",
                    "The force over p",
                    "Where it is below 0 the image is pushed away from its right answer.",
                ),
            ),
            ("direction",),
        ),
        Guess(
            "wrong",
            "How many images are on the wrong side?",
            "The network is untrained. What percentage of the test images is left of the top of the hill, on the side "
            "where training lowers p?",
            _wrong_at_init,
        ),
        Guess(
            "end",
            "Where does it end?",
            "We train for two epochs with the formula as printed. What becomes of the guesses?",
            _the_end,
            (EVEN, AS_BEFORE, TAKES_ALL),
        ),
        Go("Train it", "Two epochs with blurry loss as printed.", ("printed",), 3),
        Look(
            "As printed",
            "First the probability of the right answer over time, then the images' p before the first step.",
            (
                Picture(
                    "true_class_probability",
                    "printed",
                    "Probability of the right answer",
                    "Do the lines come together or fall apart?",
                ),
                Picture(
                    "force with images",
                    "printed",
                    "Where the images stand at Init.",
                    "Orange: pushed away from the right answer.",
                ),
            ),
            ("wrong", "end"),
        ),
        Text("Downhill is the wrong way", _downhill),
        Guess(
            "held",
            "One word of code",
            "Much public code *holds the weight fixed*: p^0.7 is computed and then treated as a constant, so "
            f"that only −ln p has a slope (the weight is *detached*). The force is then p^0.7: small for small p, but "
            f"never negative. {LEARNED} How many of the ten are learned after two epochs?",
            learned_at_the_end("held"),
            high=10,
            unit="classes",
            close=1,
        ),
        Go("Train again", "Two epochs, the weight held fixed.", ("held",), 3),
        Look(
            "Side by side",
            "Same network, same images, same order, same values of the loss.",
            (
                Picture("true_class_probability", "printed", "As printed", "Who wins?"),
                Picture("true_class_probability", "held", "Weight held fixed", "Who rises?"),
            ),
            ("held",),
        ),
        Text(
            "Look at the slope",
            _repaired,
            (Picture("force", "held", "The force, weight held fixed", "It is weak on the left, but never below 0."),),
        ),
        Explore(
            "Your turn",
            "The top of the hill is where p = e^(−1/γ); with γ = 0.7 that is 0.24. **For which γ is an even guess "
            "among ten classes just on the right side?** And among a hundred classes? Move γ on the page *Losses* "
            "and watch the orange zone.",
            "pages/Losses.py",
            "Open the page Losses",
        ),
    ),
    opening="piecewise-zero",
)
