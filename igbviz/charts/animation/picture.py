"""The stage drawn by Pillow: axes and lines once, then a frame for every moment. No browser and no fonts are needed.

Pillow draws no smooth lines, so lines are drawn three or four times as large and reduced: the whole picture once, and
in every frame the strip around the cursor.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw

from igbviz.charts.animation.fonts import PAD, STAR, letters, shortened, width
from igbviz.charts.animation.labels import End, layout
from igbviz.charts.animation.recording import Recording
from igbviz.charts.animation.strokes import Color, dashes, mixed, rgb
from igbviz.charts.colors import DARK_FOR, DARK_PAGE, LIGHT_PAGE

WIDTH, HEIGHT = 960, 540
LEFT, TOP, BOTTOM = 64, 88, 488  # of the plot
BARS = (740, 944)
MARGIN = 16
BESIDE = 24  # pixels from a line to its name
SIZE = 15  # of most text
LARGE, STRIP = 3, 4  # drawn so many times as large
VEIL = 0.86  # how much of the future is hidden


class Picture:
    """The frames of a recording; `title` stands above them."""

    def __init__(self, recording: Recording, title: str, dark: bool) -> None:
        self.recording, self.title, self.dark = recording, title, dark
        page = DARK_PAGE if dark else LIGHT_PAGE
        self.background, self.text = rgb(page.background), rgb(page.text)
        wanted = max(width(self._starred(line), SIZE, line["strong"]) for line in recording.lines)
        self.room = min(max(wanted, width(f"{len(recording.lines)} classes at 0.99", SIZE)), 190.0) + 4
        self.right = BARS[0] - MARGIN - self.room - BESIDE

    def frame(self, index: float) -> Image.Image:
        """The stage at a fractional index of the probes."""
        image, x = self._axes_and_lines.copy(), self.x(self.recording.at(self.recording.places, index))
        cursor = round(x)
        future = (cursor, TOP - 2, round(self.right) + 3, BOTTOM + 2)
        if future[0] < future[2]:
            image.paste(self._veiled.crop(future), future)
        self._strip(image, x, index)
        self._words(image, index)
        self._bars(image, index)
        return image

    def colors(self) -> list[Color]:
        """The colors that it is drawn in, the background first; everything else is a shade between it and another."""
        drawn = [self._color(line["color"]) for line in (*self.recording.lines, *self.recording.bars)]
        return list(dict.fromkeys([self.background, self.text, *drawn]))

    # Places in pixels.

    def x(self, place: float) -> float:
        low, high = self.recording.axis["range"]
        return LEFT + (place + self.recording.axis["shift"] - low) / (high - low) * (self.right - LEFT)

    def y(self, value: float) -> float:
        return BOTTOM - (value + 0.02) / 1.04 * (BOTTOM - TOP)

    # What does not move.

    @cached_property
    def _axes_and_lines(self) -> Image.Image:
        large = Image.new("RGB", (LARGE * WIDTH, LARGE * HEIGHT), self.background)
        draw = ImageDraw.Draw(large)
        self._axes(draw)
        for line, values in sorted(
            zip(self.recording.lines, self.recording.rows.T, strict=True), key=lambda pair: pair[0]["strong"]
        ):
            points = np.column_stack([[self.x(place) for place in self.recording.places], self.y(values)]) * LARGE
            color = mixed(self._color(line["color"]), self.background, 1 if line["strong"] else 0.8)
            pattern = [] if line["dash"] == "solid" else [LARGE * float(part[:-2]) for part in line["dash"].split(",")]
            for piece in dashes(points, pattern):
                draw.line([tuple(point) for point in piece], color, round(LARGE * line["width"]), joint="curve")
        image = large.reduce(LARGE)
        self._ticks(image)
        return image

    @cached_property
    def _veiled(self) -> Image.Image:
        nothing = Image.new("RGB", (WIDTH, HEIGHT), self.background)
        return Image.blend(self._axes_and_lines, nothing, VEIL)

    def _axes(self, draw: ImageDraw.ImageDraw) -> None:
        axis = self.recording.axis
        shift = axis["shift"]

        def line(x0: float, y0: float, x1: float, y1: float, shade: float, width: float = 1, pattern=()) -> None:
            ends = np.array([(x0, y0), (x1, y1)]) * LARGE
            for piece in dashes(ends, [LARGE * part for part in pattern]):
                draw.line([tuple(point) for point in piece], self._faint(shade), round(LARGE * width))

        untrained = (LEFT, TOP, self.x(axis["ticks"][0][0] + 0.25 - shift), BOTTOM)
        draw.rectangle([LARGE * side for side in untrained], self._faint(0.06))
        for value in (0, 0.25, 0.5, 0.75, 1):
            line(LEFT - 5, self.y(value), self.right, self.y(value), 0.13)
        for place, _ in axis["ticks"]:
            x = self.x(place - shift)
            line(x, TOP, x, BOTTOM, 0.13)
            line(x, BOTTOM, x, BOTTOM + 5, 0.5)
        for place in axis["minor"]:
            line(self.x(place - shift), BOTTOM, self.x(place - shift), BOTTOM + 3, 0.5)
        line(LEFT, BOTTOM, self.right, BOTTOM, 0.5)
        if (chance := self.recording.chance) is not None:
            line(LEFT, self.y(chance), self.right, self.y(chance), 0.45, 1.5, (1.5, 3))
        for place, _, pattern in self._marks():
            line(self.x(place), TOP, self.x(place), BOTTOM, 0.45, 1.5, pattern)

    def _marks(self) -> list[tuple[float, str, tuple[float, ...]]]:
        """Vertical lines: place, words above it, dash."""
        axis, per_epoch = self.recording.axis, self.recording.steps_per_epoch
        marks = [(float(np.log10(epoch * per_epoch)), text, ()) for epoch, text in self.recording.marks if per_epoch]
        first = axis["first_epoch"]
        return ([] if first is None else [(first, "epoch 1", (9.0, 9.0))]) + marks

    def _ticks(self, image: Image.Image) -> None:
        axis, small = self.recording.axis, SIZE - 1
        for value in (0, 0.25, 0.5, 0.75, 1):
            self._write(image, LEFT - 9, self.y(value), f"{value:g}", anchor="right")
        chance = self.recording.chance
        if chance and chance > 0.04 and min(abs(chance - value) for value in (0, 0.25, 0.5)) > 0.05:
            self._write(image, LEFT - 9, self.y(chance), "1/K", small, anchor="right")
        first, *others = axis["ticks"]
        start = self.x(first[0] - axis["shift"]) + width(first[1], SIZE) / 2 + 8
        self._write(image, self.x(first[0] - axis["shift"]), BOTTOM + 17, first[1], anchor="center")
        free = float("inf")
        for place, label in reversed(others):
            x, half = self.x(place - axis["shift"]), width(label, SIZE) / 2
            if x + half <= free and x - half >= start:
                self._write(image, x, BOTTOM + 17, label, anchor="center")
                free = x - half - 8
        self._write(image, (LEFT + self.right) / 2, HEIGHT - 14, axis["title"], anchor="center")
        title = self.recording.view["axis"]
        turned = Image.new("RGB", (round(width(title, SIZE)), 22), self.background)
        self._write(turned, 0, 11, title)
        turned = turned.rotate(90, expand=True)
        image.paste(turned, (4, (TOP + BOTTOM - turned.height) // 2))
        for row, (place, text, _) in enumerate(self._marks()):
            self._write(image, self.x(place), TOP - 11 - 17 * row, text, small, anchor="center")
        self._write(image, BARS[0], TOP - 11, "What it guesses", SIZE, True)
        words = f"{self.title} · {self.recording.view['title']}" if self.title else self.recording.view["title"]
        words = shortened(words, BARS[0] - 2 * MARGIN, SIZE)
        self._write(image, MARGIN, 51, words, color=self._faint(0.78))

    # What moves.

    def _strip(self, image: Image.Image, x: float, index: float) -> None:
        """The cursor, a dot on every line, and the leaders to the names; then the names."""
        ends = self._ends(index)
        names = layout(ends, self._plural, gap=1.25 * SIZE, low=TOP + 4, high=BOTTOM - 5)
        box = (round(x) - 10, TOP - 8, round(x) + BESIDE, BOTTOM + 8)
        size = (box[2] - box[0], box[3] - box[1])
        strip = image.crop(box).resize((STRIP * size[0], STRIP * size[1]), Image.Resampling.NEAREST)
        draw = ImageDraw.Draw(strip)

        def at(px: float, py: float) -> tuple[float, float]:
            return STRIP * (px - box[0]), STRIP * (py - box[1])

        draw.line([at(x, TOP), at(x, BOTTOM)], self._faint(0.55), round(1.5 * STRIP))
        for end in ends:
            color = self._color(end.color)
            radius = STRIP * (5.5 if end.strong else 4)
            draw.circle(at(x, end.y), radius + 0.75 * STRIP, self.background)
            draw.circle(at(x, end.y), radius - 0.75 * STRIP, color)
        for name in names:
            corners = [(x + 7, name.y), (x + 10, name.y), (x + 19, name.at), (x + BESIDE - 3, name.at)]
            draw.line([at(*corner) for corner in corners], self._color(name.color), STRIP, joint="curve")
        image.paste(strip.reduce(STRIP), box)
        for name in names:
            text = shortened(name.text, self.room, SIZE, name.strong)
            self._write(image, x + BESIDE, name.at, text, SIZE, name.strong, color=self._color(name.color), rim=2)

    def _ends(self, index: float) -> list[End]:
        values = self.recording.at(self.recording.rows, index)
        return [
            End(self._starred(line), self.y(value), float(value), line["color"], line["strong"])
            for line, value in zip(self.recording.lines, values, strict=True)
        ]

    @property
    def _plural(self) -> str:
        if self.recording.view["name"] == "wrong_labels":
            return "parts"
        return "classes" if len(self.recording.lines) == self.recording.classes else "lines"

    def _words(self, image: Image.Image, index: float) -> None:
        said, room = self.recording.said(index), WIDTH - 2 * MARGIN
        size = next((size for size in range(20, 14, -1) if width(said, size, True) <= room), 14)
        self._write(image, MARGIN, 24, shortened(said, room, size, True), size, True)
        self._write(image, BARS[1], HEIGHT - 18, self.recording.words(index), 18, True, anchor="right")

    def _bars(self, image: Image.Image, index: float) -> None:
        draw, left, right = ImageDraw.Draw(image), *BARS
        lines = self.recording.bars
        height = min(46.0, (BOTTOM + 14 - TOP) / len(lines))
        size = min(SIZE - 1, round(0.62 * height))
        widest = max(width(self._starred(line), size, line["strong"]) for line in lines)
        start, end = left + min(widest, 0.5 * (right - left)) + 7, right - width("100 %", size) - 5
        for row, (line, value) in enumerate(zip(lines, self.recording.at(self.recording.bar_rows, index), strict=True)):
            middle, half = TOP + (row + 0.5) * height, 0.3 * height
            name = shortened(self._starred(line), start - left - 5, size, line["strong"])
            self._write(image, left, middle, name, size, line["strong"])
            chance = start + (end - start) / self.recording.classes
            for x in (start, chance):
                draw.rectangle((round(x), middle - half, round(x), middle + half), self._faint(0.22))
            if (length := round(value * (end - start))) > 0:
                box = (round(start) + 1, middle - half, round(start) + length, middle + half)
                draw.rectangle(box, self._color(line["color"]))
            self._write(image, right, middle, f"{100 * value:.0f} %", size, anchor="right")

    # Letters and colors.

    def _write(
        self,
        image: Image.Image,
        x: float,
        middle: float,
        text: str,
        size: float = SIZE,
        bold: bool = False,
        *,
        color: Color | None = None,
        anchor: str = "left",
        rim: int = 0,
    ) -> None:
        """A text with the middle of its small letters at this height; a rim hides what is behind it."""
        left = round(x - {"left": 0, "center": 0.5, "right": 1}[anchor] * width(text, size, bold)) - PAD
        layers = [(self.background, rim)] if rim else []
        for ink, around in (*layers, (color or self.text, 0)):
            mask, baseline = letters(text, size, bold, around)
            image.paste(ink, (left, round(middle + 0.35 * size) - baseline), mask)

    def _starred(self, line: dict) -> str:
        return f"{line['name']} {STAR}" if line["strong"] else line["name"]

    def _color(self, color: str | None) -> Color:
        if not color:
            return self.text
        return rgb(DARK_FOR.get(color, color) if self.dark else color)

    def _faint(self, shade: float) -> Color:
        return mixed(self.text, self.background, shade)
