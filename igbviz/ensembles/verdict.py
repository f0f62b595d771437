"""What an ensemble says, in a sentence: whether its untrained networks are prejudiced, and compared with what.

The measure is the favoured class's guess fraction, averaged over networks. Networks without bias have one above 1/K,
too, since the class with the most guesses is chosen after the fact: `chance_largest_guess` is what they would have.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binom

from igbviz.theory import REGIMES, gamma_from_cosine, regime
from igbviz.theory.estimators import agreement_of_guesses, correlation_from_agreement

if TYPE_CHECKING:
    from igbviz.ensembles.records import Ensemble

SIGNIFICANT_ERRORS = 3.0  # standard errors above chance from which on there is a bias, however small
ALWAYS_THE_SAME = 1e-3  # probability below which it is no accident how many networks favour one and the same class
DRAWS = 1000  # of networks without bias


def verdict(ensemble: Ensemble) -> str:
    """One sentence on at least one network: prejudiced or not, gamma of the guesses with its standard error over
    networks, and the largest guess fraction beside that of networks without bias."""
    classes, inputs, networks = ensemble.classes, ensemble.inputs, len(ensemble)
    chance = format_percent(chance_largest_guess(classes, inputs))
    largest = ensemble.largest_guess()
    seen, where = format_percent(largest.mean()), f"{inputs:,} inputs"
    if not has_guesses(ensemble):
        return (
            f"{judgement(ensemble)}: in {_count(networks)} the logits are equal for all of {where}, as with a last "
            "layer that starts at zero."
        )
    if networks < 2:
        name = ensemble.class_names[int(ensemble.records["guesses"][0].argmax())]
        return (
            f"{judgement(ensemble)}: it gives {seen} of its guesses to class {name}, where chance alone would give "
            f"{chance} ({classes:,} classes, {where}); draw at least two."
        )
    gamma, error = ensemble.gamma("guesses")
    same = _same_class(ensemble)
    always = f" (class {same[0]} in {same[1]:,} of {networks:,})" if same else ""
    return (
        f"{judgement(ensemble)}: on average a network gives {seen} of its guesses to the class that it "
        f"favours{always}, where chance alone would give {chance} ({classes:,} classes, {where}; "
        f"γ of the guesses = {with_error(gamma, error)} over {networks:,} networks)."
    )


def judgement(ensemble: Ensemble) -> str:
    """'Prejudiced', 'Not prejudiced', 'Biased, but not prejudiced', ...: the regime of gamma of the guesses."""
    if not has_guesses(ensemble):
        return "No guesses"
    if len(ensemble) < 2:
        return "Unknown from one network"
    first, last = _regimes(ensemble)
    if (first, last) == (REGIMES[0], REGIMES[-1]):
        return "Too few networks to tell"
    if REGIMES[0] not in (first, last):
        return (first if first == last else f"{first} or {last}").capitalize()
    if first != last:
        return "Perhaps prejudiced"
    largest = ensemble.largest_guess()
    above = largest.mean() - chance_largest_guess(ensemble.classes, ensemble.inputs)
    biased = above > SIGNIFICANT_ERRORS * largest.std(ddof=1) / len(ensemble) ** 0.5
    return "Biased, but not prejudiced" if biased else "Not prejudiced"


def has_guesses(ensemble: Ensemble) -> bool:
    """Whether there is a largest logit anywhere, not K equal ones."""
    return bool(ensemble.records["spread"].any() or np.ptp(ensemble.records["centre"], axis=-1).any())


@lru_cache(maxsize=64)
def chance_largest_guess(classes: int, inputs: int) -> float:
    """The mean over networks without bias of the largest guess fraction: each guess is any class, independently.

    Above 1/K by the counting noise of a finite number of inputs; over 1,000 draws, so within about 1 %.
    """
    counts = np.random.default_rng(0).multinomial(inputs, np.full(classes, 1 / classes), DRAWS)
    return float(counts.max(1).mean() / inputs)


def with_error(value: float, error: float) -> str:
    """The value with as many decimals as its error needs for two digits, or 0; without an error, three digits."""
    if not (np.isfinite(error) and np.isfinite(value)):
        return "∞" if value == np.inf else f"{value:.3g}"
    if error < 1e-6:
        return f"{value:.3g} ± {error:.1g}"
    decimals = max(0, int(1 - np.floor(np.log10(error))))
    if not round(value, decimals):
        return f"0 ± {error:,.{decimals}f}"
    return f"{value:,.{decimals}f} ± {error:,.{decimals}f}"


def format_percent(fraction: float) -> str:
    """'62 %', '1.3 %', '0.55 %': two digits where there are two."""
    percent = 100 * float(fraction)
    return f"{percent:.{0 if percent >= 9.95 else 1 if percent >= 0.995 else 2}f}\u00a0%"


def _regimes(ensemble: Ensemble) -> tuple[str, str]:
    """The regimes one standard error below and above the measured agreement of two inputs' guesses, which has an error
    of moderate size however large gamma is."""
    agreement = agreement_of_guesses(ensemble.records["guesses"])
    error = agreement.std(ddof=1) / len(agreement) ** 0.5
    ends = np.clip(agreement.mean() + error * np.array([-1, 1]), 0, 1)
    gammas = np.maximum(gamma_from_cosine(correlation_from_agreement(ends, ensemble.classes)), 0)
    first, last = (regime(gamma, ensemble.classes) for gamma in gammas)
    return first, last


def _same_class(ensemble: Ensemble) -> tuple[str, int] | None:
    """The class that more networks favour than by accident, and how many do; then the architecture favours it, not the
    weights. By a binomial test for the most frequent of K classes (Bonferroni)."""
    favoured = np.bincount(ensemble.records["guesses"].argmax(-1), minlength=ensemble.classes)
    top = int(favoured.argmax())
    if ensemble.classes * binom.sf(favoured[top] - 1, len(ensemble), 1 / ensemble.classes) > ALWAYS_THE_SAME:
        return None
    return ensemble.class_names[top], int(favoured[top])


def _count(networks: int) -> str:
    return "1 network" if networks == 1 else f"{networks:,} networks"
