"""Sentences for the user: what is wrong, and how text that somebody typed is shown as text."""

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


def wrong(problem: object, place: Any = st, icon: str = ":material/edit:") -> None:
    """What cannot be as it was described, in a sentence. What somebody typed is shown as text: `**` in a formula is no
    bold print."""
    place.error(quoting(f"{problem}."), icon=icon)


def nowhere(problem: object) -> None:
    """A link that cannot be followed, in a sentence; what the link said is shown as text."""
    st.warning(plain(f"This link leads nowhere: {problem}."), icon=":material/link_off:")
