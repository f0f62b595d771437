"""Where the program's own files lie, and where it keeps the user's.

In the project's tree, app.py, pages/, .streamlit/ and the shipped runs lie beside the package; the build puts them into
it, under _app/. Nothing is ever written there: an installed program may be read-only.
"""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

PACKAGE = Path(__file__).parents[1]
BUILT = PACKAGE / "_app"
TREE = None if BUILT.is_dir() else PACKAGE.parent  # the project that the program runs from
APP = TREE or BUILT  # the folder of app.py
SHIPPED = APP / "cache" / "gallery"


def default_cache() -> Path:
    """cache/ in the project, whether igbviz runs from its tree or is installed and started there; else the user's."""
    if TREE:
        return TREE / "cache"
    if os.path.isfile("app.py") and os.path.isfile("igbviz/disk/places.py"):
        return Path.cwd() / "cache"
    return user_cache_path("igbviz", appauthor=False)


def cache_folder() -> Path:
    """The folder of the runs unless a caller names another: IGBVIZ_CACHE, read at every call, or `default_cache`."""
    return Path(os.environ.get("IGBVIZ_CACHE") or default_cache()).expanduser()


def gallery(cache: str | Path) -> Path:
    """The folder of the runs that ship with the program: the same for every cache.

    A folder gallery/ in a cache, as older versions had it or as a copy of the project's cache has it, is not read, so
    that every shipped run is listed once. IGBVIZ_GALLERY names another folder; a relative one lies in each cache.
    """
    return Path(cache) / (os.environ.get("IGBVIZ_GALLERY") or SHIPPED)
