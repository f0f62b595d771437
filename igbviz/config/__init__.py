"""What a run is: every choice that decides its numbers, checked, and its identity."""

from igbviz.config.presets import PRESETS
from igbviz.config.run import RunConfig

__all__ = ["PRESETS", "RunConfig"]
