"""The rule 'no bias if and only if the mean of a hidden node over the data is zero', along the shifts of an activation.

One figure has the shifted function over the pre-activations of a node, with the node's mean; another has gamma against
that mean, from the theory of wide networks, with networks that were drawn beside it. Its axis of gamma has room for all
values: it is linear in gamma / (1 + gamma), the correlation of two inputs' outputs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from igbviz import theory
from igbviz.charts.colors import LIGHT_NEUTRAL, NEUTRAL, NEUTRAL_TEXT, class_style, shade
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import one_of, wrong
from igbviz.charts.style import SMALL, annotation, titled_figure, vertical_line
from igbviz.studies.nodes import shifts
from igbviz.studies.nodes.shifts import Of

NODE, LOGITS = class_style(0).color, class_style(1).color
HEIGHT = 430  # pixels
OTHERS = {"relu": "ReLU", "tanh": "tanh", "gelu": "GELU", "abs": "|x|"}  # always drawn, as far as not chosen
FORMULAS: dict[Of, str] = {"offset": "φ(x) − a", "shift": "φ(x − a)"}
MAX_AMOUNT = 2.0  # of the curves, to both sides
WIDEST = 1.3  # the largest mean on the axis
TICKS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
ZERO = 5e-3  # a smaller mean, or gamma, is zero on the page
CAPTION = (
    "Left: the function of every node and, shaded, how often its pre-activation x takes each value over the data. "
    "Right: γ against the mean of a node of the first hidden layer, with the shift as the parameter along each line; "
    "open circles are the functions without a shift. Lines: theory of wide networks on uncorrelated inputs. Dots: "
    "{drawn}. "
    "The rule holds layer by layer: without random biases γ of a layer is 0 if and only if every node before it has "
    "mean 0 over the data. Deeper nodes have another spread, so one and the same shift need not give all layers mean "
    "0. Images have much in common, so their nodes differ in their means, and no single shift makes all of them 0."
)


@chart
def shifted_activation(
    activation: str = "relu",
    of: Of = "offset",
    amount: float = 0.0,
    sigma_w2: float = 2.0,
    sigma_b2: float = 0.0,
    height: int = HEIGHT,
) -> dict[str, Any]:
    """The shifted function over the pre-activations of a node in the first hidden layer, and the node's mean.

    `of` is "offset", for phi(x) - amount, or "shift", for phi(x - amount).

    >>> figure = igbviz.charts.shifted_activation("tanh", "shift", 0.5)

    Raises ConfigError, one sentence, for an unknown name or a number that is not allowed.
    """
    _check(activation, of, amount, sigma_w2, sigma_b2)
    q = sigma_w2 + sigma_b2
    phi, plain = _phi(activation, of, amount), theory.kernel(activation)
    x = np.linspace(-3.5, 3.5, 281) * np.sqrt(q)
    y, mean = phi(x), float(phi.mean(q))
    low, high = min(float(y.min()), -0.6), max(float(y.max()), 0.6)
    room = 0.32 * (high - low)
    bell = low - room + 0.9 * room * np.exp(-(x**2) / (2 * q))
    name = name_of(activation)
    words = f"{name}, {_formula(of, amount)}: over the data a node has mean {number(mean)}"
    traces = [
        _line(x, np.full_like(x, low - room), NEUTRAL, 0.5, "") | {"hoverinfo": "skip"},
        _line(x, bell, NEUTRAL, 1.5, "") | {"fill": "tonexty", "fillcolor": LIGHT_NEUTRAL, "hoverinfo": "skip"},
        _line(x, plain(x), NEUTRAL, 2, "φ(x)", "2px,4px"),
        _line(x, y, NODE, 3.5, _formula(of, amount)),
    ]
    figure = titled_figure(traces, _named(activation, of, amount), words, height)
    layout = figure["layout"]
    layout["showlegend"] = False
    layout["xaxis"] |= {"title": {"text": "pre-activation x of a node"}, "range": [float(x[0]), float(x[-1])]}
    layout["yaxis"] |= {"range": [low - room, high + 0.06 * (high - low)], "title": {"text": "its output"}}
    layout["shapes"] += [
        _level(0.0, NEUTRAL, 1.5, "solid"),
        _level(mean, LOGITS, 3, "7px,4px"),
    ]
    above = mean < (low + high) / 2
    layout["annotations"] += [
        annotation(f"<b>mean over the data: {number(mean)}</b>", 0.02, mean, yref="y")
        | {"yanchor": "bottom" if above else "top", "font": {"size": SMALL, "color": LOGITS}},
        annotation("how often x occurs", 0.5, low - room, yref="y", xanchor="center", yanchor="bottom")
        | {"font": {"size": SMALL, "color": NEUTRAL_TEXT}},
    ]
    return figure


@chart
def gamma_against_mean(
    activation: str = "relu",
    of: Of = "offset",
    amount: float = 0.0,
    sigma_w2: float = 2.0,
    sigma_b2: float = 0.0,
    depth: int = 10,
    height: int = HEIGHT,
) -> dict[str, Any]:
    """gamma after the first hidden layer, and of the logits, against the mean over the data of a first hidden node.

    The parameter along the lines is the shift, `of` being "offset", for phi(x) - a, or "shift", for phi(x - a), and
    a diamond marks a = `amount`. For weights of variance 2 without biases there are dots of networks that were drawn.

    >>> figure = igbviz.charts.gamma_against_mean("relu", amount=0.564)

    Raises ConfigError, one sentence, for an unknown name or a number that is not allowed.
    """
    _check(activation, of, amount, sigma_w2, sigma_b2, depth)
    curve = _curve(activation, of, sigma_w2, sigma_b2, depth)
    here = at(activation, of, amount, sigma_w2, sigma_b2, depth)
    name = name_of(activation)
    traces, labels = [], []
    for other, title in OTHERS.items():
        if other != activation:
            along = _curve(other, of, sigma_w2, sigma_b2, 1)
            traces.append(_line(along.mean, _height(along.gamma), shade(NEUTRAL, 0.75), 1.5, title))
            labels.append((other, title, NEUTRAL_TEXT))
    if depth > 1:
        traces.append(_line(curve.mean, _height(curve.logit_gamma), LOGITS, 3, f"{name}: logits", "9px,4px"))
    traces.append(_line(curve.mean, _height(curve.gamma), NODE, 4, f"{name}: after the first hidden layer"))
    traces += _dots(activation, of, sigma_w2, sigma_b2, depth)
    labels.append((activation, f"<b>{name}</b>", NODE))
    plain = [at(other, of, 0.0, sigma_w2, sigma_b2, 1) for other, *_ in labels]
    open_circle = {"symbol": "circle-open", "size": 11, "line": {"width": 2.5}}
    traces.append(
        _points([float(point.mean) for point in plain], [float(point.gamma) for point in plain], "no shift", NODE)
        | {"marker": open_circle | {"color": [color for *_, color in labels]}, "showlegend": False}
    )
    places = [(float(here.mean), float(here.gamma), NODE)]
    if depth > 1 and np.isfinite(here.logit_gamma):
        places.append((float(here.mean), float(here.logit_gamma), LOGITS))
    traces.append(
        _points([m for m, *_ in places], [g for _, g, _ in places], f"a = {amount:g}", NODE)
        | {"showlegend": False}
        | {"marker": {"symbol": "diamond", "size": 15, "color": [color for *_, color in places]}}
    )
    figure = titled_figure(traces, "Bias against the mean of a node", sentence(activation, of, amount, here), height)
    layout = figure["layout"]
    layout["xaxis"] |= {"range": [-WIDEST, WIDEST], "title": {"text": "mean over the data of a first hidden node"}}
    layout["yaxis"] |= {"range": [-0.03, 1.03], "title": {"text": "bias γ"}, "tickvals": [*map(_place, TICKS), 1.0]}
    layout["yaxis"] |= {"ticktext": [*(f"{tick:g}" for tick in TICKS), "∞"]}
    layout["shapes"].append(vertical_line(0.0, "dash"))
    layout["annotations"] += [
        annotation("mean zero", 0.0, 1.0, xref="x", yref="paper", xanchor="center", yanchor="bottom")
        | {"font": {"size": SMALL, "color": NEUTRAL_TEXT}},
        _on_line(curve.mean, curve.gamma, "after the first<br>hidden layer", NODE, outside=True),
        *([_on_line(curve.mean, curve.logit_gamma, "logits", LOGITS)] if depth > 1 else []),
        *(_name(float(point.mean), float(point.gamma), *label[1:]) for point, label in zip(plain, labels, strict=True)),
    ]
    layout["uirevision"] = "gamma against mean"
    return figure


def sentence(activation: str, of: Of, amount: float, here: theory.ShiftCurve, depth: int | None = None) -> str:
    """What the figures say at this shift, from its numbers."""
    name, mean, gamma = name_of(activation), float(here.mean), float(here.gamma)
    start = f"{name} as {_formula(of, amount)}: a node of the first hidden layer has mean {number(mean)} over the data"
    if abs(mean) < ZERO and gamma < ZERO:
        start += ", and the bias after it is zero (γ = 0)"
    elif abs(mean) < ZERO:
        start += f"; what is left, γ = {number(gamma)}, comes from the random biases"
    else:
        start += f", and the bias after it is γ = {number(gamma)}"
    last, at_end = float(here.last_mean), float(here.logit_gamma)
    if not depth or depth < 2:
        return f"{start}."
    if not np.isfinite(at_end):
        return f"{start}; with this shift the signal dies before it reaches the logits."
    end = f"; in the last of {depth} hidden layers the mean is {number(last)}, and the logits have γ = {number(at_end)}"
    return f"{start}{end}."


def advice(activation: str, of: Of, sigma_w2: float, sigma_b2: float) -> str:
    """Which shift brings the mean of this function to zero, from the theory."""
    name = name_of(activation)
    zero = theory.zero_mean_shift(activation, sigma_w2 + sigma_b2, of)
    if zero is None:
        is_positive = theory.kernel(activation)(np.linspace(-10, 10, 201)).min() >= 0
        why = ": its outputs are never negative" if is_positive else f", up to {theory.LARGEST_SHIFT:g}"
        return (
            f"No shift of its inputs brings the mean of {name} to zero{why}. Lowering its outputs does, by "
            f"{number(theory.zero_mean_shift(activation, sigma_w2 + sigma_b2))}."
        )
    if abs(zero) < ZERO:
        return f"{name} has mean zero as it is: every shift triggers a bias."
    left = ", but for what comes from the random biases" if sigma_b2 else ""
    return (
        f"{name} has mean zero at a = {number(zero)}: there the shift eliminates the bias of the first hidden layer"
        f"{left}."
    )


def caption() -> str:
    """Conditions and numbers of what the figures show."""
    if not shifts.read():
        return CAPTION.format(drawn="none yet")
    facts = shifts.conditions()
    return CAPTION.format(
        drawn=f"{facts['networks']} networks each, of {facts['depth']} hidden layers of {facts['width']} nodes, He "
        f"normal weights, {facts['inputs']:,} noise inputs, drawn on {facts['date']}; bars are standard errors over "
        "networks"
    )


def name_of(activation: str) -> str:
    """As the figures call it."""
    return OTHERS.get(activation, activation)


def number(value: float) -> str:
    """'0.564', '−0.3', '0' for what the page cannot tell from it."""
    if abs(value) < ZERO:
        return "0"
    if abs(value) >= 1e4:
        digit, _, power = f"{value:.0e}".partition("e+")
        return "∞" if value > 1e9 else f"{digit} · 10{str(int(power)).translate(SUPERSCRIPTS)}"
    return f"{value:.2f}".replace("-", "−") if abs(value) < 10 else f"{value:.3g}".replace("-", "−")


def _phi(activation: str, of: Of, amount: Any) -> theory.Shifted:
    return theory.Shifted(activation, **{of: amount})


@lru_cache(maxsize=64)
def _curve(activation: str, of: Of, sigma_w2: float, sigma_b2: float, depth: int) -> theory.ShiftCurve:
    """The theory along all shifts. Offsets reach as far as the axis does, wherever the function has its mean."""
    reach = np.linspace(-MAX_AMOUNT, MAX_AMOUNT, 161 if depth == 1 or of == "offset" else 33)
    if of == "offset":
        reach = reach + float(theory.Shifted(activation).mean(sigma_w2 + sigma_b2))
    return theory.shift_curve(activation, **{of: reach}, sigma_w2=sigma_w2, sigma_b2=sigma_b2, depth=depth)


@lru_cache(maxsize=256)
def at(activation: str, of: Of, amount: float, sigma_w2: float, sigma_b2: float, depth: int) -> theory.ShiftCurve:
    """The theory at one shift."""
    return theory.shift_curve(activation, **{of: amount}, sigma_w2=sigma_w2, sigma_b2=sigma_b2, depth=depth)


def _dots(activation: str, of: Of, sigma_w2: float, sigma_b2: float, depth: int) -> list[dict[str, Any]]:
    """The networks that were drawn, where they have these weights."""
    if (sigma_w2, sigma_b2) != (2.0, 0.0):
        return []
    rows = [row for row in shifts.read() if (row.activation, row.of) == (activation, of)]
    kinds = [("drawn networks", NODE, [row.gamma for row in rows])]
    if rows and depth == shifts.BASE.model.depth:
        kinds.append(("drawn: logits", LOGITS, [row.logit_gamma for row in rows]))
    traces = []
    for name, color, pairs in kinds:
        kept = [(row.mean, *pair) for row, pair in zip(rows, pairs, strict=True) if pair[0] > -1 / shifts.BASE.inputs]
        if kept:
            mean, gamma, error = (np.array(column) for column in zip(*kept, strict=True))
            bars = _height(gamma + error) - _height(gamma), _height(gamma) - _height(np.maximum(gamma - error, 0))
            traces.append(
                _points(mean.tolist(), gamma.tolist(), name, color)
                | {"marker": {"size": 9, "color": color, "line": {"width": 1.5, "color": "#ffffff"}}}
                | {"error_y": {"type": "data", "symmetric": False, "array": bars[0], "arrayminus": bars[1]}}
            )
            traces[-1]["error_y"] |= {"color": color, "thickness": 2, "width": 4}
    return traces


def _place(gamma: float) -> float:
    return gamma / (1 + gamma)


def _height(gamma: Any) -> np.ndarray:
    """gamma / (1 + gamma), 1 for inf."""
    gamma = np.maximum(np.asarray(gamma, float), 0)
    with np.errstate(divide="ignore"):
        return 1 / (1 + 1 / gamma)


def _line(x: np.ndarray, y: np.ndarray, color: str, width: float, name: str, dash: str = "solid") -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "hoverinfo": "name", "showlegend": False,
        "line": {"color": color, "width": width, "dash": dash},
    }  # fmt: skip


def _points(x: list[float], gamma: list[float], name: str, color: str) -> dict[str, Any]:
    texts = [f"{name}: mean {number(m)}, γ = {number(g)}" for m, g in zip(x, gamma, strict=True)]
    return {
        "type": "scatter", "mode": "markers", "name": name, "x": np.array(x), "y": _height(gamma),
        "hovertext": texts, "hoverinfo": "text", "marker": {"color": color}, "showlegend": False,
    }  # fmt: skip


def _level(y: float, color: str, width: float, dash: str) -> dict[str, Any]:
    line = {"color": color, "width": width, "dash": dash}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": y, "y1": y, "line": line}


def _name(mean: float, gamma: float, text: str, color: str) -> dict[str, Any]:
    """The name of a function beside the place that it has without a shift."""
    place = annotation(text, mean, float(_height(gamma)), xref="x", yref="y", xshift=9)
    place["yanchor"] = "top" if gamma > 0.05 else "bottom"  # at zero there is room in the valley only
    return place | {"font": {"size": SMALL, "color": color}}


def _on_line(mean: np.ndarray, gamma: np.ndarray, text: str, color: str, outside: bool = False) -> dict[str, Any]:
    """The name of a line, on its left side if it has one: inside the valley, or low outside of it, where on the right
    there are the functions without a shift."""
    height = np.where(np.abs(mean) < WIDEST, _height(gamma), np.nan)
    side = -1 if np.isfinite(height[mean < -0.3]).any() else 1
    low = outside and side < 0
    towards, level = (side, 0.2) if low else (-side, 0.6)  # of the text, seen from the line
    k = int(np.nanargmin(np.where(np.isfinite(height), np.abs(height - level) + (side * mean < 0), np.nan)))
    place = annotation(f"<b>{text}</b>", float(mean[k]), float(height[k]), xref="x", yref="y", xshift=10 * towards)
    place["yanchor"] = ("top" if low else "bottom") if outside else "middle"
    return place | {"xanchor": "left" if towards > 0 else "right", "font": {"size": SMALL, "color": color}}


def _named(activation: str, of: Of, amount: float) -> str:
    """The formula with the name of the function, short enough to stand beside a tool bar: 'tanh(x − 0.50)'."""
    formula = _formula(of, amount)
    if activation == "abs":
        return formula.replace("φ(", "|").replace(")", "|")
    return formula.replace("φ", name_of(activation))


def _formula(of: Of, amount: float) -> str:
    if not abs(amount) >= 0.005:
        return "φ(x)"
    sign, size = ("−" if amount > 0 else "+"), f"{abs(amount):.2f}"
    return f"φ(x {sign} {size})" if of == "shift" else f"φ(x) {sign} {size}"


def _check(activation: str, of: str, amount: float, sigma_w2: float, sigma_b2: float, depth: int = 1) -> None:
    one_of("activation", activation, theory.ACTIVATIONS)
    one_of("of", of, FORMULAS)
    if not abs(amount) <= theory.LARGEST_SHIFT:
        raise wrong("amount", amount, f"a number from -{theory.LARGEST_SHIFT:g} to {theory.LARGEST_SHIFT:g}")
    if not 0 < sigma_w2 < np.inf:
        raise wrong("sigma_w2", sigma_w2, "a number above 0")
    if not 0 <= sigma_b2 < np.inf:
        raise wrong("sigma_b2", sigma_b2, "a number of at least 0")
    if isinstance(depth, bool) or not isinstance(depth, int | np.integer) or depth < 1:
        raise wrong("depth", depth, "a whole number of at least 1")
