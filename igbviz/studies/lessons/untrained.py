"""The first lesson: what networks that were never trained believe, and where that comes from."""

from __future__ import annotations

import numpy as np

from igbviz import theory
from igbviz.ensembles import EnsembleConfig
from igbviz.studies.lessons.parts import Explore, Go, Guess, Lesson, Look, Picture, Results, Solution, Text, percent

# 1. What a network believes before it has seen anything


def _favourite_share(results: Results) -> Solution:
    largest = results["clothes"].largest_guess()
    sentence = (
        f"On average {percent(largest.mean())} of the images went to a network's favourite class; even would be 10 %."
    )
    return Solution(
        100 * float(largest.mean()),
        f"{sentence} The most even network gave {percent(largest.min())}, the "
        f"most prejudiced {percent(largest.max())}.",
    )


ONE_FAVOURITE, FEW_FAVOURITES, MANY_FAVOURITES = (
    "nearly all the same one",
    "two or three classes share them",
    "nearly every class is one",
)


def _whose_favourite(results: Results) -> Solution:
    run = results["clothes"]
    counts = np.bincount(run.guess_fraction().argmax(1), minlength=run.classes)
    top, different = counts.max() / len(run), int((counts > 0).sum())
    value = ONE_FAVOURITE if top >= 0.8 else FEW_FAVOURITES if different <= 3 else MANY_FAVOURITES
    return Solution(
        value,
        f"{different} of {run.classes} classes are the favourite of some network; the most frequent one, "
        f"{run.class_names[counts.argmax()]}, of {percent(top)} of them. Which class is preferred is decided when the "
        "weights are drawn.",
    )


def _bias(results: Results) -> str:
    gamma = results["clothes"].gamma("cosine")[0]
    if gamma < 1:
        which = "Here γ is below 1: what the image shows still moves the outputs more than the centres lie apart."
    else:
        which = "Here γ is above 1: the centres lie further apart than any image moves the outputs. The winner is mostly settled before."
    return (
        "Look at the hills: each is one output of a single network over all images. A hill has a **centre**, which "
        "belongs to the network, and a **width**, which comes from the images. The guess is the output furthest to "
        "the right.\n\nThe number **γ** (gamma) compares the two: how far the centres lie apart, squared, over how "
        f"wide the hills are, squared. Over all hundred networks γ = **{gamma:.2g}**: "
        f"{theory.regime(max(gamma, 0.0), results['clothes'].classes)}. {which}"
    )


GONE, WEAKER, STRONGER = "gone: there is nothing to prefer", "still there, but weaker", "at least as strong"


def _on_noise(results: Results) -> Solution:
    clothes, noise = (float(results[name].largest_guess().mean()) for name in ("clothes", "noise"))
    value = GONE if noise < 0.2 else WEAKER if noise < clothes else STRONGER
    size = " The difference is small." if abs(noise - clothes) < 0.1 else ""
    return Solution(
        value, f"On noise the favourite gets {percent(noise)} of the guesses, on clothes {percent(clothes)}.{size}"
    )


def _where_from(results: Results) -> str:
    gammas = [results["noise"].gamma_by_depth("cosine")[layer, 0] for layer in (0, -1)]
    grown = f"In the networks that looked at noise, γ goes from {max(gammas[0], 0):.2g} in the first layer to {gammas[1]:.2g} in the last."
    return (
        "Pure noise prefers nothing, so what is left of the prejudice on noise comes from the network alone. Two "
        "ingredients do it.\n\n1. These networks use **ReLU**: a node passes on positive numbers and turns negative "
        "ones into 0. So what a layer hands on is never negative: all inputs get a common push in one direction.\n2. "
        "The next layer's random weights turn that common push into random **centres**, one for each of its nodes, "
        f"and the layer after that does it again.\n\n{grown} Random weights are enough to have an opinion."
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
            "A network that sorts pictures of clothes into **ten classes** has some hundred thousand weights. Before "
            "training they are drawn by dice: no class is treated better than another.\n\nWe take a hundred such "
            "networks. None of them has ever seen a picture. Each looks at 500 of them and says, for every one, "
            "which class it is.",
        ),
        Guess(
            "favourite",
            "How even are the guesses?",
            "Each network has a **favourite**: the class it names most often. Which share of the pictures does a "
            "network give to its favourite, on average? If the guesses were spread evenly, it would be 10 %.",
            _favourite_share,
            low=10,
            close=8,
        ),
        Guess(
            "whose",
            "Do they share a favourite?",
            "A hundred networks, each with weights of its own, all asked about the same pictures. Their favourites "
            "are ...",
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
                    "guesses",
                    "clothes",
                    "A hundred networks",
                    "How far right the networks stand: 0.1 is even, 1 is one answer to all.",
                ),
            ),
            ("favourite", "whose"),
        ),
        Text(
            "Centre against width",
            _bias,
            (
                Picture(
                    "outputs",
                    "clothes",
                    "The outputs of one network",
                    "The hill furthest right, and how much the hills overlap.",
                ),
            ),
        ),
        Guess(
            "noise",
            "And without any picture?",
            "Now networks drawn in the same way look at **pure noise**: every pixel is thrown by dice, there is "
            "nothing to see. Compared with the clothes, the prejudice is ...",
            _on_noise,
            (GONE, WEAKER, STRONGER),
        ),
        Go("Show them noise", "A hundred networks again, 500 inputs of noise.", ("noise",), 3),
        Look(
            "Noise beside clothes",
            "The same picture twice: how many of its guesses a network gives to its favourite.",
            (
                Picture(
                    "guesses", "clothes", "Clothes", "Where the blue line stands: the average share of the favourite."
                ),
                Picture("guesses", "noise", "Noise", "Is it far from the one on the left? And from 0.1?"),
            ),
            ("noise",),
        ),
        Text(
            "Where it comes from",
            _where_from,
            (Picture("gamma_by_depth", "noise", "γ, layer by layer", "Does it grow?"),),
        ),
        Explore(
            "Your turn",
            "Can you change **one thing** about these networks so that the prejudice vanishes? The buttons under "
            "*What if ...* change one at a time. Which of them take it away, which make it worse, and is there one "
            "that changes nothing?",
            "pages/Initialisation.py",
            "Open these networks",
            "clothes",
        ),
    ),
)
