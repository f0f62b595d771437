"""The untrained network of a choice, as JSON for the browser: its logits (Fig. 1 of the paper on initial guessing bias)
and its guesses, with the places and the colors that the stage will have once it trains."""

from __future__ import annotations

from typing import Any

import numpy as np

from igbviz.charts.colors import NEUTRAL, class_style
from igbviz.charts.run import MAX_LINES
from igbviz.ensembles.records import HISTOGRAM_EDGES
from igbviz.runs.previews import Answer

TITLE = "Logits before any step"
AXIS = "logit"
CAPTION = (
    "The untrained network that these settings give: the distribution of each class's logit over the images, and its "
    "mean as a vertical line. The further the means lie apart compared with the widths, the more images get one and "
    "the same guess, whatever they show (initial guessing bias, IGB). Press Train, and this is where the run begins."
)
TICKS = 5  # about as many on the axis
CLEAR = 0.995  # from this share on, nearly every image has one guess


def untrained(answer: Answer) -> dict[str, Any]:
    """What the browser draws, or one sentence on why there is nothing to draw."""
    if answer.problem or not answer.guesses:
        return {"problem": f"Nothing to see before training: {answer.problem or 'there is no answer'}."}
    guesses = np.array(answer.guesses)
    share, favoured = guesses / max(guesses.sum(), 1), int(guesses.argmax())
    shown = _shown(share)
    bars = [_entry(answer, k, favoured) for k in shown]
    values = share[shown].tolist()
    if len(shown) < len(share):
        bars.append({"name": f"{len(share) - len(shown)} other classes", "color": "", "strong": False})
        values.append(max(0.0, 1 - sum(values)))
    curves, low, high = _curves(answer, shown)
    strongest = {"strong": True, "color": class_style(favoured).color}
    for k, curve in zip(shown, curves, strict=True):
        curve |= strongest if k == favoured else {"strong": False, "color": class_style(k).color}
    return {
        "sentence": sentence(answer.class_names[favoured], float(share[favoured]), len(share)),
        "classes": len(share), "bars": bars, "values": values, "curves": curves,
        "ticks": [[(tick - low) / (high - low), f"{tick:g}"] for tick in _ticks(low, high)],
        "images": int(guesses.sum()), "title": TITLE, "axis": AXIS, "caption": CAPTION, "neutral": NEUTRAL,
    }  # fmt: skip


def sentence(name: str, share: float, classes: int) -> str:
    """'Before any step it says Bag for 91 % of the images; 10 % would be even.'"""
    if share >= CLEAR:
        return f"Before any step it says {name} for nearly every image."
    part, even = (f"{value}\u00a0%" for value in (round(100 * share), f"{100 / classes:.2g}"))
    return f"Before any step it says {name} for {part} of the images; {even} would be even."


def _shown(share: np.ndarray) -> list[int]:
    """The classes that are drawn, in their own order: all, or of many those with the most guesses."""
    if len(share) <= MAX_LINES:
        return list(range(len(share)))
    return sorted(np.argsort(-share, kind="stable")[:MAX_LINES].tolist())


def _entry(answer: Answer, k: int, favoured: int) -> dict[str, Any]:
    return {"name": answer.class_names[k], "color": class_style(k).color, "strong": k == favoured}


def _curves(answer: Answer, shown: list[int]) -> tuple[list[dict[str, Any]], float, float]:
    """For each class the points of its density and its centre, as fractions of the plot; the range of the logits.

    Always as many points, so that the browser can let one curve turn into the next.
    """
    centre, spread = np.array(answer.centre)[shown], np.array(answer.spread)[shown]
    counts = np.array(answer.histogram, dtype=float)[shown]
    step = HISTOGRAM_EDGES[1] - HISTOGRAM_EDGES[0]
    middles = (HISTOGRAM_EDGES[1:] + HISTOGRAM_EDGES[:-1]) / 2
    places = np.concatenate([[middles[0] - step], middles, [middles[-1] + step]])
    width = np.maximum(spread, 1e-6 * max(np.abs(centre).max(), 1e-12))
    counts = np.pad(counts / np.maximum(counts.sum(-1, keepdims=True), 1), ((0, 0), (2, 2)))
    smooth = (counts[:, :-2] + 2 * counts[:, 1:-1] + counts[:, 2:]) / 4  # two thousand images make ragged curves
    density = smooth / step / width[:, None]
    x = centre[:, None] + places * width[:, None]
    # The outermost bins hold a hundredth of a normal distribution: the axis need not show them whole.
    low, high = float((centre - 3.2 * width).min()), float((centre + 3.2 * width).max())
    across, up = (x - low) / (high - low), density / density.max()
    curves = [
        {"points": np.stack(pair, -1).round(4).tolist(), "centre": round(float((c - low) / (high - low)), 4)}
        for *pair, c in zip(across, up, centre, strict=True)
    ]
    return curves, low, high


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers in a range, about TICKS of them."""
    rough = (high - low) / TICKS
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [round(float(i * step), 10) for i in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
