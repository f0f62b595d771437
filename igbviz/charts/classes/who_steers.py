"""Who steers: the gradient of images by the probability p of their true class, from the formula and over a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from igbviz.charts.colors import NEUTRAL, ClassStyle
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfLosses, OfRun, losses_of, place_of, trajectory_of, wrong
from igbviz.charts.losses import loss_style, short
from igbviz.charts.style import AXIS, SMALL, frame, literal
from igbviz.losses import LOSSES
from igbviz.spec import ConfigError
from igbviz.studies.steering import BINS, norm_of_formula, sentence, steering
from igbviz.trajectory import Trajectory

PANEL, GAP, TOP, BOTTOM = 136, 46, 40, 64  # pixels
IMAGES = ClassStyle(NEUTRAL, (), "")  # of the bars that count images


@chart
def who_steers(run: OfRun, chosen: OfLosses, index: int = -1) -> dict[str, Any]:
    """Gradient norms by bin of p: of one image from the formula, and summed over the images at Init. and at a probe.

    >>> run = igbviz.submit("first-look-blurry")
    >>> figure = igbviz.charts.who_steers(run, ["cross-entropy", "blurry", "piecewise-zero"])

    p is the probability that the network gives the true class of an image. The upper panel has the gradient norm on the
    logits of one image, the others the fraction of images in each bin (gray) and the part of all gradient that comes
    from them, under each loss of p in `chosen`; others are left out. Raises ConfigError, one sentence, for an argument
    that is not allowed, RunError for a run that cannot be read.
    """
    trajectory = trajectory_of(run, "run")
    if not len(trajectory):
        raise ConfigError((("run",), "has no probe yet, allowed: a run with a probe"))
    if not trajectory.p_hist[:1].any():
        raise ConfigError((("run",), "has no recorded probabilities of its images, allowed: a run with some"))
    index = place_of("index", index, len(trajectory), "probes")
    losses = {name: loss for name, loss in losses_of(chosen).items() if loss.of_p is not None}
    if not losses:
        raise wrong("chosen", chosen, "at least one loss that is a function of p alone")
    titles = {name: LOSSES[name].title if name in LOSSES else literal(name) for name in losses}
    panels = [("gradient of one image", "norm on the logits")]
    panels += [(f"at {_moment(trajectory, probe)}", "part of all") for probe in dict.fromkeys((0, index))]
    inner = len(panels) * (PANEL + GAP)
    nothing = np.full(len(BINS) - 1, np.nan)  # the gray bars are named here and drawn below
    traces = [_bars(nothing, "images", "images", IMAGES, "", True)]
    traces += [
        _bars(norm_of_formula(loss.of_p), name, titles[name], _style(name), "%{y:.3g}", True)
        for name, loss in losses.items()
    ]
    for row, probe in enumerate(dict.fromkeys((0, index)), start=2):
        found = {name: steering(loss.of_p, trajectory, probe) for name, loss in losses.items()}
        images = next(iter(found.values())).images
        bars = [_bars(images, "images", "images", IMAGES, "%{y:.1%} of all images", False)]
        bars += [
            _bars(one.share, name, titles[name], _style(name), "%{y:.1%} of the gradient", False)
            for name, one in found.items()
        ]
        traces += [bar | {"yaxis": f"y{row}"} for bar in bars]
    layout: dict[str, Any] = {"annotations": []}
    for row, (title, axis) in enumerate(panels):
        top = 1 - (row * (PANEL + GAP) + GAP) / inner
        layout[f"yaxis{row + 1 if row else ''}"] = AXIS | {
            "domain": [max(0.0, top - PANEL / inner), top],
            "rangemode": "tozero",
            "showline": False,
            "nticks": 5,
            "title": {"text": axis, "standoff": 4, "font": {"size": SMALL}},
        }
        if row:
            layout[f"yaxis{row + 1}"] |= {"range": [0, 1.02], "tickformat": ".0%"}
        note = {"x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper", "yanchor": "bottom"}
        layout["annotations"].append(
            note | {"text": f"<b>{title}</b>", "showarrow": False, "font": {"size": 15}, "yshift": 4}
        )
    return {
        "data": traces,
        "layout": frame(inner + TOP + BOTTOM)
        | layout
        | {
            "xaxis": AXIS
            | {
                "anchor": f"y{len(panels)}",
                "tickvals": list(range(len(BINS) - 1)),
                "ticktext": [short(high) for high in BINS[1:]],
                "range": [-0.6, len(BINS) - 1.4],
                "showgrid": False,
                "title": {"text": "p of the true class, up to", "standoff": 6},
                "fixedrange": True,
            },
            "barmode": "group",
            "bargap": 0.2,
            "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": SMALL}},
            "margin": {"l": 64, "r": 16, "t": TOP, "b": BOTTOM},
            "hovermode": "closest",
            "uirevision": "kept",
            "meta": {"words": sentence({titles[name]: loss for name, loss in losses.items()}, trajectory, index)},
        },
    }


def _style(name: str) -> ClassStyle:
    return loss_style(name if name in LOSSES else "custom")


def _moment(trajectory: Trajectory, probe: int) -> str:
    return f"step {trajectory.step[probe]:,}" if trajectory.step[probe] else "Init."


def _bars(values: np.ndarray, group: str, title: str, style: ClassStyle, words: str, is_named: bool) -> dict[str, Any]:
    pattern = {"shape": style.pattern, "fillmode": "replace", "size": 7, "solidity": 0.55}
    ranges = [
        f"p up to {short(high)}" if not low else f"p from {short(low)} to {short(high)}"
        for low, high in zip(BINS, BINS[1:], strict=False)
    ]
    return {
        "type": "bar",
        "x": list(range(len(values))),
        "y": values.astype(np.float32),
        "name": title,
        "legendgroup": group,
        "showlegend": is_named,
        "offsetgroup": group,
        "marker": {"color": style.color, "line": {"width": 0}, "pattern": pattern},
        "hovertext": ranges,
        "hovertemplate": f"<b>%{{fullData.name}}</b><br>%{{hovertext}}: {words}<extra></extra>",
    }
