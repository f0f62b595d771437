"""Sentences for the user: what is wrong, and how text that somebody typed is shown as text."""

from __future__ import annotations

import re


def plain(text: str) -> str:
    """A text as Markdown that shows exactly this text: no link, picture, formula, colour or icon comes out of it."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


def quoting(sentence: str) -> str:
    """The same for a sentence of ours that quotes what somebody typed. Only signs that would mean something where they stand are escaped:
    names such as learning_rate, numbers and commas stay as they are, also for whoever reads the page's source."""
    meaningful = r"[*`$<&~|@\\\[\]]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=\S)|(?<=www)\.|^[#>+=-]"
    return re.sub(f"({meaningful})", r"\\\1", " ".join(sentence.split()))
