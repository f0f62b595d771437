"""The stage as a GIF: its frames, its colors, and what it does where fonts or probes are missing."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from igbviz.charts import gif
from igbviz.charts.animation import fonts
from igbviz.charts.animation.labels import End, apart, layout
from igbviz.charts.animation.strokes import dashes, rgb
from igbviz.charts.colors import DARK, DARK_PAGE, LIGHT, LIGHT_PAGE
from igbviz.config import RunConfig
from igbviz.spec import ConfigError
from tests.support.recorded_runs import recorded
from tests.support.stored_runs import stored, story

CONFIG = RunConfig(epochs=4, batch_size=100)
BARS = (740, 944)  # pixels, from the left


def frames(content: bytes) -> list[np.ndarray]:
    picture = Image.open(io.BytesIO(content))
    found = []
    for k in range(picture.n_frames):
        picture.seek(k)
        found.append(np.asarray(picture.convert("RGB")))
    return found


def has(frame: np.ndarray, color: str) -> int:
    """How many pixels beside the plot have exactly this color."""
    return int((frame[:, BARS[0] : BARS[1]] == rgb(color)).all(-1).sum())


@pytest.mark.parametrize(("dark", "palette", "page"), [(False, LIGHT, LIGHT_PAGE), (True, DARK, DARK_PAGE)])
def test_sixty_frames_in_the_colors_of_the_classes(dark: bool, palette: tuple, page) -> None:
    content = gif(story(8), config=CONFIG, steps_per_epoch=100, dark=dark)
    shown = frames(content)
    assert len(shown) == 60 and len(content) < 3_000_000
    first, last = shown[0], shown[-1]
    assert tuple(first[0, 0]) == rgb(page.background)
    assert [has(first, color) > 300 for color in palette] == [k == 8 for k in range(10)], "one class has every guess"
    assert all(has(last, color) > 50 for color in palette), "every class has its share"
    assert (first != last).any(-1).mean() > 0.01
    assert Image.open(io.BytesIO(content)).info["loop"] == 0


def test_unchanged_pixels_cost_nothing() -> None:
    content = gif(story(8), config=CONFIG)
    assert len(content) < 0.5 * sum(len(zipped(frame)) for frame in frames(content))


def zipped(frame: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).quantize(255).save(buffer, "GIF")
    return buffer.getvalue()


def test_it_needs_no_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    own = fonts.Face()
    monkeypatch.setattr(fonts, "_faces", lambda: (own,))
    for cached in (fonts.width, fonts.letters, fonts._face_for):
        cached.cache_clear()
    try:
        assert len(frames(gif(story(8), config=CONFIG))) == 60
        assert fonts._face_for("mean probability p̄ₖ")[0] == "mean probability p", "what no font has is left out"
        assert fonts.width("Ankle boot ★", 15, True) > fonts.width("Ankle boot", 15, True) > 50
    finally:
        for cached in (fonts.width, fonts.letters, fonts._face_for):
            cached.cache_clear()


def test_many_classes_and_few_probes() -> None:
    assert len(frames(gif(story(8, classes=100), "accuracy", config=CONFIG, unit="step"))) == 60
    assert len(frames(gif(story(8)[:1], config=CONFIG))) == 1, "so far there is only Init."
    with pytest.raises(ConfigError, match="no probe yet"):
        gif(story(8)[:0], config=CONFIG)
    with pytest.raises(ConfigError, match="view is 'confusion', allowed: one of"):
        gif(story(8), "confusion", config=CONFIG)
    with pytest.raises(ConfigError, match="unit is 'week', allowed: one of"):
        gif(story(8), config=CONFIG, unit="week")


def test_names_stand_apart_and_share_a_place() -> None:
    assert apart([10, 50, 51, 90], 15, 0, 100) == pytest.approx([10, 43, 58, 90]), "as near as possible"
    assert apart([98, 99], 15, 0, 100) == pytest.approx([85, 100]), "within the plot"
    ends = [End(f"c{k}", 400.0, 0.0, "#000000", k == 8) for k in range(10)]
    names = layout(ends, "classes", gap=18, low=0, high=410)
    assert [name.text for name in names] == ["8 classes at 0", "c8", "c9"]
    assert [name.at for name in names] == pytest.approx([374, 392, 410])


def test_dashes_go_around_corners() -> None:
    corner = np.array([(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)])
    first, second = dashes(corner, (12, 3))
    assert first.tolist() == [[0, 0], [10, 0], [10, 2]] and second.tolist() == [[10, 5], [10, 10]]
    assert dashes(corner, ())[0] is corner


def test_it_takes_a_run_in_each_form(cache: Path) -> None:
    run, watched = stored(CONFIG, cache, story(8)), recorded(cache)
    drawn = gif(run, "accuracy")
    same = {"steps_per_epoch": run.steps_per_epoch, "config": run.config, "ended": run.status.ended}
    assert drawn == gif(run.trajectory(), "accuracy", **same)
    for value in (run.trajectory(), list(run.trajectory().records), watched):
        assert gif(value, "accuracy") != drawn
    with pytest.raises(ConfigError, match="^trajectory is 5, allowed: a Run, a Trajectory, or a list of snapshots"):
        gif(5)
