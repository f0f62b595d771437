"""The paper: its experiment in one click, its figures, its claims."""

from igbviz.ui import shell
from igbviz.ui.views import paper

cache = shell.frame("pages/Paper.py")
paper.draw(cache)
