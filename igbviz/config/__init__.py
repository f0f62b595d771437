"""The configuration of a run: every choice that determines its results, validated, and the identity of the run."""

from igbviz.config.presets import PRESETS, Preset, preset_config
from igbviz.config.recorded import RecordedConfig
from igbviz.config.run import RunConfig

__all__ = ["PRESETS", "Preset", "RecordedConfig", "RunConfig", "preset_config"]
