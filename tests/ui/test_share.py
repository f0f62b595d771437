"""What a viewer takes along: a GIF and a QR code from our server, and links that hide parts of a page."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.routing import Match
from streamlit.testing.v1 import AppTest

from igbviz.config import RunConfig
from igbviz.ui.server import HERE
from igbviz.ui.share import hidden, routes
from tests.support.stored_runs import stored, story


def ask(path: str, **query: str) -> Response:
    for route in routes.routes("/lab"):
        found, scope = route.matches({"type": "http", "method": "GET", "path": path})
        if found is Match.FULL:
            request = SimpleNamespace(path_params=scope["path_params"], query_params=QueryParams(query))
            return route.endpoint(request)
    raise AssertionError(f"nothing is served at {path}")


def test_a_run_as_a_gif(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path))
    run = stored(RunConfig(epochs=4, batch_size=100), tmp_path, story(8))
    answer = ask(f"/lab/share/{run.id}.gif", view="accuracy", unit="step", dark="true")
    assert answer.status_code == 200 and answer.media_type == "image/gif"
    assert answer.headers["content-disposition"] == f'attachment; filename="{run.id}-accuracy.gif"'
    assert Image.open(io.BytesIO(answer.body)).n_frames == 60
    for path, query, sentence in (
        (run.id, {"view": "x\r\ny"}, "view is 'x\\r\\ny', allowed: one of "),
        (run.id, {"unit": "week"}, "unit is 'week', allowed: one of "),
        ("no-run", {}, "run 'no-run' is not in the cache"),
        ("UPPER", {}, "run 'UPPER' is not a run's name"),
    ):
        answer = ask(f"/lab/share/{path}.gif", **query)
        assert answer.status_code == 400 and answer.body.decode().startswith(sentence)


def test_a_link_as_a_code() -> None:
    answer = ask("/lab/share/qr.svg", link="http://127.0.0.1/Train?run=a&at=3")
    assert answer.status_code == 200 and answer.media_type == "image/svg+xml" and b"<svg" in answer.body
    assert answer.body != ask("/lab/share/qr.svg", link="http://127.0.0.1/Train?run=a&at=4").body
    for wrong in ("", "x" * 2001):
        assert ask("/lab/share/qr.svg", link=wrong).status_code == 400


def test_every_name_hides_something() -> None:
    """A rule for each name, apart from what the pages leave out themselves."""
    named = set(re.findall(r"\.igbviz-hide-([a-z]+)", (HERE / "share/hidden.css").read_text()))
    assert named | {"more"} == hidden.PARTS.keys()


def page() -> None:
    import streamlit as st

    from igbviz.ui.query import turn_to
    from igbviz.ui.share import hidden

    hidden.warn_of_unknown_parts()
    st.write(hidden.is_hidden("form"))
    if st.button("Turn"):
        turn_to(run="another")


def test_an_unknown_name_is_one_sentence_and_a_link_goes_on_hiding() -> None:
    test = AppTest.from_function(page)
    test.query_params["hide"] = "form, bars,everything"
    test.run()
    (warning,) = test.warning
    sentence = warning.value.replace("\\", "")
    assert sentence.startswith("hide in the address is 'everything', allowed: menu, title, form, ")
    assert "True" in test.markdown[0].value
    test.query_params["hide"] = "form"
    test.query_params["at"] = "3"
    test.run()
    assert not test.warning
    test.button[0].click().run()
    assert dict(test.query_params) == {"run": "another", "hide": "form"}
