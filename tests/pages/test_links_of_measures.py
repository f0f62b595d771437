"""The addresses of the phase diagram and of the robustness page, headless: a link restores every setting."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.studies.robustness import QUESTIONS
from tests.support import ROOT
from tests.support.pages import as_read, page

PHASES, ROBUSTNESS = ROOT / "pages/Phases.py", ROOT / "pages/Robustness.py"


def address(test: AppTest) -> dict[str, str]:
    return {key: value if isinstance(value, str) else value[0] for key, value in test.query_params.items()}


def settings(test: AppTest) -> dict[str, object]:
    """The value of every widget, by the end of its key: the part before depends on the base of a form."""
    kinds = ("multiselect", "segmented_control", "selectbox", "slider", "number_input", "radio", "toggle")
    return {part.key.split("-")[-1] + part.label: part.value for kind in kinds for part in test.get(kind) if part.key}


@cache
def defaults(path: Path, **query: str) -> dict[str, object]:
    return settings(page(path, **query))


# The phase diagram.


@pytest.mark.parametrize(
    "link",
    [
        {"activation": "relu"},
        {"color": "chi_1"},
        {"sigma_w2": "2.5"},
        {"sigma_b2": "0"},
        {"layers": "50"},
        {"activation": "erf", "color": "depth_scale", "sigma_w2": "0.75", "sigma_b2": "0.2", "layers": "7"},
    ],
    ids=" ".join,
)
def test_a_link_restores_the_phase_diagram(link: dict[str, str], own_cache: Path) -> None:
    test = page(PHASES, **link)
    assert address(test) == link and not test.warning and not test.error
    test.run()
    again = page(PHASES, **address(test))
    assert settings(again) == settings(test) and settings(test) != defaults(PHASES)


def test_the_address_follows_the_point(own_cache: Path) -> None:
    test = page(PHASES)
    assert not address(test)
    test.number_input(key="phase-w").set_value(3.0).run()
    test.slider(key="phase-depth").set_value(100).run()
    test.selectbox(key="phase-activation").select("relu").run()
    assert address(test) == {"sigma_w2": "3", "layers": "100", "activation": "relu"}
    test.session_state["phase-clicked"] = {"phase-w": 1.234, "phase-b": 0.321}  # as a click leaves it
    test.run()
    assert address(test) == {"sigma_w2": "1.234", "sigma_b2": "0.321", "layers": "100", "activation": "relu"}


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"activation": "sinh"}, "activation is 'sinh', allowed: one of "),
        ({"color": "red"}, "color is 'red', allowed: one of gamma_star"),
        ({"sigma_w2": "100"}, "sigma_w2 is '100', allowed: a number from 0.01 to 25"),
        ({"sigma_b2": "nan"}, "sigma_b2 is 'nan', allowed: a number from 0 to 5"),
        ({"layers": "2.5"}, "layers is '2.5', allowed: a whole number from 2 to 100"),
    ],
)
def test_a_wrong_point_is_one_sentence_and_the_default(link: dict[str, str], said: str, own_cache: Path) -> None:
    test = page(PHASES, **link)
    (warning,) = test.warning
    assert as_read(warning).startswith(f"This link leads nowhere: {said}")
    assert settings(test) == defaults(PHASES) and not address(test)
    test.run()
    assert not test.warning


# Robustness.


@pytest.mark.parametrize(
    "link",
    [
        {"unit": "step"},
        {"losses": "mae,cross-entropy"},
        {"seeds": "5"},
        {"setting": {"label_noise": {"name": "symmetric", "rate": 0.2}}},
        {"setting": {"epochs": 3.0, "model": {"name": "mlp", "depth": 2}}, "seeds": "2"},
        {"view": "imbalance", "setting": {"imbalance": {"ratio": 7, "majority": "unfavoured"}}},
        {"view": "imbalance", "losses": "gce", "seeds": "1", "unit": "step"},
    ],
    ids=" ".join,
)
def test_a_link_restores_the_form_and_the_view(link: dict, own_cache: Path) -> None:
    link = {key: json.dumps(value, separators=(",", ":")) if key == "setting" else value for key, value in link.items()}
    link = {"view": "noise"} | link
    test = page(ROBUSTNESS, **link)
    assert not test.warning and not test.error
    written = address(test)
    assert {name for name in written if name != "setting"} == {name for name in link if name != "setting"}
    assert all(written[name] == value for name, value in link.items() if name != "setting")
    base = QUESTIONS[link["view"]].base
    described = [base.with_(**json.loads(query.get("setting", "{}"))) for query in (link, written)]
    assert described[0] == described[1], "the same setting, whatever of it is spelled out"
    test.run()
    again = page(ROBUSTNESS, **address(test))
    assert settings(again) == settings(test) != defaults(ROBUSTNESS, view=link["view"])


def test_the_address_follows_the_form(own_cache: Path) -> None:
    test = page(ROBUSTNESS)
    key = f"robust-noise-{QUESTIONS['noise'].base.id}"
    test.multiselect[0].set_value(["mae"]).run()
    test.number_input(key=f"{key}-seeds").set_value(2).run()
    test.number_input(key=f"{key}-epochs").set_value(3.0).run()
    assert address(test) == {"view": "noise", "losses": "mae", "seeds": "2", "setting": '{"epochs":3.0}'}
    assert f"{key}-epochs" in {box.key for box in test.number_input}, "the widgets are not made anew"
    assert settings(page(ROBUSTNESS, **address(test))) == settings(test)
    test.segmented_control(key="robust-view").set_value("imbalance").run()
    assert address(test) == {"view": "imbalance"} and not test.warning


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"losses": "mae,nonsense"}, "losses names 'nonsense', allowed: any of cross-entropy"),
        ({"seeds": "0"}, "seeds is '0', allowed: a whole number from 1 to 50"),
        ({"setting": "{"}, "setting is '{', allowed: a JSON object"),
        ({"setting": "[]"}, "setting is '[]', allowed: a JSON object"),
        ({"setting": '{"epochs":-1}'}, "setting: epochs is -1"),
        ({"setting": '{"label_noise":{"name":"none"}}'}, "setting does not answer the question 'Wrong labels'"),
        ({"unit": "weeks"}, "unit is 'weeks', allowed: one of epoch, step"),
    ],
)
def test_a_wrong_form_is_one_sentence_and_the_default(link: dict[str, str], said: str, own_cache: Path) -> None:
    test = page(ROBUSTNESS, **link)
    (warning,) = test.warning
    assert as_read(warning).startswith(f"This link leads nowhere: {said}") and not test.error
    assert settings(test) == defaults(ROBUSTNESS) and address(test) == {"view": "noise"}
    test.run()
    assert not test.warning
