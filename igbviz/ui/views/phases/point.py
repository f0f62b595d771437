"""The chosen point of the plane: what theory says of very deep networks there, in sentences."""

from __future__ import annotations

import math
from typing import NamedTuple

import streamlit as st

from igbviz import theory
from igbviz.theory.phases import phase_name

EXPLODED = 1e6  # a variance beyond it does not come back
CLASSES = 10  # of the guess fractions that are predicted
SETTLING = 1000  # layers, enough for the variance to reach its limit


class Point(NamedTuple):
    """A point of the plane, with activation and depth."""

    activation: str
    sigma_w2: float
    sigma_b2: float
    depth: int


def show_prediction(point: Point) -> None:
    """The numbers of the theory at this point, and what they mean there."""
    fixed = theory.fixed_point(point.activation, point.sigma_w2, point.sigma_b2)
    gamma = theory.gamma_by_depth(*point)[-1]
    largest = theory.expected_max_guess(min(float(gamma), 1e6), CLASSES)
    st.markdown(
        f"At this point: **{phase(fixed)}**, χ₁ = {fixed.chi_1:.4g}, c\\* = {fixed.c_star:.4g}, "
        f"q\\* = {fixed.q_star:.4g}. After {point.depth} layers γ = **{gamma:.3g}**: "
        f"{theory.regime(gamma, CLASSES)} for {CLASSES} classes, of which the most guessed one gets {largest:.2f} of "
        f"the guesses on average ({1 / CLASSES:.2f} without bias)."
    )
    st.markdown(" ".join(consequences(point, fixed)))


def phase(fixed: theory.FixedPoint) -> str:
    """The name of the phase, by chi_1."""
    return phase_name(fixed.chi_1)


def consequences(point: Point, fixed: theory.FixedPoint) -> list[str]:
    """Sentences on variance, inputs and gradients of very deep networks at this point, for normalized inputs."""
    gradients = {
        "ordered": "Gradients vanish with depth.",
        "chaotic": "Gradients explode with depth.",
        "on the edge of chaos": "Gradients neither vanish nor explode exponentially fast.",
    }[phase(fixed)]
    if fixed.q_star == 0:
        variance = ["With depth the signal dies out (q\\* = 0)."]
    elif fixed.q_star == math.inf:
        variance = ["With depth the variance explodes (q\\* = ∞)."]
    elif fixed.chi_1 > 1 and _explodes(point):
        return [
            "Normalized inputs do not reach this q\\*: their variance explodes. The q\\* and c\\* shown are those of "
            "smaller inputs.",
            gradients,
        ]
    else:
        variance = []
    if fixed.c_star == 0:
        inputs = "Uncorrelated inputs stay uncorrelated, so γ = 0 at every depth."
    elif fixed.c_star == 1:
        inputs = "All inputs become the same (c\\* = 1), and γ grows without bound."
    else:
        gamma = fixed.c_star / (1 - fixed.c_star)
        inputs = f"Inputs stay apart (c\\* < 1), and γ settles at {gamma:.3g}."
    return [*variance, inputs, gradients]


def _explodes(point: Point) -> bool:
    """Whether the variance of normalized inputs grows without bound although a finite fixed point exists."""
    variances = theory.variance_by_depth(point.activation, point.sigma_w2, point.sigma_b2, SETTLING)
    return bool(variances[-1] > EXPLODED)
