"""The first page."""

from igbviz.runs.queue import cache_folder, ensure_worker

# before anything else: it needs a second or two to wake up, and somebody may press a button by then
ensure_worker(cache_folder())

from igbviz.ui import shell
from igbviz.ui.views import home

cache = shell.frame("app.py", title=False)  # it is headed by what the program is for
home.draw(cache)
