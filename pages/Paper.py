"""The paper: its experiment in one click, its figures, its claims."""

from igbviz.ui import shell
from igbviz.ui.views import paper

paper.draw(shell.shell("The paper"))
