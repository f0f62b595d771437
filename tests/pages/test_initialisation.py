"""The page of untrained networks, headless: its form, its charts, one change side by side, and its errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from igbviz.charts.ensemble import CAPTIONS
from igbviz.ensembles import EnsembleConfig
from igbviz.ensembles.variations import CHANGES, changes
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run
from igbviz.runs.submit import submit
from igbviz.studies.regimes import REGIMES
from igbviz.ui.views.ensemble_form import STARTS
from tests.support import ROOT
from tests.support.pages import as_read, page
from tests.support.stored_ensembles import SMALL, drawn

PAGE = ROOT / "pages" / "Initialisation.py"


@pytest.mark.parametrize("networks", [0, 1, None])
def test_any_part_of_an_ensemble_is_shown(own_cache: Path, networks: int | None) -> None:
    run = drawn(EnsembleConfig(**SMALL), own_cache, networks)
    shown = page(PAGE, run=run.id)
    text = " ".join(caption.value for caption in shown.caption).replace("\\", "")
    assert ("networks, " in text if networks is None else "networks/s" in text) and not shown.error
    assert ("wide-network theory" in text) == (networks != 0)


def test_a_network_beyond_the_ensemble_is_an_error(own_cache: Path) -> None:
    shown = page(PAGE, run=drawn(EnsembleConfig(**SMALL), own_cache).id)
    last = SMALL["networks"] - 1
    shown.number_input(key="network").set_value(last + 7).run()
    sentence = f"Network shown is {last + 7}, allowed: a whole number from 0 to {last}; shown: {last}."
    assert not shown.exception and [as_read(error) for error in shown.error] == [sentence]


def test_a_network_without_theory_and_with_gradients(own_cache: Path) -> None:
    cnn = drawn(EnsembleConfig(**SMALL | {"model": {"name": "cnn"}, "networks": 2, "gradients": True}), own_cache)
    assert "drawn at the measured γ" in " ".join(caption.value for caption in page(PAGE, run=cnn.id).caption)


def sent(shown) -> list[dict]:
    """The figures sent to the page, in order."""
    parts = [json.loads(part.proto.json) for part in shown.get("bidi_component")]
    return [json.loads(part["figure"]) for part in parts if "figure" in part]


def test_the_page_opens_on_the_shipped_ensemble(own_cache: Path) -> None:
    assert not sent(page(PAGE)) and "No ensemble has been drawn here yet" in page(PAGE).info[0].value
    first = next(iter(STARTS.values())).config.id
    shutil.copytree(ROOT / "cache" / "gallery" / first, own_cache / "gallery" / first)
    shown = page(PAGE)
    assert len(sent(shown)) == 6 and not shown.info and not shown.sidebar.selectbox
    sentence = next(text.value for text in shown.markdown if "untrained networks" in text.value)
    assert sentence.replace("\u00a0", " ").startswith(
        "In 100 untrained networks the favoured class gets **71 %** of the guesses on average (29 % to 100 %); 10 %"
    )
    assert not shown.query_params, "nothing was chosen"


def test_two_ensembles_have_the_same_scales_and_one_caption_each(own_cache: Path) -> None:
    config = EnsembleConfig(**SMALL)
    run = drawn(config, own_cache)
    other = drawn(config.with_(model=config.model.with_(activation="tanh")), own_cache)
    shown = page(PAGE, run=run.id, against=other.id)
    by_title = {}
    for figure in sent(shown):
        title = figure["layout"]["title"]["text"]  # a long text stands among the shared ones
        title = title if isinstance(title, str) else figure["shared"][title["$shared"]]
        by_title.setdefault(title.split(" · ")[0], []).append(figure["layout"])
    assert len(by_title) == 6 and all(len(pair) == 2 for pair in by_title.values())
    assert all(left["yaxis"]["range"] == right["yaxis"]["range"] for left, right in by_title.values())
    captions = [caption.value for caption in shown.caption]
    assert all(captions.count(text) == 1 for text in CAPTIONS.values())


def test_the_link_restores_the_form(own_cache: Path) -> None:
    shown = page(PAGE)
    shown.selectbox(key="start").select("tanh").run()
    shown.number_input(key="tanh-networks").set_value(7).run()
    shown.number_input(key="tanh-model-mlp-width").set_value(33).run()
    shown.selectbox(key="tanh-initialization-name").select("gaussian").run()
    link = {name: "".join(value) for name, value in shown.query_params.items()}
    again = page(PAGE, **link)
    assert "The networks of the link are in the form" in again.info[0].value
    again.button(key="initialize").click().run()
    (made,) = list_runs(own_cache)
    wanted = STARTS["tanh"].config
    model, start = wanted.model.with_(width=33), {"name": "gaussian"}
    assert made.run.config == wanted.with_(networks=7, model=model, initialization=start)
    assert "form" not in again.query_params and "".join(again.query_params["run"]) == made.run.id
    assert "form cannot be read" in as_read(page(PAGE, form='{"networks": 0}').warning[0])


def test_the_network_shown_is_in_the_link(own_cache: Path) -> None:
    run = drawn(EnsembleConfig(**SMALL), own_cache)
    shown = page(PAGE, run=run.id)
    shown.number_input(key="network").set_value(3).run()
    assert "".join(shown.query_params["network"]) == "3"
    assert page(PAGE, run=run.id, network="3").number_input(key="network").value == 3


def test_the_button_and_one_change_side_by_side(own_cache: Path) -> None:
    shown = page(PAGE)
    shown.button(key="initialize").click().run()
    (first,) = list_runs(own_cache)
    assert first.run.config.id == next(iter(STARTS.values())).config.id and first.run.id in shown.query_params["run"]

    run = drawn(EnsembleConfig(**SMALL), own_cache)
    shown = page(PAGE, run=run.id)
    shown.button(key="what-if-tanh").click().run()
    other = Run.open("".join(shown.query_params["against"]), own_cache)
    assert other.id == run.config.with_(model=run.config.model.with_(activation="tanh")).id
    assert {button.key for button in shown.button} >= {"0-again", "1-stop"} and not shown.exception


@pytest.mark.parametrize("file", ["config.json", "status.json", "schema.json"])
def test_a_torn_ensemble_is_one_sentence(own_cache: Path, file: str) -> None:
    run = drawn(EnsembleConfig(**SMALL), own_cache)
    (run.path / file).write_text('{"networks": ')
    shown = page(PAGE, run=run.id)
    assert "cannot be read" in shown.error[0].value or "cannot be read" in shown.warning[0].value


def test_bad_input_is_one_sentence(own_cache: Path) -> None:
    shown = page(PAGE)
    shown.number_input(key="relu-inputs").set_value(5000).run()
    assert "inputs is 5000, allowed: at most the 2000 test images" in as_read(shown.error[0])


def test_runs_of_the_other_kind_turn_to_their_page(own_cache: Path, tiny) -> None:
    run = drawn(EnsembleConfig(**SMALL), own_cache)
    assert "Before training" in [title.value for title in page(ROOT / "pages" / "Train.py", run=run.id).title]
    training = submit(tiny, own_cache)
    assert "Before training" not in [title.value for title in page(PAGE, run=training.id).title]


def test_every_change_changes_something_and_only_that() -> None:
    config = EnsembleConfig(**SMALL)
    made = changes(config)
    assert {"tanh", "max-pool", "deeper", "after", "pytorch"} <= set(made) and "relu" not in made and "he" not in made
    assert all(other.id != config.id and other.networks == config.networks for _, other in made.values())
    resnet = changes(EnsembleConfig(model={"name": "resnet18"}))
    assert resnet["statistics"][1].batch_norm == "batch" and set(resnet) == {"statistics", "pytorch"}
    assert set(made) | set(resnet) <= set(CHANGES)


def test_one_more_picture_at_a_time_and_the_address_says_which(own_cache: Path) -> None:
    for config in REGIMES.values():
        shutil.copytree(ROOT / "cache" / "gallery" / config.id, own_cache / "gallery" / config.id)
    run = drawn(EnsembleConfig(**SMALL), own_cache)
    shown = page(PAGE, run=run.id, more="regimes")
    titles = [figure["layout"]["title"]["text"] for figure in sent(shown)]
    assert titles[-1] == "Neutral to deeply prejudiced" and len(titles) == 6
    assert any("deeply prejudiced" in text.value for text in shown.markdown)
    shown.button(key="open-ReLU, 3 layers").click().run()
    assert "".join(shown.query_params["run"]) == REGIMES["ReLU, 3 layers"].id
    shown.segmented_control(key="more").set_value("gradients").run()
    assert any("neither vanishes nor explodes" in text.value for text in shown.markdown)
    assert "".join(shown.query_params["more"]) == "gradients" and not shown.exception


def test_networks_without_gradients_are_drawn_again_with_them(own_cache: Path) -> None:
    run = drawn(EnsembleConfig(**SMALL), own_cache)
    shown = page(PAGE, run=run.id, more="gradients")
    shown.button(key="with-gradients").click().run()
    other = Run.open("".join(shown.query_params["run"]), own_cache)
    assert other.id == run.config.with_(gradients=True).id and not shown.exception
