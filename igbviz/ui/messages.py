"""Words for the user: text that somebody typed, shown as text; durations; and what is wrong, in a sentence."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st


def plain(text: str) -> str:
    """A text as Markdown that shows exactly this text: no link, picture, formula, colour or icon comes out of it."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


def quoting(sentence: str) -> str:
    """The same for a sentence of ours that quotes what somebody typed. Only signs that would mean something where they
    stand are escaped: names such as learning_rate, numbers and commas stay as they are, also for whoever reads the
    page's source."""
    meaningful = r"[*`$<&~|@\\\[\]]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=\S)|(?<=www)\.|^[#>+=-]"
    return re.sub(f"({meaningful})", r"\\\1", " ".join(sentence.split()))


def duration_in_words(seconds: float | None) -> str:
    """Seconds in words that fit: '8 s', '3 min', '2.5 h', '4 days'."""
    if seconds is None:
        return "unknown"
    for size, unit, digits in ((86400, "days", 1), (3600, "h", 1), (60, "min", 0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "under a second"


def show_error(problem: object, place: Any = st, icon: str = ":material/edit:") -> None:
    """What cannot be as it was described, in a sentence. What somebody typed is shown as text: `**` in a formula is no
    bold print."""
    place.error(quoting(f"{problem}."), icon=icon)


def show_dead_link(problem: object) -> None:
    """A link that cannot be followed, in a sentence; what the link said is shown as text."""
    st.warning(plain(f"This link leads nowhere: {problem}."), icon=":material/link_off:")
