"""Messages for the user: typed text escaped for Markdown, and errors as sentences."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from igbviz.runs.files import in_words

INVISIBLE = "\u2060"  # a word joiner has no width, and no line breaks there
# Inside http://, www.example, a@example and :name:.
_REPLACED = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=[\w.+-])(?=@[\w-])|(?<=:)(?=[\w+/-]+:)", re.IGNORECASE)
_ARROWS = re.compile(r"(?<!\S)(?:<->|->|<-|--|>=|<=|~=)(?!\S)")


def plain(text: str) -> str:
    """Escape a text so that Markdown shows exactly this text: no link, image, formula, color or icon."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", _broken(text))


def quoting(sentence: str) -> str:
    """Escape a sentence that quotes typed text, but only where a character has a meaning in Markdown.

    Names such as learning_rate, numbers and commas stay readable in the page's source.
    """
    meaningful = r"[*`$<&~|@\\\[\]]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=\S)|^[#>+=-]"
    return re.sub(f"({meaningful})", r"\\\1", _broken(sentence))


def _broken(text: str) -> str:
    """The text in one line, with an invisible mark inside what Streamlit replaces although it is escaped: addresses
    become links, `:name:` an icon and `->` an arrow after Markdown has been read."""
    return _REPLACED.sub(INVISIBLE, _ARROWS.sub(lambda arrow: INVISIBLE.join(arrow[0]), " ".join(text.split())))


def show_error(problem: object, place: Any = st, icon: str = ":material/edit:") -> None:
    """Show a wrong value as an error. Typed text is shown as it is: `**` in a formula is not bold print."""
    problem = in_words(problem) if isinstance(problem, OSError) else problem
    place.error(quoting(f"{problem}."), icon=icon)


def show_dead_link(problem: object) -> None:
    """Warn that a link cannot be followed; text from the link is escaped."""
    st.warning(plain(f"This link leads nowhere: {problem}."), icon=":material/link_off:")
