"""The page of known architectures, headless: its figure, and the links to one ensemble and to the trainings."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from igbviz.ensembles import EnsembleConfig
from igbviz.studies import architectures as study
from igbviz.ui.views.architectures import page as view
from tests.support import ROOT
from tests.support.pages import page

PAGE = ROOT / "pages" / "Architectures.py"


def links(shown) -> dict[str, dict[str, list[str]]]:
    """The query of every link on the page, by its label."""
    return {link.proto.label: parse_qs(link.proto.query_string) for link in shown.get("page_link")}


def test_the_figure_what_came_of_it_and_one_ensemble(own_cache: Path) -> None:
    shown = page(PAGE)
    (figure,) = (json.loads(part.proto.json) for part in shown.get("bidi_component"))
    assert json.loads(figure["figure"])["layout"]["xaxis2"]["type"] == "log"
    first, *others = study.findings([row for row in study.read() if not row.pretrained])
    assert shown.markdown[0].value == f"**{first}**" and all(f"- {text}" in shown.markdown[1].value for text in others)
    assert "6 to 20 networks of each architecture, 200 colour images" in shown.caption[0].value
    assert not shown.header, "no run is shipped in an empty cache"
    shown.selectbox(key="architecture").select("ResNet-18").run()
    (form,) = links(shown)["Draw these networks on noise"]["form"]
    assert EnsembleConfig.model_validate(json.loads(form)).id == next(
        cell.config.id for cell in study.cells() if cell.architecture == "ResNet-18"
    )


def test_the_shipped_trainings(own_cache: Path) -> None:
    names = [config.id for config in study.TRAININGS.values()]
    for name in names:
        shutil.copytree(ROOT / "cache" / "gallery" / name, own_cache / "gallery" / name)
    found = links(page(PAGE))
    assert [found[title]["run"] for title in study.TRAININGS] == [[name] for name in names]
    assert found["All beside each other"]["runs"] == [",".join(names)]


def test_trained_weights_have_a_switch(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = study.read()
    trained = replace(first[0], pretrained=True, gamma=(0.5, 0.1))
    monkeypatch.setattr(study, "read", lambda: [*first, trained])
    for cached in (view._figure, view._table):
        cached.cache_clear()
    shown = page(PAGE)
    shown.segmented_control(key="weights").set_value(True).run()
    assert not shown.exception and "1 of 1" in shown.markdown[0].value
    for cached in (view._figure, view._table):
        cached.cache_clear()
