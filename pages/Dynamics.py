"""From bias to training: what the first prejudice does to learning."""

from igbviz.runs.queue import ensure_worker
from igbviz.ui import shell
from igbviz.ui.views import dynamics

cache = shell.shell("From bias to training")
ensure_worker(cache)  # warm before the button is pressed
dynamics.draw(cache)
