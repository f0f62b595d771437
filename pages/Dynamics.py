"""From bias to training: what the first prejudice does to learning."""

from igbviz.ui import shell
from igbviz.ui.views import dynamics

cache = shell.frame("pages/Dynamics.py", wake_worker=True)
dynamics.draw(cache)
