"""Texts of others in Markdown. What Streamlit makes of an address, `:name:` or `->` was looked up in its JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from igbviz.ui.messages import INVISIBLE, plain, quoting
from tests.support.literal import FORMULA, HOSTILE, LIVE

# Replaced in text nodes, after Markdown has been read: there an escape is no longer seen.
REPLACED = re.compile(
    r"(https?://|www\.)[-.\w]+|[-.\w+]+@[-\w]+(\.[-\w]+)+|:[\w+-][\w+/-]*:|(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)", re.I
)
OTHERS = "HTTPS://E.example WWW.E.example a+b@c.example :smile: :+1: :100: :streamlit: a -> b <- c -- d <-> e >= f"


@pytest.mark.parametrize("escape", [plain, quoting])
@pytest.mark.parametrize("text", [HOSTILE, OTHERS, FORMULA, ">= 3"])
def test_nothing_is_left_to_be_replaced(text: str, escape: Callable[[str], str]) -> None:
    shown = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escape(text))
    assert shown.replace(INVISIBLE, "") == text
    assert not REPLACED.search(shown) and not LIVE.search(escape(text))
    assert REPLACED.search(text) or text == FORMULA


def test_ordinary_texts_get_no_invisible_marks() -> None:
    for text in ("T-shirt/top: 3 of 10", "learning_rate is 0.1, allowed: 1e-3 to 1", "seed=3; a@ b", "C:/data", "x->y"):
        assert INVISIBLE not in plain(text) and INVISIBLE not in quoting(text)
