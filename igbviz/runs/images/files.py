"""Read the files of the images that a run watches. They may come from anybody, so all that is read is checked."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from igbviz.runs.files import opened, read
from igbviz.runs.images import sprite
from igbviz.trajectory.images import MAX_TEST, MAX_WRONG, WatchedImages, images_dtype

WHICH, SPRITE, RECORDS = "images.json", "images.png", "images.bin"
FILES = (WHICH, SPRITE, RECORDS)
SAMPLE = 100  # records that are checked, evenly spaced
MAX_IMAGES = MAX_TEST + MAX_WRONG

Side = Annotated[int, Field(ge=1, le=sprite.MAX_SIDE)]
Place = Annotated[int, Field(ge=0, lt=2**53)]
Label = Annotated[int, Field(ge=0, lt=MAX_TEST)]
GivenLabel = Annotated[int, Field(ge=-1, lt=MAX_TEST)]


class Which(BaseModel):
    """images.json: which images are watched, and how their sprite is divided."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore", strict=True, frozen=True)

    tile: tuple[Side, Side]  # width and height of a thumbnail
    columns: int = Field(ge=1, le=MAX_IMAGES)  # thumbnails in a row of the sprite
    index: list[Place] = Field(min_length=1, max_length=MAX_IMAGES)
    labels: list[Label]
    given: list[GivenLabel]

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if not len(self.index) == len(self.labels) == len(self.given):
            raise ValueError("index, labels and given have different lengths")
        return self


def which(folder: Path) -> Which | None:
    """The watched images of the run in a folder; None if it has none. ValueError or OSError if that is unreadable."""
    try:
        return Which.model_validate_json(read(folder / WHICH))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        reason = ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
        raise ValueError(f"{WHICH} is damaged or from another program ({reason})") from None


def watched(folder: Path, probes: int, classes: int) -> WatchedImages | None:
    """The watched images at the first so many probes of the run in a folder; None if it has none.

    ValueError or OSError if a file cannot be read, is too short, or holds what cannot have been recorded.
    """
    if (images := which(folder)) is None:
        return None
    dtype = images_dtype(len(images.labels))
    records = np.empty(0, dtype)
    if probes:
        with opened(folder / RECORDS) as file:
            if (length := file.seek(0, 2)) < probes * dtype.itemsize:
                raise ValueError(f"{RECORDS} has {length // dtype.itemsize} records, trajectory.bin has {probes}")
            records = np.memmap(file, dtype, "r", shape=(probes,))
    columns = (np.array(values, np.int64) for values in (images.index, images.labels, images.given))
    found = WatchedImages(records, *columns)
    if probes and (problem := _problem(found[np.linspace(0, probes - 1, min(SAMPLE, probes)).astype(int)], classes)):
        raise ValueError(f"{RECORDS}: {problem}")
    if max(*images.labels, *images.given) >= classes:
        raise ValueError(f"{WHICH} has a label above {classes - 1}, the last class")
    return found


def _problem(images: WatchedImages, classes: int) -> str:
    p = images.probability
    if not ((p >= 0) & (p <= 1)).all():
        return "a probability is not between 0 and 1"
    return "" if images.guess.max() < classes else f"a guess is above {classes - 1}, the last class"


def check(folder: Path, probes: int, classes: int) -> None:
    """ValueError or OSError if what there is of these files is not what a run would write."""
    present = [name for name in FILES if (folder / name).exists()]
    if not present:
        return
    if (images := which(folder)) is None:
        raise ValueError(f"{present[0]} is there without {WHICH}")
    watched(folder, probes, classes)
    size = (folder / RECORDS).stat().st_size if RECORDS in present else 0
    if size != probes * images_dtype(len(images.labels)).itemsize:
        raise ValueError(f"{RECORDS} has {size} bytes, which is not one record for each of {probes} probes")
    if SPRITE in present:
        try:
            sprite.check(read(folder / SPRITE), images.tile, images.columns, len(images.labels))
        except ValueError as error:
            raise ValueError(f"{SPRITE}: {error}") from None


def inline_sprite(folder: Path) -> str:
    """An address that holds the picture of the thumbnails itself. Raises OSError for a run without them."""
    return f"data:image/png;base64,{base64.b64encode(read(folder / SPRITE)).decode()}"
