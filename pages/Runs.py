"""Every run on this machine: find, label, delete, restore, export and import."""

from igbviz.ui import shell
from igbviz.ui.views import runs

cache = shell.frame("pages/Runs.py")
runs.draw(cache)
