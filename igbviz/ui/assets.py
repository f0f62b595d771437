"""Files that the browser loads from the app's own server: plotly.js out of the installed package, and our modules.

The address of a file contains a version, so a browser may keep it for good. The modules in js/ share one version, a
hash of them all, and lie in one folder of that name: so `import ... from "./other.js"` finds the other of its kind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import plotly
import streamlit as st
from streamlit import config
from streamlit.components.v1 import declare_component

from igbviz.charts import js
from igbviz.runs.images import files as images
from igbviz.runs.run import Run

MOUNT = Path(__file__).with_name("mount.js")
MODULES = js.FOLDER
PLOTLY = js.PLOTLY

served = False  # whether this process has the routes of igbviz/ui/server.py, which sets it


def component(name: str) -> Callable[..., Any]:
    """A Streamlit component that is a class in our modules, called with `data` for it.

    The data name what the browser loads, "module" and "plotly", and the CSS class of the element as "name"; "height"
    keeps room for it. Streamlit repeats the JavaScript of a component in every message, and this is only MOUNT.
    """
    return st.components.v2.component(name, js=MOUNT.read_text(encoding="utf-8"), isolate_styles=False)


def asset(name: str) -> str:
    """The address, relative to the app, of "plotly.min.js" or of a module or style, "js/<name>.js".

    A script that runs without our server gets the file from Streamlit: declaring a component of the old kind serves its
    folder, even if it is never mounted. Declared at each call, since Streamlit forgets what was declared before a run.
    """
    if served:
        return f"assets/{version(name)}/{name}"
    file = path(name)
    return f"component/{declare_component(file.parent.name, path=file.parent).name}/{file.name}?v={version(name)}"


def sprite(run: Run) -> dict[str, Any] | None:
    """Where the browser finds the thumbnails of the images that a run watches, and how they are arranged there.

    None for a run without them. A browser may keep the picture for good: its address changes with the file. Without our
    server it is part of the address.
    """
    try:
        arrangement = images.which(run.path)
        if served:
            address = f"{prefix()}/images/{run.id}.png?v={sprite_version(run)}"
        else:
            address = images.inline_sprite(run.path)
    except (OSError, ValueError):  # damaged, or left out of the archive that the run came in
        return None
    return arrangement and {"sprite": address, "tile": arrangement.tile, "columns": arrangement.columns}


def sprite_version(run: Run) -> str:
    """Changes with the thumbnails of a run. Raises OSError for a run without them."""
    return f"{(run.path / images.SPRITE).stat().st_mtime_ns:x}"


def prefix() -> str:
    """What all addresses of the app begin with, where it lies behind a path; else empty."""
    path = (config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def address() -> str:
    """Where the app is served on this machine, without a slash at the end."""
    scheme = "https" if config.get_option("server.sslCertFile") else "http"
    host = config.get_option("server.address") or "localhost"
    return f"{scheme}://{'localhost' if host == '0.0.0.0' else host}:{config.get_option('server.port')}{prefix()}"


def path(name: str) -> Path:
    """The file behind a name; raises FileNotFoundError for a name that is not offered."""
    folder, _, module = name.rpartition("/")
    offered = {PLOTLY.name: PLOTLY} if not folder else {file.name: file for file in MODULES.glob("*.[jc]s*")}
    if folder not in ("", "js") or module not in offered:
        raise FileNotFoundError(name)
    return offered[module]


def modules() -> list[str]:
    """The names of our modules."""
    return [f"js/{file.name}" for file in sorted(MODULES.glob("*.js"))]


def version(name: str) -> str:
    return plotly.__version__ if name == PLOTLY.name else _version_of_modules(MODULES)


@cache
def _version_of_modules(folder: Path) -> str:
    """Read once: files that change while the server runs are served when it is started again."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.[jc]s*")):
        digest.update(f"{file.name}\0{file.read_text(encoding='utf-8')}\0".encode())
    return digest.hexdigest()[:12]
