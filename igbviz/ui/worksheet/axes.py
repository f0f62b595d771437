"""The picture of a worksheet: empty axes, to draw the expected curves into."""

from __future__ import annotations

import math
from collections.abc import Mapping

from igbviz.studies.lessons.parts import Lesson
from igbviz.studies.lessons.worksheet import training

CLASSES = 10  # of every lesson's data
LEFT, RIGHT, TOP, BOTTOM = 40, 660, 8, 128  # of the axes, in units of the picture, which is 680 by 165


def axes(lesson: Lesson) -> str:
    """Empty axes: the guesses' fractions over the steps of a training, or, without one, over the classes."""
    config = training(lesson)
    if config is None:
        bottom, what = _classes_axis(), "Fraction of the guesses that each class gets, before training"
    else:
        steps = config.total_steps(config.train_size(config.dataset.facts()))
        bottom, what = _steps_axis(steps), "Fraction of the guesses: one curve for the favourite, one for another class"
    even = _height(1 / CLASSES)
    return f"""<figure><svg viewBox="0 0 680 165" role="img" aria-label="Empty axes. {what}." fill="none" stroke="#000">
<path d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>
<path d="M{LEFT} {even:.1f}H{RIGHT}" stroke-dasharray="4 3"/>
<g fill="#000" stroke="none"><text x="{LEFT - 5}" y="{TOP + 6}" text-anchor="end">1</text>
<text x="{LEFT - 5}" y="{BOTTOM}" text-anchor="end">0</text>
<text x="{LEFT - 5}" y="{even + 3:.1f}" text-anchor="end">1/{CLASSES}</text>
<text x="{LEFT + 8}" y="{TOP + 6}">{what}</text></g>
{bottom}</svg></figure>
"""


def _height(fraction: float) -> float:
    return BOTTOM - fraction * (BOTTOM - TOP)


def _ticks(places: Mapping[str, float]) -> str:
    """Ticks below the axis, by their labels."""
    marks = "".join(f"M{x:.1f} {BOTTOM}v5" for x in places.values())
    texts = "".join(
        f'<text x="{x:.1f}" y="{BOTTOM + 16}" text-anchor="middle">{label}</text>' for label, x in places.items()
    )
    return f'<path d="{marks}"/><g fill="#000" stroke="none">{texts}</g>'


def _steps_axis(steps: int) -> str:
    """Init., then a log axis to the last step, as on the stage."""
    start, decades = LEFT + 60, math.log10(steps)
    powers = range(math.floor(decades) + 1)
    places = {f"{10**k:,}": start + (RIGHT - start) * k / decades for k in powers}
    title = f'<text x="{RIGHT}" y="{BOTTOM + 31}" text-anchor="end" fill="#000" stroke="none">steps</text>'
    return _ticks({"Init.": LEFT + 15, **places}) + title


def _classes_axis() -> str:
    width = (RIGHT - LEFT) / CLASSES
    return _ticks({f"class {k + 1}": LEFT + width * (k + 0.5) for k in range(CLASSES)})
