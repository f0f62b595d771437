"""Every loss as a function of p, and the fraction of a run's images that get no gradient from it."""

from igbviz.ui import shell
from igbviz.ui.views.losses import page

cache = shell.frame("pages/Losses.py")
page.draw(cache)
