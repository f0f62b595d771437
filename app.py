"""`streamlit run app.py` imports this file to get the server, and then runs it as the script of the first page."""

from igbviz.disk.places import cache_folder
from igbviz.runs.queue import ensure_worker

# first of all: a worker takes a second or two to start, and a button may be pressed soon
ensure_worker(cache_folder())

import streamlit as st

if __name__ == "__main__":  # so a page's script is called
    from igbviz.ui import shell
    from igbviz.ui.views import home

    cache = shell.frame("app.py", title=False)  # the view has a title of its own
    home.draw(cache)
else:
    from igbviz.ui import server

    app = st.App("app.py", **server.parts())
