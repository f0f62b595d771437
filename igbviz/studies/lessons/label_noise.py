"""The lesson on label noise: what a robust loss gains and what it costs."""

from __future__ import annotations

from collections.abc import Callable

from igbviz.config import RunConfig
from igbviz.studies.lessons.escape import FIRST_LOOK
from igbviz.studies.lessons.parts import (
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
    learned_classes,
    percent,
    small,
)

HIGHER, LOWER, EQUAL = "generalised cross-entropy", "cross-entropy", "about the same, within 3 points"


def _memorised(name: str) -> Callable[[Results], Solution]:
    def solution(results: Results) -> Solution:
        run = results[name]
        memorized, resisted = run.memorised[-1], run.resisted[-1]
        return Solution(
            100 * float(memorized),
            f"{percent(memorized)} of the wrong labels were memorized; {percent(resisted)} of these images were "
            "recognized as what they show.",
        )

    return solution


def _more_accurate(first: str, second: str) -> Callable[[Results], Solution]:
    """Which of two runs, cross-entropy and GCE, has the higher balanced accuracy at the end."""

    def solution(results: Results) -> Solution:
        plain, robust = (float(results[name].balanced_accuracy()[-1]) for name in (first, second))
        value = EQUAL if abs(plain - robust) <= 0.03 else HIGHER if robust > plain else LOWER
        return Solution(
            value,
            f"Cross-entropy recognizes {percent(plain)} of the test images, generalised cross-entropy "
            f"{percent(robust)}.",
        )

    return solution


def _first_learned(results: Results) -> str:
    run = results["ce"]
    best = int(run.balanced_accuracy().argmax())
    at_best, end = run.balanced_accuracy()[best], run.balanced_accuracy()[-1]
    memorized = run.memorised[best]
    order = (
        f"The network was at its best after {run.epoch[best]:.2g} epochs: {percent(at_best)} right on the test images, "
        f"with {percent(memorized)} of the wrong labels memorized. Then it learned the mistakes, too, and ended at "
        f"{percent(end)}."
        if at_best - end > 0.03
        else f"The network ended about as accurate as it ever was, at {percent(end)}."
    )
    return (
        f"{order}\n\nA network first learns what many images have in common; single mistakes come later, one by one. "
        "Cross-entropy makes it learn them: an image whose label seems impossible pulls with full strength until the "
        "network predicts that label. What freed the network from its initial bias, that *no image is too improbable "
        "to count*, is the trouble here."
    )


def _bought(results: Results) -> str:
    memorized = [results[name].memorised[-1] for name in ("ce", "gce")]
    clean = [results[name].balanced_accuracy()[-1] for name in ("ce", "gce")]
    gain = clean[1] - clean[0]
    difference = f"{abs(gain) * 100:.0f} points {'more' if gain > 0 else 'less'} test accuracy"
    return (
        f"With generalised cross-entropy {percent(memorized[1])} of the wrong labels were memorized instead of "
        f"{percent(memorized[0])}: {difference}.\n\nIts force is $w(p) = p^{{0.7}}$. An image whose label has p = 0.01 "
        "pulls with 4 % of the strength of cross-entropy. As long as a wrong label stays improbable, its pull is weak."
    )


def _the_price(results: Results) -> str:
    plain, robust = results["stubborn_ce"], results["stubborn_gce"]
    counts = [learned_classes(run) for run in (plain, robust)]
    steps = [run.escape_step() for run in (plain, robust)]
    left = ["never" if step is None else f"at step {step:,}" for step in steps]
    typical = half_below(robust)
    if counts[0] > counts[1]:
        moral = (
            "**That is the price.** The loss cannot tell a wrong label from a class that the network happens to "
            "consider improbable. Where it ignores the first, it ignores the second."
        )
    else:
        moral = "Here the robust loss cost nothing: the initial bias of the network was not strong enough."
    return (
        f"No label is wrong here. Cross-entropy leaves the first guess {left[0]}, with {count(counts[0])} learned at "
        f"the end; generalised cross-entropy {left[1]}, with {counts[1]}. Half of the test images begin with p below "
        f"{small(typical)}, where its force p^0.7 is below {small(typical**0.7)}.\n\n{moral}"
    )


_NOISY = RunConfig(
    dataset={"name": "fashion-mini", "examples_per_class": 200},
    label_noise={"name": "symmetric", "rate": 0.4},
    model={"name": "mlp", "depth": 1},
    optimizer={"name": "adam"},
    epochs=40,
)

LABEL_NOISE = Lesson(
    "Label noise: what robustness buys and costs",
    9,
    "Four in ten labels are wrong. Which losses learn them, and what does it cost not to?",
    {
        "ce": _NOISY,
        "gce": _NOISY.with_(loss={"name": "gce"}),
        "stubborn_ce": FIRST_LOOK,
        "stubborn_gce": FIRST_LOOK.with_(loss={"name": "gce"}),
    },
    (
        Text(
            "Mistakes in the textbook",
            "2,000 images of clothes to learn from, and **four in ten have a wrong label**: a shirt is called "
            "*sandal*. The network does not know which. It is tested on other images, all of them with true "
            "labels.\n\nThere are three outcomes for an image with a wrong label: the network predicts the wrong label "
            "(it **memorized** the mistake), it predicts what the image shows (it **resisted**), or something else.",
        ),
        Guess(
            "by_heart",
            "How many mistakes are memorized?",
            "One hidden layer, cross-entropy, forty passes over the images. What percentage of the **wrong** labels is "
            "memorized at the end?",
            _memorised("ce"),
        ),
        Go("Train with cross-entropy", "Forty epochs over 2,000 images, 800 of them with a wrong label.", ("ce",), 6),
        Look(
            "What happened to the mistakes",
            "First the 800 images with a wrong label, then the test images, whose labels are true.",
            (
                Picture(
                    "wrong_labels",
                    "ce",
                    "Images with a wrong label",
                    "Which line is on top first, and which one at the end?",
                ),
                Picture("balanced_accuracy", "ce", "Test images", "Where is it highest? Is that at the end?"),
            ),
            ("by_heart",),
        ),
        Text("First the rule, then the mistakes", _first_learned),
        Guess(
            "robust_heart",
            "A loss that resists",
            "**Generalized cross-entropy** (GCE) has the price (1 − p^0.7) / 0.7. Improbable labels pull with less "
            "force. Same network, same images, same wrong labels. What percentage of them is memorized now?",
            _memorised("gce"),
        ),
        Guess(
            "better",
            "And on true labels?",
            "Which of the two recognizes more of the test images at the end?",
            _more_accurate("ce", "gce"),
            (HIGHER, LOWER, EQUAL),
        ),
        Go("Train with GCE", "The same forty epochs.", ("gce",), 6),
        Look(
            "Two losses, the same mistakes",
            "The 800 images with a wrong label, once more.",
            (
                Picture("wrong_labels", "ce", "Cross-entropy", "The line *memorised*."),
                Picture("wrong_labels", "gce", "Generalized cross-entropy", "The line *resisted*: does it hold?"),
            ),
            ("robust_heart", "better"),
        ),
        Text(
            "What robustness gains",
            _bought,
            (Picture("force", "gce", "The force of GCE", "How much is left of it at small p?"),),
        ),
        Guess(
            "price",
            "And what does it cost?",
            "Now **all labels are true**. But the network is the stubborn one from the lesson on cross-entropy: four "
            "hidden layers, raw pixels, nearly all probability on one or two classes before it has learned anything. "
            "Three epochs. Which loss recognizes more test images?",
            _more_accurate("stubborn_ce", "stubborn_gce"),
            (HIGHER, LOWER, EQUAL),
        ),
        Go(
            "Train the stubborn one",
            "Both losses, three epochs each, no wrong labels.",
            ("stubborn_ce", "stubborn_gce"),
            9,
        ),
        Look(
            "The stubborn network",
            "No wrong labels this time.",
            (
                Picture("true_class_probability", "stubborn_ce", "Cross-entropy", "Which classes are learned?"),
                Picture("true_class_probability", "stubborn_gce", "Generalized cross-entropy", "And here?"),
            ),
            ("price",),
        ),
        Text("What robustness costs", _the_price),
        Explore(
            "Your turn",
            "Can one have both? Start from the noisy run with GCE and make the **network stubborn** (four hidden "
            "layers, raw pixels, a small learning rate), then give it a few epochs of cross-entropy first. Is there "
            "a setting that resists *and* escapes?",
            "pages/Train.py",
            "Open the noisy run with GCE",
            "gce",
        ),
    ),
)
