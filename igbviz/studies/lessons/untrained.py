"""The first lesson: initial guessing bias in untrained networks, and where it comes from."""

from __future__ import annotations

import numpy as np

from igbviz.ensembles import EnsembleConfig
from igbviz.studies.lessons.parts import Explore, Go, Guess, Lesson, Look, Picture, Results, Solution, Text, percent

# 1. What a network believes before it has seen anything


def _favourite_fraction(results: Results) -> Solution:
    largest = results["clothes"].largest_guess()
    sentence = (
        f"On average a network guessed its favourite class for {percent(largest.mean())} of the images; even guesses "
        "would be 10 %."
    )
    return Solution(
        100 * float(largest.mean()),
        f"{sentence} In the least biased network it was {percent(largest.min())}, in the most biased one "
        f"{percent(largest.max())}.",
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
        f"{different} of {run.classes} classes are the favourite of some network; the most frequent favourite, "
        f"{run.class_names[counts.argmax()]}, is that of {percent(top)} of the networks. Which class is preferred is "
        "decided when the weights are drawn.",
    )


def _bias(results: Results) -> str:
    run = results["clothes"]
    gamma = run.gamma("cosine")[0]
    favourite = percent(run.largest_guess().mean())
    if gamma < 1:
        comparison = (
            "Here γ is below 1: from one image to the next an output moves by more than the centres typically lie "
            f"apart. Still the favourite gets {favourite} of the guesses."
        )
    else:
        comparison = (
            "Here γ is above 1: the centres typically lie further apart than an output moves from one image to the "
            f"next. So the favourite gets {favourite} of the guesses, and only the images that move the outputs most "
            "are guessed as another class."
        )
    return (
        "Look at the hills: each is one output of a single network over all images. A hill has a **centre**, which "
        "belongs to the network, and a **width**, which comes from the images. The guess is the output furthest to "
        "the right.\n\nThe number **γ** (gamma) compares the two: the variance of the centres divided by the variance "
        f"within a hill. Over all hundred networks γ = **{gamma:.2g}**. {comparison}"
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
    grown = f"On noise γ goes from {max(gammas[0], 0):.2g} in the first layer to {gammas[1]:.2g} in the last."
    return (
        "Pure noise prefers no class, so the bias that is left on noise comes from the network alone. It takes two "
        "ingredients.\n\n1. These networks use **ReLU**: a node passes on positive numbers and turns negative ones "
        "into 0. So the outputs of a layer are never negative, and their mean over the inputs is not zero: all inputs "
        "have a common part.\n2. The next layer's random weights turn that common part into random **centres**, one "
        f"for each of its nodes, and the layer after that does it again.\n\n{grown} Random weights are enough for a "
        "bias."
    )


_UNTRAINED = {"model": {"name": "mlp", "depth": 4}, "networks": 100, "inputs": 500}

BEFORE_TRAINING = Lesson(
    "What a network believes before it has seen anything",
    7,
    "A hundred networks with random weights. Are they neutral?",
    {
        "clothes": EnsembleConfig(dataset={"name": "fashion-mini"}, **_UNTRAINED),
        "noise": EnsembleConfig(dataset={"name": "gaussian-noise", "train_examples": 1000}, **_UNTRAINED),
    },
    (
        Text(
            "Random weights, even guesses?",
            "A network that sorts pictures of clothes into **ten classes** has some hundred thousand weights. Before "
            "training they are drawn at random: no class is treated better than another.\n\nWe take a hundred such "
            "networks, none of them trained. Each gets the same 500 pictures and guesses the class of every one.",
        ),
        Guess(
            "favourite",
            "How even are the guesses?",
            "Each network has a **favourite**: the class that it guesses most often. For what percentage of the "
            "pictures does a network guess its favourite, on average? With even guesses it would be 10 %. (A "
            "preference before any training is called *initial guessing bias*, IGB.)",
            _favourite_fraction,
            low=10,
            close=8,
        ),
        Guess(
            "whose",
            "Do they share a favourite?",
            "A hundred networks, each with weights of its own, all with the same pictures. Their favourites are ...",
            _whose_favourite,
            (ONE_FAVOURITE, FEW_FAVOURITES, MANY_FAVOURITES),
        ),
        Go(
            "Draw a hundred networks",
            "Nothing is trained: weights are drawn, and the pictures are guessed.",
            ("clothes",),
            3,
        ),
        Look(
            "What they guessed",
            "First a single network, then all hundred of them.",
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
                    "How far to the right the networks are: 0.1 is even, 1 is one class for every picture.",
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
            "Now networks drawn in the same way get **pure noise**: every pixel is random, there is nothing to see. "
            "Compared with the clothes, the bias is ...",
            _on_noise,
            (GONE, WEAKER, STRONGER),
        ),
        Go("Show them noise", "A hundred networks again, 500 inputs of noise.", ("noise",), 3),
        Look(
            "Noise beside clothes",
            "The same chart twice: the fraction of its guesses that a network gives to its favourite.",
            (
                Picture("guesses", "clothes", "Clothes", "The blue line: the average fraction of the favourite."),
                Picture("guesses", "noise", "Noise", "Is it far from the one for clothes? And from 0.1?"),
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
            "Can you change **one thing** about these networks so that the bias vanishes? The buttons under "
            "*What if ...* change one at a time. Which of them remove it, which increase it, and is there one that "
            "changes nothing?",
            "pages/Initialisation.py",
            "Open these networks",
            "clothes",
        ),
    ),
)
