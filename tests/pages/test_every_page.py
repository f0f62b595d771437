"""Every page, headless: on an empty cache, with runs of every kind, and with wrong numbers in its form."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from igbviz.config import PRESETS, RunConfig
from igbviz.losses import LOSSES
from igbviz.runs.submit import submit
from igbviz.studies.sources import SOURCES
from igbviz.ui.provenance import ROUNDING
from igbviz.ui.views import robustness
from tests.support import ROOT
from tests.support.pages import OPEN_A_RUN, PAGES, as_read, page
from tests.support.stored_runs import finished


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_empty_cache(path: Path) -> None:
    page(path)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_with_runs_of_every_kind(path: Path, tiny: RunConfig, own_cache: Path) -> None:
    run = finished(tiny, own_cache)
    submit(tiny.with_(seed=1), own_cache)
    for seed, file in enumerate(("config.json", "status.json", "schema.json"), start=2):
        torn = submit(tiny.with_(seed=seed), own_cache)
        (torn.path / file).write_text("{")
        if path.stem in OPEN_A_RUN:
            page(path, run=torn.id)
    page(path)
    page(path, run=run.id)


@pytest.mark.parametrize(
    ("name", "query", "box", "value", "sentence", "button"),
    [
        ("Initialisation", {}, "relu-networks", 1, "networks is 1, allowed: a whole number from 2", "initialize"),
        ("Robustness", {}, "seeds", 0, "Seeds is 0, allowed: a whole number from 1", "robust-start"),
        ("Dynamics", {}, "steps", 0, "Optimizer steps is 0, allowed: a whole number from 1 to 10000.", "bias-start"),
        (
            "Dynamics",
            {"view": "starts"},
            "seeds",
            1,
            "Seeds is 1, allowed: a whole number from 2 to 150.",
            "bias-start",
        ),
    ],
)
def test_other_forms_report_wrong_numbers(
    name: str, query: dict[str, str], box: str, value: float, sentence: str, button: str, own_cache: Path
) -> None:
    test = page(ROOT / f"pages/{name}.py", **query)
    next(number for number in test.number_input if number.key.endswith(box)).set_value(value).run()
    assert not test.exception and any(as_read(error).startswith(sentence) for error in test.error), test.error
    assert not any(shown.key and shown.key.startswith(button) for shown in test.button)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_page_claims_what_some_runs_contradict(path: Path) -> None:
    """Classes rise one by one in a first look, and accuracy does not lag behind the probability there.

    What a source states may stand on the page of sources, with a link to our verdict beside it."""
    said = " ".join(str(text.value) for kind in ("markdown", "caption", "info") for text in getattr(page(path), kind))
    for statement in (each for source in SOURCES.values() for each in source.statements if path.stem == "Sources"):
        if any(place.label.startswith("Verdict: ") for place in statement.places):
            said = said.replace(statement.says, "")
    for claim in ("all classes rise", "accuracy lags", "lags behind", "always chaotic", "vanishes at any depth"):
        assert claim not in said.lower(), claim


@pytest.mark.parametrize("name", ["Paper", "Robustness", "Train"])
def test_pages_that_explain_seeds_speak_of_rounding(name: str, own_cache: Path) -> None:
    test = page(ROOT / f"pages/{name}.py")
    if name == "Robustness":
        assert ROUNDING in robustness.CAVEAT
    else:
        assert any(ROUNDING in text.value for text in [*test.markdown, *test.caption])


@pytest.mark.parametrize(("name", "box"), [("Runs", "find"), ("Compare", "compare-find")])
def test_a_loss_is_found_by_its_name_and_by_its_title(name: str, box: str, tiny: RunConfig, own_cache: Path) -> None:
    robust = finished(tiny.with_(loss={"name": "gce"}), own_cache)
    finished(tiny, own_cache)
    test = page(ROOT / f"pages/{name}.py")
    if name == "Compare":
        test.button(key="compare-select").click().run()
    for text in ("gce", LOSSES["gce"].title):
        test.text_input(key=box).set_value(text).run()
        assert list(test.dataframe[0].value["id"]) == [robust.id], text


@pytest.mark.parametrize("name", ["Runs", "Compare"])
def test_a_fraction_of_an_epoch_is_rounded(name: str, tiny: RunConfig, own_cache: Path) -> None:
    """A hundred steps of 313 are 0.3194888178913738 epochs: a column without a format shows all digits."""
    finished(tiny.with_(epochs=0.3194888178913738), own_cache)
    test = page(ROOT / f"pages/{name}.py")
    if name == "Compare":
        test.button(key="compare-select").click().run()
    assert json.loads(test.dataframe[0].proto.columns)["epochs"]["type_config"]["format"] == "%.4g"


def test_first_page_starts_a_first_look(own_cache: Path) -> None:
    test = page(ROOT / "app.py")
    test.button(key="first-look-piecewise-zero").click().run()
    assert os.listdir(own_cache / "runs") == [PRESETS["first-look-piecewise-zero"].config.id]
