"""Every loss at every p, and how much of a real run stands where it is silent."""

from igbviz.ui import shell
from igbviz.ui.views import losses

cache = shell.frame("pages/Losses.py")
losses.draw(cache)
