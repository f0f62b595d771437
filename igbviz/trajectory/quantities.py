"""The quantities of a trajectory that charts show: each with a title, an axis label and a caption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from igbviz.spec import ConfigError, short
from igbviz.trajectory.trajectory import Trajectory


@dataclass(frozen=True)
class Quantity:
    """A quantity at every probe: one value per class, or one for all classes."""

    title: str
    axis: str
    caption: str
    values: Callable[[Trajectory], np.ndarray]  # (T, K), or (T,) where per_class is False
    share: bool = True  # lies between 0 and 1
    chance: bool = False  # a network without bias has 1/K
    per_class: bool = True
    noisy: bool = False  # recorded for runs with wrong labels only; NaN for the others


# One curve per class.
PER_CLASS = {
    "true_class_probability": Quantity(
        "Probability of the true class",
        "mean probability p̄ₖ",
        "The probability that the network assigns to the true class, averaged over the images of a class (Eq. 4). "
        "Strong initial guessing bias (IGB) is one line near 1 at Init. and the others near 0; a loss with a gradient "
        "for every class can bring them together.",
        Trajectory.true_class_probability,
        chance=True,
    ),
    "accuracy": Quantity(
        "Accuracy per class",
        "accuracy (fraction of images)",
        "Fraction of the images of a class that are guessed right (Eq. 5): its recall. It may lag behind the "
        "probability, since a probability that rises changes no guess before it is the largest.",
        Trajectory.accuracy,
        chance=True,
    ),
    "predicted_probability": Quantity(
        "Predicted probability",
        "mean probability over all images",
        "The probability of each class, averaged over all images, whatever they show (Fig. 1). Without bias every "
        "class would have 1/K.",
        Trajectory.predicted_probability,
        chance=True,
    ),
    "guess_fraction": Quantity(
        "Guess fraction",
        "fraction of all images",
        "Fraction of all images that are guessed as each class. At Init., one class near 1 is initial guessing bias at "
        "its strongest.",
        Trajectory.guess_fraction,
        chance=True,
    ),
    "signal": Quantity(
        "Training signal",
        "mean gradient norm on the logits",
        "Norm of the loss gradient on the logits, averaged over the images of a class. Classes with large gradients "
        "dominate the training.",
        lambda trajectory: trajectory.signal,
        share=False,
    ),
    "silent": Quantity(
        "Ignored images",
        "fraction of images with zero gradient",
        "Fraction of the images of a class that the loss ignores (zero gradient): its norm is under 1 % of what "
        "cross-entropy would give.",
        lambda trajectory: trajectory.silent,
    ),
}
# One value per probe.
MEASURES = {
    "balanced_accuracy": Quantity(
        "Balanced accuracy",
        "mean accuracy of the classes",
        "The mean accuracy of all classes, however large they are. A network that guesses a single class has 1/K.",
        Trajectory.balanced_accuracy,
        chance=True,
        per_class=False,
    ),
    "guess_entropy": Quantity(
        "Evenness of guesses",
        "entropy of the guesses (1 = even)",
        "0 when every image gets the same guess, 1 when the guesses are spread evenly over the classes: it shows how "
        "fast the initial guessing bias is lost.",
        Trajectory.guess_entropy,
        per_class=False,
    ),
    "train_loss": Quantity(
        "Training loss",
        "mean loss since the last probe",
        "The loss that training minimizes. A falling loss does not mean that every class is learned.",
        lambda trajectory: trajectory.train_loss,
        share=False,
        per_class=False,
    ),
    "memorised": Quantity(
        "Wrong labels memorized",
        "fraction of wrongly labelled images",
        "Fraction of the wrongly labelled training images that are guessed as their wrong label: how much of the label "
        "noise is memorized.",
        lambda trajectory: trajectory.memorised,
        per_class=False,
        noisy=True,
    ),
    "resisted": Quantity(
        "Wrong labels resisted",
        "fraction of wrongly labelled images",
        "Fraction of the wrongly labelled training images that are guessed as their true class, against their label.",
        lambda trajectory: trajectory.resisted,
        per_class=False,
        noisy=True,
    ),
    "largest_guess": Quantity(
        "Largest guess fraction",
        "fraction of all images",
        "Fraction of all images that are guessed as the most guessed class: 1 if every image gets the same guess, 1/K "
        "if guesses are even.",
        Trajectory.largest_guess,
        chance=True,
        per_class=False,
    ),
    "silent": Quantity(
        "Ignored images",
        "fraction of images with zero gradient",
        "Fraction of the images that the loss ignores (gradient norm under 1 % of cross-entropy's).",
        Trajectory.silent_fraction,
        per_class=False,
    ),
    "true_class_probability": Quantity(
        "Probability of the true class, mean",
        "mean probability p̄",
        "The probability that the network assigns to the true class, averaged over all classes.",
        lambda trajectory: trajectory.true_class_probability().mean(-1),
        chance=True,
        per_class=False,
    ),
}
# The charts of one run: all curves per class, and the measures that do not follow from one of them.
QUANTITIES = PER_CLASS | {
    name: MEASURES[name] for name in ("balanced_accuracy", "guess_entropy", "train_loss", "memorised", "resisted")
}
# The three fractions of wrong labels in one chart.
WRONG_LABELS = Quantity(
    "Predictions on wrongly labelled images",
    "fraction of wrongly labelled images",
    "Training images whose label is wrong: guessed as that label (memorized), as their true class (resisted), or as "
    "another class. A robust loss is meant to keep resisting; cross-entropy tends to resist first and to memorize the "
    "noise later.",
    lambda trajectory: np.stack([trajectory.memorised, trajectory.resisted, trajectory.otherwise], -1),
    per_class=False,
    noisy=True,
)


def quantity_named(name: str) -> Quantity:
    """The quantity of this name in `QUANTITIES`; ConfigError for an unknown name."""
    if not isinstance(name, str) or name not in QUANTITIES:
        raise ConfigError((("quantity",), f"is {short(name)}, allowed: one of {', '.join(QUANTITIES)}"))
    return QUANTITIES[name]
