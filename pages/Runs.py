"""Every run on this machine."""

import pandas as pd
import streamlit as st

from igbviz import ui
from igbviz.runs import RunError

cache = ui.shell("Runs")
st.title("Runs", anchor=False)
rows = ui.run_rows(cache)
if not rows:
    st.info("Nothing has run here yet.", icon=":material/info:")
    ui.link("pages/Train.py", "Train a first network", icon=":material/play_circle:")
    st.stop()

words = st.text_input("Find", placeholder="words that a run has in its name, state or note", key="find").lower().split()
found = [row for row in rows if all(word in " ".join(map(str, row.values())).lower() for word in words)]
table = pd.DataFrame(found, columns=list(rows[0]))
picked = st.dataframe(
    table,
    hide_index=True,
    on_select="rerun",
    selection_mode="multi-row",
    key=f"table-{hash(tuple(table['id']))}",
    column_order=[c for c in table if c != "shipped"],
).selection.rows
chosen = [run for i in picked if i < len(found) and (run := ui.open_run(found[i]["id"], cache))]
st.caption(f"{len(found)} of {len(rows)} runs. Tick one to open it, or several to stop or delete them.")

with st.container(horizontal=True):
    if len(chosen) == 1:
        ui.link("pages/Train.py", "Open", icon=":material/open_in_new:", run=chosen[0].id)
    for label, icon, action in (("Stop", "stop", "stop"), ("Resume", "play_arrow", "resume"), ("Delete", "delete", "delete")):
        if st.button(label, icon=f":material/{icon}:", disabled=not chosen, key=action):
            for run in chosen:
                try:
                    getattr(run, action)()
                except RunError as error:
                    st.warning(f"{error}.")
            ui.forget_rows()
            st.rerun()
