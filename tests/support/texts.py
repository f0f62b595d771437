"""The README and the longer texts: their code, their prose, their links."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support import ROOT

README = ROOT / "README.md"
RESULTS = ROOT / "igbviz" / "docs" / "results.md"
TEXTS = [README, ROOT / ".github" / "CONTRIBUTING.md", *sorted((ROOT / "igbviz" / "docs").glob("*.md"))]


def blocks(language: str, path: Path = README) -> list[str]:
    """The code blocks of this language."""
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.S)


def prose(text: str) -> list[str]:
    """The words outside of code blocks, tables and the targets of links."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    text = re.sub(r"^\|.*$", "", text, flags=re.M)
    return re.sub(r"\]\([^)]*\)", "]", text).split()


def links(path: Path) -> list[str]:
    """The targets of links and pictures that are no web addresses."""
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```", "", path.read_text(), flags=re.S | re.M))
    return [target for target in targets if not target.startswith("http")]


def anchors(path: Path) -> set[str]:
    """The names of the headings in links, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
