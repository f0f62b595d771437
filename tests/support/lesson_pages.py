"""The page of lessons, headless: a small run for a lesson, turning its pages, and reading them."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from igbviz.config import RunConfig
from tests.support import ROOT

PAGE = ROOT / "pages" / "Lessons.py"
NOISE = {"name": "gaussian-noise", "size": 8, "train_examples": 60, "test_examples": 60}
TRAINED = RunConfig(
    dataset=NOISE,
    model={"name": "mlp", "depth": 1, "width": 8},
    epochs=2,
    batch_size=16,
    probes={"size": 60, "count": 5},
)


def turn(test: AppTest, way: str = "next") -> AppTest:
    test.button(key=f"lesson-{way}").click().run()
    assert not test.exception
    return test


def text(test: AppTest) -> str:
    return "\n".join(
        element.value for kind in ("markdown", "caption", "success", "warning", "error") for element in test.get(kind)
    )
