"""Runs side by side."""

from igbviz.ui import shell
from igbviz.ui.views.compare import page

cache = shell.frame("pages/Compare.py")
page.draw(cache)
