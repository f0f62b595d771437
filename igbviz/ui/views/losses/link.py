"""The address of the page of losses. It holds everything that is set there, so that a link restores it.

    losses=blurry,gce   blurry.gamma=1.5   curve=slope   axis=linear   zones=gce   run=<id>   class=Coat   step=30

Every widget begins with what the address says and then keeps its own value, which is written back. Defaults are left
out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import streamlit as st

from igbviz.losses import LOSSES, Loss
from igbviz.trajectory import Trajectory
from igbviz.ui.messages import show_dead_link
from igbviz.ui.query import hyperparameters_from_query, hyperparameters_to_query, number_from_query, set_query

START = ["cross-entropy", "blurry", "piecewise-zero", "gce", "mae"]
MAX_LOSSES = 6
NO_LOSS = "none"


def begin(key: str, read: Callable[[], Any]) -> None:
    """Let the widget with this key begin with what `read` finds in the address."""
    if key not in st.session_state:
        st.session_state[key] = read()


def losses_of_link() -> list[str]:
    """The names of the losses in the address."""
    text = st.query_params.get("losses")
    if text is None:
        return START
    names = [] if text == NO_LOSS else list(dict.fromkeys(text.split(",")))
    if unknown := [name for name in names if name not in LOSSES]:
        show_dead_link(f"losses names {unknown[0][:80]!r}, allowed: any of {', '.join(LOSSES)}")
    elif len(names) > MAX_LOSSES:
        show_dead_link(f"losses names {len(names)} losses, allowed: at most {MAX_LOSSES}")
    else:
        return names
    return START


def hyperparameters_of_link() -> dict[str, dict[str, Any]]:
    """By name of the loss, the hyperparameters with which its widgets begin. To be called before the first widget."""
    if "losses" not in st.session_state:  # the page was opened just now
        st.session_state["losses-of-link"] = hyperparameters_from_query(st.query_params.to_dict(), LOSSES)
    return st.session_state["losses-of-link"]


def probe_of_link(trajectory: Trajectory) -> int:
    """The index of the probe nearest to the step in the address."""
    step = number_from_query("step", 0, int(trajectory.step[-1]), 0)
    return int(np.abs(trajectory.step - step).argmin())


def write(names: list[str], losses: Iterable[Loss], **settings: str | None) -> None:
    """Write the losses, their hyperparameters and the other settings into the address; None for a default."""
    hyperparameters = hyperparameters_to_query(losses)
    stale = [key for key in st.query_params if key.partition(".")[0] in LOSSES and key not in hyperparameters]
    shown = None if names == START else ",".join(names) or NO_LOSS
    set_query(losses=shown, **settings, **hyperparameters, **dict.fromkeys(stale))
