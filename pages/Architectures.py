"""Known architectures before training: which of them favour a class, and how strongly."""

from igbviz.ui import shell
from igbviz.ui.views.architectures import page

page.draw(shell.frame("pages/Architectures.py"))
