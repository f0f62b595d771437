"""The pictures of hidden nodes on the page of untrained networks, headless: the slider, its link, and the networks."""

from __future__ import annotations

from pathlib import Path

from igbviz.ensembles import EnsembleConfig
from igbviz.runs.run import Run
from tests.support import ROOT
from tests.support.pages import as_read, page
from tests.support.stored_ensembles import SMALL, drawn

PAGE = ROOT / "pages" / "Initialisation.py"


def texts(shown) -> str:
    return " ".join(as_read(text) for text in shown.markdown)


def test_a_shift_is_tried_out_and_drawn(own_cache: Path) -> None:
    run = drawn(EnsembleConfig(**SMALL), own_cache)
    assert "over the data" not in texts(page(PAGE, run=run.id)), "nothing is computed before it is asked for"
    shown = page(PAGE, run=run.id, inside="rule", a="0.3")
    assert "ReLU as φ(x) − 0.30: a node of the first hidden layer has mean 0.26 over the data" in texts(shown)
    shown.button(key="rule-zero").click().run()
    assert shown.slider(key="rule-a").value == 0.56 and "the bias after it is zero (γ = 0)" in texts(shown)
    assert "".join(shown.query_params["a"]) == "0.56"
    shown.selectbox(key="rule-phi").select("tanh").run()
    assert "every shift triggers a bias" in texts(shown)
    shown.button(key="rule-draw").click().run()
    other = Run.open("".join(shown.query_params["against"]), own_cache)
    assert other.id == run.config.with_(model=run.config.model.with_(activation="tanh", offset=0.56)).id


def test_the_page_begins_with_the_shift_of_its_networks(own_cache: Path) -> None:
    model = SMALL["model"] | {"activation": "tanh", "shift": -0.4}
    run = drawn(EnsembleConfig(**SMALL | {"model": model}), own_cache)
    shown = page(PAGE, run=run.id, inside="rule")
    assert "tanh as φ(x + 0.40)" in texts(shown) and shown.button(key="rule-draw").disabled
    assert "a is '9', allowed" in as_read(page(PAGE, run=run.id, inside="rule", a="9").warning[0])


def test_two_networks_say_what_their_nodes_do(own_cache: Path) -> None:
    run = drawn(EnsembleConfig(**SMALL | {"model": {"name": "cnn"}, "networks": 2}), own_cache)
    text = texts(page(PAGE, run=run.id, inside="nodes"))
    assert "tanh: the spread of the nodes' means is 0.03" in text and "ReLU: the spread" in text
    shown = page(PAGE, run=run.id, inside="rule")
    assert "mean 0.56 over the data" in texts(shown), "of an MLP where it is none"


def test_one_switch_has_the_pictures_of_ensembles_and_of_nodes(own_cache: Path) -> None:
    run = drawn(EnsembleConfig(**SMALL | {"networks": 2}), own_cache)
    empty = drawn(EnsembleConfig(**SMALL), own_cache, 0)
    shown = page(PAGE, run=run.id, inside="rule")
    for other in (empty, run):  # the picture stays while the first network is drawn
        shown.query_params.clear()
        shown.query_params["run"] = other.id
        shown.run()
        assert shown.slider(key="rule-a")
    assert "".join(shown.query_params["inside"]) == "rule"
    assert "squared ratio" not in texts(shown) and shown.slider(key="rule-a")
    shown.segmented_control(key="more").set_value("nodes").run()
    assert "tanh: the spread" in texts(shown) and "over the data" not in texts(shown)
    assert "".join(shown.query_params["inside"]) == "nodes" and "a" not in shown.query_params
    shown.segmented_control(key="more").set_value("centres").run()
    assert "squared ratio" in texts(shown) and "tanh: the spread" not in texts(shown)
    assert not {"more", "inside"} & set(shown.query_params) and not shown.exception
