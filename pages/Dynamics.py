"""From bias to training: what the first prejudice does to learning."""

from igbviz import bias_view, ui
from igbviz.runs.queue import ensure_worker

cache = ui.shell("From bias to training")
ensure_worker(cache)  # warm before the button is pressed
bias_view.draw(cache)
