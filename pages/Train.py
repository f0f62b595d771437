"""Configure a run, start it and watch it."""

from igbviz.ui import shell
from igbviz.ui.views import train

cache = shell.frame("pages/Train.py", title=False, wake_worker=True)
train.draw(cache)
