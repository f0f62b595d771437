"""The look of a class: the same class has the same colour in every picture, on a white page, on a dark one and on
paper.

Ten colours were searched so that each has a contrast of at least 3:1 on white and on dark pages, and so that the first
five, and the second five, stay apart for normal, protan, deutan and tritan sight. Ten hues cannot all do that, so
colour never stands alone: lines also have a dash and bars a pattern, which change after every five classes.
"""

from __future__ import annotations

from typing import NamedTuple

COLORS = (
    "#3c69ef",  # blue
    "#e26602",  # orange
    "#00a588",  # green
    "#e25dc9",  # pink
    "#92673b",  # brown
    "#1d92bf",  # sky
    "#958c14",  # mustard
    "#7750ff",  # violet
    "#f15f84",  # coral
    "#517d34",  # forest
)
DASHES = ((), (7, 3), (2, 3), (9, 3, 2, 3))  # pixels drawn and left out, for a line 2 pixels wide
PATTERNS = ("", "/", ".", "x")
NEUTRAL = "#808490"  # what belongs to no class: reference lines, medians, marks; readable on both backgrounds
LIGHT_NEUTRAL = "rgba(128,132,144,0.22)"  # grid lines and bands


class ClassStyle(NamedTuple):
    """How a class is drawn: colour everywhere, dash for lines, pattern for bars."""

    color: str
    dash: tuple[int, ...]
    pattern: str

    def dashed(self, width: float) -> str:
        """The dash as plotly wants it, in proportion to the width of the line."""
        return ",".join(f"{width / 2 * length:g}px" for length in self.dash) or "solid"


def class_style(k: int) -> ClassStyle:
    """The look of class k. The first twenty classes all differ; then the looks begin again."""
    group = k // 5 % len(DASHES)
    return ClassStyle(COLORS[k % len(COLORS)], DASHES[group], PATTERNS[group])


def shade(color: str, opacity: float) -> str:
    """A hexadecimal color, made transparent."""
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
