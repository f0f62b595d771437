"""Recorded runs on the pages: shown and marked everywhere, repeated and resumed nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.runs.archive import import_runs
from igbviz.runs.run import Run
from igbviz.ui.progress import RECORDED
from tests.support import ROOT
from tests.support.archives import packed
from tests.support.pages import as_read, page
from tests.support.recorded_runs import recorded, watched_outside
from tests.support.stored_runs import BASE, stored, story

PAGES = ROOT / "pages"


@pytest.fixture
def run(own_cache: Path) -> Run:
    return recorded(own_cache)


def captions(test: AppTest) -> str:
    return "\n".join(map(as_read, test.caption))


@pytest.mark.parametrize("has_loss", [True, False])
@pytest.mark.parametrize("per_epoch", [0, 100])
def test_train_shows_it_without_a_way_to_repeat_it(per_epoch: int, has_loss: bool, own_cache: Path) -> None:
    run = recorded(own_cache, watched_outside(per_epoch, has_loss, even_from=None))
    test = page(PAGES / "Train.py", run=run.id)
    assert as_read(test.title[0]) == "my own loop :small[FocalLoss(gamma=2), SmallNet on birds, 200 images]"
    assert RECORDED in test.main.get("markdown")[0].value + str([part.value for part in test.markdown])
    assert not {button.label for button in test.button} & {"Train", "Race", "Another seed", "Run it here", "Resume"}
    assert not test.warning and not test.error
    assert "recorded outside igbviz; network SmallNet; loss FocalLoss(gamma=2); optimizer AdamW" in captions(test)
    assert ("The probe did not know the loss" in captions(test)) == (not has_loss)
    units = [group for group in test.button_group if group.label == "Time in"]
    assert bool(units) == bool(per_epoch)


def test_an_imported_one_is_marked_twice(run: Run, tmp_path: Path, own_cache: Path) -> None:
    archive = packed(run)
    run.delete()
    import_runs(archive, own_cache)
    test = page(PAGES / "Train.py", run=run.id)
    badges = " ".join(part.value for part in test.markdown)
    assert RECORDED in badges and "imported" in badges and "recorded outside igbviz, imported" in captions(test)
    assert "Run it here" not in {button.label for button in test.button}


@pytest.mark.parametrize("tab", ["grid", "overlay", "table"])
def test_compare_shows_it_beside_a_training(tab: str, run: Run, own_cache: Path) -> None:
    training = stored(BASE, own_cache, story())
    test = page(PAGES / "Compare.py", runs=f"{training.id},{run.id}", tab=tab)
    assert "Recorded outside igbviz: my own loop." in captions(test)
    assert not test.warning and "2 runs in 2 settings" in captions(test)
    assert not [group for group in test.button_group if group.label == "Time in"], "its epochs are unknown"


def test_runs_lists_and_finds_it(run: Run, own_cache: Path) -> None:
    stored(BASE, own_cache, story())
    test = page(PAGES / "Runs.py", kind="recorded")
    (row,) = test.dataframe[0].value.to_dict("records")
    assert row["name"] == "my own loop (recorded)" and row["origin"] == "recorded outside igbviz"
    assert row["loss"] == "FocalLoss(gamma=2)"


def test_home_links_to_it(run: Run) -> None:
    assert "my own loop" in [link.label for link in page(ROOT / "app.py").get("page_link")]


@pytest.mark.parametrize("has_loss", [True, False])
def test_losses_shows_its_images(has_loss: bool, own_cache: Path) -> None:
    run = recorded(own_cache, watched_outside(has_loss=has_loss), loss={"name": "custom"})
    test = page(PAGES / "Losses.py", run=run.id, step="20")
    (box,) = [box for box in test.selectbox if box.label == "Images of this run"]
    assert box.options == ["my own loop · recorded outside igbviz"]
    assert ("The probe of this run did not know its loss" in captions(test)) == (not has_loss)


@pytest.mark.parametrize("name", ["Initialisation", "Dynamics", "Robustness", "Race", "Paper", "Lessons", "Phases"])
def test_the_other_pages_do_without_it(name: str, run: Run) -> None:
    page(PAGES / f"{name}.py", run=run.id)
