"""Letters for pictures that Pillow draws: the font of the page, which Streamlit brings along, or another that is there.

A machine may have no fonts at all; then it is the one inside Pillow, which knows Latin letters only.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.util import find_spec
from math import ceil, cos, pi, sin
from pathlib import Path
from unicodedata import combining

from PIL import Image, ImageDraw, ImageFont

OTHERS = (  # where the page's font lacks a letter, as of a class name in another script: regular, bold
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc"),
    ("Arial Unicode.ttf", "Arial Unicode.ttf"),
)
MISSING = "\uffff"  # no font has it
STAR = "★"  # drawn by hand, since few fonts have it

LARGE = 4  # drawn so many times as large
PAD = 3  # pixels around a text

Font = ImageFont.FreeTypeFont


class Face:
    """Regular and bold letters of one font, in any size."""

    def __init__(self, regular: str = "", bold: str = "", weights: tuple[float, float] | None = None) -> None:
        self._files, self._weights = (regular, bold), weights

    @cache  # noqa: B019 (there are five faces)
    def font(self, size: float, bold: bool = False) -> Font:
        if not self._files[bold]:
            return ImageFont.load_default(size)
        font = ImageFont.truetype(self._files[bold], size)
        if self._weights:
            font.set_variation_by_axes([self._weights[bold]])
        return font

    def lacking(self, text: str) -> set[str]:
        """The letters of the text that it does not have."""
        font = self.font(12)
        nothing = bytes(font.getmask(MISSING))
        return {letter for letter in text if not letter.isspace() and bytes(font.getmask(letter)) == nothing}


@lru_cache(maxsize=2000)
def width(text: str, size: float, bold: bool = False) -> float:
    words, face = _face_for(text.removesuffix(STAR))
    beside = _star(size).width if text.endswith(STAR) else 0
    return face.font(LARGE * size, bold).getlength(words) / LARGE + beside


def shortened(text: str, room: float, size: float, bold: bool = False) -> str:
    """The text, or its beginning with "…" where the whole is wider than `room`; a star at its end stays."""
    if width(text, size, bold) <= room:
        return text
    star = f" {STAR}" if text.endswith(f" {STAR}") else ""
    words = text.removesuffix(star)
    while words and width(f"{words.rstrip()}…{star}", size, bold) > room:
        words = words[:-1]
    return f"{words.rstrip()}…{star}"


@lru_cache(maxsize=2000)  # numbers and names come again in every frame
def letters(text: str, size: float, bold: bool = False, rim: int = 0) -> tuple[Image.Image, int]:
    """The text as a mask, with a rim of so many pixels around it, and the height of its baseline in it.

    Drawn large and reduced: letters of this size would each stand on a whole pixel, as far from each other as it gets.
    """
    words, face = _face_for(text.removesuffix(STAR))
    font = face.font(LARGE * size, bold)
    above, below = (ceil(part / LARGE) + PAD for part in font.getmetrics())
    large = Image.new("L", (LARGE * (ceil(width(text, size, bold)) + 2 * PAD), LARGE * (above + below)))
    place = (LARGE * PAD, LARGE * above)
    ImageDraw.Draw(large).text(place, words, 255, font, anchor="ls", stroke_width=LARGE * rim)
    mask = large.reduce(LARGE)
    if words != text and text.endswith(STAR):
        drawn = _star(size)
        mask.paste(drawn, (PAD + round(font.getlength(words) / LARGE), above - drawn.height + round(0.06 * size)))
    return mask, above


@cache
def _face_for(text: str) -> tuple[str, Face]:
    """The first font that has every letter, or else the one that lacks fewest.

    Letters that none has, as the index of p̄ₖ, are left out where the rest says enough.
    """
    best = min(_faces(), key=lambda face: len(face.lacking(text)))  # the first of several
    lacking = best.lacking(text)
    if lacking and len(lacking) < 0.2 * len(text):
        text = "".join(letter for letter in text if letter not in lacking and not combining(letter)).strip()
    return text, best


@cache
def _faces() -> tuple[Face, ...]:
    return tuple(_found())


def _found() -> Iterator[Face]:
    for face in (_page_face(), *(Face(*files) for files in OTHERS), Face()):
        try:
            if face:
                face.font(12), face.font(12, True)
                yield face
        except OSError:  # not on this machine, or not in a format that its FreeType reads
            continue


@cache
def _page_face() -> Face | None:
    """The font of the app's pages, from the installed Streamlit; it is not imported."""
    found = find_spec("streamlit")
    folder = Path(found.origin).parent / "static" if found and found.origin else None
    files = sorted(folder.rglob("SourceSansVF-Upright*")) if folder else []
    return Face(str(files[0]), str(files[0]), weights=(400, 700)) if files else None


@cache
def _star(size: float) -> Image.Image:
    """A star as a mask, as high as the letters."""
    side = max(6, round(0.8 * size))
    mask = Image.new("L", (LARGE * side, LARGE * side))
    center, radii = LARGE * side / 2, (LARGE * side / 2, LARGE * side / 5)
    corners = [
        (center + radii[k % 2] * sin(k * pi / 5), 1.05 * center - radii[k % 2] * cos(k * pi / 5)) for k in range(10)
    ]
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    return mask.reduce(LARGE)
