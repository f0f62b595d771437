"""Scenes of the stage with the pictures of a run, which `pictured_runs` keeps beside its records. Imports no torch."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import numpy as np
from PIL import Image

from igbviz.config import RunConfig
from igbviz.losses import LossOfP
from igbviz.losses.force import ZERO_GRADIENT_FRACTION
from igbviz.trajectory import Trajectory

EACH, WRONG, COLUMNS = 12, 24, 12  # images of a class, wrongly labelled ones, tiles in a row of the sprite


def pull(loss: LossOfP) -> list[float]:
    """How hard the loss pulls a label up at p = (b / 255)^2, over its largest pull; 0 where it ignores the image."""
    p = (np.arange(256) / 255) ** 2
    weight = loss.weight(np.log(np.maximum(p, 1e-12)), np)
    weight = np.where(np.abs(weight) < ZERO_GRADIENT_FRACTION, 0, weight) / np.abs(weight).max()
    return np.round(weight, 4).tolist()


def adding(scene: Callable[..., str], folder: Path) -> Callable[..., str]:
    """`charts.stage.scene`, with the pictures of the runs below this folder that have some."""

    @wraps(scene)
    def with_pictures(trajectory: Trajectory, config: RunConfig, **options) -> str:
        message = json.loads(scene(trajectory, config, **options))
        path = folder / config.id / "pictures.npz"
        if not path.is_file():
            return json.dumps(message)
        pictures = np.load(path)
        rows = np.searchsorted(pictures["steps"], message["steps"])  # a long run is shown at some of its probes
        for name in ("p", "guess"):
            message["tables"][f"images_{name}"] = base64.b64encode(pictures[name][rows].tobytes()).decode()
        if "fixed" in message:
            message["fixed"]["images"] = {
                "sprite": sprite(pictures["images"]),
                "tile": list(pictures["images"].shape[:0:-1]),
                "columns": COLUMNS,
                "labels": pictures["labels"].tolist(),
                "given": pictures["given"].tolist(),
                "pull": pull(config.loss),
            }
            for k, bar in enumerate(message["fixed"]["bars"]):
                bar["thumbnail"] = EACH * k
        return json.dumps(message)

    return with_pictures


def sprite(images: np.ndarray) -> str:
    """The images (N, H, W) as one PNG, COLUMNS in a row, as a data URL."""
    count, height, width = images.shape
    rows = -(-count // COLUMNS)
    padded = np.zeros((rows * COLUMNS, height, width), np.uint8)
    padded[:count] = images
    whole = padded.reshape(rows, COLUMNS, height, width).swapaxes(1, 2).reshape(rows * height, COLUMNS * width)
    file = io.BytesIO()
    Image.fromarray(whole).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
