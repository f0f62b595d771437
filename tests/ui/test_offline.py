"""The server asks nothing of the internet."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from streamlit import config, net_util
from streamlit.runtime import Runtime
from streamlit.web import bootstrap
from streamlit.web.server.starlette import App

from igbviz.ui import assets, server
from igbviz.ui.guard import offline
from tests.support import ROOT


@pytest.fixture
def asked(monkeypatch, tmp_path: Path) -> list[str]:
    """Calls of Streamlit's function that asks the internet for our address, unless our server replaces it."""
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(Runtime, "_instance", None)
    monkeypatch.setattr(assets, "served", False)  # both given back at the end
    found: list[str] = []
    monkeypatch.setattr(net_util, "get_external_ip", lambda: found.append("asked"))
    return found


def test_a_foreign_origin_is_refused_without_a_question(asked: list[str]) -> None:
    app = App(ROOT / "app.py", **server.parts())
    with TestClient(app, base_url="http://school:8501") as client:
        for origin in ("http://evil.example", "http://school:8502", "null"):
            with (
                pytest.raises(WebSocketDisconnect),
                client.websocket_connect("/_stcore/stream", headers={"origin": origin, "host": "school:8501"}),
            ):
                pass
        ours = {"origin": "http://school:8501", "host": "school:8501"}
        with client.websocket_connect("/_stcore/stream", headers=ours):
            pass
    assert not asked


@pytest.mark.parametrize("ours", [True, False])
def test_an_open_server_starts_without_a_question(ours: bool, asked: list[str], monkeypatch, capsys) -> None:
    """Streamlit prints the address before it imports our code."""
    options = {"server.address": "0.0.0.0", "server.headless": True}
    if ours:
        settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
        options["browser.serverAddress"] = settings["browser"]["serverAddress"]
    get = config.get_option
    monkeypatch.setattr(config, "get_option", lambda name: options.get(name, get(name)))
    monkeypatch.setattr(config, "is_manually_set", lambda name: name in options)
    bootstrap._print_url(is_running_hello=False)
    assert bool(asked) != ours, "Streamlit's way to ask has changed"
    monkeypatch.setattr(net_util, "_internal_ip", "192.0.2.7")
    capsys.readouterr()
    offline.print_address()
    assert "http://192.0.2.7:" in capsys.readouterr().out
