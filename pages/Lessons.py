"""Six short lessons: guess, run, look, explain."""

from igbviz.ui import shell
from igbviz.ui.views import lessons

cache = shell.frame("pages/Lessons.py", title=False, wake_worker=True)
lessons.draw(cache)
