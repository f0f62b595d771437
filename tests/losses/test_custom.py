"""Formulas typed by users: which are accepted, which are refused and why, and that the derivative is right."""

import time
import warnings

import numpy as np
import pytest
import torch

from igbviz.losses import LOSSES, Custom
from igbviz.losses.custom import FUNCTIONS, MAX_LENGTH, evaluate, symbols
from igbviz.spec import ConfigError

GOOD = {  # formula: (parameters, the same in numpy, and its derivative by p)
    "-log(p)": ({}, lambda p: -np.log(p), lambda p: -1 / p),
    "(1-p**q)/q": ({"q": 0.7}, lambda p: (1 - p**0.7) / 0.7, lambda p: -(p**-0.3)),
    "-(1-p)**2*log(p)": (
        {},
        lambda p: -((1 - p) ** 2) * np.log(p),
        lambda p: 2 * (1 - p) * np.log(p) - (1 - p) ** 2 / p,
    ),
    "exp(-p/a)": ({"a": 2.5}, lambda p: np.exp(-p / 2.5), lambda p: -np.exp(-p / 2.5) / 2.5),
    "min(1-p,-log(p)/3)": (
        {},
        lambda p: np.minimum(1 - p, -np.log(p) / 3),
        lambda p: np.where(1 - p <= -np.log(p) / 3, -1, -1 / (3 * p)),
    ),
    "max(0.3,p)": ({}, lambda p: np.maximum(0.3, p), lambda p: 1.0 * (p > 0.3)),
    "abs(p-b)": ({"b": 0.4321}, lambda p: abs(p - 0.4321), lambda p: np.sign(p - 0.4321)),
    "sqrt(1-p)+sin(p)*cos(p)": (
        {},
        lambda p: np.sqrt(1 - p) + np.sin(2 * p) / 2,
        lambda p: -0.5 / np.sqrt(1 - p) + np.cos(2 * p),
    ),
    "-tanh(k*p)": ({"k": 3}, lambda p: -np.tanh(3 * p), lambda p: -3 / np.cosh(3 * p) ** 2),
    "p**p": ({}, lambda p: p**p, lambda p: p**p * (np.log(p) + 1)),
    "2**-p": ({}, lambda p: 2**-p, lambda p: -np.log(2) * 2**-p),
    "(p-1)**2-(p-1)**3": ({}, lambda p: (p - 1) ** 2 - (p - 1) ** 3, lambda p: 2 * (p - 1) - 3 * (p - 1) ** 2),
}


@pytest.mark.parametrize("formula", GOOD)
def test_value_and_weight_are_the_formula_and_its_derivative(formula):
    parameters, value, slope = GOOD[formula]
    loss, p = Custom(formula=formula, parameters=parameters), np.linspace(0.011, 0.989, 150)
    np.testing.assert_allclose(loss.f(np.log(p), np), value(p), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(loss.weight(np.log(p), np), -p * slope(p), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("formula", GOOD)
def test_autograd_agrees_with_the_derivative(formula):
    parameters = GOOD[formula][0]
    log_p = torch.linspace(-5, -0.02, 100, dtype=torch.float64, requires_grad=True)
    value, slope = evaluate(formula, parameters, log_p, torch)
    torch.testing.assert_close(torch.autograd.grad(value.sum(), log_p)[0], slope.detach())


@pytest.mark.parametrize("formula", GOOD)
def test_own_formulas_stay_finite_for_any_logits(formula):
    logits = torch.zeros(4, 10)
    logits[0, 3], logits[1, 7], logits[2, 3], logits[3, 7] = 1e4, 1e4, 60, 30
    logits.requires_grad_()
    values = Custom(formula=formula, parameters=GOOD[formula][0])(logits, torch.tensor([7, 7, 7, 7]))
    values.sum().backward()
    assert values.dtype == torch.float32 and values.isfinite().all() and logits.grad.isfinite().all()


def test_beyond_its_range_a_formula_goes_on_as_a_straight_line():
    loss, log_p = Custom(formula="-log(p)"), np.array([-1e4, -100.0, -1e-15, 0.0])
    np.testing.assert_allclose(loss.f(log_p, np), -log_p, atol=1e-15)
    np.testing.assert_allclose(loss.weight(log_p, np), 1)


def test_the_normalized_text_is_the_identity():
    one, same = Custom(formula=" -p ** g  * log( p )"), Custom(formula="-p^g*log(p)", parameters={"g": 0.7})
    assert one == same and hash(one) == hash(same) and one.canonical() == {"name": "custom"}
    assert Custom(formula=one.formula).formula == one.formula
    other = Custom(formula="(1 - p^q)/q", parameters={"q": 0.5})
    assert other.canonical() == {"name": "custom", "formula": "(1-p**q)/q", "parameters": {"q": 0.5}}
    assert LOSSES["custom"].model_validate(other.canonical()) == other


def test_symbols_become_sliders_and_unused_numbers_are_dropped():
    assert symbols("-a*p**g*log(p)+a") == ["a", "g"] and symbols("exp(p)") == []
    assert Custom(formula="-b*log(p)", parameters={"a": 1, "b": 2}).parameters == {"b": 2.0}


def test_latex_has_the_parentheses_that_are_needed():
    assert Custom().latex() == r"-p_y^{g} \cdot \log\left(p_y\right)"
    assert Custom(formula="1-(p-(1-p))").latex() == r"1 - \left(p_y - \left(1 - p_y\right)\right)"
    assert (
        Custom(formula="(1-p)**gamma/sqrt(p)", parameters={"gamma": 2}).latex()
        == r"\frac{\left(1 - p_y\right)^{\gamma}}{\sqrt{p_y}}"
    )


@pytest.mark.parametrize(
    "formula, latex",
    [
        ("exp(-p)**2", r"\left(e^{-p_y}\right)^{2}"),
        ("-exp(p)**2", r"-\left(e^{p_y}\right)^{2}"),
        ("--p", r"-\left(-p_y\right)"),
        ("2*-p", r"2 \cdot \left(-p_y\right)"),
        ("2*(-p*3)", r"2 \cdot \left(-p_y \cdot 3\right)"),
        ("-p*2*3", r"-p_y \cdot 2 \cdot 3"),
        ("p+-p", r"p_y + \left(-p_y\right)"),
        ("p--p", r"p_y - \left(-p_y\right)"),
        ("(-p)**2", r"\left(-p_y\right)^{2}"),
        ("2**-p", r"2^{-p_y}"),
        ("1e-5**p", r"\left(1 \cdot 10^{-5}\right)^{p_y}"),
    ],
)
def test_latex_never_has_two_signs_or_two_exponents_side_by_side(formula, latex):
    assert Custom(formula=formula, parameters={}).latex() == latex


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os')", "p.real", "[p]", "p if p else 1", "lambda: p", "p > 0.1", "p and p", "p[0]",
        "f'{p}'", "'p'", "(p, p)", "p // 2", "p % 2", "~p", "not p", "1j * p", "True * p", "None", "1e13 * p",
        "log", "exp + p", "log(p, 2)", "log()", "log(x=p)", "min(p)", "min(*p, p)", "p(2)", "eval(p)",
        "open(p)", "(p := 2)", "p @ p", "p << 2", "π * p",
    ],
)  # fmt: skip
def test_only_arithmetic_is_accepted(formula):
    with pytest.raises(ConfigError, match="^formula holds .*, allowed: numbers up to 1e12, names"):
        Custom(formula=formula)


@pytest.mark.parametrize("formula", ["", "  ", "p +", "(p", "p\0", "p = 1", "import os", "p; p", "-log(p)*lambda"])
def test_text_that_is_no_formula_cannot_be_read(formula):
    with pytest.raises(ConfigError, match="^formula is .*: .*, allowed: a formula of p"):
        Custom(formula=formula)


@pytest.mark.parametrize(
    "formula, place",
    [
        ("log(p-0.5)", "1e-30"), ("sqrt(0.3-p)", "0.3"), ("1/(p-0.5)", "0.5"), ("1/(p-0.31234567)", "0.3123"),
        ("log(abs(p-0.777777))", "0.7778"), ("1/sin(1000*p+0.3)", "0."), ("exp(1/p)", "1e-30"),
        ("p/p*9**9**9", "1e-30"), ("p/0", "1e-30"),
        ("(0-2)**p", "1e-30"), ("max(0,p-0.3)**0.5", "0.3"), ("sqrt(max(0,p-0.3))", "0.3"),
    ],
)  # fmt: skip
def test_poles_and_complex_values_are_named_with_their_place(formula, place):
    with pytest.raises(ConfigError, match="not a finite real number with a finite slope at p = ") as problem:
        Custom(formula=formula)
    assert f"at p = {place}" in str(problem.value) and str(problem.value).startswith("formula is ")


ROUND = [*np.linspace(0.001, 0.999, 999).round(3).tolist(), *(10.0**-k for k in range(1, 29)), 3e-7, 0.123456789]


@pytest.mark.parametrize("formula", ["1/(p-g)", "1/(p-g)**2", "-log(abs(p-g))"])
def test_a_pole_is_found_wherever_it_lies_on_the_grid_or_off_it(formula):
    for g in ROUND:
        with pytest.raises(ConfigError) as problem:
            Custom(formula=formula, parameters={"g": g})
        assert float(str(problem.value).rpartition("p = ")[2]) == pytest.approx(g, rel=1e-3)


@pytest.mark.parametrize(
    "formula, place",
    [
        ("1/(1-10*p)", "0.1"), ("p/(10*p-1)", "0.1"), ("1/(p**2-0.01)", "0.1"), ("1/log(10*p)", "0.1"),
        ("-log(p)/(p-0.1)", "0.1"),
        ("tanh(p)/(p-0.05)", "0.05"), ("(p-0.1)**-1", "0.1"), ("1e-9/(p-0.33333)", "0.3333"),
        ("tanh(1/(p-0.3333))", "0.3333"),
    ],
)  # fmt: skip
def test_poles_within_rounding_of_a_round_number_are_refused(formula, place):
    with pytest.raises(
        ConfigError, match=rf"^formula is .*, not a finite real number with a finite slope at p = {place}$"
    ):
        Custom(formula=formula, parameters={})


@pytest.mark.parametrize(
    "formula",
    ["-log(p)", "p**-0.5", "1-p", "(1-p**0.7)/0.7", "-p**0.7*log(p)", "abs(p-0.1)", "max(0.1,p)", "min(1,1/abs(p-0.5))",
     "1/(p+1e-6)", "1/(1.001-p)", "tanh(50*(p-0.3))", "1/((p-0.3)**2+1e-8)", "(p-0.1)**2", "sin(900*p)",
     "exp(-p/0.01)", "sqrt(1-p)"],
)  # fmt: skip
def test_healthy_formulas_are_accepted(formula):
    Custom(formula=formula, parameters={})


@pytest.mark.parametrize(
    "formula, size",
    [
        ("1/p**2", "value is 1e+60"),
        ("-p**g*log(p)", "value is 6.91e+46"),
        ("-p**-1.15", "value is -3.16e+34"),
        ("1e12*p**-0.8", "value is 1e+36"),
        ("sin(1e12*p)*1e12*1e12", "force is "),
    ],
)
def test_values_beyond_single_precision_are_refused(formula, size):
    with pytest.raises(
        ConfigError, match="allowed: at most 1e.33, since training computes in single precision$"
    ) as problem:
        Custom(formula=formula, parameters={"g": -1.5})
    assert size in str(problem.value) and ";" not in str(problem.value)


@pytest.mark.parametrize("formula", ["max(p,0.3)+max(0,0.2-p)**g", "max(0.3,p)+sqrt(0)"])
def test_a_constant_has_no_slope_even_under_a_root(formula):
    loss = Custom(formula=formula, parameters={"g": 1.5})
    assert loss.weight(np.log([0.25]), np)[0] == 0


@pytest.mark.parametrize("formula", ["1/p", "p**-1.05", "-p**-0.5*log(p)"])
def test_accepted_formulas_are_finite_in_single_precision(formula):
    logits, labels = torch.zeros(3, 10), torch.tensor([7, 7, 7])
    logits[0, 3], logits[1, 3], logits[2, 3] = 60, 75, 1e4
    logits.requires_grad_()
    values = Custom(formula=formula, parameters={})(logits, labels)
    values.sum().backward()
    assert values.isfinite().all() and logits.grad.isfinite().all()


@pytest.mark.parametrize(
    "choices, sentence",
    [
        ({"formula": "q*p"}, "parameters lack a number for q"),
        ({"parameters": {"g": "big"}}, "parameters.g is 'big', allowed: a number from -1e6 to 1e6"),
        ({"parameters": {"g": float("nan")}}, "parameters.g is nan"),
        ({"parameters": {"g": 1e9}}, "parameters.g is 1000000000.0"),
        ({"parameters": {"g": True}}, "parameters.g is True"),
        ({"parameters": 3}, "parameters are 3, allowed: a number for each name in the formula"),
        ({"formula": 7}, "formula is 7, allowed: text"),
        (
            {"formula": "p" * (MAX_LENGTH + 1)},
            f"formula has {MAX_LENGTH + 1} characters, allowed: at most {MAX_LENGTH}",
        ),
    ],
)
def test_wrong_choices_are_one_sentence(choices, sentence):
    with pytest.raises(ConfigError) as problem:
        Custom(**choices)
    assert str(problem.value).startswith(sentence) and ";" not in str(problem.value)


@pytest.mark.parametrize(
    "formula",
    ["9**9**9**9**9*p", "exp(exp(exp(exp(p/p*9.5))))", "(" * 99 + "p" + ")" * 99, "-" * 199 + "p",
     "**".join(["p"] * 60), "exp(" * 39 + "p" + ")" * 39, "((((9*p)**99)**99)**99)**99", "9" * 200,
     "max(p," * 28 + "p" + ")" * 28],
)  # fmt: skip
def test_no_formula_keeps_the_server_busy(formula):
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            Custom(formula=formula).checks()
        except ConfigError:
            pass
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "formula, expected",
    [
        ("-log(p)", []),
        ("1-max(p,0.1)", [("silent", 0, 0.1)]),
        ("-log(max(p,0.0000001))", [("silent", 0, 0)]),
        ("p", [("wrong way", 0, 1)]),
        ("(p-0.25)**2", [("wrong way", 0.25, 1)]),
        ("0*p", [("silent", 0, 1)]),
        ("1/p", [("blow-up", 0, 0), ("blow-up", 0, 0)]),
        ("sqrt(1-p)", [("blow-up", 1, 1)]),
        ("-cos(1000*p)", [("wrong way", 0, 1)]),
        ("-log(p)+1/(1e3*(p-0.3)**2+1e-4)", [("wrong way", 0.22, 0.3), ("blow-up", 0.3, 0.3), ("blow-up", 0.3, 0.3)]),
        ("-tanh(1e5*(p-0.3003))", [("silent", 0, 1), ("jump", 0.3, 0.3)]),
        ("sin(3141.6*p)/3200-p", []),
    ],
)
def test_checks_warn_before_the_training_does(formula, expected):
    found = Custom(formula=formula).checks()
    assert [(kind, round(low, 2), round(high, 2)) for kind, low, high, _ in found] == expected
    assert all(finding.text and "\n" not in finding.text for finding in found)


def test_a_push_that_fades_towards_zero_is_one_from_zero():
    (found,) = Custom(formula="p**2-p**3", parameters={}).checks()
    assert found.low == 0 and found.text == "pushes the true class further down below p = 0.666"


def test_the_help_names_every_function():
    assert all(name in Custom.model_fields["formula"].description for name in FUNCTIONS)
