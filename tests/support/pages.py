"""The pages without a browser: open them with a query, and read their texts."""

from __future__ import annotations

import re
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.support import ROOT

PAGES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))]

OPEN_A_RUN = {"Train", "Initialisation", "Losses"}  # the pages that read `run` from their address


def as_read(element) -> str:
    """The text of a sentence on a page, with the backslashes of escaped Markdown removed."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", element.value)


def page(path: Path, **query: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    if path.name != "app.py":
        test.switch_page(f"pages/{path.name}")
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    assert not test.exception, test.exception
    return test
