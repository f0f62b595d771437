"""What a link leaves out of a page: `?hide=form,verdict`, as a teacher sends it who wants the class to look first.

shell.js makes every name a class of the page's root before the first paint, and hidden.css has a rule for each but
`more`, which the pages leave out themselves.
"""

from __future__ import annotations

import streamlit as st

from igbviz.ui.messages import plain

PARTS = {
    "menu": "the menu of pages",
    "title": "the title of the page",
    "form": "the whole form",
    "loss": "the loss and its settings in the form",
    "seed": "the seed in the form, and the button Another seed",
    "settings": "the drawer All settings",
    "progress": "the state of the run and its buttons",
    "runs": "the tabs of the runs on the stage",
    "verdict": "the sentence above the picture",
    "views": "the choice of what the picture shows, and in which unit",
    "share": "the menu Share",
    "bars": "the guesses beside the picture",
    "player": "the player below the picture",
    "captions": "small explanations",
    "more": "everything below the stage",
}


def warn_of_unknown_parts() -> None:
    """A sentence if the address wants to hide something that is not there."""
    unknown = sorted(_asked() - PARTS.keys())
    if unknown:
        names = ", ".join(repr(name[:40]) for name in unknown[:3])
        sentence = f"hide in the address is {names}, allowed: {', '.join(PARTS)}, separated by commas."
        st.warning(plain(sentence), icon=":material/visibility_off:")


def is_hidden(part: str) -> bool:
    return part in _asked()


def _asked() -> set[str]:
    return {name.strip() for name in st.query_params.get("hide", "").split(",")} - {""}
