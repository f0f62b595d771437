"""Every loss at every p, and how much of a real run stands where it is silent."""

from igbviz import loss_page, ui

loss_page.draw(ui.shell("Losses"))
