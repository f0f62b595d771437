"""Files of the cache: sizes as text."""

from __future__ import annotations

import pytest

from igbviz.runs import files


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (81_780_000_000, "81.8 GB")]
)
def test_sizes_as_text(count: int, words: str) -> None:
    assert files.format_bytes(count) == words
