"""Two lessons on networks that were never trained: where the first prejudice comes from, and where it grows or vanishes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from igbviz import theory
from igbviz.config import RunConfig
from igbviz.ensemble_config import EnsembleConfig
from igbviz.lesson_steps import (
    Explore,
    Go,
    Guess,
    Lesson,
    Look,
    Outcome,
    Picture,
    Results,
    Text,
    largest_share,
    percent,
)

# 1. What a network believes before it has seen anything


def _favourite_share(results: Results) -> Outcome:
    largest = results["clothes"].largest_guess()
    sentence = f"On average {percent(largest.mean())} of the images went to a network's favourite class; even would be 10 %."
    return Outcome(100 * float(largest.mean()), f"{sentence} The most even network gave {percent(largest.min())}, the most "
                   f"prejudiced {percent(largest.max())}.")  # fmt: skip


ONE_FAVOURITE, FEW_FAVOURITES, MANY_FAVOURITES = "nearly all the same one", "two or three classes share them", "nearly every class is one"


def _whose_favourite(results: Results) -> Outcome:
    run = results["clothes"]
    counts = np.bincount(run.guess_fraction().argmax(1), minlength=run.classes)
    top, different = counts.max() / len(run), int((counts > 0).sum())
    value = ONE_FAVOURITE if top >= 0.8 else FEW_FAVOURITES if different <= 3 else MANY_FAVOURITES
    return Outcome(
        value,
        f"{different} of {run.classes} classes are the favourite of some network; the most frequent one, "
        f"{run.class_names[counts.argmax()]}, of {percent(top)} of them. Which class is preferred is decided when the weights are drawn.",
    )


def _bias(results: Results) -> str:
    gamma = results["clothes"].gamma("cosine")[0]
    if gamma < 1:
        which = "Here γ is below 1: what the image shows still moves the outputs more than the centres lie apart."
    else:
        which = "Here γ is above 1: the centres lie further apart than any image moves the outputs. The winner is mostly settled before."
    return (
        "Look at the hills: each is one output of a single network over all images. A hill has a **centre**, which belongs to the "
        "network, and a **width**, which comes from the images. The guess is the output furthest to the right.\n\n"
        "The number **γ** (gamma) compares the two: how far the centres lie apart, squared, over how wide the hills are, squared. Over "
        f"all hundred networks γ = **{gamma:.2g}**: {theory.regime(max(gamma, 0.0))}. {which}"
    )


GONE, WEAKER, STRONGER = "gone: there is nothing to prefer", "still there, but weaker", "at least as strong"


def _on_noise(results: Results) -> Outcome:
    clothes, noise = (float(results[name].largest_guess().mean()) for name in ("clothes", "noise"))
    value = GONE if noise < 0.2 else WEAKER if noise < clothes else STRONGER
    size = " The difference is small." if abs(noise - clothes) < 0.1 else ""
    return Outcome(value, f"On noise the favourite gets {percent(noise)} of the guesses, on clothes {percent(clothes)}.{size}")


def _where_from(results: Results) -> str:
    gammas = [results["noise"].gamma_by_depth("cosine")[layer, 0] for layer in (0, -1)]
    grown = f"In the networks that looked at noise, γ goes from {max(gammas[0], 0):.2g} in the first layer to {gammas[1]:.2g} in the last."
    return (
        "Pure noise prefers nothing, so what is left of the prejudice on noise comes from the network alone. Two ingredients do it.\n\n"
        "1. These networks use **ReLU**: a node passes on positive numbers and turns negative ones into 0. So what a layer hands on is "
        "never negative: all inputs get a common push in one direction.\n"
        "2. The next layer's random weights turn that common push into random **centres**, one for each of its nodes, and the layer "
        "after that does it again.\n\n"
        f"{grown} Random weights are enough to have an opinion."
    )


_UNTRAINED = {"model": {"name": "mlp", "depth": 4}, "networks": 100, "inputs": 500}

BEFORE_TRAINING = Lesson(
    "What a network believes before it has seen anything",
    7,
    "A hundred networks, weights fresh from the dice. Are they neutral?",
    {
        "clothes": EnsembleConfig(dataset={"name": "fashion-mini"}, **_UNTRAINED),
        "noise": EnsembleConfig(dataset={"name": "gaussian-noise", "train_examples": 1000}, **_UNTRAINED),
    },
    (
        Text(
            "Fair dice, fair guesses?",
            "A network that sorts pictures of clothes into **ten classes** has some hundred thousand weights. Before training they are "
            "drawn by dice: no class is treated better than another.\n\n"
            "We take a hundred such networks. None of them has ever seen a picture. Each looks at 500 of them and says, for every one, "
            "which class it is.",
        ),
        Guess(
            "favourite",
            "How even are the guesses?",
            "Each network has a **favourite**: the class it names most often. Which share of the pictures does a network give to its "
            "favourite, on average? If the guesses were spread evenly, it would be 10 %.",
            _favourite_share,
            low=10,
            close=8,
        ),
        Guess(
            "whose",
            "Do they share a favourite?",
            "A hundred networks, each with weights of its own, all asked about the same pictures. Their favourites are ...",
            _whose_favourite,
            (ONE_FAVOURITE, FEW_FAVOURITES, MANY_FAVOURITES),
        ),
        Go("Draw a hundred networks", "Nothing is trained: they are drawn, asked, and that is all.", ("clothes",), 3),
        Look(
            "What they said",
            "Left a single network, right all hundred of them.",
            (
                Picture(
                    "class_probabilities",
                    "clothes",
                    "One network",
                    "Mean probability over the 500 pictures. Without a favourite all bars would end at 1/K, a tenth.",
                ),
                Picture(
                    "guesses", "clothes", "A hundred networks", "How far right the networks stand: 0.1 is even, 1 is one answer to all."
                ),
            ),
            ("favourite", "whose"),
        ),
        Text(
            "Centre against width",
            _bias,
            (Picture("outputs", "clothes", "The outputs of one network", "The hill furthest right, and how much the hills overlap."),),
        ),
        Guess(
            "noise",
            "And without any picture?",
            "Now networks drawn in the same way look at **pure noise**: every pixel is thrown by dice, there is nothing to see. Compared "
            "with the clothes, the prejudice is ...",
            _on_noise,
            (GONE, WEAKER, STRONGER),
        ),
        Go("Show them noise", "A hundred networks again, 500 inputs of noise.", ("noise",), 3),
        Look(
            "Noise beside clothes",
            "The same picture twice: how many of its guesses a network gives to its favourite.",
            (
                Picture("guesses", "clothes", "Clothes", "Where the blue line stands: the average share of the favourite."),
                Picture("guesses", "noise", "Noise", "Is it far from the one on the left? And from 0.1?"),
            ),
            ("noise",),
        ),
        Text("Where it comes from", _where_from, (Picture("gamma_by_depth", "noise", "γ, layer by layer", "Does it grow?"),)),
        Explore(
            "Your turn",
            "Can you change **one thing** about these networks so that the prejudice vanishes? The buttons under *What if ...* change "
            "one at a time. Which of them take it away, which make it worse, and is there one that changes nothing?",
            "pages/Initialisation.py",
            "Open these networks",
            "clothes",
        ),
    ),
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


def _with_depth(results: Results) -> Outcome:
    second, last = float(results["relu"].gamma_by_depth("cosine")[1, 0]), _last_gamma(results, "relu")
    value = GROWS if last > 2 * second else SHRINKS if last < second / 2 else STAYS
    return Outcome(value, f"γ is {second:.2f} in the second layer and {last:.3g} in the last; {_favourite(results, 'relu')}.")


VANISHES, LESS, NO_LESS = "all but gone", "smaller, but still there", "as strong, or stronger"


def _with_tanh(results: Results) -> Outcome:
    relu, tanh = _last_gamma(results, "relu"), _last_gamma(results, "tanh")
    value = VANISHES if tanh < 0.1 else LESS if tanh < relu else NO_LESS
    return Outcome(value, f"With tanh γ ends at {tanh:.2g}, with ReLU at {relu:.3g}; with tanh {_favourite(results, 'tanh')}.")


def _with_norm(results: Results) -> Outcome:
    gone = {name: _last_gamma(results, name) < 0.1 for name in ("before", "after")}
    value = BOTH if all(gone.values()) else BEFORE if gone["before"] else AFTER if gone["after"] else NEITHER
    numbers = " and ".join(f"{_last_gamma(results, name):.2g} {name} it" for name in gone)
    return Outcome(
        value, f"Normalised relative to the activation, γ ends at {numbers}; with neither it was {_last_gamma(results, 'relu'):.3g}."
    )


def _sign(results: Results) -> str:
    tanh = _last_gamma(results, "tanh")
    measured = "And so it was measured." if tanh < 0.1 else f"Here γ = {tanh:.2g} is left all the same."
    return (
        "**ReLU** hands on positive numbers only. Their mean is not zero, and this mean is a push that all inputs share. The next layer "
        "turns it into centres, its ReLU makes new positive numbers, and so on: every layer adds to it.\n\n"
        "**tanh** treats plus and minus alike: for every node that says +0.3 there is somewhere one that says −0.3. The mean over many "
        f"nodes is zero, so there is nothing to hand on, at any depth. {measured}"
    )


def _placement(results: Results) -> str:
    before, after = _last_gamma(results, "before"), _last_gamma(results, "after")
    if after < 0.1 <= before:
        fits = "That is what was measured: the place decides, not the layer as such."
    else:
        fits = f"Measured was γ = {before:.2g} before and {after:.2g} after."
    return (
        "**Layer normalisation** takes the outputs of all nodes for one image, subtracts their mean and divides by their spread.\n\n"
        "- *Before* the activation the mean is near zero anyway. Nothing is lost, then ReLU makes everything positive: the push is back.\n"
        "- *After* the activation it removes exactly the mean that ReLU has made, before the next layer can use it.\n\n"
        f"{fits}"
    )


def _begins(results: Results) -> Outcome:
    shares = {name: largest_share(results[name], 0)[0] for name in _TRAINED}
    return Outcome(_TRAINED[max(shares, key=shares.get)], f"At Init. the largest share of the guesses is {_three(shares)}.")


def _trains(results: Results) -> Outcome:
    ends = {name: float(results[name].balanced_accuracy()[-1]) for name in _TRAINED}
    return Outcome(_TRAINED[max(ends, key=ends.get)], f"Of the test images they recognise {_three(ends)} after two epochs.")


def _three(shares: Mapping[str, float]) -> str:
    words = {"order": "in order", "edge": "on the edge", "chaos": "in chaos"}
    return ", ".join(f"{percent(shares[name])} {words[name]}" for name in _TRAINED)


def _edge(results: Results) -> str:
    best, most = (outcome(results).value.partition(":")[0] for outcome in (_trains, _begins))
    gap = sorted(float(results[name].balanced_accuracy()[-1]) for name in _TRAINED)
    prejudice = largest_share(results["edge"], 0)[0]
    lead = f"The best was {best}, {100 * (gap[-1] - gap[-2]):.0f} points ahead of the next." if gap[-1] - gap[-2] >= 0.01 else (
        f"The best was {best}, by a hair: train longer, or with another seed, and the order may change.")  # fmt: skip
    return (
        f"{lead} The most prejudiced at the start was {most}.\n\n"
        "In **order** two images become the same on their way up, so all get one answer, and what training wants to change dies out on "
        "its way down. In **chaos** small differences explode: no prejudice, but two nearly equal images have nothing in common any "
        "more. On the **edge** signals of both directions survive twenty layers.\n\n"
        f"And the edge is not neutral: its largest share of the guesses was {percent(prejudice)} before training. A prejudice at the "
        "start is not a sign of a bad network. Whether it *stays* is up to the loss."
    )


def _deep(**model) -> EnsembleConfig:
    return EnsembleConfig(
        dataset={"name": "gaussian-noise", "train_examples": 1000}, model={"name": "mlp", "depth": 20} | model, networks=50, inputs=500
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
            "The number **γ** (gamma) says how prejudiced an untrained network is: how far the centres of its outputs lie apart, "
            "compared with how far an output moves from one input to the next. Below 1 it is nearly neutral; from about 12 on nearly "
            "every input gets the same answer.\n\n"
            "It can be measured in every layer. We take fifty networks with **twenty hidden layers**, random weights, and show them noise.",
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
            "Fifty more networks with **tanh** in place of ReLU: an S-shaped curve that treats plus and minus alike. Their prejudice "
            "after twenty layers is ...",
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
            "A normalisation layer subtracts the mean over the nodes, image by image. One can put it **before** each ReLU or **after** "
            "it. Which of the two takes the prejudice away?",
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
            "How large should random weights be? With **small** ones all inputs become alike on their way up: *order*. With **large** "
            "ones the smallest difference explodes: *chaos*. Between them runs a line, the **edge of chaos**, which theory can draw.\n\n"
            "We train three networks with tanh and twenty layers on clothes for two epochs: weight variance 0.5 (order), 1.76 (on the "
            "edge) and 8 (chaos). Two things are new: the nodes get small random **biases** (a number added whatever the input; their "
            "variance is 0.05), and clothes resemble each other as noise does not. With these, tanh can be prejudiced too.",
            (
                Picture(
                    "phase map", "edge", "The plane of initialisations", "The star is the network on the edge; left of the line is order."
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
            "Click into the phase diagram, go far into order or chaos and press *Train here*. **How far from the edge can one go** "
            "before a network of twenty layers learns nothing in three epochs? Does the theory's *depth that information survives* tell "
            "it beforehand?",
            "pages/Phases.py",
            "Open the phase diagram",
        ),
    ),
)
