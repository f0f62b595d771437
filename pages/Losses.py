"""Every loss as a function of p, and the fraction of a run's images that get no gradient from it."""

from igbviz.ui import shell
from igbviz.ui.views import losses

cache = shell.frame("pages/Losses.py")
losses.draw(cache)
