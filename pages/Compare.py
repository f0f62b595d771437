"""Runs side by side."""

from igbviz import compare_page, ui

compare_page.draw(ui.shell("Compare"))
