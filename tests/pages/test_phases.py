"""The page of the phase diagram, headless."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz import theory
from igbviz.runs import queue
from igbviz.runs.listing import list_runs
from igbviz.studies.phases import line
from igbviz.ui.views.phases import measured
from igbviz.ui.views.phases.caveats import CAVEATS
from igbviz.ui.views.phases.point import Point, consequences, phase
from tests.support import ROOT


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).switch_page("pages/Phases.py").run()
    assert not page.exception and "on the edge of chaos" in " ".join(text.value for text in page.markdown)
    for activation in theory.ACTIVATIONS:
        page.selectbox(key="phase-activation").select(activation).run()
        assert not page.exception, activation
    page.number_input(key="phase-w").set_value(0.01).run()
    page.slider(key="phase-depth").set_value(100).run()
    assert not page.exception
    page.selectbox(key="phase-activation").select("tanh").run()
    page.number_input(key="phase-w").set_value(3.0).run()
    assert "chaotic" in " ".join(text.value for text in page.markdown)
    page.button(key="phase-train").click().run()
    (line,) = list_runs(tmp_path)
    assert line.config["initialization"] == line.config["initialization"] | {
        "name": "gaussian",
        "sigma_w2": 3.0,
        "sigma_b2": 0.05,
    }


@pytest.mark.parametrize(
    ("box", "value", "said"),
    [("w", 1000.0, "is 1000, allowed: a number from 0.01 to 25; shown: 25"), ("b", -1.0, "shown: 0")],
)
def test_a_point_beyond_the_plane_is_an_error(
    box: str, value: float, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser would show a typed value beyond the box's own limits, but send the value before."""
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).switch_page("pages/Phases.py").run()
    assert not page.error and not any(number.proto.has_min or number.proto.has_max for number in page.number_input)
    page.number_input(key=f"phase-{box}").set_value(value).run()
    assert not page.exception and said in page.error[0].value.replace("\\", "")


def _reading(activation: str, sigma_w2: float, sigma_b2: float) -> str:
    fixed = theory.fixed_point(activation, sigma_w2, sigma_b2)
    return " ".join([phase(fixed), *consequences(Point(activation, sigma_w2, sigma_b2, 20), fixed)]).replace("\\", "")


@pytest.mark.parametrize(
    ("activation", "sigma_w2", "sigma_b2", "said", "not_said"),
    [
        ("tanh", 0.5, 0, ["ordered", "signal dies out", "γ = 0 at every depth", "vanish"], ["the same"]),
        ("tanh", 1, 0, ["on the edge", "γ = 0 at every depth"], ["the same"]),
        ("tanh", 1, 0.05, ["ordered", "become the same (c* = 1)", "γ grows"], ["dies out"]),
        ("tanh", 3, 0.05, ["chaotic", "stay apart", "γ settles at 0.427"], ["the same"]),
        ("relu", 3, 0.05, ["chaotic", "variance explodes", "become the same"], ["stay apart"]),
        ("leaky-relu", 3, 0.05, ["chaotic", "become the same"], ["stay apart"]),
        ("abs", 3, 0.05, ["chaotic", "become the same"], ["stay apart"]),
        ("gelu", 3, 0.05, ["chaotic", "become the same"], ["stay apart"]),
        ("shifted-relu", 2.71, 0.041, ["do not reach this q*"], ["γ settles", "stay apart"]),
    ],
)
def test_what_is_said_of_a_point_follows_from_the_theory_at_it(
    activation: str, sigma_w2: float, sigma_b2: float, said: list[str], not_said: list[str]
) -> None:
    text = _reading(activation, sigma_w2, sigma_b2)
    assert all(words in text for words in said), text
    assert not any(words in text for words in not_said), text


def test_the_sentences_agree_with_the_recursion() -> None:
    """Each sentence at points of the plane against two hundred layers, which `fixed_point` does not iterate."""
    for activation in theory.ACTIVATIONS:
        for sigma_w2, sigma_b2 in ((0.5, 0), (0.5, 0.2), (1.5, 0), (1.5, 0.2), (3, 0), (3, 0.2)):
            text = _reading(activation, sigma_w2, sigma_b2)
            gamma = theory.gamma_by_depth(activation, sigma_w2, sigma_b2, 200)
            point = activation, sigma_w2, sigma_b2
            assert ("γ = 0 at every depth" in text) == (gamma.max() == 0), point
            assert ("γ grows without bound" in text) == (gamma[-1] > 1.5 * gamma[99]), point
            gain = theory.gradient_gain(activation, sigma_w2, sigma_b2, 200)[-1]
            assert ("ordered" in text) == (gain < 0.995) and ("chaotic" in text) == (gain > 1.005), point


def test_the_counterexamples_of_the_caveats() -> None:
    """Neutral networks that are not chaotic, and chaotic ones in which inputs become the same."""
    assert "always chaotic" not in CAVEATS
    for sigma_w2, chi_1 in ((0.5, 0.5), (1.0, 1.0)):
        assert theory.fixed_point("tanh", sigma_w2, 0) == (0.0, pytest.approx(chi_1), 0.0)
        assert not theory.gamma_by_depth("tanh", sigma_w2, 0, 100).any()
        assert f"tanh at ({sigma_w2:g}, 0)" in CAVEATS
    for activation in ("relu", "leaky-relu", "abs", "gelu"):
        fixed = theory.fixed_point(activation, 3, 0.05)
        assert fixed.chi_1 > 1 and fixed.c_star == 1 and fixed.q_star == float("inf")
    assert theory.gamma_by_depth("tanh", 1.76, 0.05, 20)[-1] == pytest.approx(2.2, abs=0.05)
    assert theory.gamma_by_depth("gelu", 2, 0, 100).argmax() + 1 == 13


def test_what_the_caveats_say_of_scales() -> None:
    """xi is an e-folding length of the distance to c*, and chi_1 the growth of a squared difference."""
    fixed, xi = theory.fixed_point("tanh", 3, 0.05), round(theory.depth_scales("tanh", 3, 0.05)[1])
    distance = abs(theory.correlation_by_depth("tanh", 3, 0.05, 60 + xi) - fixed.c_star)
    assert distance[59 + xi] / distance[59] == pytest.approx(0.37, abs=0.01)
    near = theory.correlation_by_depth("tanh", 3, 0.05, 5, c0=1 - 1e-7, q0=1.0)
    assert (1 - near[4]) / (1 - near[3]) == pytest.approx(fixed.chi_1, rel=0.02), "1 - c is a squared difference"


def test_no_network_is_called_neutral_beside_a_large_guess_fraction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The regimes are cuts for two classes: at gamma = 0.9 one of ten classes still gets 0.42 of the guesses."""
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    monkeypatch.setattr(theory, "gamma_by_depth", lambda *_, **__: [0.9])
    monkeypatch.setattr("igbviz.charts.theory.by_depth", lambda *_: {})
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).switch_page("pages/Phases.py").run()
    (said,) = (text.value for text in page.markdown if text.value.startswith("At this point"))
    assert "0.42" in said and "neutral" not in said


@pytest.mark.parametrize(
    ("chart", "click", "chosen"),
    [
        ("phase-line-chart", {"x": 2.8, "y": 0.7}, ("tanh", 1.761, 0.05, 21)),
        ("phase-bridge", {"x": 280.0, "y": 0.99}, ("relu", 1.5, 0.05, 20)),
    ],
)
def test_a_click_on_a_measured_dot_chooses_its_point(
    chart: str, click: dict, chosen: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path))
    clicks = {chart: click}
    monkeypatch.setattr(measured, "live_chart", lambda *_, key, **__: clicks.pop(key, None))
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).switch_page("pages/Phases.py").run()
    assert not page.exception and not clicks
    keys = ("phase-activation", "phase-w", "phase-b", "phase-depth")
    assert tuple(page.session_state[key] for key in keys) == chosen


def test_a_dot_of_the_measured_gammas_is_its_own_point() -> None:
    """Below the accuracies x is gamma as measured."""
    for start in line.read().starts:
        for x, y in ((start.gamma, 0.5), (start.measured, -0.09)):
            assert measured._start(start.activation, {"x": x, "y": y}).sigma_w2 == start.sigma_w2


def test_the_link_holds_the_measured_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path))
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).switch_page("pages/Phases.py")
    page.query_params["line"], page.query_params["rate"] = "relu", "0.03"
    page.run()
    assert not page.exception and page.query_params["line"] == "relu" and page.query_params["rate"] == "0.03"
    assert any("After 300 steps ReLU networks" in text.value for text in page.markdown)
    assert any("layer 20 of GELU" in text.value for text in page.markdown)
