"""Six short lessons: guess, run, look, explain."""

from igbviz import lesson_view, ui
from igbviz.runs.queue import ensure_worker

cache = ui.shell("Lessons")
ensure_worker(cache)  # warm before a button is pressed
lesson_view.draw(cache)
