"""Robust losses: what they gain with noisy labels or imbalanced classes, and what they cost."""

from igbviz.ui import shell
from igbviz.ui.views import robustness

cache = shell.frame("pages/Robustness.py", wake_worker=True)
robustness.draw(cache)
