"""Our style sheets do not slow the page down."""

from __future__ import annotations

import re

import pytest

from igbviz.ui.server import HERE, STYLES

# An element of any kind, or one that holds the whole page: asked again at every change of anything (see shell.css).
COSTLY = re.compile(
    r"(?:^|[\s>+~,*]|(?<!:not)\():has\("  # nothing before it
    r"|(?:^|[\s>+~,*(]):not\(:has\("
    r"|(?:\.stApp|\.stMain|html|body|:root)\S*?:has\("
)


def costly(css: str) -> list[str]:
    without_comments = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    return [line for line in without_comments.splitlines() if COSTLY.search(line)]


@pytest.mark.parametrize("name", STYLES)
def test_no_has_that_the_browser_asks_at_every_change(name):
    assert costly((HERE / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", STYLES)
def test_a_part_of_a_class_name_is_that_of_a_widget(name):
    """The root element has classes, too (`igbviz-progress`): a part of one of them would match the whole page."""
    css = (HERE / name).read_text(encoding="utf-8")
    assert re.findall(r"(?<!\[class\*=st-key\])\[class\*=(?!st-key).*?\]", css) == []


def test_what_counts_as_costly():
    assert (
        len(costly(".stApp:has(.a) {}\n> :has(> .b) {}\n.c > :not(:has(> .d)) {}\n:has(.e) {}\n.f :is(a, :has(g)) {}"))
        == 5
    )
    assert costly(".card:has(> .a) {}\n.c > :is(.d, .e):not(:has(> .f)) {}\n/* :has() */") == []
