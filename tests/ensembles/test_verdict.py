"""The sentence on an ensemble: prejudiced or not, and compared with what."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz.ensembles import Ensemble, ensemble_dtype
from igbviz.ensembles.verdict import chance_largest_guess, format_percent, judgement, with_error


def ensemble(gamma: float, classes: int = 10, networks: int = 100, inputs: int = 500) -> Ensemble:
    """Networks as in theory: normal centres of variance gamma, and a normal deviation of variance 1 for each input."""
    rng = np.random.default_rng(0)
    records = np.zeros(networks, ensemble_dtype(classes))
    for record in records:
        logits = rng.normal(0, gamma**0.5, classes) + rng.normal(size=(inputs, classes))
        record["guesses"] = np.bincount(logits.argmax(-1), minlength=classes)
        record["centre"], record["spread"] = logits.mean(0), logits.std(0)
    return Ensemble(records)


@pytest.mark.parametrize(
    ("gamma", "classes", "expected"),
    [
        (0.0, 10, "Not prejudiced"),
        (0.01, 10, "Biased, but not prejudiced"),
        (1.0, 10, "Prejudiced"),
        (1000.0, 10, "Deeply prejudiced"),
        (0.3, 2, "Biased, but not prejudiced"),
        (1.0, 2, "Perhaps prejudiced"),
        (0.0, 300, "Not prejudiced"),
    ],
)
def test_judgement(gamma: float, classes: int, expected: str) -> None:
    assert judgement(ensemble(gamma, classes)) == expected


def test_the_sentence_names_what_it_compares() -> None:
    e = ensemble(1.0)
    gamma, error = e.gamma("guesses")
    assert e.verdict().replace("\u00a0", " ") == (
        f"Prejudiced: on average a network gives {100 * e.largest_guess().mean():.0f} % of its guesses to the class "
        "that it favours, where chance alone would give 12 % (10 classes, 500 inputs; "
        f"γ of the guesses = {gamma:.3f} ± {error:.3f} over 100 networks)."
    )


def test_a_class_that_every_network_favours_is_named() -> None:
    e = ensemble(1.0)
    assert "class 3" not in e.verdict()
    guesses = e.records["guesses"]
    for row in guesses[:60]:
        top = row.argmax()
        row[3], row[top] = row[top], row[3]
    favoured = (guesses.argmax(-1) == 3).sum()
    assert f"favours (class 3 in {favoured} of 100), where" in e.verdict()


def test_what_is_not_known_is_not_said() -> None:
    assert ensemble(1.0, networks=1).verdict().startswith("Unknown from one network: it gives")
    equal = ensemble(1.0)
    equal.records["centre"], equal.records["spread"] = 7.0, 0
    equal.records["guesses"] = np.eye(10, dtype=int)[0] * 500
    assert equal.verdict() == (
        "No guesses: in 100 networks the logits are equal for all of 500 inputs, as with a last layer that starts at "
        "zero."
    )
    one_class = ensemble(1.0, networks=4)
    one_class.records["guesses"] = np.eye(10, dtype=int)[[0, 3, 4, 9]] * 500
    assert "Deeply prejudiced" in one_class.verdict() and "γ of the guesses = ∞" in one_class.verdict()


@pytest.mark.parametrize(("classes", "inputs"), [(2, 100), (10, 1000), (1000, 1000)])
def test_chance_is_what_even_guesses_give(classes: int, inputs: int) -> None:
    rng = np.random.default_rng(1)
    seen = [np.bincount(rng.integers(classes, size=inputs)).max() / inputs for _ in range(300)]
    error = np.std(seen) / 300**0.5
    assert abs(chance_largest_guess(classes, inputs) - np.mean(seen)) < 5 * error


def test_numbers() -> None:
    percent = [format_percent(value).replace("\u00a0", " ") for value in (1, 0.623, 0.0996, 0.013, 0.0055)]
    assert percent == ["100 %", "62 %", "10 %", "1.3 %", "0.55 %"]
    assert with_error(-3e-7, 0.00024) == "0 ± 0.00024"
    assert with_error(2.3141, 0.213) == "2.31 ± 0.21" and with_error(np.inf, np.inf) == "∞"
