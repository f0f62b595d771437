"""The README's moving picture: the first look under cross-entropy, and then under a robust loss.

    python -m tests.support.first_look_picture

makes it again, from the runs that ship, as `igbviz.charts.gif` draws them.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from igbviz.charts import gif
from igbviz.runs.shipped import shipped_runs
from tests.support import ROOT

PATH = ROOT / "tests" / "readme" / "first_look.gif"
LOSSES = ("cross-entropy", "piecewise-zero")
TRANSPARENT = 255  # the place in the palette that no color has


def frames(content: bytes) -> list[tuple[Image.Image, int]]:
    """Every frame in RGB, and for how many milliseconds it is shown."""
    picture = Image.open(io.BytesIO(content))
    found = []
    for number in range(picture.n_frames):
        picture.seek(number)
        found.append((picture.convert("RGB"), picture.info["duration"]))
    return found


def drawn() -> list[tuple[Image.Image, int]]:
    """The frames as the program draws them today."""
    runs = [
        run
        for loss in LOSSES
        for run in shipped_runs(ROOT / "cache", model="mlp", loss=loss)
        if run.id.startswith("fashion-mini-mlp")
    ]
    return [frame for run in runs for frame in frames(gif(run.trajectory(), config=run.config))]


def encoded(shown: list[tuple[Image.Image, int]]) -> bytes:
    """One GIF of all, in exactly their colors: both runs are drawn in the same, so one palette has room for them."""
    numbers = [np.asarray(image, dtype=np.uint32) @ np.array([65536, 256, 1], np.uint32) for image, _ in shown]
    colors = np.unique(np.concatenate([np.unique(frame) for frame in numbers]))
    assert len(colors) <= TRANSPARENT
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colors)] = np.stack([colors >> 16, colors >> 8 & 255, colors & 255], axis=1)
    images = [Image.fromarray(np.searchsorted(colors, frame).astype(np.uint8)) for frame in numbers]
    for image in images:
        image.putpalette(palette.ravel().tolist())
    buffer = io.BytesIO()
    images[0].save(
        buffer, "GIF", save_all=True, append_images=images[1:], duration=[time for _, time in shown], loop=0,
        optimize=True, transparency=TRANSPARENT, disposal=1,
    )  # fmt: skip
    return buffer.getvalue()


if __name__ == "__main__":
    PATH.write_bytes(encoded(drawn()))
    print(f"{PATH}: {PATH.stat().st_size:,} bytes")
