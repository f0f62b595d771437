"""Watch several losses train side by side from the same start."""

from igbviz.ui import shell
from igbviz.ui.views import race

cache = shell.frame("pages/Race.py", title=False, wake_worker=True)
race.draw(cache)
