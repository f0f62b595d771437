"""The style of a class: a class has the same colour, dash and pattern in every figure, on any background.

The ten colours were searched for a contrast of at least 3:1 on white and on dark pages, and so that the first five, and
the second five, are distinguishable for normal, protan, deutan and tritan vision. Ten hues cannot all be, so colour is
never the only cue: lines also have a dash and bars a pattern, which change after every five classes.
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
DASHES = ((), (7, 3), (2, 3), (9, 3, 2, 3))  # lengths of strokes and gaps in pixels, for a line 2 pixels wide
PATTERNS = ("", "/", ".", "x")
NEUTRAL = "#808490"  # for what belongs to no class: reference lines, medians, marks; readable on both backgrounds
LIGHT_NEUTRAL = "rgba(128,132,144,0.22)"  # grid lines and bands


class ClassStyle(NamedTuple):
    """Colour of a class, its dash where it is a line, its pattern where it is a bar."""

    color: str
    dash: tuple[int, ...]
    pattern: str

    def dashed(self, width: float) -> str:
        """The dash as a plotly string, in proportion to the width of the line in pixels."""
        return ",".join(f"{width / 2 * length:g}px" for length in self.dash) or "solid"


def class_style(k: int) -> ClassStyle:
    """The style of class k. Styles repeat after twenty classes."""
    group = k // 5 % len(DASHES)
    return ClassStyle(COLORS[k % len(COLORS)], DASHES[group], PATTERNS[group])


def shade(color: str, opacity: float) -> str:
    """A hexadecimal color as rgba with this opacity."""
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
