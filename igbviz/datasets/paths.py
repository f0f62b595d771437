"""The path of a folder as people type and paste it, and where it is on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

from igbviz.datasets.errors import DataError, readable
from igbviz.spec import ConfigError

QUOTES = ('""', "''", "``", "\u201c\u201d", "\u2018\u2019", "\u00ab\u00bb", "<>")
UNSEEN = "\u200b\u200e\u200f\u202a\u202c\u2060\ufeff"  # Windows puts one of these in front of a path that it copies
# A backslash before what a shell would take for something else, as a terminal writes a folder that is dropped on it.
_ESCAPED = re.compile(r"\\([^\w/\\.-])")
_HOME = re.compile(r"\$(HOME|\{HOME\})(?=/|$)")


def absolute_path(folder: str | None) -> str | None:
    """The normalized absolute path of a folder, so that it does not depend on the working directory or the spelling.

    Blanks and quotes around a pasted path are dropped, and file:// addresses are understood. A leading ~ stays, since
    it is another folder on another machine. An empty path stays empty. Raises ConfigError.
    """
    folder = _plain(folder or "")
    if not folder:
        return folder
    try:
        folder.encode()
    except UnicodeEncodeError:
        raise ConfigError(((), f"is {_shown(folder)}, allowed: a path in UTF-8; rename the folder")) from None
    if "\0" in folder:
        raise ConfigError(((), f"is {_shown(folder)}, allowed: the path of a folder, without NUL characters"))
    home, _, rest = folder.partition("/")
    if home.startswith("~"):
        return f"{home}/{os.path.normpath(rest)}" if rest.strip("/") else home
    return "/" + os.path.abspath(folder).lstrip("/")  # POSIX allows a meaning of its own for two slashes


def located(folder: str) -> Path:
    """The folder on this machine. Raises DataError for the home of an unknown user."""
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        user = folder.partition("/")[0][1:]
        raise DataError(f"{folder} does not exist: this machine has no user {user!r}") from None


def hint(folder: str | Path) -> str:
    """Why a path may not exist on this machine; empty if nothing is odd about it."""
    if "\\" in str(folder) and os.sep == "/":
        return "; this machine separates folders by /, as in /home/me/images"
    return ""


def _plain(folder: str) -> str:
    folder = folder.strip().strip(UNSEEN).strip()
    if len(folder) > 1 and folder[0] + folder[-1] in QUOTES:
        return _plain(folder[1:-1])
    if address := re.fullmatch(r"file://(?:localhost)?(/.*)", folder, re.IGNORECASE | re.DOTALL):
        folder = unquote(address[1], errors="surrogateescape")
    if "/" in folder:
        folder = _ESCAPED.sub(r"\1", folder)
    return _HOME.sub("~", folder, count=1) if folder.startswith("$") else folder


def _shown(folder: str) -> str:
    return f"{readable(folder)!r:.80}"
