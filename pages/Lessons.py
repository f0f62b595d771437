"""Six short lessons: guess, run, look, explain."""

from igbviz.runs.queue import ensure_worker
from igbviz.ui import shell
from igbviz.ui.views import lessons

cache = shell.shell("Lessons")
ensure_worker(cache)  # warm before a button is pressed
lessons.draw(cache)
