"""A text that would be an image, links, bold print, an icon and a formula, and the places where a page shows it so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Node

HOSTILE = (
    "![x](http://evil/a.png) [y](http://evil) **b** :material/home: $x$ <b> http://evil.example www.evil.example "
    "a@b.example"
)
FORMULA = "-log(p) + p**2 * (1 - p)**2"
SHORT = "[y](http://evil) **b** $x$ <b> a@b.com"  # for a tag
LIVE = re.compile(r"!\[x\]\(|\[y\]\(|\*\*b\*\*|:material/home:|\$x\$|(?<!\\)<b>|http://evil|www\.evil|a@b\.|p\*\*2")
# Texts that Streamlit shows as they are, or that no reader sees.
AS_IT_IS = {
    "Text.body", "TextInput.default", "TextInput.value", "TextArea.default", "TextArea.value", "Selectbox.options",
    "Selectbox.raw_value", "MultiSelect.options", "MultiSelect.raw_values", "ArrowData.data", "Arrow.data",
    "Arrow.arrow_data", "BidiComponent.json", "PageLink.query_string", "DownloadButton.url", "Metric.body",
    "TextInput.placeholder", "MultiSelect.placeholder", "Selectbox.placeholder", "ButtonGroup.raw_values",
    "Slider.raw_values", "Code.code_text",
}  # fmt: skip
MARKUP = re.compile("<b> |<img src=.http")
HTML = {"Html.body", "BidiComponent.html_content"}


def alive(test: AppTest) -> list[str]:
    """The parts of the hostile texts that the page does not show literally, with the fields where they are."""
    found = []
    for node in _nodes(test._tree):
        proto = getattr(node, "proto", None)
        for place, text in _texts(proto) if isinstance(proto, Message) else ():
            if place not in AS_IT_IS and (live := (MARKUP if place in HTML else LIVE).search(text)):
                found.append(f"{place}: {live[0]} in {text[max(0, live.start() - 150) :][:300]}")
    return found


def assert_literal(test: AppTest) -> None:
    found = alive(test)
    assert not found, "\n".join(found)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Block):
        for child in node.children.values():
            yield from _nodes(child)


def _texts(message: Message) -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        place = f"{message.DESCRIPTOR.name}.{field.name}"
        for each in value if field.is_repeated else (value,):
            if isinstance(each, Message):
                yield from _texts(each)
            elif isinstance(each, str) and field.name not in ("id", "form_id", "icon"):
                yield place, each
