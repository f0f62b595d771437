"""Every loss at every p, and how much of a real run stands where it is silent."""

from igbviz.ui import shell
from igbviz.ui.views import losses

losses.draw(shell.shell("Losses"))
