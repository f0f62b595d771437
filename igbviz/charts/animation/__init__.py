"""The stage as an animated GIF that plays everywhere: on slides, in a chat, in a README."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from igbviz.charts.animation.picture import Picture
from igbviz.charts.animation.recording import Recording
from igbviz.charts.animation.strokes import Color, mixed
from igbviz.charts.interface.arguments import require_allowed
from igbviz.charts.interface.inputs import OfRun, Plan, plan_of, trajectory_of
from igbviz.charts.stage import scene
from igbviz.charts.time_axis import Unit
from igbviz.config import RecordedConfig, RunConfig
from igbviz.config.recorded import headline
from igbviz.runs.run import Run
from igbviz.runs.status import ENDED
from igbviz.spec import ConfigError
from igbviz.trajectory import Trajectory

FRAMES = 60
FIRST, EACH, LAST = 600, 80, 2500  # milliseconds
NEUTRAL_SHADES = 36  # from the text to the background: axes and veil are faint
TRANSPARENT = 255  # the place in the palette that no color has


def gif(
    trajectory: OfRun,
    quantity: str = "true_class_probability",
    *,
    config: RunConfig | RecordedConfig | None = None,
    unit: Unit = "epoch",
    steps_per_epoch: float | None = None,
    ended: bool | None = None,
    diverged: bool | None = None,
    title: str | None = None,
    dark: bool = False,
) -> bytes:
    """A run from Init. to its last probe, evenly in log time: curves, names, bars and verdict, as on the stage.

    The run is what `curves` takes. A Run knows its configuration and how it ended; of anything else that is as given,
    by default ended without a planned length. `title` is by default that of the loss, or of a recorded run. Raises
    ConfigError for a quantity that the stage does not show as curves, and for a trajectory without a probe.

    >>> run = igbviz.submit("first-look")
    >>> igbviz.charts.gif(run, "accuracy")[:6]
    b'GIF89a'
    """
    require_allowed({"unit": unit, "steps_per_epoch": steps_per_epoch, "title": title})
    probes, plan = trajectory_of(trajectory), plan_of(trajectory, Plan(steps_per_epoch))
    if isinstance(trajectory, Run):
        state = trajectory.status.state
        config = trajectory.config if config is None else config
        ended = state in ENDED if ended is None else ended
        diverged = state == "diverged" if diverged is None else diverged
    if config is None:
        config, title = RecordedConfig(title="trajectory"), title or ""
    options = {
        "steps_per_epoch": plan.steps_per_epoch,
        "ended": True if ended is None else ended,
        "diverged": bool(diverged),
    }
    picture = _picture(probes, config, quantity, unit, title, dark, options)
    frames = [picture.frame(index) for index in picture.recording.moments(FRAMES)]
    return _encoded(frames, _palette(picture.colors()))


def still(
    trajectory: Trajectory,
    config: RunConfig,
    quantity: str = "true_class_probability",
    *,
    unit: Unit = "epoch",
    steps_per_epoch: int | None = None,
    ended: bool = True,
    diverged: bool = False,
    title: str | None = None,
    dark: bool = False,
) -> Image.Image:
    """The last frame of `gif`: all that has been recorded so far. Raises ConfigError like it."""
    options = {"steps_per_epoch": steps_per_epoch, "ended": ended, "diverged": diverged}
    picture = _picture(trajectory, config, quantity, unit, title, dark, options)
    return picture.frame(len(picture.recording.places) - 1)


def _picture(
    trajectory: Trajectory,
    config: RunConfig,
    quantity: str,
    unit: Unit,
    title: str | None,
    dark: bool,
    options: dict[str, Any],
) -> Picture:
    if not len(trajectory):
        raise ConfigError((("trajectory",), "has no probe yet, needed: one at least"))
    recording = Recording(scene(trajectory.thinned(), config, **options), quantity, unit)
    return Picture(recording, headline(config) if title is None else title, dark)


def _palette(colors: list[Color]) -> Image.Image:
    """The colors, the background and the text first, and shades from each of them to the background: all that smooth
    edges need."""
    background, text, *others = colors
    count = min(20, (TRANSPARENT - 1 - NEUTRAL_SHADES) // max(1, len(others)))
    table = [background]
    for color, steps in [(text, NEUTRAL_SHADES), *((color, count) for color in others)]:
        table += [mixed(color, background, part) for part in np.linspace(1, 0, steps, endpoint=False)]
    palette = Image.new("P", (1, 1))
    palette.putpalette([value for color in table + [background] * (256 - len(table)) for value in color])
    return palette


def _encoded(frames: list[Image.Image], palette: Image.Image) -> bytes:
    """Unchanged pixels are transparent, which makes the file a fifth as large: Pillow does so with `optimize`."""
    indexed = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    times = [FIRST, *[EACH] * (len(frames) - 2), LAST][: len(frames)]
    buffer = io.BytesIO()
    options = {"save_all": True, "append_images": indexed[1:], "duration": times, "loop": 0}
    indexed[0].save(buffer, "GIF", **options, optimize=True, transparency=TRANSPARENT, disposal=1)
    return buffer.getvalue()
