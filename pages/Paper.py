"""The paper: its experiment, its figures and its claims."""

from igbviz.ui import shell
from igbviz.ui.views import paper

cache = shell.frame("pages/Paper.py")
paper.draw(cache)
