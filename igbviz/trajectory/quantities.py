"""What can be read off a trajectory: each quantity with its title, its axis and a sentence on what it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from igbviz.trajectory.trajectory import Trajectory


@dataclass(frozen=True)
class Quantity:
    """Something to look at: a number for each class, or for all of them, at every probe."""

    title: str
    axis: str
    caption: str
    values: Callable[[Trajectory], np.ndarray]  # (T, K), or (T,) where per_class is False
    share: bool = True  # lies between 0 and 1
    chance: bool = False  # 1/K is what a network without prejudice has
    per_class: bool = True
    noisy: bool = False  # known only for runs with wrong labels: NaN for the others


# A curve for each class.
PER_CLASS = {
    "true_class_probability": Quantity(
        "Probability of the true class",
        "mean probability p̄ₖ",
        "How probable the network holds the right answer, averaged over the images of a class (Eq. 4). A strong "
        "first guess is a line near 1 at Init. with the others near 0; a loss that hears every class brings them "
        "together.",
        Trajectory.true_class_probability,
        chance=True,
    ),
    "accuracy": Quantity(
        "Accuracy per class",
        "accuracy (share of images)",
        "Share of the images of a class that are guessed right (Eq. 5). It lags behind the probability: only the "
        "largest one counts.",
        Trajectory.accuracy,
        chance=True,
    ),
    "predicted_probability": Quantity(
        "Predicted probability",
        "mean probability over all images",
        "What the network predicts on average, whatever the image shows (Fig. 1). Without prejudice every class "
        "would have 1/K.",
        Trajectory.predicted_probability,
        chance=True,
    ),
    "guess_fraction": Quantity(
        "Share of guesses",
        "share of all images",
        "How many of all images are guessed as each class. One class near 1 is initial guessing bias at its strongest.",
        Trajectory.guess_fraction,
        chance=True,
    ),
    "signal": Quantity(
        "Training signal",
        "mean gradient norm on the logits",
        "How hard the images of a class pull on the network. The classes with the strong pull steer the training.",
        lambda trajectory: trajectory.signal,
        share=False,
    ),
    "silent": Quantity(
        "Ignored images",
        "share of images without signal",
        "Share of the images of a class that the loss ignores: their pull is under 1 % of what cross-entropy would "
        "give.",
        lambda trajectory: trajectory.silent,
    ),
}
# One number a probe.
MEASURES = {
    "balanced_accuracy": Quantity(
        "Balanced accuracy",
        "mean accuracy of the classes",
        "The accuracy when every class counts the same. A network that guesses one class only has 1/K.",
        Trajectory.balanced_accuracy,
        chance=True,
        per_class=False,
    ),
    "guess_entropy": Quantity(
        "Evenness of guesses",
        "entropy of the guesses (1 = even)",
        "0 when every image is guessed as one class, 1 when the guesses are spread evenly: how fast the prejudice is "
        "lost.",
        Trajectory.guess_entropy,
        per_class=False,
    ),
    "train_loss": Quantity(
        "Training loss",
        "mean loss since the last probe",
        "What the training descends. A falling loss does not mean that every class is learned.",
        lambda trajectory: trajectory.train_loss,
        share=False,
        per_class=False,
    ),
    "memorised": Quantity(
        "Wrong labels memorised",
        "share of wrongly labelled images",
        "Share of the wrongly labelled training images that are guessed as the wrong label they carry: how much of "
        "the noise is learned by heart.",
        lambda trajectory: trajectory.memorised,
        per_class=False,
        noisy=True,
    ),
    "resisted": Quantity(
        "Wrong labels resisted",
        "share of wrongly labelled images",
        "Share of the wrongly labelled training images that are guessed as what they really show, against their label.",
        lambda trajectory: trajectory.resisted,
        per_class=False,
        noisy=True,
    ),
    "largest_guess": Quantity(
        "Largest share of guesses",
        "share of all images",
        "The share of the images that goes to the most guessed class. 1 is one class for everything, 1/K an even "
        "spread.",
        Trajectory.largest_guess,
        chance=True,
        per_class=False,
    ),
    "silent": Quantity(
        "Ignored images",
        "share of images without signal",
        "Share of the images that the loss ignores (pull under 1 % of cross-entropy's).",
        Trajectory.silent_fraction,
        per_class=False,
    ),
    "true_class_probability": Quantity(
        "Probability of the true class, mean",
        "mean probability p̄",
        "How probable the network holds the right answer, averaged over all classes.",
        lambda trajectory: trajectory.true_class_probability().mean(-1),
        chance=True,
        per_class=False,
    ),
}
# What the pictures of one run show: and the measures that no curve per class tells already.
QUANTITIES = PER_CLASS | {
    name: MEASURES[name] for name in ("balanced_accuracy", "guess_entropy", "train_loss", "memorised", "resisted")
}
# The three shares of `wrong_labels` in one chart: colours apart for all eyes, and a dash each.
WRONG_LABELS = Quantity(
    "What becomes of wrong labels",
    "share of wrongly labelled images",
    "Training images whose label is wrong: guessed as that wrong label (memorised), as what they really show "
    "(resisted), or as something else. A robust loss keeps resisting; cross-entropy first resists, then learns the "
    "noise by heart.",
    lambda trajectory: np.stack([trajectory.memorised, trajectory.resisted, trajectory.otherwise], -1),
    per_class=False,
    noisy=True,
)


def quantity_named(name: str) -> Quantity:
    """Raises ValueError, one sentence, for a name that no quantity has."""
    if name not in QUANTITIES:
        raise ValueError(f"quantity is {name!r}, allowed: one of {', '.join(QUANTITIES)}")
    return QUANTITIES[name]
