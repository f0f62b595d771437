"""Runs side by side."""

from igbviz.ui import shell
from igbviz.ui.views import compare

cache = shell.frame("pages/Compare.py")
compare.draw(cache)
