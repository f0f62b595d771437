"""The address of the page of losses, headless: a link restores everything, and a wrong one is a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.config import RunConfig
from igbviz.runs.run import Run
from igbviz.ui.runs import forget_rows
from igbviz.ui.views.losses.link import START
from tests.support import ROOT
from tests.support.pages import as_read, page
from tests.support.stored_runs import finished

PAGE = ROOT / "pages/Losses.py"


def address(test: AppTest) -> dict[str, str]:
    return {key: value if isinstance(value, str) else value[0] for key, value in test.query_params.items()}


def settings(test: AppTest) -> dict[str, object]:
    """The value of every widget of the page."""
    kinds = ("multiselect", "segmented_control", "selectbox", "select_slider", "slider", "number_input", "text_input")
    return {part.key: part.value for kind in (*kinds, "toggle") for part in test.get(kind) if part.key}


def shipped(run: Run) -> Run:
    gallery = run.cache / "gallery"
    gallery.mkdir(exist_ok=True)
    return Run(run.path.rename(gallery / run.id))


@pytest.fixture
def run(tiny: RunConfig, own_cache: Path) -> Run:
    shipped(finished(tiny, own_cache))
    return finished(tiny.with_(seed=1), own_cache)


@pytest.mark.parametrize(
    "change",
    [
        {"losses": "gce,blurry"},
        {"losses": "none"},
        {"losses": "nce"},
        {"blurry.gamma": "1.5"},
        {"blurry.gamma": "0.333", "blurry.detach_weight": "true", "gce.q": "0.25"},
        {"losses": "custom", "custom.formula": "(1-p**q)/q", "custom.parameters.q": "0.35"},
        {"losses": "custom,mae", "custom.formula": "1-p"},
        {"losses": "mixed,mae", "mixed.weight": "0.3", "mixed.loss": '{"name": "gce", "q": 0.5}'},
        {"curve": "slope"},
        {"axis": "linear"},
        {"zones": "mae"},
        {"class": "1"},
        {"step": "STEP"},
        {"curve": "value", "axis": "linear", "zones": "piecewise-zero", "class": "2", "step": "STEP", "gce.q": "0.9"},
    ],
    ids=lambda change: " ".join(change),
)
def test_a_link_restores_everything(change: dict[str, str], run: Run) -> None:
    """What a link says is in the widgets, it stays in the address, and the address alone gives the same page."""
    step = str(int(run.trajectory().step[3]))
    link = {name: step if value == "STEP" else value for name, value in change.items()} | {"run": run.id}
    test = page(PAGE, **link)
    assert not test.warning or "custom" in change.get("losses", ""), [part.value for part in test.warning]
    assert address(test) == link
    test.run()
    assert address(test) == link
    again, plain = settings(page(PAGE, **address(test))), settings(page(PAGE))
    assert again == settings(test) and again != plain


def test_the_address_follows_the_widgets(run: Run) -> None:
    test = page(PAGE)
    assert not address(test), "nothing but defaults"
    test.multiselect(key="losses").set_value(["blurry", "gce"]).run()
    test.number_input(key="losses-blurry-gamma").set_value(1.5).run()
    test.segmented_control(key="quantity").set_value("value").run()
    test.selectbox(key="focus").select("gce").run()
    test.selectbox(key="images").select(run.id).run()
    test.selectbox(key="only").select(2).run()
    test.select_slider(key="moment").set_value(3).run()
    link = {"losses": "blurry,gce", "blurry.gamma": "1.5", "curve": "value", "zones": "gce", "run": run.id}
    link |= {"class": run.trajectory().class_names[1], "step": str(int(run.trajectory().step[3]))}
    assert address(test) == link
    shown = page(PAGE, **link)
    assert settings(shown) == settings(test) and not shown.warning
    test.multiselect(key="losses").set_value(["gce"]).run()
    assert "blurry.gamma" not in address(test), "no hyperparameters of a loss that is gone"


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"losses": "gce,nonsense"}, "losses names 'nonsense', allowed: any of cross-entropy"),
        ({"losses": "gce,mae,nce,sce,focal,blurry,agce"}, "losses names 7 losses, allowed: at most 6"),
        ({"blurry.gamma": "-3"}, "blurry: gamma is -3, allowed: "),
        ({"blurry.gamma": "much"}, "blurry: gamma is 'much', allowed: "),
        ({"blurry.nonsense": "1"}, "blurry: nonsense"),
        ({"blurry.gamma.deep": "1"}, "blurry: gamma is "),
        ({"mixed.loss": '{"name": "gse"}'}, "mixed: loss is 'gse', allowed: "),
        ({"mixed.loss": "gse"}, "mixed: loss is 'gse', allowed: "),
        ({"custom.formula": "p +"}, "custom: formula is 'p +'"),
        ({"curve": "sine"}, "curve is 'sine', allowed: one of weight, value, slope"),
        ({"axis": "polar"}, "axis is 'polar', allowed: one of log, linear"),
        ({"zones": "nce"}, "zones is 'nce', allowed: one of "),
        ({"run": "of-no-such-name"}, "run 'of-no-such-name' is not in the cache"),
        ({"class": "Dog"}, "class is 'Dog', allowed: one of all classes"),
        ({"step": "soon"}, "step is 'soon', allowed: a whole number from 0 to "),
        ({"step": "-1"}, "step is '-1', allowed: a whole number from 0 to "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_a_wrong_link_is_one_sentence_and_the_default(link: dict[str, str], said: str, run: Run) -> None:
    test = page(PAGE, **link)
    (warning,) = test.warning
    assert as_read(warning).startswith(f"This link leads nowhere: {said}") and not test.error
    assert settings(test) == settings(page(PAGE)) and not address(test)
    test.run()
    assert not test.warning


def test_a_shipped_run_is_shown_whoever_trained_last(run: Run, tiny: RunConfig, own_cache: Path) -> None:
    """Without shipped runs it is the latest finished one, and a link names it: tomorrow it is another."""
    assert page(PAGE).selectbox(key="images").value == tiny.id
    Run.open(tiny.id, own_cache).path.rename(own_cache / "elsewhere")
    forget_rows()
    test = page(PAGE)
    assert test.selectbox(key="images").value == run.id and address(test) == {"run": run.id}


def test_a_page_that_is_left_and_opened_again_follows_its_new_link(run: Run) -> None:
    test = page(PAGE, losses="mae", **{"gce.q": "0.3"})
    test.switch_page("pages/Phases.py").run()
    test.query_params.clear()
    test.switch_page("pages/Losses.py").run()
    assert test.multiselect(key="losses").value == START and test.number_input(key="losses-gce-q").value == 0.7
