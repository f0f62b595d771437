"""The page of losses, headless: without a run, with one, with every loss, and with an invalid formula."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.config import RunConfig
from igbviz.losses import LOSSES
from igbviz.runs.run import Run
from igbviz.ui import forms, sliders
from tests.support import ROOT
from tests.support.pages import as_read, page
from tests.support.stored_runs import finished

PAGE = ROOT / "pages/Losses.py"


def choose(test: AppTest, *names: str) -> AppTest:
    test.multiselect(key="losses").set_value(list(names)).run()
    assert not test.exception, (names, test.exception)
    return test


def captions(test: AppTest) -> str:
    return " ".join(caption.value for caption in test.caption)


def test_without_a_run_there_is_a_way_to_one() -> None:
    test = page(PAGE)
    assert "Train a network once" in test.info[0].value
    assert not test.select_slider and "has zero gradient below p = 0.00013" in captions(test)
    assert "under 1 % of cross-entropy's, except where it only changes its sign" in captions(test)


def test_with_a_run(tiny: RunConfig, own_cache: Path) -> None:
    run = finished(tiny, own_cache)
    test = page(PAGE, run=run.id)
    assert not test.info
    fractions, family = (table.value for table in test.dataframe)
    assert re.search(
        r"\*\*Images with p up to 0.1 are \d+ % of all at Init\., and \d+ % at step \d+\. Their part", captions(test)
    )
    assert len(fractions) == 3 and fractions.iloc[:, 1:].sum(axis=1).tolist() == pytest.approx([100, 100, 100])
    assert len(family) == len(LOSSES) and "force at 1/3" not in family  # column names stay, only headings change
    test.select_slider(key="moment").set_value(5).run()
    test.selectbox(key="only").select(1).run()
    test.segmented_control(key="scale").set_value("linear").run()
    test.segmented_control(key="quantity").set_value("slope").run()
    assert not test.exception


def test_a_loss_that_selects_images_says_which(tiny: RunConfig, own_cache: Path) -> None:
    plain, run = finished(tiny, own_cache), finished(tiny.with_(loss={"name": "curriculum"}), own_cache)
    assert "the probed images are taken as one batch" in captions(page(PAGE, run=run.id))
    assert "taken as one batch" not in captions(page(PAGE, run=plain.id))
    test = page(ROOT / "pages/Compare.py", runs=run.id, tab="overlay", quantity="silent")
    assert "the probed images are taken as one batch" in captions(test)


def test_the_run_selector_shows_formulas_and_starts_with_a_finished_run(tiny: RunConfig, own_cache: Path) -> None:
    done = finished(tiny, own_cache)
    finished(tiny.with_(loss={"name": "custom"}), own_cache, "stopped")
    finished(tiny.with_(loss={"name": "custom", "formula": "1-p"}), own_cache, "diverged")
    box = page(PAGE).selectbox(key="images")
    assert box.value == done.id and box.options[-1].startswith("Cross-entropy · mlp")
    assert [option.partition(" · ")[0] for option in box.options[:2]] == ["f = 1-p", "f = -p**g*log(p), g = 0.7"]


def test_the_zones_follow_the_loss_and_its_hyperparameters(tiny: RunConfig, own_cache: Path) -> None:
    finished(tiny, own_cache)
    test = page(PAGE)
    test.selectbox(key="focus").select("piecewise-zero").run()
    test.number_input(key="losses-piecewise-zero-cutoff").set_value(0.25).run()
    assert not test.exception and "has zero gradient below p = 0.25" in captions(test)
    choose(test, "cross-entropy", "mae")  # the shaded one is gone
    assert test.selectbox(key="focus").value in ("cross-entropy", "mae")


@pytest.mark.parametrize("first", range(0, len(LOSSES), 6))
def test_every_loss_can_be_chosen(first: int) -> None:
    names = list(LOSSES)[first : first + 6]
    test = choose(page(PAGE), *names)
    assert not test.error
    text = captions(test)
    assert all(LOSSES[name].source in text for name in names)
    aside = [LOSSES[name].title for name in names if LOSSES[name]().of_p is None]
    assert all(title in text.partition("Not in this chart")[2] for title in aside)


def test_a_mixture_with_another_loss(own_cache: Path) -> None:
    test = choose(page(PAGE), "mixed")
    assert test.selectbox(key="focus").value == "mixed", "with piecewise-zero it is a function of p"
    test.selectbox(key="losses-mixed-loss-name").select("gce").run()
    test.number_input(key="losses-mixed-loss-gce-q").set_value(0.5).run()
    assert not test.exception and not test.error
    test.selectbox(key="losses-mixed-loss-name").select("nce").run()
    assert "Mixture with cross-entropy" in captions(test).partition("Not in this chart")[2]
    test.number_input(key="losses-mixed-weight").set_value(3.0).run()
    assert "weight is 3.0, allowed: a number from 0 to 1" in test.error[0].value


def test_no_loss_at_all_and_none_of_p(tiny: RunConfig, own_cache: Path) -> None:
    finished(tiny, own_cache)
    test = choose(page(PAGE))
    choose(test, "nce")
    assert "focus" not in {box.key for box in test.selectbox}
    choose(test, "nce", "mae", "blurry")
    assert test.selectbox(key="focus").value == "mae"


def test_a_formula_of_ones_own(own_cache: Path) -> None:
    test = choose(page(PAGE), "cross-entropy", "custom")
    assert "pushes the true class further down" in test.warning[0].value
    test.text_input(key="losses-custom-formula").set_value("(1-p**q)/q").run()
    assert not test.exception and not test.error and not test.warning
    test.number_input(key="losses-custom-parameters-q").set_value(0.5).run()
    assert not test.exception and not test.error
    for wrong in ("p +", "import os", "log(p-0.5)", "1/(p-0.3)", "__import__('os')", "p" * 300):
        test.text_input(key="losses-custom-formula").set_value(wrong).run()
        assert not test.exception and len(test.error) == 1, wrong
        assert test.selectbox(key="focus").options == ["Zones of Cross-entropy"]


def test_a_wrong_formula_is_quoted_as_typed(own_cache: Path) -> None:
    """Two asterisks are a power in a formula and must not become bold print."""
    test = choose(page(PAGE), "custom")
    test.text_input(key="losses-custom-formula").set_value("-p**g*log(p)**2/0").run()
    assert (
        as_read(test.error[0]).startswith("formula is -p**g*log(p)**2/0, not a finite real number")
        and r"\*\*" in test.error[0].value
    )


def test_a_hyperparameter_beyond_its_limits_is_a_sentence(own_cache: Path) -> None:
    """A browser would show a typed value beyond the box's own limits, but send the value before."""
    test = choose(page(PAGE), "blurry", "gce")
    assert not any(number.proto.has_min or number.proto.has_max for number in test.number_input)
    test.number_input(key="losses-gce-q").set_value(7.0).run()
    assert not test.exception and as_read(test.error[0]) == "q is 7.0, allowed: a number above 0 and at most 1."


def link_of(test: AppTest, label: str = "Train with this loss") -> dict[str, str]:
    """The query of the page's last link with this label."""
    link = [part.proto for part in test.get("page_link") if part.proto.label == label][-1]
    return dict(parse_qsl(link.query_string))


def test_every_slider_acts_at_once(own_cache: Path) -> None:
    test = choose(page(PAGE), "blurry")
    assert test.slider(key="losses-blurry-gamma-slider").value == 0.7
    test.slider(key="losses-blurry-gamma-slider").set_value(1.5).run()
    assert test.number_input(key="losses-blurry-gamma").value == 1.5 and "above p = 0.5" in captions(test), captions(
        test
    )
    test.number_input(key="losses-blurry-gamma").set_value(0.333).run()
    assert test.slider(key="losses-blurry-gamma-slider").value == pytest.approx(0.3)
    assert test.number_input(key="losses-blurry-gamma").value == 0.333, "a value that no step has stays"
    assert json.loads(link_of(test)["knobs"]) == {"gamma": 0.333} and not test.exception
    choose(test, "phuber-ce")
    test.select_slider(key="losses-phuber-ce-tau-slider").set_value(1e12).run()
    assert not test.exception and not test.error and json.loads(link_of(test)["knobs"]) == {"tau": 1e12}


def test_the_train_link_carries_typed_values(own_cache: Path) -> None:
    test = choose(page(PAGE), "custom")
    assert test.number_input(key="losses-custom-parameters-g").value == 0.7 and link_of(test) == {"loss": "custom"}
    test.text_input(key="losses-custom-formula").set_value("(1-p**q)/q").run()
    test.slider(key="losses-custom-parameters-q-slider").set_value(0.35).run()
    assert test.number_input(key="losses-custom-parameters-q").value == 0.35
    test.number_input(key="losses-custom-parameters-q").set_value(0.3456).run()
    expected = {"name": "custom", "formula": "(1-p**q)/q", "parameters": {"q": 0.3456}}
    train = page(ROOT / "pages/Train.py", **link_of(test))
    train.button(key="train").click().run()
    (run,) = os.listdir(own_cache / "runs")
    assert Run.open(run, own_cache).config.loss.model_dump() == expected


@pytest.mark.parametrize("hyperparameters", ["{", "3", '{"gamma":99}', '{"nonsense":1}', "[" * 5000, '{"gamma":"*x*"}'])
def test_a_link_with_wrong_hyperparameters_is_a_sentence(hyperparameters: str, own_cache: Path) -> None:
    test = page(ROOT / "pages/Train.py", loss="blurry", knobs=hyperparameters)
    assert "leads nowhere" in test.warning[0].value and not test.error
    assert test.selectbox(key="first-look-cross-entropy-loss-name").value == "cross-entropy"


@pytest.mark.parametrize("name", LOSSES)
def test_every_slider_shows_the_default_of_its_hyperparameter(name: str) -> None:
    for key, field in LOSSES[name].hyperparameters().items():
        those = sliders.of_field(field)
        if those is not None:
            assert those.nearest(field.default) == pytest.approx(field.default, rel=1e-9), key
            ends = {LOSSES[name](**{key: those.stops[place]}).name for place in (0, -1)}
            assert ends == {name} and 20 < len(those.stops) < 260 and list(those.stops) == sorted(set(those.stops))


@pytest.mark.parametrize("value", [0.0, 0.7, -1.5, 3.21, 300.0, -1e6])
def test_a_parameter_has_room_on_both_sides(value: float) -> None:
    those = sliders.around(value)
    assert those.stops[0] < value < those.stops[-1] or abs(value) == 1e6
    assert those.stops[0] == -those.stops[-1] and abs(those.nearest(value) - value) <= those.step


@pytest.mark.parametrize("name", ["blurry", "custom", "nce", "nonsense"])
def test_the_train_link_fills_the_form(name: str, own_cache: Path) -> None:
    test = page(ROOT / "pages/Train.py", loss=name)
    (chosen,) = [box.value for box in test.selectbox if box.key.endswith("-loss-name")]
    assert chosen == ("cross-entropy" if name == "nonsense" else name)
    test.button(key="train").click().run()
    (folder,) = os.listdir(own_cache / "runs")
    assert not test.exception and folder.startswith(
        "fashion-mini-mlp-" + ("cross-entropy" if name == "nonsense" else name)
    )


def test_the_page_does_without_torch(tmp_path: Path) -> None:
    code = (
        f"import sys; from streamlit.testing.v1 import AppTest; test = AppTest.from_file({str(ROOT / 'app.py')!r}, "
        "default_timeout=60); test = test.switch_page('pages/Losses.py').run(); assert not test.exception; assert "
        "not {'torch', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env=os.environ | {"IGBVIZ_CACHE": str(tmp_path)})


def test_a_card_has_the_parts_of_a_long_formula_below_each_other() -> None:
    """Side by side they took up to 626 pixels."""
    formula = forms.stacked_formula(LOSSES["sce"]())
    assert forms.SIDE_BY_SIDE in LOSSES["sce"]().latex()
    assert forms.SIDE_BY_SIDE not in formula and forms.BELOW in formula
