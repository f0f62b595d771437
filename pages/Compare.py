"""Runs side by side."""

from igbviz.ui import shell
from igbviz.ui.views import compare

compare.draw(shell.shell("Compare"))
