"""Colours of classes are visible on every page and distinguishable to everyone, or else by dash and pattern."""

import re

import numpy as np
import pytest

from igbviz.charts.colors import (
    ANYWHERE,
    DARK,
    DARK_FOR,
    DARK_PAGE,
    HUES,
    LIGHT,
    LIGHT_PAGE,
    NEUTRAL,
    NEUTRAL_TEXT,
    NEUTRAL_TEXT_ANYWHERE,
    NEUTRAL_TEXT_ON_DARK,
    class_style,
    on_any_ground,
    on_any_page,
    on_dark,
    on_page,
    shade,
)
from tests.support import ROOT
from tests.support.colors import TO_XYZ, contrast, linear

PALETTES = {"light": LIGHT, "dark": DARK, "anywhere": ANYWHERE}
TEXTS = {"light": (*LIGHT, NEUTRAL_TEXT), "dark": (*DARK, NEUTRAL_TEXT_ON_DARK)}
PAGES = {"light": LIGHT_PAGE.background, "dark": DARK_PAGE.background}
FIELDS = {"light": "#f8f8f7", "dark": "#2d2b27"}  # the second background of Streamlit's themes
# Least CIEDE2000 differences: of all pairs, and within the first and the second five, which share a dash.
DIFFERENCES = {
    "light": {"normal": (12.8, 16.2), "protan": (8.1, 12.9), "deutan": (8.1, 12.8), "tritan": (7.8, 14.4)},
    "dark": {"normal": (11.2, 23.0), "protan": (9.7, 15.9), "deutan": (9.8, 17.2), "tritan": (9.2, 13.5)},
    # Equal in brightness, colors have less to differ in: beside the dash it is the legend that tells them apart.
    "anywhere": {"normal": (8.4, 15.6), "protan": (6.5, 10.8), "deutan": (6.4, 10.6), "tritan": (6.3, 10.8)},
}

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB under D65."""
    t = TO_XYZ @ np.clip(rgb, 0, 1) / TO_XYZ.sum(1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """CIEDE2000 of two CIELAB colours (Sharma, Wu and Dalal 2005)."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1 + 0.5 * (1 - np.sqrt(chroma**7 / (chroma**7 + 25.0**7)))
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, stretch * a1)), np.degrees(np.arctan2(b2, stretch * a2))
    turn = (h2 - h1 + 180) % 360 - 180
    hue, lightness, chroma = h1 + turn / 2, (l1 + l2) / 2, (c1 + c2) / 2

    def wave(times: int, shift: float) -> float:
        return np.cos(np.radians(times * hue + shift))

    weight = 1 - 0.17 * wave(1, -30) + 0.24 * wave(2, 0) + 0.32 * wave(3, 6) - 0.20 * wave(4, -63)
    by_lightness = (l2 - l1) / (1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2))
    by_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    by_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * weight)
    rotation = 30 * np.exp(-((((hue % 360) - 275) / 25) ** 2))
    cross = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(np.radians(2 * rotation))
    return float(np.sqrt(by_lightness**2 + by_chroma**2 + by_hue**2 + cross * by_chroma * by_hue))


def test_contrast_and_distance_agree_with_known_values():
    assert contrast("#000000", "#ffffff") == pytest.approx(21, abs=1e-3)
    assert lab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=0.01)
    assert lab(linear("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)


@pytest.mark.parametrize(
    "one, other, known",
    [
        ([50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425),
        ([50, 2.5, 0], [61, -5, 29], 22.8977),
        ([50, -1, 2], [50, 0, 0], 2.3669),
        ([2.0776, 0.0795, -1.1350], [0.9033, -0.0636, -0.5514], 0.9082),
    ],
)
def test_difference_agrees_with_published_pairs(one: list[float], other: list[float], known: float):
    assert difference(np.array(one), np.array(other)) == pytest.approx(known, abs=1e-4)


@pytest.mark.parametrize("ground", ["#ffffff", "#111111", "#0e1117"])
def test_every_colour_can_be_read_as_text_on_any_ground(ground: str):
    assert all(contrast(color, ground) >= 4 for color in (*ANYWHERE, NEUTRAL_TEXT_ANYWHERE))
    assert contrast(NEUTRAL_TEXT_ANYWHERE, "#1e1e1e") >= 4, "VS Code"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("place", range(len(TEXTS["light"])), ids=[*HUES, "neutral"])
def test_every_colour_can_be_read_as_text_on_its_page(place: int, page: str):
    color = TEXTS[page][place]
    assert contrast(color, PAGES[page]) >= 4.5
    assert contrast(color, FIELDS[page]) >= 4.5


@pytest.mark.parametrize("page", PAGES.values())
def test_neutral_lines_are_visible_on_both_pages(page: str):
    assert contrast(NEUTRAL, page) >= 3


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("page", PALETTES)
def test_classes_are_told_apart(page: str, sight: str):
    points = [lab(SIGHT[sight] @ linear(color)) for color in PALETTES[page]]
    pairs = {(i, j): difference(points[i], points[j]) for i in range(10) for j in range(i)}
    of_all, of_one_dash = DIFFERENCES[page][sight]
    assert min(pairs.values()) >= of_all
    assert min(value for (i, j), value in pairs.items() if i // 5 == j // 5) >= of_one_dash


@pytest.mark.parametrize("place", range(10), ids=HUES)
@pytest.mark.parametrize("palette", [DARK, ANYWHERE], ids=["dark", "anywhere"])
def test_a_class_keeps_its_hue_from_page_to_page(palette: tuple[str, ...], place: int):
    (_, *one), (_, *other) = (lab(linear(colors[place])) for colors in (LIGHT, palette))
    turn = np.degrees(np.arctan2(one[1], one[0]) - np.arctan2(other[1], other[0]))
    assert abs((turn + 180) % 360 - 180) <= 40


def test_a_text_is_translated_with_its_shades_and_nothing_else():
    text = f'{{"a": "{LIGHT[3]}", "b": "{shade(LIGHT[3], 0.25)}", "c": "#ffffff", "d": "{shade("#102030", 0.5)}"}}'
    dark = f'{{"a": "{DARK[3]}", "b": "{shade(DARK[3], 0.25)}", "c": "#ffffff", "d": "{shade("#102030", 0.5)}"}}'
    assert on_dark(text) == dark == on_dark(dark), "what is dark stays"
    assert not set(DARK_FOR) & set(DARK_FOR.values())
    anywhere = on_any_ground({"text": [text, 1]})["text"][0]
    assert ANYWHERE[3] in anywhere and (on_page(anywhere, dark=False), on_page(anywhere, dark=True)) == (text, dark)


def test_css_follows_the_page():
    assert on_any_page(LIGHT[0]) == f"light-dark({LIGHT[0]}, {DARK[0]})"
    assert on_any_page("#123456") == "light-dark(#123456, #123456)"


def test_colour_never_stands_alone():
    assert not {class_style(k).dash for k in range(5)} & {class_style(k).dash for k in range(5, 10)}
    assert not {class_style(k).pattern for k in range(5)} & {class_style(k).pattern for k in range(5, 10)}


def test_many_classes_cycle():
    styles = [class_style(k) for k in range(100)]
    assert len(set(styles[:20])) == 20
    assert len({(style.color, style.pattern) for style in styles[:20]}) == 20
    assert styles[20:40] == styles[:20]


def test_dash_grows_with_the_line():
    assert class_style(0).dashed(4) == "solid"
    assert class_style(5).dashed(2) == "7px,3px"
    assert class_style(5).dashed(4) == "14px,6px"


@pytest.mark.parametrize("letters, page", [("#2f2d2b", "#f8f8f7"), ("#edebe8", "#2d2b27")], ids=["light", "dark"])
def test_chosen_items_can_be_read_in_both_themes(letters: str, page: str) -> None:
    """Text and field colour of the themes, as a browser computes them; the tint lies on the field."""
    style = (ROOT / "igbviz/ui/shell.css").read_text()
    red, green, blue, share = map(float, re.search(r"\[data-tag\] {background: rgba\(([^)]*)\)", style)[1].split(","))
    under = [int(page[place : place + 2], 16) for place in (1, 3, 5)]
    tint = [round(share * over + (1 - share) * below) for over, below in zip((red, green, blue), under, strict=True)]
    assert "[data-tag] span" in style and "color: inherit" in style
    assert contrast(letters, "#" + "".join(f"{part:02x}" for part in tint)) > 7
