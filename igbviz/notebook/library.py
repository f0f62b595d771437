"""What every stage of a notebook needs from the kernel, sent once: plotly.js, our modules, our styles.

They are the attributes of one model that all stages refer to. JavaScript is not loaded from the network, so that a
notebook works without one.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import ipywidgets
import traitlets

from igbviz.charts import js

OWN = Path(__file__).with_name("js")
FIRST = "stage.js"
_IMPORT = re.compile(r'^import .* from "\./([\w.]+)";$', re.MULTILINE)


class Library(ipywidgets.Widget):
    """A model without a view. `modules`: [name, text], each after those that it imports."""

    plotly = traitlets.Bytes().tag(sync=True)
    modules = traitlets.List().tag(sync=True)
    styles = traitlets.Unicode().tag(sync=True)


@cache
def library() -> Library:
    """The one of this kernel."""
    return Library(plotly=js.PLOTLY.read_bytes(), modules=modules(FIRST), styles=styles())


def modules(first: str) -> list[list[str]]:
    """A module and all that it needs, directly or not: [name, text], each after those that it imports."""
    found: dict[str, str] = {}

    def visit(name: str) -> None:
        if name not in found:
            text = _path(name).read_text(encoding="utf-8")
            for other in _IMPORT.findall(text):
                visit(other)
            found[name] = text

    visit(first)
    return [[name, text] for name, text in found.items()]


def styles() -> str:
    return "\n".join(
        path.read_text(encoding="utf-8") for path in [*sorted(js.FOLDER.glob("*.css")), *sorted(OWN.glob("*.css"))]
    )


def _path(name: str) -> Path:
    """Our own module where a notebook needs another one than a page."""
    return OWN / name if (OWN / name).exists() else js.FOLDER / name
