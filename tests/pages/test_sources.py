"""The page of sources, and every place that it points to: each opens without a warning and shows what it promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.charts.sources import coverage
from igbviz.studies.phases import line
from igbviz.studies.phases.peak import verdict
from igbviz.studies.sources import SOURCES
from tests.support import ROOT
from tests.support.pages import as_read, page

PLACES = {place for source in SOURCES.values() for statement in source.statements for place in statement.places}
VIEWS = sorted({(place.page, *place.query) for place in PLACES})


@pytest.fixture(autouse=True)
def gallery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Places show what a fresh copy of the program can show."""
    monkeypatch.setenv("IGBVIZ_GALLERY", str(ROOT / "cache/gallery"))


def everything(test: AppTest) -> str:
    """All texts of a page, those of its figures and buttons included."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info")
    words = [as_read(part) for kind in kinds for part in getattr(test, kind)]
    words += [str(part.label) for part in test.button]
    for component in test.get("bidi_component"):
        sent = json.loads(component.proto.json)
        words += [json.dumps(json.loads(sent["figure"]) if "figure" in sent else sent, ensure_ascii=False)]
    return "\n".join([*words, *(table.value.to_csv() for table in test.dataframe)])


@pytest.mark.parametrize(
    "view", VIEWS, ids=lambda view: f"{Path(view[0]).stem}-{'-'.join(view[1] if view[1:] else [])}"
)
def test_every_place_shows_what_it_promises(view: tuple, own_cache: Path) -> None:
    path, *query = view
    test = page(ROOT / path, **dict(query))
    assert not [warning.value for warning in test.warning if "link_off" in warning.icon]
    words = everything(test)
    missing = {each.sees for each in PLACES if (each.page, *each.query) == view and each.sees not in words}
    assert not missing


def test_a_statement_is_shown_in_part_or_not_by_what_is_missing() -> None:
    for source in SOURCES.values():
        assert sum(map(source.count, coverage.STATES)) == len(source.statements)
        for statement in source.statements:
            assert statement.missing or statement.places, f"{statement.says}: say what is missing"
            assert (statement.state == "shown") == (not statement.missing)


def test_every_statement_has_a_square_of_its_own() -> None:
    figure = coverage.coverage(SOURCES)
    points = [
        (x, y) for trace in figure["data"] for x, y in zip(trace["x"], trace["y"], strict=True) if "text" in trace
    ]
    assert len(points) == len(set(points)) == sum(len(source.statements) for source in SOURCES.values())
    squares, _ = coverage.squares(SOURCES)
    assert set(squares.values()) == set(points)


def test_the_page_lists_each_source(own_cache: Path) -> None:
    for key, source in SOURCES.items():
        words = everything(page(ROOT / "pages/Sources.py", source=key))
        assert all(statement.says in words for statement in source.statements)


def test_places_differ_in_what_they_are_called() -> None:
    for source in SOURCES.values():
        for statement in source.statements:
            labels = [place.label for place in statement.places]
            assert len(set(labels)) == len(labels), statement.says


def test_what_was_found_otherwise_is_what_the_pictures_say() -> None:
    found = {statement.says: statement.found for source in SOURCES.values() for statement in source.statements}
    data, peak = (sentence for sentence in found.values() if sentence)
    gammas: dict[str, dict[str, float]] = {}
    for row in json.loads((ROOT / "igbviz/studies/architectures.json").read_text())["rows"]:
        if row["statistics"] == "eval" and row["gamma"] and not row["pretrained"]:
            gammas.setdefault(row["architecture"], {})[row["data"]] = row["gamma"][0]
    on_noise = [of["noise"] > of["CIFAR-10"] for of in gammas.values()]
    assert ("most architectures: their γ is larger on noise" in data) == (sum(on_noise) > len(on_noise) / 2)
    shown = line.read()
    verdicts = [verdict(shown, activation, rate) for activation in ("tanh", "relu") for rate in line.RATES]
    assert ("no line that was measured" in peak) == all("Here no" in each for each in verdicts)
    assert data in everything(page(ROOT / "pages/Sources.py", source="talk"))
