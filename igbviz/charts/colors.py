"""The style of a class: a class has the same hue, dash and pattern in every figure, on light and on dark pages.

No colour can be read well as text on both pages, so there are two palettes with the same hues in the same order.
Figures are made in the colours of a light page, and `on_dark` translates them, in a figure as JSON or in any other
text. A browser does the same to a live chart, with the table DARK_FOR that comes with its data. Where nobody knows the
page, as in a notebook, a third palette has to do, whose colours are all about as bright: `on_any_ground`.

The palettes were searched for a contrast of 4.5:1, the third one of 4:1 on white and on #111, and for the largest least
difference (CIEDE2000), within the first five and within the second five, for normal, protan, deutan and tritan vision.
Ten hues cannot be as far apart as five, so colour is never the only cue: lines also have a dash and bars a pattern,
which change after every five classes.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

HUES = ("blue", "orange", "green", "pink", "brown", "sky", "mustard", "violet", "coral", "forest")
LIGHT = ("#094fff", "#d83105", "#1c7f76", "#b91aa2", "#86624c", "#19648b", "#6a7829", "#3806e7", "#993a59", "#365120")
DARK = ("#86aeff", "#ff5f0e", "#3da375", "#d078a9", "#fccf8c", "#8addfe", "#dada01", "#7887fe", "#fea0ae", "#78a24a")
ANYWHERE = (
    "#006efa",
    "#f00100",
    "#008f73",
    "#f10076",
    "#85773f",
    "#307ba5",
    "#787559",
    "#cb00f2",
    "#de0c94",
    "#5e8000",
)
DASHES = ((), (7, 3), (2, 3), (9, 3, 2, 3))  # lengths of strokes and gaps in pixels, for a line 2 pixels wide
PATTERNS = ("", "/", ".", "x")
NEUTRAL = "#808490"  # lines and marks of no class: reference lines, medians; visible on both pages
NEUTRAL_TEXT, NEUTRAL_TEXT_ON_DARK = "#63676f", "#a0a4ae"  # words and numbers of no class
NEUTRAL_TEXT_ANYWHERE = "#7c7e83"  # 4:1 or more on white, on #111 and on #1e1e1e: hardly another grey has that
LIGHT_NEUTRAL = "rgba(128,132,144,0.22)"  # grid lines and bands


class Page(NamedTuple):
    """Colours of a page, as in Streamlit's own two themes."""

    background: str
    text: str


LIGHT_PAGE, DARK_PAGE = Page("#ffffff", "#2f2d2b"), Page("#171614", "#edebe8")


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
    return ClassStyle(LIGHT[k % len(LIGHT)], DASHES[group], PATTERNS[group])


def shade(color: str, opacity: float) -> str:
    """A hexadecimal color as rgba with this opacity."""
    return f"{_opening(color)}{opacity})"


def on_dark(text: str) -> str:
    """The text with the colours of a dark page in place of those of a light one: exact ones and their shades."""
    return NAMED_COLOR.sub(lambda found: DARK_FOR.get(found[0], found[0]), text)


def on_any_ground(value: Any) -> Any:
    """A figure as a dictionary, or a part of it, with the colours that can be read wherever it is shown."""
    if isinstance(value, str):
        return NAMED_COLOR.sub(lambda found: ANYWHERE_FOR.get(found[0], found[0]), value)
    if isinstance(value, dict):
        return {name: on_any_ground(inner) for name, inner in value.items()}
    return [on_any_ground(inner) for inner in value] if isinstance(value, list | tuple) else value


def on_page(text: str, dark: bool) -> str:
    """The text of a figure for any ground with the colours of a light or a dark page."""
    light = NAMED_COLOR.sub(lambda found: LIGHT_FOR.get(found[0], found[0]), text)
    return on_dark(light) if dark else light


def on_any_page(color: str) -> str:
    """CSS that follows the theme of the page, for HTML: `color`, or its like on a dark page.

    Streamlit declares on its page whether it is light or dark, and browsers choose between the two at once when the
    viewer changes the theme, with no word from the server.
    """
    return f"light-dark({color}, {DARK_FOR.get(color, color)})"


def _opening(color: str) -> str:
    """Shades of a color begin with this."""
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},"


NAMED_COLOR = re.compile(r"#[0-9a-f]{6}|rgba\(\d+,\d+,\d+,")  # JavaScript reads it in the same way


def _translated(colors: tuple[str, ...], others: tuple[str, ...]) -> dict[str, str]:
    """From each of the colors, and from the opening of its shades, to the other."""
    pairs = dict(zip(colors, others, strict=True))
    return pairs | {_opening(color): _opening(other) for color, other in pairs.items()}


_LIGHT, _ANYWHERE = (*LIGHT, NEUTRAL_TEXT), (*ANYWHERE, NEUTRAL_TEXT_ANYWHERE)
DARK_FOR = _translated(_LIGHT, (*DARK, NEUTRAL_TEXT_ON_DARK))
ANYWHERE_FOR, LIGHT_FOR = _translated(_LIGHT, _ANYWHERE), _translated(_ANYWHERE, _LIGHT)
