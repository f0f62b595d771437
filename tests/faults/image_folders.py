"""Folders of images as people have them, and worse: a sentence, or data that can be trained on."""

from __future__ import annotations

import io
import os
import shutil
from contextlib import suppress
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from igbviz.datasets import DataError, ImageFolder
from igbviz.spec import ConfigError
from tests.faults.inputs import examine
from tests.faults.registry import Case, fault, one_sentence

MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F", "I;16", "YCbCr", "HSV"]
ENDINGS = ["png", "jpg", "jpeg", "bmp", "tif", "gif", "webp", "ppm", "txt", "eps", "svg", "npy", ""]
SPLITS = ["train", "test", "Train", "val", "train "]
CLASSES = ["cat", "dog", "10", "9", ".hidden", "<b>", "e\u0301", "\u00e9", "a b", "__MACOSX", os.fsdecode(b"\xff")]
KINDS = ["image"] * 12 + ["cut", "bytes", "empty", "folder", "link", "circle", "fifo", "huge"]
FILES = st.fixed_dictionaries({
    "kind": st.sampled_from(KINDS), "mode": st.sampled_from(["L", "RGB", *MODES]),
    "side": st.sampled_from([4, 4, 4, 5, 1]), "name": st.sampled_from(["1", "2", "10", "x y", "\u00e9", "-"]),
    "ending": st.sampled_from(["png", "png", "png", *ENDINGS]), "bytes": st.binary(max_size=30),
})  # fmt: skip
PLACES = st.tuples(
    st.sampled_from(["train", "train", "test", "test", *SPLITS]), st.sampled_from(["cat", "dog", *CLASSES])
)
TREES = st.lists(st.tuples(PLACES, FILES), max_size=14)
SETTINGS = st.fixed_dictionaries({"size": st.sampled_from([None, 4, 8]), "grayscale": st.booleans(),
                                  "examples_per_class": st.sampled_from([None, 1, 3])})  # fmt: skip
GOOD = {"kind": "image", "mode": "RGB", "side": 4, "name": "0", "ending": "png", "bytes": b""}
WHOLE = [((split, name), GOOD) for split in ("train", "test") for name in ("cat", "dog")]


def write(folder: str, file: dict[str, Any]) -> None:
    """Write one entry of a tree; nothing where the system cannot."""
    name = f"{file['name']}.{file['ending']}".rstrip(".")
    path = os.path.join(folder, name)
    os.makedirs(folder, exist_ok=True)
    if os.path.lexists(path):
        return
    kind, side = file["kind"], file["side"]
    if kind in ("image", "cut"):
        pixels, memory = (
            Image.fromarray(np.arange(side * side * 3, dtype=np.uint8).reshape(side, side, 3)),
            io.BytesIO(),
        )
        format = {"jpg": "jpeg", "tif": "tiff"}.get(file["ending"], file["ending"])
        try:
            pixels.convert(file["mode"]).save(
                memory, format if format in ("jpeg", "tiff", "bmp", "gif", "ppm") else "png"
            )
        except (OSError, ValueError):  # not every format has every mode
            pixels.save(memory, "png")
        content = memory.getvalue()
        with open(path, "wb") as target:
            target.write(content[: len(content) // 2] if kind == "cut" else content)
    elif kind == "folder":
        os.mkdir(path)
    elif kind == "link":
        os.symlink("/etc/passwd", path)
    elif kind == "circle":
        os.symlink(name, path)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        with open(path, "wb") as target:
            target.write(file["bytes"] if kind == "bytes" else b"")
            target.truncate(10**9 if kind == "huge" else None)


@fault("image-folders", "folders of images: foreign, damaged and odd files, names and layouts")
def image_folders(case: Case) -> None:
    os.environ["IGBVIZ_DATA"] = str(case.folder / "data")
    folder = case.folder / "images"

    def check(given: tuple) -> None:
        tree, is_whole, settings = given
        shutil.rmtree(folder, ignore_errors=True)
        for (split, name), file in [*(WHOLE if is_whole else ()), *tree]:
            with suppress(OSError):
                write(str(folder / split / name), file)
        try:
            dataset = ImageFolder(folder=str(folder), **settings).identified()
            facts, data = dataset.facts(), dataset.load()
        except (DataError, ConfigError) as error:
            one_sentence(error).encode()
            return
        assert facts.class_names == data.class_names and facts.train_size == len(data.train_images)
        assert np.isfinite(data.train_images.numpy()).all() and data.source.encode()

    examine(case, st.tuples(TREES, st.booleans(), SETTINGS), check, 25)
