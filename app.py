"""The first page."""

from igbviz.runs.files import cache_folder
from igbviz.runs.queue import ensure_worker

# before anything else: it needs a second or two to wake up, and somebody may press a button by then
ensure_worker(cache_folder())

from igbviz.ui import shell
from igbviz.ui.views import home

cache = shell.frame("app.py", title=False)  # it is headed by what the program is for
home.draw(cache)
