"""Colours of classes are visible on every page and distinguishable to everyone, or else by dash and pattern."""

import re

import numpy as np
import pytest

from igbviz.charts.colors import COLORS, NEUTRAL, class_style
from igbviz.ui.shell import STYLE

PAGES = {"white": "#ffffff", "dark": "#171614", "dark blue": "#0e1117"}

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
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(color: str) -> np.ndarray:
    srgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio."""
    low, high = sorted(float(TO_XYZ[1] @ linear(color)) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB under D65."""
    t = TO_XYZ @ np.clip(rgb, 0, 1) / TO_XYZ.sum(1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_contrast_and_distance_agree_with_known_values():
    assert contrast("#000000", "#ffffff") == pytest.approx(21, abs=1e-3)
    assert lab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=0.01)
    assert lab(linear("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("color", [*COLORS, NEUTRAL])
def test_every_colour_is_visible_on_every_page(color, page):
    assert contrast(color, PAGES[page]) >= 3


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("group", [range(5), range(5, 10)], ids=["solid", "dashed"])
def test_classes_of_one_dash_are_told_apart(group, sight):
    points = [lab(SIGHT[sight] @ linear(class_style(k).color)) for k in group]
    assert min(np.linalg.norm(points[i] - points[j]) for i in range(5) for j in range(i)) >= 20


def test_ten_colours_are_told_apart_with_normal_sight():
    points = [lab(linear(color)) for color in COLORS]
    assert min(np.linalg.norm(points[i] - points[j]) for i in range(10) for j in range(i)) >= 25


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
    red, green, blue, share = map(float, re.search(r"\[data-tag\] {background: rgba\(([^)]*)\)", STYLE)[1].split(","))
    under = [int(page[place : place + 2], 16) for place in (1, 3, 5)]
    tint = [round(share * over + (1 - share) * below) for over, below in zip((red, green, blue), under, strict=True)]
    assert "[data-tag] span" in STYLE and "color: inherit" in STYLE
    assert contrast(letters, "#" + "".join(f"{part:02x}" for part in tint)) > 7
