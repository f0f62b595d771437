"""Every run on this machine: find, label, delete, take back, carry away and bring in."""

from igbviz import library_page, ui

library_page.draw(ui.shell("Runs"))
