"""From bias to training: how the initial guessing bias affects learning."""

from igbviz.ui import shell
from igbviz.ui.views.dynamics import page

cache = shell.frame("pages/Dynamics.py", wake_worker=True)
page.draw(cache)
