"""The form of the Train page, headless: its link, what it says after a start, and the recorded runs below it."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.config import PRESETS
from igbviz.losses import LOSSES
from igbviz.runs import previews
from igbviz.runs.run import Run
from igbviz.ui.views import untrained
from igbviz.ui.views.run_form import SHOWN_RUN
from tests.support import ROOT
from tests.support.pages import as_read, page
from tests.support.stored_runs import stored, story

TRAIN = ROOT / "pages/Train.py"
DEFAULT = PRESETS["first-look"].config


def linked(test: AppTest) -> dict[str, str]:
    """The address of the page."""
    return {name: "".join(value) for name, value in test.query_params.items()}


def started(test: AppTest, cache: Path) -> Run:
    test.button(key="train").click().run()
    assert not test.exception
    return Run.open(linked(test)["run"], cache)


def by_a_link(loss: str):
    return lambda: page(TRAIN, loss=loss)


def by_hand() -> AppTest:
    test = page(TRAIN)
    test.selectbox(key="first-look-cross-entropy-loss-name").select("gce").run()
    return test


def by_a_preset() -> AppTest:
    test = page(TRAIN)
    test.selectbox(key="preset").select("first-look-piecewise-zero").run()
    return test


def by_mixing() -> AppTest:
    test = page(TRAIN)
    test.selectbox(key="first-look-cross-entropy-loss-name").select("mixed").run()
    test.selectbox(key="first-look-cross-entropy-loss-mixed-loss-name").select("gce").run()
    return test


WAYS = {
    "link": by_a_link("blurry"),
    "link-mae": by_a_link("mae"),
    "hand": by_hand,
    "mixture": by_mixing,
    "preset": by_a_preset,
}


@pytest.mark.parametrize("way", WAYS)
def test_after_a_start_the_form_is_that_of_the_run(way: str, own_cache: Path) -> None:
    test = WAYS[way]()
    epochs = next(box for box in test.number_input if box.key.endswith("-epochs"))
    epochs.set_value(1.0).run()
    run = started(test, own_cache)
    assert run.config.epochs == 1 and run.config.loss.name != "cross-entropy"
    assert test.selectbox(key="preset").value == SHOWN_RUN
    loss = next(box for box in test.selectbox if box.key.endswith("-loss-name"))
    assert loss.value == run.config.loss.name
    assert linked(test) == {"run": run.id}
    assert started(test, own_cache).id == run.id and os.listdir(own_cache / "runs") == [run.id]


@pytest.mark.parametrize("way", WAYS)
def test_no_caption_speaks_of_another_loss(way: str, own_cache: Path) -> None:
    test = WAYS[way]()
    run = started(test, own_cache)
    spoken = {name for name, preset in PRESETS.items() if any(preset.look_for in text.value for text in test.caption)}
    assert spoken == {name for name, preset in PRESETS.items() if preset.config == run.config}
    assert bool(spoken) == (way in ("preset", "link")), "blurry with its defaults is a preset, gce and mae are not"


def test_another_run_in_the_same_session_fills_the_form_anew(own_cache: Path) -> None:
    test = by_hand()
    first = started(test, own_cache)
    seed = next(box for box in test.number_input if box.key.endswith("-seed"))
    seed.set_value(5).run()
    assert json.loads(linked(test)["changes"]) == {"seed": 5} and linked(test)["run"] == first.id
    second = started(test, own_cache)
    assert second.config == first.config.with_(seed=5)
    test.query_params.clear()  # the menu
    test.run()
    assert test.selectbox(key="preset").value == "first-look-cross-entropy"
    test.button(key="train").click().run()
    assert linked(test) == {"run": DEFAULT.id}


def test_what_is_set_in_the_form_is_in_its_link(own_cache: Path) -> None:
    test = page(TRAIN)
    assert linked(test) == {}, "nothing differs from the preset"
    test.selectbox(key="preset").select("first-look-blurry").run()
    key = "first-look-blurry"
    test.number_input(key=f"{key}-loss-blurry-gamma").set_value(0.4)
    test.number_input(key=f"{key}-model-mlp-depth").set_value(6)
    test.number_input(key=f"{key}-seed").set_value(3)
    test.selectbox(key=f"{key}-label_noise-name").select("symmetric")
    test.selectbox(key=f"{key}-optimizer-name").select("adam").run()
    address = linked(test)
    assert address["preset"] == "first-look-blurry" and json.loads(address["knobs"]) == {"gamma": 0.4}
    changes = json.loads(address["changes"])
    assert changes["model.depth"] == 6 and changes["seed"] == 3 and changes["optimizer"]["name"] == "adam"
    assert "epochs" not in changes and "dataset" not in changes
    other = page(TRAIN, **address)
    assert linked(other) == address
    assert started(other, own_cache).id == started(test, own_cache).id


def test_a_link_of_the_page_of_losses_opens_the_form_with_it(own_cache: Path) -> None:
    test = page(TRAIN, loss="gce", knobs='{"q":0.5}')
    assert linked(test) == {"loss": "gce", "knobs": '{"q":0.5}'}
    assert started(test, own_cache).config == DEFAULT.with_(loss={"name": "gce", "q": 0.5})


WRONG = {
    "preset": ("first-look-none", "preset is 'first-look-none', allowed: one of first-look-cross-entropy, "),
    "loss": ("none", "loss is 'none', allowed: one of cross-entropy, "),
    "changes": ("[1", "changes are '[1', allowed: a JSON object of fields and values"),
}


@pytest.mark.parametrize("field", WRONG)
def test_a_wrong_value_is_one_sentence_and_the_default(field: str, own_cache: Path) -> None:
    value, sentence = WRONG[field]
    test = page(TRAIN, **{field: value})
    (warning,) = test.warning
    assert f"This link leads nowhere: {sentence}" in as_read(warning) and not test.error
    assert started(test, own_cache).config == DEFAULT


def test_a_seed_in_the_address_is_that_of_the_form(own_cache: Path) -> None:
    test = page(TRAIN, seed="3")
    assert test.number_input(key="first-look-cross-entropy-seed").value == 3
    assert linked(test) == {"changes": '{"seed":3}'}
    test = page(TRAIN, seed="x")
    assert "seed is" in test.warning[0].value and "whole number" in test.warning[0].value
    assert test.number_input(key="first-look-cross-entropy-seed").value == 0


def test_where_nothing_can_be_written_the_untrained_network_is_one_sentence(own_cache: Path, monkeypatch) -> None:
    def read_only(*args) -> str:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(own_cache / "previews"))

    monkeypatch.setattr(untrained, "is_served", lambda: True)
    monkeypatch.setattr(previews, "ask", read_only)
    test = page(TRAIN, seed="3")
    (said,) = [text.value for text in test.caption if "No look" in text.value]
    assert said.startswith("No look at the untrained network: ") and not test.exception


@pytest.mark.parametrize("changes", ['{"speed":1}', '{"epochs":-1}', '{"model.depth":"x"}', '{"loss.x.y":1}', "[]"])
def test_an_impossible_change_is_one_sentence_and_the_default(changes: str, own_cache: Path) -> None:
    test = page(TRAIN, changes=changes)
    assert len(test.warning) == 1 and "leads nowhere" in test.warning[0].value and linked(test) == {}
    assert "train" in {button.key for button in test.button}


def test_every_loss_is_in_its_link(own_cache: Path) -> None:
    for name in LOSSES:
        test = page(TRAIN, loss=name)
        if (link := linked(test)) != {"loss": name}:
            test = page(TRAIN, **link)
        assert not test.warning and test.session_state["form-start"].config.loss.name == name


def test_a_link_with_the_loss_of_another_preset_is_that_preset(own_cache: Path) -> None:
    test = page(TRAIN, loss="blurry")
    assert test.selectbox(key="preset").value == "first-look-blurry"
    assert linked(test) == {"preset": "first-look-blurry"}


def stages(test: AppTest) -> list:
    return [part for part in test.get("bidi_component") if "scenes" in part.proto.json]


def test_without_a_run_a_recorded_one_is_shown(own_cache: Path) -> None:
    assert not stages(page(TRAIN)), "nothing ships with this cache"
    for name in ("first-look-cross-entropy", "first-look-blurry"):
        stored(PRESETS[name].config, own_cache, story())
    (own_cache / "runs").rename(own_cache / "gallery")
    test = page(TRAIN)
    assert len(stages(test)) == 1 and any("Recorded" in text.value for text in test.caption)
    test.selectbox(key="preset").select("first-look-blurry").run()
    assert any(PRESETS["first-look-blurry"].look_for in text.value for text in test.caption)
    assert len(stages(page(ROOT / "app.py"))) >= 1


def test_a_sweep_leaves_the_form_as_it_is(own_cache: Path) -> None:
    test = page(TRAIN, changes='{"epochs":2.0}')
    test.button(key="sweep-start").click().run()
    assert not test.exception
    address = linked(test)
    assert set(address) == {"sweep", "changes"} and json.loads(address["changes"]) == {"epochs": 2}
