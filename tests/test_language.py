"""Phrases that read as translated, or treat images as persons, stay out of the program, its pages and its texts."""

from __future__ import annotations

import re

import pytest

from tests.support import ROOT

PHRASES = [
    r"looked after every",
    r"would hear\b",
    r"\bits numbers broke",
    r"\bholds (?:the right answer|(?:it )?(?:improbable|impossible))",
    r"\ba (?:row|line) a (?:loss|run|seed)\b",
    r"\ba dot a seed\b",
    r"\bhas its luck\b",
    r"\bwho looks at many steps\b",
    r"\bdice\b",
    r"\bits knobs\b",
    r"\bbring runs in\b",
    r"nothing is going on",
    r"learned by heart",
    r"cannot be asked",
    r"\d\.\.\d",  # a range: "1 to 2"
]
FILES = [
    ROOT / "README.md",
    ROOT / ".github" / "CONTRIBUTING.md",
    ROOT / "app.py",
    *sorted(ROOT.glob("pages/*.py")),
    *sorted(path for path in ROOT.glob("igbviz/**/*") if path.suffix in (".py", ".js", ".md")),
]


@pytest.mark.parametrize("phrase", PHRASES)
def test_no_file_says_it(phrase: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in FILES
        for match in re.finditer(phrase, path.read_text(encoding="utf-8"), re.IGNORECASE)
    ]
    assert not found
