"""The phase diagram: where networks are ordered or chaotic, and how strong their initial guessing bias is."""

from igbviz.ui import shell
from igbviz.ui.views.phases import page

cache = shell.frame("pages/Phases.py")
page.draw(cache)
