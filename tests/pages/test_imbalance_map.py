"""The map of imbalance and depth on its page: what it says, and that each cell opens the form with its setting."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from igbviz.runs.sweeps import list_groups
from igbviz.studies import imbalance_map
from igbviz.ui.views.dynamics import imbalance_map as view
from tests.support import ROOT
from tests.support.pages import address, as_read, charts, page, said

PAGE = ROOT / "pages" / "Dynamics.py"


def setting(test) -> tuple[int, int]:
    values = {box.label: box.value for box in test.number_input}
    return values["Class imbalance"], values["Depth"]


def test_below_class_imbalance_and_nowhere_else(own_cache: Path) -> None:
    test = page(PAGE, view="majority", map="minority")
    measured = imbalance_map.read()
    assert list(charts(test))[1].startswith("Recall of the minority after 100 steps, favoured minus least favoured")
    assert imbalance_map.verdict(measured, "minority") in said(test)
    assert f"Each cell: {imbalance_map.SEEDS} networks (seeds)" in said(test)
    assert measured.provenance["date"] in said(test)
    test.segmented_control(key="imbalance-map-quantity").set_value("alive").run()
    assert address(test)["map"] == "alive" and list(charts(test))[1].startswith("Steps until the minority is alive")
    test.segmented_control(key="bias-view").set_value("starts").run()
    assert not test.exception and "over depth and class ratio" not in json.dumps(list(charts(test)))


def test_every_number_links_to_the_form_of_its_setting(own_cache: Path) -> None:
    test = page(PAGE, view="majority")
    (table,) = [text.value for text in test.markdown if text.value.startswith("| class ratio")]
    links = re.findall(r"\]\(\?view=majority&depth=(\d+)&ratio=(\d+)\)", table)
    assert len(set(links)) == len(imbalance_map.DEPTHS) * len(imbalance_map.RATIOS)
    depth, ratio = links[-2]
    opened = page(PAGE, view="majority", depth=depth, ratio=ratio)
    assert setting(opened) == (int(ratio), int(depth))
    opened.button(key="bias-start-majority").click().run()
    (group,) = list_groups(own_cache)
    planned = {config.id for config in imbalance_map.sweep(int(depth), int(ratio)).configs()}
    started = {config.id for config in group.sweep.configs()}
    assert planned <= started, "the runs of the map, and more seeds if the form has more"


def test_a_click_on_a_cell_opens_its_setting(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test, clicks = page(PAGE, view="majority", map="alive"), [{"x": 4, "y": 3}]
    test.number_input(key=next(box.key for box in test.number_input if box.label == "Depth")).set_value(7).run()
    assert setting(test) == (10, 7)
    monkeypatch.setattr(view, "live_chart", lambda *_, **__: clicks.pop() if clicks else None)
    test.run()
    assert not test.exception and setting(test) == (30, 40)
    assert [toast.value for toast in test.toast] == ["The form at the top of the page now has 30 to 1 and depth 40."]
    assert address(test) | {"view": "majority", "depth": "40", "ratio": "30", "map": "alive"} == address(test)


@pytest.mark.parametrize("query", [{"ratio": "0"}, {"ratio": "many"}, {"map": "luck"}])
def test_a_wrong_link_is_one_sentence_and_the_default(query: dict[str, str], own_cache: Path) -> None:
    test = page(PAGE, view="majority", **query)
    (warning,) = test.warning
    assert "allowed: " in as_read(warning) and setting(test) == (10, 10) and len(charts(test)) == 2
