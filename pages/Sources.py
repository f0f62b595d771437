"""Sources: what they say, and where the program shows it."""

from igbviz.ui import shell
from igbviz.ui.views.sources import page

shell.frame("pages/Sources.py")
page.draw()
