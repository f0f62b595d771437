"""Every run on this machine: find, label, delete, take back, carry away and bring in."""

from igbviz.ui import shell
from igbviz.ui.views import runs

cache = shell.frame("pages/Runs.py")
runs.draw(cache)
