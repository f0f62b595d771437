"""Eight short lessons: guess, run, look, explain."""

from igbviz.ui import shell
from igbviz.ui.views.lessons import page

cache = shell.frame("pages/Lessons.py", title=False, wake_worker=True)
page.draw(cache)
