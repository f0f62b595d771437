"""The pages without a browser: open them with a query, and read their texts."""

from __future__ import annotations

import json
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


def charts(test: AppTest) -> dict[str, dict]:
    """The descriptions of the figures sent to the page, by their first words."""
    found = {}
    for part in test.get("bidi_component"):
        figure = json.loads(json.loads(part.proto.json)["figure"])
        words = figure["layout"]["meta"]["words"]
        found[words if isinstance(words, str) else figure["shared"][words["$shared"]]] = figure
    return found


def said(test: AppTest) -> str:
    return " ".join(
        element.value for element in [*test.markdown, *test.caption, *test.info, *test.warning, *test.error]
    )


def address(test: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in test.query_params.items()}
