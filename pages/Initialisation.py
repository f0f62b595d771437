"""Untrained networks: draw many, see what they guess, and compare with theory."""

from igbviz.ui import shell
from igbviz.ui.views import ensemble

cache = shell.frame("pages/Initialisation.py", wake_worker=True)
ensemble.draw(cache)
