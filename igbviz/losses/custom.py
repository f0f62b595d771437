"""Custom losses: a formula of p, typed by the user, becomes a `LossOfP` like every other.

The text is parsed by Python's own parser and never executed: only numbers, names, the usual operators and the functions
listed below are accepted, and a small evaluator walks the syntax tree. It computes the derivative along with the value
(forward-mode differentiation), so the weight is exact. A computer algebra system would simplify constants such as
9**9**9 while parsing and hang the server; in floating point such a number is merely infinite, and refused. The
normalized text is the formula's identity.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, ValidationInfo, field_validator, model_validator

from igbviz.losses.base import LossIssue, LossOfP, probability_grid
from igbviz.spec import ConfigError, listing, short

MAX_LENGTH = 200  # characters of a formula
MIN_LOG_P, MAX_LOG_P = math.log(1e-30), math.log1p(-1e-12)  # log p between which a formula is evaluated
# of value and force: float32 ends at 3e38, and the extrapolation towards p = 0 and sums over a batch need headroom
MAX_MAGNITUDE = 1e33

Rule = Callable[[ModuleType, Any], tuple[Any, Any]]
FUNCTIONS: dict[str, Rule] = {  # value and derivative with respect to the argument
    "exp": lambda xp, x: (xp.exp(x), xp.exp(x)),
    "log": lambda xp, x: (xp.log(x), 1 / x),
    "sqrt": lambda xp, x: (xp.sqrt(x), 0.5 / xp.sqrt(x)),
    "abs": lambda xp, x: (xp.abs(x), xp.sign(x)),
    "sin": lambda xp, x: (xp.sin(x), xp.cos(x)),
    "cos": lambda xp, x: (xp.cos(x), -xp.sin(x)),
    "tanh": lambda xp, x: (xp.tanh(x), 1 - xp.tanh(x) ** 2),
}
CHOICES = {"min": lambda a, b: a <= b, "max": lambda a, b: a >= b}
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
GREEK = "alpha beta gamma delta epsilon eta theta kappa mu nu rho sigma tau phi psi omega".split()


class Custom(LossOfP):
    """A loss of your own: any formula of p, the probability of the true class, with sliders for its other symbols."""

    name: Literal["custom"] = "custom"
    formula: str = Field(
        default="-p**g*log(p)",
        description=f"A formula of p with + - * / ** ( ) and {', '.join([*FUNCTIONS, *CHOICES])}; every other name is "
        "a parameter.",
    )
    parameters: dict[str, float] = Field(
        default={"g": 0.7}, description="A number for each name in the formula other than p."
    )
    title: ClassVar[str] = "Your own formula"
    source: ClassVar[str] = "you"
    effect: ClassVar[str] = (
        "follows w(p) = -p f'(p): raises it where w is positive, ignores it where w is 0, pushes it down where negative"
    )

    @field_validator("formula")
    @classmethod
    def _normalize_text(cls, text: str) -> str:
        return ast.unparse(_tree(text)).replace(" ", "")

    @field_validator("parameters", mode="before")
    @classmethod
    def _match_parameters(cls, values: Any, info: ValidationInfo) -> Any:
        """Numbers for exactly the formula's names; others are dropped, such as a default or an old slider's value."""
        if not isinstance(values, Mapping):
            raise ConfigError(((), f"are {short(values)}, allowed: a number for each name in the formula"))
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e6:
                raise ConfigError(((str(name),), f"is {short(value)}, allowed: a number from -1e6 to 1e6"))
        formula = info.data.get("formula", "p")  # missing if it was invalid, which is reported already
        if missing := set(symbols(formula)) - set(values):
            raise ConfigError(((), f"lack a number for {listing(missing)}, found in the formula {formula}"))
        return {name: float(values[name]) for name in symbols(formula)}

    @model_validator(mode="after")
    def _require_finite(self) -> Self:
        if (place := _find_pole(self.formula, tuple(self.parameters.items()))) is not None:
            raise ConfigError(
                (("formula",), f"is {self.formula}, not a finite real number with a finite slope at p = {place:.4g}")
            )
        if (size := _find_overflow(self.formula, tuple(self.parameters.items()))) is not None:
            quantity, number, place = size
            problem = f"is {self.formula}, whose {quantity} is {number:.3g} at p = {place:.4g}, "
            problem += f"allowed: at most {MAX_MAGNITUDE:g}"
            raise ConfigError((("formula",), f"{problem}, since training computes in single precision"))
        return self

    def __hash__(self) -> int:
        return hash((self.formula, tuple(self.parameters.items())))

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        exact = xp.asarray(log_p, dtype=xp.float64)
        inside = xp.clip(exact, MIN_LOG_P, MAX_LOG_P)
        value, slope = evaluate(self.formula, self.parameters, inside, xp)
        # Closer to 0 or 1 the formula may not be finite: it is continued as a straight line in log p.
        return xp.asarray(value + slope * (exact - inside), dtype=log_p.dtype)

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        inside = xp.clip(xp.asarray(log_p, dtype=xp.float64), MIN_LOG_P, MAX_LOG_P)
        return xp.asarray(-evaluate(self.formula, self.parameters, inside, xp)[1], dtype=log_p.dtype)

    def checks(self) -> list[LossIssue]:
        return super().checks() + _find_jumps(lambda log_p: self.f(log_p, np), probability_grid())

    def latex(self) -> str:
        return _latex(_tree(self.formula))


# The class attribute, as listed for all losses, is the general formula; every instance has its own text.
Custom.formula = "f(p_y)"


def _find_jumps(f: Callable[[np.ndarray], np.ndarray], log_p: np.ndarray) -> list[LossIssue]:
    """Jumps of f: most of a step between two grid points happens within 1/32 of it, so no slope shows it."""
    values = f(log_p)
    steps = np.abs(np.diff(values))
    first = np.sort(np.argsort(steps)[-8:])  # the largest steps
    low, high = log_p[first], log_p[first + 1]
    for _ in range(5):
        middle = (low + high) / 2
        in_first_half = np.abs(f(middle) - f(low)) > np.abs(f(high) - f(middle))
        low, high = np.where(in_first_half, low, middle), np.where(in_first_half, middle, high)
    before, after = f(low), f(high)
    range_of_f = np.ptp(values[(log_p > np.log(0.01)) & (log_p < np.log(0.99))])
    jumps = np.abs(after - before) > np.maximum(0.5 * steps[first], 0.01 * range_of_f)
    return [
        LossIssue("jump", p, p, f"jumps from {start:.3g} to {end:.3g} at p = {p:.3g}, which has no gradient")
        for p, start, end in zip(
            np.exp(high[jumps]).tolist(), before[jumps].tolist(), after[jumps].tolist(), strict=True
        )
    ]


def symbols(formula: str) -> list[str]:
    """The parameters of a formula, in order of appearance. Raises ConfigError if it cannot be parsed."""
    names = [node.id for node in ast.walk(_tree(formula)) if isinstance(node, ast.Name)]
    return [name for name in dict.fromkeys(names) if name != "p" and name not in FUNCTIONS and name not in CHOICES]


def evaluate(formula: str | ast.expr, parameters: Mapping[str, float], log_p: Any, xp: ModuleType) -> tuple[Any, Any]:
    """(value, derivative with respect to log p), elementwise, of a checked formula or of a part of it.

    Never warns about non-finite numbers: formulas that produce them are refused when the loss is created.
    """
    p, ones = xp.exp(log_p), xp.ones_like(log_p)
    variables = {name: (value * ones, 0 * ones) for name, value in parameters.items()}
    with np.errstate(all="ignore"):
        return _value_and_slope(
            _tree(formula) if isinstance(formula, str) else formula, variables | {"p": (p, p)}, ones, xp
        )


def _value_and_slope(
    node: ast.expr, variables: Mapping[str, tuple[Any, Any]], ones: Any, xp: ModuleType
) -> tuple[Any, Any]:
    """Forward-mode differentiation: each operator returns its value together with its derivative."""
    match node:
        case ast.Constant():
            return node.value * ones, 0 * ones
        case ast.Name():
            return variables[node.id]
        case ast.UnaryOp():
            value, slope = _value_and_slope(node.operand, variables, ones, xp)
            return -value, -slope
        case ast.Call(args=[single]):
            value, slope = _value_and_slope(single, variables, ones, xp)
            value, rate = FUNCTIONS[node.func.id](xp, value)
            return value, _chained(rate, slope, xp)
        case ast.Call(args=[first, second]) | ast.BinOp(left=first, right=second):
            a, da = _value_and_slope(first, variables, ones, xp)
            b, db = _value_and_slope(second, variables, ones, xp)
    if isinstance(node, ast.Call):
        choose_first = CHOICES[node.func.id](a, b)
        return xp.where(choose_first, a, b), xp.where(choose_first, da, db)
    match node.op:
        case ast.Add():
            return a + b, da + db
        case ast.Sub():
            return a - b, da - db
        case ast.Mult():
            return a * b, da * b + a * db
        case ast.Div():
            return a / b, (da - a / b * db) / b
    power = a**b
    slope = _chained(b * a ** (b - 1), da, xp)
    if any(isinstance(part, ast.Name) and part.id == "p" for part in ast.walk(node.right)):
        slope = slope + power * xp.log(a) * db  # only then, since with a constant exponent the base may be negative
    return power, slope


def _chained(rate: Any, slope: Any, xp: ModuleType) -> Any:
    """The chain rule; a constant has slope 0 even where the outer function is infinitely steep, as a root at 0."""
    return xp.where(slope == 0, slope, rate * slope)


@lru_cache(maxsize=256)
def _tree(text: str) -> ast.expr:
    """The parsed formula, all of whose nodes are allowed. `^` is read as a power."""
    if len(text) > MAX_LENGTH:
        raise ConfigError(((), f"has {len(text)} characters, allowed: at most {MAX_LENGTH}"))
    try:
        tree = ast.parse(text.strip().replace("^", "**"), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = getattr(error, "msg", error)
        problem = f"is {text!r}: {reason}, allowed: a formula of p, such as -p**g*log(p)"
        raise ConfigError(((), problem)) from None
    called = set()
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(op=op) if isinstance(op, OPERATORS):
                pass
            case ast.UnaryOp(op=ast.USub()) | ast.operator() | ast.unaryop() | ast.expr_context():
                pass
            case ast.Constant(value=value) if type(value) in (int, float) and abs(value) <= 1e12:
                pass
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if (name in FUNCTIONS and len(args) == 1) or (
                name in CHOICES and len(args) == 2 and not any(isinstance(part, ast.Starred) for part in args)
            ):
                called.add(id(node.func))
            case ast.Name(id=name) if name.isascii() and (
                (name in FUNCTIONS or name in CHOICES) == (id(node) in called)
            ):
                pass
            case _:
                part = ast.unparse(node)
                raise ConfigError(((), f"holds {part!r}, allowed: numbers up to 1e12, names, + - * / ** ( ), "
                                       f"{', '.join(FUNCTIONS)} of one and {', '.join(CHOICES)} of two"))  # fmt: skip
    return tree


@lru_cache(maxsize=256)
def _find_pole(formula: str, parameters: tuple[tuple[str, float], ...]) -> float | None:
    """A p in (0, 1) at which the formula or its slope is not a finite real number; None if none was found."""

    def slope_size(log_p: np.ndarray) -> np.ndarray:
        value, slope = evaluate(formula, dict(parameters), log_p, np)
        return np.where(np.isfinite(value) & np.isfinite(slope), np.abs(slope), np.inf)

    grid = probability_grid()
    size = slope_size(grid)
    if np.isinf(size).any():
        return float(np.exp(grid[np.isinf(size).argmax()]))
    if (place := _find_zero_divisor(formula, parameters, grid)) is not None:
        return place
    # A pole may also lie between two grid points, or give a large finite number where rounding puts a point beside it:
    # climb every peak of the slope and compare its height with the neighbouring grid points.
    peaks = 1 + np.flatnonzero((size[1:-1] >= size[:-2]) & (size[1:-1] >= size[2:]) & (size[1:-1] > 0))
    peaks = peaks[np.argsort(size[peaks])[-16:]]
    low, high, foot = grid[peaks - 1], grid[peaks + 1], np.maximum(size[peaks - 1], size[peaks + 1])
    heights = size[peaks][None]
    for _ in range(14):
        points = np.linspace(low, high, 33)
        heights = slope_size(points)
        top, columns = heights.argmax(0), np.arange(len(peaks))
        low, high = points[np.maximum(top - 1, 0), columns], points[np.minimum(top + 1, 32), columns]
    diverges = np.maximum(heights.max(0), size[peaks]) > 1e6 * (1 + foot)
    return float(np.exp((low + high) / 2)[diverges][0]) if diverges.any() else None


@lru_cache(maxsize=256)
def _find_overflow(formula: str, parameters: tuple[tuple[str, float], ...]) -> tuple[str, float, float] | None:
    """(quantity, number, p) where the value or the force exceeds `MAX_MAGNITUDE`; None if neither does."""
    log_p = probability_grid()
    value, slope = evaluate(formula, dict(parameters), log_p, np)
    for quantity, numbers in (("value", value), ("force", -slope)):
        place = np.abs(numbers).argmax()
        if abs(numbers[place]) > MAX_MAGNITUDE:
            return quantity, float(numbers[place]), float(np.exp(log_p[place]))
    return None


def _find_zero_divisor(formula: str, parameters: tuple[tuple[str, float], ...], grid: np.ndarray) -> float | None:
    """A p at which a divisor changes its sign, and so passes through 0; None if there is none.

    A negative power divides by its base.
    """
    constants = dict(parameters)

    def values(node: ast.expr, log_p: np.ndarray) -> np.ndarray:
        return evaluate(node, constants, log_p, np)[0]

    for node in ast.walk(_tree(formula)):
        match node:
            case ast.BinOp(op=ast.Div(), right=divisor):
                pass
            case ast.BinOp(op=ast.Pow(), left=divisor, right=exponent) if (values(exponent, grid) < 0).all():
                pass
            case _:
                continue
        signs = np.sign(values(divisor, grid))
        # touching 0 is no change of sign: min(1, 1/abs(p)) never reaches it
        points, positive = grid[signs != 0], signs[signs != 0] > 0
        for place in np.flatnonzero(positive[1:] != positive[:-1])[:1]:
            low, high = points[place], points[place + 1]
            for _ in range(60):
                middle = (low + high) / 2
                low, high = (
                    (middle, high) if (values(divisor, np.array([middle])) > 0)[0] == positive[place] else (low, middle)
                )
            return float(np.exp(high))
    return None


def _latex(node: ast.expr) -> str:
    """LaTeX of a checked formula, with the parentheses that the operators need."""
    match node:
        case ast.Constant():
            return _latex_number(node.value)
        case ast.Name(id=name):
            upright = rf"\mathrm{{{name}}}".replace("_", r"\_")
            return "p_y" if name == "p" else name if len(name) == 1 else f"\\{name}" if name in GREEK else upright
        case ast.UnaryOp():
            return "-" + _latex_operand(node.operand, ast.Add, ast.Sub)
        case ast.Call(func=ast.Name(id=name), args=args):
            inner = ", ".join(map(_latex, args))
            shapes = {"sqrt": rf"\sqrt{{{inner}}}", "abs": rf"\left|{inner}\right|", "exp": f"e^{{{inner}}}"}
            return shapes.get(name, rf"\{name}\left({inner}\right)")
        case ast.BinOp(op=ast.Add()):
            return f"{_latex(node.left)} + {_latex_operand(node.right)}"
        case ast.BinOp(op=ast.Sub()):
            return f"{_latex(node.left)} - {_latex_operand(node.right, ast.Add, ast.Sub)}"
        case ast.BinOp(op=ast.Mult()):
            return rf"{_latex_inside(node.left, ast.Add, ast.Sub)} \cdot {_latex_operand(node.right, ast.Add, ast.Sub)}"
        case ast.BinOp(op=ast.Div()):
            return rf"\frac{{{_latex(node.left)}}}{{{_latex(node.right)}}}"
    base = _latex_inside(node.left, *OPERATORS, ast.USub)
    if "^" in base and not base.endswith(r"\right)"):  # e^{x} and 10^{5}: LaTeX allows no double superscript
        base = rf"\left({base}\right)"
    return f"{base}^{{{_latex(node.right)}}}"


def _latex_inside(node: ast.expr, *weaker: type[ast.AST]) -> str:
    """The operand, in parentheses if its operator has lower precedence than the one around it."""
    text = _latex(node)
    return rf"\left({text}\right)" if isinstance(getattr(node, "op", None), weaker) else text


def _latex_operand(node: ast.expr, *weaker: type[ast.AST]) -> str:
    """The operand after a sign: one that begins with a minus is in parentheses, too."""
    text = _latex_inside(node, *weaker)
    return rf"\left({text}\right)" if text.startswith("-") else text


def _latex_number(value: float) -> str:
    digits, _, power = repr(value).partition("e")
    return rf"{digits} \cdot 10^{{{int(power)}}}" if power else digits
