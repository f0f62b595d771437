"""Decode image files of any format and mode to bytes, all by the same rules, and say in words what was done.

Values of more than 8 bits get one scale for the whole data set, which follows from the range found in it: a scale for
each picture would remove differences in brightness, and a fixed one crushes 12-bit values to black. What has no natural
scale is refused. Transparent images are laid on white, and images are turned as their EXIF data say.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing.pool import ThreadPool
from typing import TYPE_CHECKING, Any

import numpy as np

from igbviz.datasets.errors import DataError, some
from igbviz.datasets.pixels import Meaning, color_limits, meaning_of

if TYPE_CHECKING:
    from PIL import Image

# Not decoded by Pillow itself: it starts a program for EPS, draws WMF with Windows, opens the file inside IPTC as any
# format, and only recognizes the others.
NOT_DECODED = {"EPS", "WMF", "IPTC", "BUFR", "GRIB", "HDF5", "MPEG"}
ORIENTATION = 0x0112  # EXIF tag; 1 is upright
FAINT = 64  # in a whole data set, the upper byte of 16-bit colours stays below this only if fewer bits are in use


@dataclass(frozen=True)
class Found:
    """What was found in one file."""

    kind: str = ""  # format and mode, as in "JPEG RGB"
    size: tuple[int, int] = (0, 0)  # width and height, upright
    is_deep: bool = False  # colours of 16 bits, of which Pillow keeps the upper byte
    was_turned: bool = False
    has_several: bool = False
    is_transparent: bool = False
    numbers: str = ""  # "integers" or "floats" where the values need a scale
    meaning: Meaning = Meaning()  # of these
    limits: tuple[float, float] = (0, 0)  # lowest and highest value, of deep colours and of what needs a scale
    problem: str = ""


@dataclass(frozen=True)
class Scale:
    """How integers or floats become bytes, and the same in words."""

    factor: float
    words: str

    def applied(self, values: np.ndarray) -> np.ndarray:
        scaled = values.astype(np.float64) * self.factor
        # Integers lose their lower bits, as 16-bit colours do in Pillow; floats are rounded.
        return (np.floor(scaled) if self.factor < 1 else np.rint(scaled)).astype(np.uint8)


@cache
def formats() -> dict[str, str]:
    """The formats that Pillow decodes here, by suffix, the most common ones first."""
    from PIL import Image

    Image.init()
    by_suffix = Image.registered_extensions() | {".mpo": "JPEG"}  # opened as JPEG, with further images behind the first
    known = {suffix: name for suffix, name in by_suffix.items() if name in Image.OPEN and name not in NOT_DECODED}
    return dict(sorted(known.items(), key=lambda item: (item[1] not in ("JPEG", "PNG"), item)))


def size_of(path: str) -> tuple[int, int]:
    """(height, width) of an upright image, which is not decoded unless it has to be turned. Raises DataError."""
    try:
        with _opened(path) as image:
            if _orientation(image) == 1:
                return image.height, image.width
        with _upright(path) as (image, _):
            return image.height, image.width
    except Exception as error:  # decoders raise almost any exception on damaged files
        raise _unreadable([path], [_reason(path, error)]) from error


def header_of(path: str) -> tuple[int, int, str]:
    """Width and height as stored, and the mode, from the beginning of a file; nothing is decoded. Raises DataError."""
    try:
        with _opened(path) as image:
            return image.width, image.height, image.mode
    except Exception as error:
        raise _unreadable([path], [_reason(path, error)]) from error


def require_images(paths: Sequence[str]) -> None:
    """Raise DataError, which names the bad files, if some do not even begin like an image."""
    problems = {}
    for path in paths:
        try:
            _opened(path).close()
        except Exception as error:
            problems[path] = _reason(path, error)
    if problems:
        raise _unreadable(list(problems), list(problems.values()))


def decode(paths: Sequence[str], shape: tuple[int, int, int], resize: bool, label: str) -> tuple[np.ndarray, str]:
    """Images (N, C, H, W) uint8, and in words what was found and done.

    Grey is luma. Without `resize` all images must have this size; else they are resized to it, bilinearly with
    antialiasing. Raises DataError, which names the bad files.
    """
    from PIL import Image

    channels, height, width = shape
    images = np.empty((len(paths), *shape), np.uint8)

    def store(index: int, pixels: Image.Image) -> None:
        pixels = pixels.convert("L") if channels == 1 else pixels
        if pixels.size != (width, height):
            if not resize:
                return  # reported when all sizes are known
            pixels = pixels.resize((width, height), Image.Resampling.BILINEAR)
        images[index] = np.asarray(pixels).reshape(height, width, channels).transpose(2, 0, 1)

    def read(index: int) -> Found:
        try:
            with _upright(paths[index]) as (image, found):
                if found.numbers:
                    return replace(found, limits=found.meaning.limits(image))
                store(index, _on_white(image))
                return replace(found, limits=color_limits(image)) if found.is_deep else found
        except Exception as error:
            return Found(problem=_reason(paths[index], error))

    files = _for_all(read, range(len(paths)), label)
    if bad := [index for index, found in enumerate(files) if found.problem]:
        raise _unreadable([paths[index] for index in bad], [files[index].problem for index in bad])
    if not resize:
        _require_one_size(paths, files)
    _require_all_bits(paths, files)
    scales = {
        numbers: find_scale(limits)
        for numbers, find_scale in (("integers", _integer_scale), ("floats", _float_scale))
        if (
            limits := [
                (path, *found.limits) for path, found in zip(paths, files, strict=True) if found.numbers == numbers
            ]
        )
    }

    def read_scaled(index: int) -> None:
        with _upright(paths[index]) as (image, found):
            values = found.meaning.values(image)
            scaled = scales[found.numbers].applied(values)
            if found.meaning.transparent is not None:
                scaled[values == found.meaning.transparent] = 255
            store(index, Image.fromarray(scaled).convert("RGB"))

    if scales:
        _for_all(read_scaled, [index for index, found in enumerate(files) if found.numbers], f"{label}, scaled")
    return images, _in_words(files, (width, height), list(scales.values()))


def _for_all(action: Callable[[int], Any], indices: Sequence[int], label: str) -> list[Any]:
    from tqdm import tqdm

    # Few threads and large chunks: small images spend their time in Python, where more threads compete for the GIL.
    with ThreadPool(min(8, os.cpu_count() or 1)) as pool:
        results = pool.imap(action, indices, chunksize=64)
        return list(tqdm(results, label, len(indices), unit=" images", mininterval=0.5))


def _opened(path: str) -> Image.Image:
    from PIL import Image

    return Image.open(path, formats=tuple(dict.fromkeys(formats().values())))


@contextmanager
def _upright(path: str) -> Iterator[tuple[Image.Image, Found]]:
    from PIL import ImageOps

    with _opened(path) as image:
        is_deep, meaning = ";16" in str(image.tile), meaning_of(image)  # there is no tile once it is loaded
        has_several = getattr(image, "is_animated", False)
        was_turned = _orientation(image) > 1  # before it is loaded, since Pillow turns TIFF by itself
        image.load()
        if _orientation(image) > 1:
            turned = ImageOps.exif_transpose(image)
            turned.format = image.format
            image = turned
        is_wide = image.mode.startswith("I") or image.mode == "F" or bool(meaning.dtype)
        yield (
            image,
            Found(
                kind=f"{image.format} {image.mode}",
                size=image.size,
                is_deep=is_deep and not is_wide,
                was_turned=was_turned,
                has_several=has_several,
                is_transparent=image.has_transparency_data if not is_wide else meaning.transparent is not None,
                numbers=("floats" if image.mode == "F" else "integers") if is_wide else "",
                meaning=meaning,
            ),
        )


def _orientation(image: Image.Image) -> int:
    with suppress(Exception):  # damaged EXIF data do not make the pixels unreadable
        value = image.getexif().get(ORIENTATION, 1)
        return value if value in range(1, 9) else 1
    return 1


def _on_white(image: Image.Image) -> Image.Image:
    """The image in RGB. Grey becomes RGB too, so that grey is the luma of the colours for every mode."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    from PIL import Image

    image = image.convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image)
    return ground.convert("RGB")


Limits = Sequence[tuple[str, float, float]]  # path, lowest and highest value


def _integer_scale(limits: Limits) -> Scale:
    """The upper 8 of the bits that are in use in the data set: 12-bit values in 16-bit files are divided by 16."""
    highest = max(high for _, _, high in limits)
    for path, low, _ in limits:
        if low < 0:
            raise DataError(
                f"{path} has integers down to {low:.0f}, allowed: from 0, since negative ones have no natural scale; "
                "convert the images to 8 or 16 bits"
            )
    excess = max(0, int(highest).bit_length() - 8)
    done = f"divided by {2**excess}" if excess else "as they are"
    return Scale(2.0**-excess, f"integers up to {highest:.0f} {done} in {len(limits)}")


def _float_scale(limits: Limits) -> Scale:
    """255 where all values of the data set are from 0 to 1, and 1 where all are from 0 to 255."""
    for path, low, high in limits:
        if not 0 <= low <= high <= 255:  # also where one is not a number
            raise DataError(
                f"{path} has floats from {low:g} to {high:g}, allowed: from 0 to 1 or from 0 to 255 in all images; "
                "convert them to 8 or 16 bits"
            )
    highest = max(high for _, _, high in limits)
    done = "multiplied by 255" if highest <= 1 else "rounded"
    return Scale(255.0 if highest <= 1 else 1.0, f"floats up to {highest:g} {done} in {len(limits)}")


def _require_all_bits(paths: Sequence[str], files: Sequence[Found]) -> None:
    """DataError if 16-bit colours hold values of fewer bits: in the upper byte, which Pillow keeps, they are black."""
    deep = [(found.limits[1], path) for found, path in zip(files, paths, strict=True) if found.is_deep]
    if deep and max(deep)[0] < FAINT:
        raise DataError(
            f"{deep[0][1]} and all other 16-bit colour images ({len(deep)}) use at most the lower "
            f"{8 + int(max(deep)[0]).bit_length()} bits, allowed: all 16, since Pillow keeps only the upper 8; convert "
            "them to 8 bits"
        )


def _require_one_size(paths: Sequence[str], files: Sequence[Found]) -> None:
    sizes = Counter(found.size for found in files)
    if len(sizes) == 1:
        return
    shown = [f"{_times(size)} in {count}" for size, count in sizes.most_common()]
    other = next(path for found, path in zip(files, paths, strict=True) if found.size != files[0].size)
    raise DataError(
        f"{other} is not as large as the images before it, which have {len(sizes)} sizes ({some(shown, 3)}): set the "
        "field size, which resizes all to one square"
    )


def _unreadable(paths: Sequence[str], reasons: Sequence[str]) -> DataError:
    if len(paths) == 1:
        named, whole = f"{paths[0]} cannot be read as an image ({reasons[0]})", "it"
    else:
        why = some(list(dict.fromkeys(reasons)), 3)
        named, whole = f"{len(paths)} files cannot be read as images ({some(paths)}: {why})", "them"
    return DataError(f"{named}: repair {whole} or remove {whole} from the folder")


def _reason(path: str, error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "it is in no format that Pillow reads"
    return str(error).replace(repr(path), "it").strip(" .").partition("\n")[0] or type(error).__name__


def _in_words(files: Sequence[Found], size: tuple[int, int], scales: Sequence[Scale]) -> str:
    kinds = Counter(found.kind for found in files).most_common()
    sizes = Counter(found.size for found in files)
    parts = [some([f"{count} {kind}" for kind, count in kinds])]
    if set(sizes) == {size}:
        parts.append(f"{_times(size)} pixels")
    else:
        among = _times(min(sizes)) if len(sizes) == 1 else f"{len(sizes)} sizes"
        parts.append(f"resized from {among} to {_times(size)}")
    counted = {
        "laid on white": sum(found.is_transparent for found in files),
        "turned as EXIF says": sum(found.was_turned for found in files),
        "only the first frame": sum(found.has_several for found in files),
        "upper 8 of 16 bits": sum(found.is_deep for found in files),
    }
    parts += [f"{words} in {count}" for words, count in counted.items() if count]
    return "; ".join([*parts, *(scale.words for scale in scales)])


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
