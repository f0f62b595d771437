"""The questions of the page, each with a title, the question itself and a caption that says how to read its picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    title: str
    question: str
    caption: str


VIEWS = {
    "plane": View(
        "Trainability",
        "One short training run at every point of a grid on the phase diagram, all with the same seed, learning rate "
        "and number of steps: where do networks learn?",
        "Bright cells have learned. Deep in the ordered phase (left of the edge of chaos) the differences between "
        "inputs fade before they reach the last layer; far in the chaotic one gradients explode, and some runs diverge "
        "(crosses). Empty cells are not trained yet. Another learning rate gives another map, and with one seed per "
        "cell some of the differences are chance. The color scale of a loss ends at twice its median.",
    ),
    "starts": View(
        "Neutral or prejudiced",
        "One setting with many random initializations. Some networks begin neutral, some prejudiced (with a strong "
        "initial guessing bias, IGB): do they learn differently?",
        "Line: mean of a group; band: ± one standard error; dotted: 1/K. The average over all seeds mixes the two "
        "groups. A start is *neutral* if its most guessed class gets less than **{cut:.2f}** of the guesses, otherwise "
        "*prejudiced*: with {classes} classes this is the mean at γ = 1, where theory draws the line. The cut is a "
        "convention; the dots show which networks lie near it. At Init. the groups differ in their guesses by "
        "definition; the question is how long they do. If you look at many steps, some of them show a difference by "
        "chance.",
    ),
    "majority": View(
        "Class imbalance",
        "The same networks on imbalanced data, where the majority class is the one that they favour at Init., or the "
        "one that they favour least. Does a prejudice help when it agrees with the data?",
        "Line: mean over the seeds; band: ± one standard error; dotted: 1/K. The test images are balanced, so accuracy "
        "weights all classes equally. Balanced training data have more images, so the chart ends where the runs on "
        "imbalanced data have done their steps.",
    ),
}
