"""What the output of a cell stores: a picture of the stage, for whoever opens the notebook without its kernel.

It is also all that there is where anywidget is missing. Two pictures, a light and a dark one, are in the page, which
shows one of them.
"""

from __future__ import annotations

from igbviz.notebook.look import Look
from igbviz.notebook.still import still_image

MISSING = "A live chart needs anywidget: pip install 'igbviz[notebook]'. This picture is brought up to date as it is."


def bundle(name: str, look: Look | None, *, text: str, is_live: bool) -> dict[str, str]:
    """The picture as data of each type that a notebook or its conversion may ask for; `name` is its id on the page."""
    note = "" if is_live else f"<p>{MISSING}</p>"
    hiding = _hiding(name) if is_live else ""
    if look is None or not len(look.trajectory):
        waiting = "" if is_live else "<p>Waiting for the first probe.</p>"
        return {
            "text/html": f'<div id="{name}">{waiting}{note}</div>{_style(hiding)}',
            "text/plain": "" if is_live else text,
        }
    light, dark = (still_image(look.still(dark=dark)) for dark in (False, True))
    images = _image("light", light) + _image("dark", dark, style="display: none")
    html = f'<div id="{name}">{images}{note}</div>{_style(_one_of_two(name) + hiding)}'
    return {"text/html": html, "image/png": light, "text/plain": text}


def _image(name: str, image: str, style: str = "") -> str:
    return (
        f'<img class="{name}" src="data:image/png;base64,{image}" alt="The curves at the last probe, as a picture"'
        f' style="max-width: 100%; {style}">'
    )


def _style(rules: str) -> str:
    return f"<style>{rules}</style>" if rules else ""


def _one_of_two(name: str) -> str:
    """The picture that fits the page: light, unless JupyterLab or VS Code say that they are dark."""
    dark = 'body:is([data-jp-theme-light="false"], .vscode-dark, .vscode-high-contrast)'
    return (
        f"{dark} #{name} .light {{ display: none !important }} {dark} #{name} .dark {{ display: inline !important }} "
    )


def _hiding(name: str) -> str:
    """Beside a still picture, JupyterLab's message that the live stage is gone is not shown."""
    return f".jp-OutputArea-child:has(#{name}) + .jp-OutputArea-child:not(:has(.igbviz-stage)) {{ display: none }}"
