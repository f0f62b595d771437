"""The Train page, headless: the form, links, and a run in every state."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.config import PRESETS, RunConfig
from igbviz.runs.run import Run
from igbviz.runs.status import Status
from igbviz.runs.submit import submit
from igbviz.trajectory.outcome import ALIVE_IN_WORDS
from igbviz.ui.provenance import ROUNDING
from tests.support import ROOT
from tests.support.pages import as_read, page
from tests.support.stored_runs import BASE, finished, stored, story


@pytest.mark.parametrize("state", ["done", "stopped", "failed", "diverged", "queued"])
def test_a_run_in_every_state(state: str, tiny: RunConfig, own_cache: Path) -> None:
    run = finished(tiny, own_cache, state)
    test = page(ROOT / "pages/Train.py", run=run.id)
    buttons = {button.key for button in test.button}
    assert ("stop" in buttons) == (state == "queued")
    assert ("resume" in buttons) == (state in ("stopped", "failed"))
    assert len(test.get("bidi_component")) == 2, "the stage, and the chart of what it does not show"


def test_before_the_first_probe_the_loss_is_not_said_to_be_unknown(own_cache: Path) -> None:
    run = stored(BASE, own_cache, story()[:0], "queued")
    test = page(ROOT / "pages/Train.py", run=run.id)
    (quantity,) = [group for group in test.button_group if group.label == "Quantity"]
    assert quantity.value == "signal"
    assert not [part.value for part in test.caption if "did not know" in part.value]


def test_when_each_class_comes_alive(tiny: RunConfig, own_cache: Path) -> None:
    run = finished(tiny, own_cache)
    test = page(ROOT / "pages/Train.py", run=run.id, chart="alive")
    assert any(ALIVE_IN_WORDS in caption.value for caption in test.caption)
    came = sum(step is not None for step in run.trajectory().alive_steps())
    begins = {0: "No class", 1: "Only", 3: "All 3"}.get(came, f"{came} of 3")
    _, picture = test.get("bidi_component")
    assert f"When each class comes alive. {begins}" in json.loads(picture.proto.json)["figure"]


@pytest.mark.parametrize("state", ["failed", "diverged"])
def test_an_error_is_shown_in_a_box_and_no_empty_file_is_offered(state: str, tiny: RunConfig, own_cache: Path) -> None:
    run = submit(tiny, own_cache)
    run.write_status(Status(state=state, message="Images of *cats* are not there."))
    test = page(ROOT / "pages/Train.py", run=run.id)
    (box,) = test.error if state == "failed" else test.warning
    assert box.value == r"Images of \*cats\* are not there\."
    assert all("cats" not in caption.value for caption in test.caption)
    assert downloads(test) == {"get.json"}
    run = finished(tiny.with_(seed=1), own_cache, state)
    assert downloads(page(ROOT / "pages/Train.py", run=run.id)) == {"get.json", "get.csv", "get.parquet", "get.html"}


def test_rounding_noise_is_a_field_of_the_form_and_the_page_says_why(own_cache: Path) -> None:
    test = page(ROOT / "pages/Train.py")
    assert any(ROUNDING in text.value for text in test.markdown)
    (box,) = (number for number in test.number_input if number.key.endswith("-rounding_noise"))
    box.set_value(3).run()
    test.button(key="train").click().run()
    assert Run.open("".join(test.query_params["run"]), own_cache).config.rounding_noise == 3


def downloads(test: AppTest) -> set[str]:
    return {button.key for button in test.get("download_button")}


def test_the_title_of_a_run_is_shown_as_it_is(tiny: RunConfig, own_cache: Path) -> None:
    formula = {"name": "custom", "formula": "-p**q*log(p)*r_1*r_2", "parameters": {"q": 0.5, "r_1": 1, "r_2": 2}}
    run = submit(tiny.with_(loss=formula), own_cache)
    test = page(ROOT / "pages/Train.py", run=run.id)
    title = test.title[0].value
    assert r"\*\*q\*log\(p\)\*r\_1" in title, "no bold, no formula"
    shown = title.replace("\\", "")
    assert shown.startswith("Your own formula (-p**q*log(p)*r_1*r_2, ") and shown.endswith(
        ") :small[fully connected on Gaussian noise · seed 0]"
    )
    assert all(parameter in shown for parameter in ("q 0.5", "r_1 1", "r_2 2")) and "{" not in shown
    run = submit(tiny.with_(loss={"name": "blurry", "gamma": 0.5, "detach_weight": True}), own_cache)
    title = page(ROOT / "pages/Train.py", run=run.id).title[0].value.replace("\\", "")
    assert title.startswith("Blurry (gamma 0.5, detach weight) :small[fully connected on ")


def test_wrong_links_are_friendly(own_cache: Path) -> None:
    for name in ("nowhere", "../../etc/passwd", "a b", "<script>"):
        test = page(ROOT / "pages/Train.py", run=name)
        assert "leads nowhere" in test.warning[0].value
    test = page(ROOT / "pages/Train.py", sweep="nowhere")
    assert "leads nowhere" in test.warning[0].value and test.title[0].value == "Train and watch", (
        "what else there is to do here"
    )
    test = page(ROOT / "pages/Train.py", loss="nowhere")
    assert "loss is 'nowhere', allowed: one of cross-entropy, " in as_read(test.warning[0])
    assert "train" in {button.key for button in test.button}


def test_the_button_submits_what_the_form_says(own_cache: Path) -> None:
    test = page(ROOT / "pages/Train.py")
    test.selectbox(key="preset").select("first-look-piecewise-zero").run()
    test.number_input(key="first-look-piecewise-zero-loss-piecewise-zero-cutoff").set_value(0.25).run()
    test.button(key="train").click().run()
    assert not test.exception
    (name,) = os.listdir(own_cache / "runs")
    run = Run.open(name, own_cache)
    expected = PRESETS["first-look-piecewise-zero"].config.with_(loss={"name": "piecewise-zero", "cutoff": 0.25})
    assert run.config == expected and run.id in test.query_params["run"]


def test_every_preset_fills_the_form_with_itself(own_cache: Path) -> None:
    test = page(ROOT / "pages/Train.py")
    for preset in [name for name in PRESETS if name != "first-look"]:
        test.selectbox(key="preset").select(preset).run()
        assert not test.exception and not test.error
        test.button(key="train").click().run()
        (name,) = os.listdir(own_cache / "runs")
        assert (run := Run.open(name, own_cache)).config == PRESETS[preset].config
        run.delete()
        test.query_params.clear()
        test.run()


def test_every_part_can_be_chosen(own_cache: Path) -> None:
    """Each loss, network, data set ... draws its hyperparameters without an error."""
    from igbviz.config.optimizers import OPTIMIZERS
    from igbviz.config.schedules import SCHEDULES
    from igbviz.datasets import DATASETS
    from igbviz.losses import LOSSES
    from igbviz.models import INITIALIZATIONS, MODELS
    from igbviz.models.torchvision_networks import TORCHVISION

    test = page(ROOT / "pages/Train.py")
    registries = {
        "loss": LOSSES,
        "schedule": SCHEDULES,
        "model": MODELS,
        "initialization": INITIALIZATIONS,
        "dataset": DATASETS,
    }
    for part, registry in (registries | {"optimizer": OPTIMIZERS}).items():
        for name in registry:
            if name in TORCHVISION and name not in ("resnet50", "vgg11"):
                continue
            test.selectbox(key=f"first-look-cross-entropy-{part}-name").select(name).run()
            assert not test.exception, (part, name)


def test_a_wrong_combination_is_a_sentence_and_no_button(own_cache: Path) -> None:
    test = page(ROOT / "pages/Train.py")
    test.toggle(key="first-look-cross-entropy-optimizer-sgd-nesterov").set_value(True).run()
    assert not test.exception and "optimizer.nesterov" in as_read(test.error[0])
    assert "train" not in {button.key for button in test.button}


KEY = "first-look-cross-entropy"


BEYOND = {
    f"{KEY}-batch_size": (0, "batch_size is 0, allowed: a whole number from 1 to 65536."),
    f"{KEY}-epochs": (-1.0, "epochs is -1.0, allowed: a number above 0 and at most 10000."),
    f"{KEY}-seed": (2**31, "seed is 2147483648, allowed: a whole number from 0 to 2147483647."),
    f"{KEY}-model-mlp-depth": (0, "model.depth is 0, allowed: a whole number from 1"),
    f"{KEY}-imbalance-ratio": (0, "imbalance.ratio is 0, allowed: a whole number from 1 to 10000."),
    f"{KEY}-probes-count": (1, "probes.count is 1, allowed: a whole number from 2 to 5000."),
}


@pytest.mark.parametrize("box", BEYOND)
def test_a_number_beyond_its_limits_is_a_sentence_and_no_button(box: str, own_cache: Path) -> None:
    test = page(ROOT / "pages/Train.py")
    assert not any(number.proto.has_min or number.proto.has_max for number in test.main.number_input), (
        "the browser would keep silent"
    )
    value, sentence = BEYOND[box]
    test.number_input(key=box).set_value(value).run()
    assert not test.exception and as_read(test.error[0]).startswith(sentence)
    assert not {"train", "sweep-start"} & {button.key for button in test.button}


@pytest.mark.parametrize("seeds", [0, -3, 501, 10**9])
def test_a_sweep_of_too_many_or_too_few_seeds_is_a_sentence(seeds: int, own_cache: Path) -> None:
    test = page(ROOT / "pages/Train.py")
    assert "sweep-start" in {button.key for button in test.button}
    test.number_input(key="sweep-seeds").set_value(seeds).run()
    assert not test.exception and as_read(test.error[0]) == f"Seeds is {seeds}, allowed: a whole number from 1 to 500."
    assert "sweep-start" not in {button.key for button in test.button}
