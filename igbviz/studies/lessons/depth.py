"""The last lesson: where in a deep network the first prejudice grows, where it vanishes, and which networks can be
trained at all."""

from __future__ import annotations

from collections.abc import Mapping

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
    largest_share,
    percent,
)

# 6. Depth, activation, normalisation and the edge of chaos

SHRINKS, STAYS, GROWS = "smaller", "about the same (within a factor of two)", "larger"
BEFORE, AFTER, BOTH, NEITHER = "before the activation", "after the activation", "both", "neither"
ORDER, EDGE, CHAOS = "order: small weights", "the edge: weights in between", "chaos: large weights"
_TRAINED = {"order": ORDER, "edge": EDGE, "chaos": CHAOS}


def _last_gamma(results: Results, name: str) -> float:
    return max(float(results[name].gamma_by_depth("cosine")[-1, 0]), 0.0)


def _favourite(results: Results, name: str) -> str:
    return f"a favourite gets {percent(results[name].largest_guess().mean())} of the guesses"


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
    numbers = " and ".join(f"{_last_gamma(results, name):.2g} {name} it" for name in gone)
    return Solution(
        value,
        f"Normalised relative to the activation, γ ends at {numbers}; with neither it was "
        f"{_last_gamma(results, 'relu'):.3g}.",
    )


def _sign(results: Results) -> str:
    tanh = _last_gamma(results, "tanh")
    measured = "And so it was measured." if tanh < 0.1 else f"Here γ = {tanh:.2g} is left all the same."
    return (
        "**ReLU** hands on positive numbers only. Their mean is not zero, and this mean is a push that all inputs "
        "share. The next layer turns it into centres, its ReLU makes new positive numbers, and so on: every layer "
        "adds to it.\n\n**tanh** treats plus and minus alike: for every node that says +0.3 there is somewhere one "
        f"that says −0.3. The mean over many nodes is zero, so there is nothing to hand on, at any depth. {measured}"
    )


def _placement(results: Results) -> str:
    before, after = _last_gamma(results, "before"), _last_gamma(results, "after")
    if after < 0.1 <= before:
        fits = "That is what was measured: the place decides, not the layer as such."
    else:
        fits = f"Measured was γ = {before:.2g} before and {after:.2g} after."
    return (
        "**Layer normalisation** takes the outputs of all nodes for one image, subtracts their mean and divides by "
        "their spread.\n\n- *Before* the activation the mean is near zero anyway. Nothing is lost, then ReLU makes "
        "everything positive: the push is back.\n- *After* the activation it removes exactly the mean that ReLU has "
        f"made, before the next layer can use it.\n\n{fits}"
    )


def _begins(results: Results) -> Solution:
    shares = {name: largest_share(results[name], 0)[0] for name in _TRAINED}
    return Solution(
        _TRAINED[max(shares, key=shares.get)], f"At Init. the largest share of the guesses is {_three(shares)}."
    )


def _trains(results: Results) -> Solution:
    ends = {name: float(results[name].balanced_accuracy()[-1]) for name in _TRAINED}
    return Solution(
        _TRAINED[max(ends, key=ends.get)], f"Of the test images they recognise {_three(ends)} after two epochs."
    )


def _three(shares: Mapping[str, float]) -> str:
    words = {"order": "in order", "edge": "on the edge", "chaos": "in chaos"}
    return ", ".join(f"{percent(shares[name])} {words[name]}" for name in _TRAINED)


def _edge(results: Results) -> str:
    best, most = (solution(results).value.partition(":")[0] for solution in (_trains, _begins))
    gap = sorted(float(results[name].balanced_accuracy()[-1]) for name in _TRAINED)
    prejudice = largest_share(results["edge"], 0)[0]
    lead = (
        f"The best was {best}, {100 * (gap[-1] - gap[-2]):.0f} points ahead of the next."
        if gap[-1] - gap[-2] >= 0.01
        else (f"The best was {best}, by a hair: train longer, or with another seed, and the order may change.")
    )
    return (
        f"{lead} The most prejudiced at the start was {most}.\n\nIn **order** two images become the same on their way "
        "up, so all get one answer, and what training wants to change dies out on its way down. In **chaos** small "
        "differences explode: no prejudice, but two nearly equal images have nothing in common any more. On the "
        "**edge** signals of both directions survive twenty layers.\n\nAnd the edge is not neutral: its largest "
        f"share of the guesses was {percent(prejudice)} before training. A prejudice at the start is not a sign of a "
        "bad network. Whether it *stays* is up to the loss."
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
    "Depth, activation, normalisation and the edge of chaos",
    10,
    "Where the first prejudice grows, where it vanishes, and which networks can be trained at all.",
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
            "The number **γ** (gamma) says how prejudiced an untrained network is: how far the centres of its "
            "outputs lie apart, compared with how far an output moves from one input to the next. Below 1 it is "
            "nearly neutral; from about 12 on nearly every input gets the same answer.\n\nIt can be measured in "
            "every layer. We take fifty networks with **twenty hidden layers**, random weights, and show them noise.",
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
            "Points are measured, the line is the theory of very wide networks. Upwards every tick is ten times more.",
            (
                Picture("gamma_by_depth", "relu", "ReLU", "How many layers until γ passes 1?"),
                Picture("gamma_by_depth", "tanh", "tanh", "Open triangles: too small for the picture."),
            ),
            ("depth", "tanh"),
        ),
        Text("Plus and minus", _sign),
        Guess(
            "norm",
            "Would normalising help?",
            "A normalisation layer subtracts the mean over the nodes, image by image. One can put it **before** each "
            "ReLU or **after** it. Which of the two takes the prejudice away?",
            _with_norm,
            (BEFORE, AFTER, BOTH, NEITHER),
        ),
        Go("Draw both", "Fifty networks each, ReLU, twenty layers.", ("before", "after"), 6),
        Look(
            "Before and after",
            "The same networks but for the place of one layer.",
            (
                Picture("gamma_by_depth", "before", "Normalised before ReLU", "Compare with ReLU alone."),
                Picture("gamma_by_depth", "after", "Normalised after ReLU", "And this one?"),
            ),
            ("norm",),
        ),
        Text("The place matters", _placement),
        Text(
            "Order and chaos",
            "How large should random weights be? With **small** ones all inputs become alike on their way up: "
            "*order*. With **large** ones the smallest difference explodes: *chaos*. Between them runs a line, the "
            "**edge of chaos**, which theory can draw.\n\nWe train three networks with tanh and twenty layers on "
            "clothes for two epochs: weight variance 0.5 (order), 1.76 (on the edge) and 8 (chaos). Two things are "
            "new: the nodes get small random **biases** (a number added whatever the input; their variance is 0.05), "
            "and clothes resemble each other as noise does not. With these, tanh can be prejudiced too.",
            (
                Picture(
                    "phase map",
                    "edge",
                    "The plane of initialisations",
                    "The star is the network on the edge; left of the line is order.",
                ),
            ),
        ),
        Guess(
            "begins",
            "Who is the most prejudiced?",
            "Before the first step: which of the three gives the largest share of its guesses to one class?",
            _begins,
            tuple(_TRAINED.values()),
        ),
        Guess(
            "trains",
            "Who learns best?",
            "And which one recognises the most test images after two epochs?",
            _trains,
            tuple(_TRAINED.values()),
        ),
        Go("Train all three", "Two epochs each; deep networks take a little longer.", ("order", "edge", "chaos"), 15),
        Look(
            "How they begin",
            "Share of the guesses for every class. Look at *Init.* first.",
            (
                Picture("guess_fraction", "order", "Order", "Does one class ever share with the others?"),
                Picture("guess_fraction", "edge", "Edge of chaos", "A prejudice at Init.: does it last?"),
                Picture("guess_fraction", "chaos", "Chaos", "Is there a favourite at all?"),
            ),
            ("begins",),
        ),
        Look(
            "How they learn",
            "Accuracy, with every class counted the same.",
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
            "edge can one go** before a network of twenty layers learns nothing in three epochs? Does the theory's "
            "*depth that information survives* tell it beforehand?",
            "pages/Phases.py",
            "Open the phase diagram",
        ),
    ),
)
