"""The paper: its experiment in one click, its figures, its claims."""

from igbviz import paper_view, ui

paper_view.draw(ui.shell("The paper"))
