"""The plane of initialisations: where networks are ordered or chaotic, and how prejudiced they begin."""

from igbviz.ui import shell
from igbviz.ui.views import phases

cache = shell.frame("pages/Phases.py")
phases.draw(cache)
