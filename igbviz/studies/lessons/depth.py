"""The last lesson: where in a deep network the prejudice grows, where it vanishes, and which deep networks train."""

from __future__ import annotations

from collections.abc import Mapping

from igbviz import theory
from igbviz.config import RunConfig
from igbviz.ensembles import EnsembleConfig
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
    largest_guess,
    percent,
)

# 6. Depth, activation, normalization and the edge of chaos

SHRINKS, STAYS, GROWS = "smaller", "about the same (within a factor of two)", "larger"
BEFORE, AFTER, BOTH, NEITHER = "before the activation", "after the activation", "both", "neither"
ORDER, EDGE, CHAOS = "order: small weights", "the edge: weights in between", "chaos: large weights"
_TRAINED = {"order": ORDER, "edge": EDGE, "chaos": CHAOS}


def _last_gamma(results: Results, name: str) -> float:
    return max(float(results[name].gamma_by_depth("cosine")[-1, 0]), 0.0)


def _favourite(results: Results, name: str) -> str:
    return f"the favourite gets {percent(results[name].largest_guess().mean())} of the guesses"


def _scale(_: Results) -> str:
    even, strong = (percent(float(theory.expected_max_guess(gamma, 10))) for gamma in (1.0, 12.0))
    return (
        "The number **γ** (gamma) measures the initial guessing bias of untrained networks, called *prejudice* here, "
        "since *biases* will be something else: the variance of the centres of the outputs, divided by the variance of "
        f"an output from one input to the next. At γ = 0 a network is neutral. In theory, with ten classes, the "
        f"favourite gets {even} of the guesses at γ = 1 and {strong} at γ = 12.\n\nγ can be measured in every layer. "
        "We take fifty networks with **twenty hidden layers**, random weights, and give them noise."
    )


def _with_depth(results: Results) -> Solution:
    second, last = float(results["relu"].gamma_by_depth("cosine")[1, 0]), _last_gamma(results, "relu")
    value = GROWS if last > 2 * second else SHRINKS if last < second / 2 else STAYS
    return Solution(
        value, f"γ is {second:.2f} in the second layer and {last:.3g} in the last; {_favourite(results, 'relu')}."
    )


VANISHES, LESS, NO_LESS = "all but gone", "smaller, but still there", "as strong, or stronger"


def _with_tanh(results: Results) -> Solution:
    relu, tanh = _last_gamma(results, "relu"), _last_gamma(results, "tanh")
    value = VANISHES if tanh < 0.1 else LESS if tanh < relu else NO_LESS
    return Solution(
        value, f"With tanh γ ends at {tanh:.2g}, with ReLU at {relu:.3g}; with tanh {_favourite(results, 'tanh')}."
    )


def _with_norm(results: Results) -> Solution:
    gone = {name: _last_gamma(results, name) < 0.1 for name in ("before", "after")}
    value = BOTH if all(gone.values()) else BEFORE if gone["before"] else AFTER if gone["after"] else NEITHER
    numbers = " and ".join(f"{_last_gamma(results, name):.2g} ({name} ReLU)" for name in gone)
    return Solution(
        value,
        f"With normalization γ ends at {numbers}; without it at {_last_gamma(results, 'relu'):.3g}.",
    )


def _sign(results: Results) -> str:
    tanh = _last_gamma(results, "tanh")
    measured = "That is what was measured." if tanh < 0.1 else f"Here γ = {tanh:.2g} is left all the same."
    return (
        "Take one node and average its output over the data. **If that mean is zero for every node, no prejudice "
        "arises.**\n\n**ReLU** passes on positive numbers only, so the mean over the data of a node is not zero: all "
        "inputs have a common part. The next layer turns it into centres, its ReLU makes new positive numbers, and so "
        "on: every layer adds to it.\n\n**tanh** treats plus and minus alike. On this noise, and without biases, a "
        "node that says +0.3 to one input says −0.3 to another one just as often. Its mean over the data is zero, so "
        f"there is no common part to pass on, at any depth. {measured}"
    )


def _placement(results: Results) -> str:
    before, after = _last_gamma(results, "before"), _last_gamma(results, "after")
    if after < 0.1 <= before:
        measured = "That is what was measured: the position of the layer decides."
    else:
        measured = f"Here γ was {before:.2g} with the layer before ReLU and {after:.2g} with it after."
    return (
        "**Layer normalization** takes the outputs of all nodes for one input, subtracts their mean and divides by "
        "their standard deviation.\n\n- *Before* the activation the mean over the nodes is near zero anyway. Little "
        "changes, and then ReLU turns all negative numbers into 0: the common part is back.\n- *After* the "
        "activation the mean over the nodes is the common part that ReLU has made. It is removed before the next "
        f"layer can turn it into centres.\n\n{measured}"
    )


def _begins(results: Results) -> Solution:
    guesses = {name: largest_guess(results[name], 0)[0] for name in _TRAINED}
    return Solution(
        _TRAINED[max(guesses, key=guesses.get)],
        f"At Init. the favourite's fraction of the guesses is {_three(guesses)}.",
    )


def _trains(results: Results) -> Solution:
    ends = {name: float(results[name].balanced_accuracy()[-1]) for name in _TRAINED}
    return Solution(_TRAINED[max(ends, key=ends.get)], f"After two epochs the accuracy is {_three(ends)}.")


def _three(fractions: Mapping[str, float]) -> str:
    phases = {"order": "in order", "edge": "on the edge", "chaos": "in chaos"}
    return ", ".join(f"{percent(fractions[name])} {phases[name]}" for name in _TRAINED)


def _edge(results: Results) -> str:
    best, most_prejudiced = (solution(results).value.partition(":")[0] for solution in (_trains, _begins))
    gap = sorted(float(results[name].balanced_accuracy()[-1]) for name in _TRAINED)
    favourite = largest_guess(results["edge"], 0)[0]
    lead = (
        f"The best was {best}, {100 * (gap[-1] - gap[-2]):.0f} points ahead of the next."
        if gap[-1] - gap[-2] >= 0.01
        else f"The best was {best}, by less than a point: with another seed the order may change."
    )
    return (
        f"{lead} The most prejudiced at the start was {most_prejudiced}.\n\nIn **order** two images become the same on "
        "their way up, so nearly all get one answer, and gradients vanish on their way down. In **chaos** small "
        "differences grow: there is less prejudice, but two similar images end up almost as different as two unrelated "
        "ones. On the **edge** both the differences and the gradients survive twenty layers.\n\nAnd the edge is not "
        f"neutral: its favourite had {percent(favourite)} of the guesses before training. A prejudice at the start is "
        "not the sign of a bad network. Whether it *stays* depends on the loss."
    )


def _deep(**model) -> EnsembleConfig:
    return EnsembleConfig(
        dataset={"name": "gaussian-noise", "train_examples": 1000},
        model={"name": "mlp", "depth": 20} | model,
        networks=50,
        inputs=500,
    )


def _at(sigma_w2: float) -> RunConfig:
    return RunConfig(
        model={"name": "mlp", "depth": 20, "width": 128, "activation": "tanh"},
        initialization={"name": "gaussian", "sigma_w2": sigma_w2, "sigma_b2": 0.05},
        optimizer={"name": "sgd", "learning_rate": 0.01},
        epochs=2,
    )


EDGE_OF_CHAOS = Lesson(
    "Depth, activation, normalization and the edge of chaos",
    10,
    "Where the initial prejudice grows, where it vanishes, and which deep networks can be trained.",
    {
        "relu": _deep(),
        "tanh": _deep(activation="tanh"),
        "before": _deep(normalization="layer", placement="before"),
        "after": _deep(normalization="layer", placement="after"),
        "order": _at(0.5),
        "edge": _at(1.76),
        "chaos": _at(8.0),
    },
    (
        Text(
            "Twenty layers",
            _scale,
        ),
        Guess(
            "depth",
            "Does depth help?",
            "The nodes are ReLUs: they turn negative numbers into 0. From the second layer to the last, γ becomes ...",
            _with_depth,
            (SHRINKS, STAYS, GROWS),
        ),
        Guess(
            "tanh",
            "Another activation",
            "Fifty more networks with **tanh** in place of ReLU: an S-shaped curve that treats plus and minus alike. "
            "Their prejudice after twenty layers is ...",
            _with_tanh,
            (VANISHES, LESS, NO_LESS),
        ),
        Go("Draw them", "Fifty networks with ReLU and fifty with tanh.", ("relu", "tanh"), 6),
        Look(
            "Layer by layer",
            "Points are measured, the line is the theory of very wide networks. The vertical axis is logarithmic: each "
            "tick is a factor of ten.",
            (
                Picture("gamma_by_depth", "relu", "ReLU", "How many layers until γ passes 1?"),
                Picture("gamma_by_depth", "tanh", "tanh", "Open triangles: below the range of the axis."),
            ),
            ("depth", "tanh"),
        ),
        Text("Which mean must be zero", _sign),
        Guess(
            "norm",
            "Would normalization help?",
            "A layer normalization subtracts the mean over the nodes, input by input. It can be placed **before** each "
            "ReLU or **after** it. Which of the two removes the prejudice?",
            _with_norm,
            (BEFORE, AFTER, BOTH, NEITHER),
        ),
        Go("Draw both", "Fifty networks each, ReLU, twenty layers.", ("before", "after"), 6),
        Look(
            "Before and after",
            "The same networks except for the position of one layer.",
            (
                Picture("gamma_by_depth", "before", "Normalized before ReLU", "Compare with ReLU alone."),
                Picture("gamma_by_depth", "after", "Normalized after ReLU", "And this one?"),
            ),
            ("norm",),
        ),
        Text("The position matters", _placement),
        Text(
            "Order and chaos",
            "How large should random weights be? With **small** ones all inputs become alike on their way up: "
            "*order*. With **large** ones the smallest difference grows: *chaos*. The line between them is the "
            "**edge of chaos**, which theory can compute.\n\nWe train three networks with tanh and twenty layers on "
            "clothes for two epochs: weight variance 0.5 (order), 1.76 (on the edge) and 8 (chaos). Two things are "
            "new: the nodes get small random **biases** (a constant added to the sum; their variance is 0.05), and "
            "clothes resemble each other; inputs of noise do not. With either, a node's mean over the data is no "
            "longer zero, and tanh networks can be prejudiced, too.",
            (
                Picture(
                    "phase map",
                    "edge",
                    "The plane of initializations",
                    "The star is the network on the edge; left of the line is order.",
                ),
            ),
        ),
        Guess(
            "begins",
            "Which one is the most prejudiced?",
            "Before the first step: which of the three gives the most guesses to one class?",
            _begins,
            tuple(_TRAINED.values()),
        ),
        Guess(
            "trains",
            "Which one learns best?",
            "And which one recognizes the most test images after two epochs?",
            _trains,
            tuple(_TRAINED.values()),
        ),
        Go("Train all three", "Two epochs each; deep networks take a little longer.", ("order", "edge", "chaos"), 15),
        Look(
            "How they begin",
            "The fraction of the guesses that each class gets. Look at *Init.* first.",
            (
                Picture("guess_fraction", "order", "Order", "Do the other classes ever get any guesses?"),
                Picture("guess_fraction", "edge", "Edge of chaos", "A prejudice at Init.: does it last?"),
                Picture("guess_fraction", "chaos", "Chaos", "Is there a favourite at all?"),
            ),
            ("begins",),
        ),
        Look(
            "How they learn",
            "Balanced accuracy: the mean of the classes' accuracies.",
            (
                Picture("balanced_accuracy", "order", "Order", "When does it begin to rise?"),
                Picture("balanced_accuracy", "edge", "Edge of chaos", "How high does it end?"),
                Picture("balanced_accuracy", "chaos", "Chaos", "And here?"),
            ),
            ("trains",),
        ),
        Text("The edge is not neutral", _edge),
        Explore(
            "Your turn",
            "Click into the phase diagram, go far into order or chaos and press *Train here*. **How far from the "
            "edge can you go** before a network of twenty layers learns nothing in three epochs? Does the theory's "
            "*depth scale of the correlation, ξ* predict it?",
            "pages/Phases.py",
            "Open the phase diagram",
        ),
    ),
)
