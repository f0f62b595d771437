"""What a robust loss buys, and what it costs."""

from igbviz.runs.queue import ensure_worker
from igbviz.ui import shell
from igbviz.ui.views import robustness

cache = shell.shell("Robustness")
ensure_worker(cache)  # warm before the button is pressed
robustness.draw(cache)
