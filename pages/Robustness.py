"""What a robust loss buys, and what it costs."""

from igbviz.ui import shell
from igbviz.ui.views import robustness

cache = shell.frame("pages/Robustness.py", wake_worker=True)
robustness.draw(cache)
