"""The page of losses, headless: without a run, with one, with every loss, with a formula that is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.config import RunConfig
from igbviz.losses import LOSSES
from tests.test_pages import ROOT, finished, own_cache, page

__all__ = ["own_cache"]
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
    assert not test.select_slider and "is silent below p = 0.00013" in captions(test)


def test_with_a_run(tiny: RunConfig, own_cache: Path) -> None:
    run = finished(tiny, own_cache)
    test = page(PAGE, run=run.id)
    assert not test.info
    share, family = (table.value for table in test.dataframe)
    assert len(share) == 3 and share.iloc[:, 1:].sum(axis=1).tolist() == pytest.approx([100, 100, 100])
    assert len(family) == len(LOSSES) and "force at 1/3" not in family  # column names stay, headings are dressed
    test.select_slider(key="moment").set_value(5).run()
    test.selectbox(key="only").select(1).run()
    test.segmented_control(key="scale").set_value("linear").run()
    test.segmented_control(key="quantity").set_value("slope").run()
    assert not test.exception


def test_a_loss_that_selects_its_samples_says_who_is_asked(tiny: RunConfig, own_cache: Path) -> None:
    plain, run = finished(tiny, own_cache), finished(tiny.with_(loss={"name": "curriculum"}), own_cache)
    assert "the probed images are taken as one batch" in captions(page(PAGE, run=run.id))
    assert "taken as one batch" not in captions(page(PAGE, run=plain.id))
    test = page(ROOT / "pages/Compare.py", runs=run.id, tab="overlay", quantity="silent")
    assert "the probed images are taken as one batch" in captions(test)


def test_the_shades_follow_the_loss_and_its_knobs(tiny: RunConfig, own_cache: Path) -> None:
    finished(tiny, own_cache)
    test = page(PAGE)
    test.selectbox(key="focus").select("piecewise-zero").run()
    test.number_input(key="losses-piecewise-zero-cutoff").set_value(0.25).run()
    assert not test.exception and "is silent below p = 0.25" in captions(test)
    choose(test, "cross-entropy", "mae")  # the shaded one is gone
    assert test.selectbox(key="focus").value in ("cross-entropy", "mae")


@pytest.mark.parametrize("first", range(0, len(LOSSES), 6))
def test_every_loss_can_be_chosen(first: int) -> None:
    names = list(LOSSES)[first : first + 6]
    test = choose(page(PAGE), *names)
    assert not test.error
    text = captions(test)
    assert all(LOSSES[name].source in text for name in names)
    aside = [LOSSES[name].title for name in names if not LOSSES[name].depends_on_p_only]
    assert all(title in text.partition("Not in this picture")[2] for title in aside)


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
        assert test.selectbox(key="focus").options == ["Cross-entropy"]


@pytest.mark.parametrize("name", ["blurry", "custom", "nce", "nonsense"])
def test_train_this_fills_the_form(name: str, own_cache: Path) -> None:
    test = page(ROOT / "pages/Train.py", loss=name)
    key = f"first-look-cross-entropy{'' if name == 'nonsense' else '-' + name}-loss-name"
    assert test.selectbox(key=key).value == ("cross-entropy" if name == "nonsense" else name)
    test.button(key="train").click().run()
    (folder,) = os.listdir(own_cache / "runs")
    assert not test.exception and folder.startswith("fashion-mini-mlp-" + ("cross-entropy" if name == "nonsense" else name))


def test_the_page_does_without_torch(tmp_path: Path) -> None:
    code = (
        f"import sys; from streamlit.testing.v1 import AppTest; test = AppTest.from_file({str(ROOT / 'app.py')!r}, default_timeout=60); "
        "test = test.switch_page('pages/Losses.py').run(); assert not test.exception; "
        "assert not {'torch', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env=os.environ | {"IGBVIZ_CACHE": str(tmp_path)})
