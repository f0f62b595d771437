"""What a robust loss buys, and what it costs."""

from igbviz import robust_view, ui
from igbviz.runs.queue import ensure_worker

cache = ui.shell("Robustness")
ensure_worker(cache)  # warm before the button is pressed
robust_view.draw(cache)
