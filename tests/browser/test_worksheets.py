"""Worksheets as a browser prints them: one page each, and a second one with the answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from igbviz.studies.lessons import LESSONS
from igbviz.studies.lessons.worksheet import answers
from igbviz.ui.worksheet.page import worksheet
from tests.support import ROOT

pytestmark = pytest.mark.browser

ADDRESS = "https://visualizations.example-university.org:8501/igbviz/Lessons?lesson="


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_every_worksheet_is_one_page(browser, artefacts: Path) -> None:
    page = browser.new_page()
    for name, lesson in LESSONS.items():
        for solved, expected in ((None, 1), (answers(lesson, ROOT / "cache"), 2)):
            page.set_content(worksheet(lesson, ADDRESS + name, solved))
            pdf = artefacts / f"worksheet_{name}_{expected}.pdf"
            assert pages(page.pdf(path=pdf, prefer_css_page_size=True, print_background=False)) == expected, name
        page.emulate_media(media="print")
        room = page.eval_on_selector_all(".lines", "lines => lines.map((line) => line.clientHeight / 3.78)")
        assert min(room) >= 7, f"millimetres to write on in {name}: {room}"
        inside = page.evaluate(
            "() => document.querySelector('footer').getBoundingClientRect().bottom / 3.78"  # pixels in a millimetre
        )
        assert inside <= 297, name
