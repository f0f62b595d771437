"""The lesson on single images: which of them a loss ignores to the end, and which wrong labels it learns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from igbviz.config import PRESETS
from igbviz.losses import Loss
from igbviz.losses.force import pulls
from igbviz.studies.lessons.parts import (
    IMAGES,
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
    images_of,
)
from igbviz.studies.robustness import WRONG_LABELS
from igbviz.trajectory import Trajectory
from igbviz.trajectory.images import probabilities_of_bytes, probability_bytes

WATCHED, WRONG = 120, 90  # the test images, and the training images with a wrong label, of these runs

RUNS = {
    "cut": PRESETS["first-look-piecewise-zero"].config,
    "noisy_ce": WRONG_LABELS,
    "noisy_gce": WRONG_LABELS.with_(loss={"name": "gce"}),
}


def pulled(run: Trajectory, loss: Loss) -> np.ndarray:
    """(T, N) whether the loss pulls the label of each image up, at each probe. As in the panel of images, from p in a
    byte."""
    images = images_of(run)
    return (pulls(loss, probabilities_of_bytes(), run.classes) > 0)[probability_bytes(images.probability)]


def never_heard(run: Trajectory, loss: Loss) -> np.ndarray:
    """(N,) whether no probe finds the label of an image pulled up."""
    return ~pulled(run, loss).any(0)


def locked(run: Trajectory) -> np.ndarray:
    """(T, W) whether each wrong label is what the network guesses, at each probe."""
    images = images_of(run)
    wrong = images.given >= 0
    return images.guess[:, wrong] == images.given[wrong]


def _of_tests(run: Trajectory, images: np.ndarray) -> np.ndarray:
    return images[..., images_of(run).given < 0]


def _begin(results: Results) -> Solution:
    run = results["cut"]
    first = _of_tests(run, pulled(run, RUNS["cut"].loss))[0]
    number = int(first.sum())
    return Solution(number, f"At Init. the loss hears {number} of the {len(first)} images; all others are grey.")


def _never(results: Results) -> Solution:
    run = results["cut"]
    never = _of_tests(run, never_heard(run, RUNS["cut"].loss))
    number = int(never.sum())
    return Solution(number, f"{number} of the {len(never)} images are never heard.")


def _heard_by_class(run: Trajectory) -> dict[str, int]:
    """How many images of each class are heard at least once, without the classes that have none."""
    labels = images_of(run).labels[~never_heard(run, RUNS["cut"].loss) & (images_of(run).given < 0)]
    counts = np.bincount(labels, minlength=run.classes)
    return {name: int(number) for name, number in zip(run.class_names, counts, strict=True) if number}


def _classes(results: Results) -> Solution:
    run = results["cut"]
    heard = _heard_by_class(run)
    named = ", ".join(f"*{name}* ({number})" for name, number in heard.items()) or "none"
    return Solution(len(heard), f"Images heard, by class: {named}.")


def _why(results: Results) -> str:
    run = results["cut"]
    favourite = run.class_names[run.favoured()]
    heard = _heard_by_class(run)
    others = {name: number for name, number in heard.items() if name != favourite}
    joined = (
        f"Besides the favourite, *{favourite}*, only {' and '.join(f'*{name}*' for name in others)} got a hearing."
        if 0 < len(others) < 4
        else f"Besides the favourite, *{favourite}*, {count(len(others))} got a hearing."
        if others
        else f"Only the favourite, *{favourite}*, got a hearing."
    )
    each = int((images_of(run).given < 0).sum()) // run.classes
    whole = all(number == each for number in heard.values())
    lesson = (
        "So silence is not about single odd pictures: a class is heard as a whole, or not at all, and what decides is "
        "not the image, but its label."
        if whole
        else "Within a class some images were heard and others were not."
    )
    kept = run.classes - len(heard)
    end = f"Of the other {count(kept)} no image shown was ever heard." if kept else "No class was left out altogether."
    return (
        f"{joined} {end}\n\nAn image that is ignored does not pull. Its p can rise only when images that *are* heard "
        "happen to raise it.\n\n"
        f"{lesson}"
    )


def _locked_at_the_end(name: str) -> Callable[[Results], Solution]:
    def solution(results: Results) -> Solution:
        at_end = locked(results[name])[-1]
        number = int(at_end.sum())
        return Solution(number, f"{number} of the {len(at_end)} wrong labels shown are learned at the end.")

    return solution


def _who_listens(results: Results) -> str:
    ends = {name: int(locked(results[name])[-1].sum()) for name in ("noisy_ce", "noisy_gce")}
    robust = results["noisy_gce"]
    wrong = images_of(robust).given >= 0
    heard = int((~never_heard(robust, RUNS["noisy_gce"].loss) & wrong).sum())
    compared = (
        f"Cross-entropy learned {ends['noisy_ce']} of the wrong labels, generalized cross-entropy {ends['noisy_gce']}."
    )
    total = int(wrong.sum())
    softly = (
        f"It did not ignore them: {'each' if heard == total else f'{heard} of the {total}'} was pulled up at one probe "
        "or another. But as long as a label is improbable, GCE pulls weakly, and what the other images teach is "
        "stronger."
        if ends["noisy_gce"] < ends["noisy_ce"]
        else "Here the weaker pull on improbable labels did not help."
    )
    silent = int(_of_tests(results["cut"], never_heard(results["cut"], RUNS["cut"].loss)).sum())
    return (
        f"{compared} {softly}\n\nPut both halves of this lesson together. A loss that hears every image hears wrong "
        f"labels, too. A loss that ignores what seems improbable left {silent} images with *correct* labels unheard. "
        "No loss can see which label is wrong; it sees only p."
    )


NEVER_HEARD = Lesson(
    "Who is never heard?",
    9,
    "Images one by one: which of them does a loss ignore to the end, and whose wrong label does it learn?",
    RUNS,
    (
        Text(
            "One image at a time",
            f"Curves are averages. This lesson shows the images themselves: **twelve test images of each class**, "
            f"{WATCHED} in all. The network does not train on them; they show how images like them fare.\n\nThe loss "
            "is **piecewise-zero**. It ignores an image while p, the probability of its label, is at most 0.1. We say "
            "that an image is **heard** when p is higher: then the loss pulls its label up. The network is the "
            "stubborn one, very sure of itself before it has learned anything, and all labels are correct.",
        ),
        Guess(
            "begin",
            "Who is heard at first?",
            f"Before the first step: how many of the {WATCHED} images does the loss hear?",
            _begin,
            high=WATCHED,
            unit="images",
            close=6,
        ),
        Guess(
            "never",
            "And who is never heard?",
            f"We train for ten epochs. How many of the {WATCHED} images are **never** heard, from Init. to the end?",
            _never,
            high=WATCHED,
            unit="images",
            close=8,
        ),
        Go("Train it", "Ten epochs with piecewise-zero.", ("cut",), 15),
        Look(
            "The first look",
            "Each tile is an image, each row a class. The color of its **frame** is the guess; a **grey** tile is "
            "ignored. Go back to *Init.* and play: whose tiles get color?",
            (Picture(IMAGES, "cut", "The images", "Point at one to see its p in the chart."),),
            ("begin",),
        ),
        Guess(
            "classes",
            "Read it off",
            "Go to the end and press **Never heard**: the images that are left were heard at no probe. Of how many of "
            "the ten classes was **at least one** image heard?",
            _classes,
            high=10,
            unit="classes",
            close=0.5,
        ),
        Look(
            "Never heard",
            "Only images that were never heard are left.",
            (Picture(IMAGES, "cut", "Never heard", "Which rows are complete, and which are empty?", filter="never"),),
            ("never", "classes"),
        ),
        Text("Why they?", _why),
        Guess(
            "by_ce",
            "Wrong labels, cross-entropy",
            "Another network, 2,000 training images, and **four in ten labels are wrong**. Of the images with a wrong "
            f"label, {WRONG} are shown. A wrong label is *learned* when the network guesses it. With cross-entropy, "
            f"how many of the {WRONG} are learned after forty epochs?",
            _locked_at_the_end("noisy_ce"),
            high=WRONG,
            unit="labels",
            close=6,
        ),
        Guess(
            "by_gce",
            "Wrong labels, GCE",
            "The same with **generalized cross-entropy** (GCE), which pulls improbable labels weakly. How many of the "
            f"{WRONG} does it learn?",
            _locked_at_the_end("noisy_gce"),
            high=WRONG,
            unit="labels",
            close=6,
        ),
        Go("Train both", "Forty epochs each over 2,000 images.", ("noisy_ce", "noisy_gce"), 15),
        Look(
            "Locks",
            "A **lock** marks a wrong label that is learned. The tabs switch between the two losses.",
            (
                Picture(
                    IMAGES,
                    "noisy_ce",
                    "Learned wrong labels",
                    "When do the first locks close?",
                    beside=("noisy_gce",),
                    filter="memorised",
                ),
            ),
            ("by_ce", "by_gce"),
        ),
        Text("Whom to listen to", _who_listens),
        Explore(
            "Your turn",
            "With GCE some wrong labels are learned for a while and dropped again. Open *Images*, choose *Memorised* "
            "and play. **Can you find one whose lock opens again?** What does the network guess for it at the end?",
            "pages/Train.py",
            "Open the run with GCE",
            "noisy_gce",
        ),
    ),
    opening="piecewise-zero",
)
