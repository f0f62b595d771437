"""What our server adds to Streamlit's: the dressed index page, and files that a browser may keep."""

from __future__ import annotations

import asyncio
import gzip
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import plotly
import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from streamlit import config
from streamlit.web.server.app_discovery import discover_asgi_app

from igbviz.config import RunConfig
from igbviz.runs.files import ADDRESS
from igbviz.ui import assets, server, shell
from igbviz.ui import previews as ui_previews
from tests.support import ROOT
from tests.support.stored_runs import finished

PAGE = "<html><head><title>Streamlit</title></head><body>é</body></html>"
NAVIGATION = {"accept": "text/html,*/*;q=0.8", "accept-encoding": "gzip, br", "if-none-match": '"old"'}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def ask(app: Starlette, path: str, **headers: str) -> Answer:
    """GET without a network: one request in, one response out."""
    sent = []

    async def receive() -> dict:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict) -> None:
        sent.append(message)

    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    path, _, query = path.partition("?")
    asked = {"path": path, "query_string": query.encode(), "headers": pairs}
    scope = {"type": "http", "method": "GET", "root_path": "", **asked}
    # in a thread of its own, since a browser test before it may have left an event loop in this one
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, app(scope, receive, send)).result()
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))


@pytest.fixture
def app(monkeypatch, tmp_path: Path) -> Starlette:
    """Our routes and middleware around a small app that answers like Streamlit's."""
    monkeypatch.setattr(assets, "served", False)
    monkeypatch.setattr(assets, "MODULES", tmp_path)
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path / "cache"))
    (tmp_path / "player.js").write_text("export const speed = 1;")
    asked = []

    async def index(request) -> Response:
        asked.append(dict(request.headers))
        return HTMLResponse(PAGE, headers={"etag": '"new"', "last-modified": "yesterday", "cache-control": "no-cache"})

    async def plain(request) -> Response:
        return PlainTextResponse("x</head>", headers={"etag": '"kept"'})

    parts = server.parts()
    answers = Starlette(
        routes=[*parts["routes"], Route("/Train", index), Route("/file", plain)], middleware=parts["middleware"]
    )
    answers.state.asked = asked
    return answers


def test_the_page_that_a_browser_opens_is_dressed(app: Starlette) -> None:
    answer = ask(app, "/Train", **NAVIGATION)
    text = answer.body.decode()
    assert text.index("<title>") < text.index("<style>") < text.index("</head>") and "é" in text
    assert (ROOT / "igbviz/ui/shell.css").read_text() in text and (ROOT / "igbviz/ui/shell.js").read_text() in text
    assert answer.headers["content-length"] == str(len(answer.body)) and answer.headers["cache-control"] == "no-cache"
    assert not {"etag", "last-modified"} & set(answer.headers), "a browser would keep the page of an older program"
    assert not {"if-none-match", "accept-encoding"} & set(app.state.asked[0])


def test_everything_else_passes_through(app: Starlette) -> None:
    assert ask(app, "/Train", accept="*/*").body.decode() == PAGE, "asked for by a script"
    answer = ask(app, "/file", **NAVIGATION)
    assert answer.body == b"x</head>" and answer.headers["etag"] == '"kept"'
    assert ask(app, "/nowhere", **NAVIGATION).status == 404


@pytest.mark.parametrize("name", ["plotly.min.js", "js/player.js"])
def test_a_file_is_packed_once_and_kept_for_good(app: Starlette, name: str) -> None:
    address = f"/{assets.asset(name)}"
    whole, packed = ask(app, address), ask(app, address, accept_encoding="gzip, deflate, br")
    assert whole.body == assets.path(name).read_bytes() == gzip.decompress(packed.body)
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in whole.headers
    for answer in (whole, packed):
        assert answer.headers["cache-control"] == "public, immutable, max-age=31536000"
        assert answer.headers["content-type"].startswith("text/javascript") and answer.headers["vary"]
    assert server.packed(name) is server.packed(name)


def test_only_what_is_offered_is_served(app: Starlette, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("")
    version = assets.version("js/player.js")
    for wrong in ("js/secret.txt", "js/../player.js", "js/", "player.js", "../shell.js", "js/deeper/player.js"):
        assert ask(app, f"/assets/{version}/{wrong}").status == 404, wrong
    assert ask(app, "/assets/another-version/js/player.js").status == 404
    assert ask(app, f"/assets/{plotly.__version__}/plotly.min.js").status == 200


def test_thumbnails_are_kept_for_good(app: Starlette, own_cache: Path, tiny: RunConfig, monkeypatch) -> None:
    run = finished(tiny, own_cache)
    shown = assets.sprite(run)
    answer = ask(app, shown["sprite"])
    assert answer.body == (run.path / "images.png").read_bytes() and shown["tile"] == (8, 8) and shown["columns"] == 6
    assert answer.headers["content-type"] == "image/png" and "immutable" in answer.headers["cache-control"]
    for wrong in (f"/images/{run.id}.png?v=0", f"/images/{run.id}.png", "/images/nothing.png?v=0", "/images/..png?v=0"):
        assert ask(app, wrong).status == 404, wrong
    monkeypatch.setattr(assets, "served", False)
    assert assets.sprite(run)["sprite"].startswith("data:image/png;base64,iVBOR")
    (run.path / "images.png").unlink()
    assert assets.sprite(run) is None, "left out of the archive that the run came in"


def test_the_cache_notes_where_its_pages_are_served(app: Starlette, monkeypatch, tmp_path: Path) -> None:
    noted = tmp_path / "cache" / ADDRESS
    assert noted.read_text() == f"{assets.address()}\n" and assets.address().startswith("http")
    monkeypatch.setitem(config._config_options, "server.address", _Option("0.0.0.0"))
    monkeypatch.setitem(config._config_options, "server.port", _Option(8600))
    monkeypatch.setitem(config._config_options, "server.baseUrlPath", _Option("/lab/"))
    server.parts()
    assert noted.read_text() == "http://localhost:8600/lab\n"
    noted.unlink()
    noted.mkdir()
    server.parts()  # nothing can be written there: the pages are served all the same


def test_behind_a_prefix(app: Starlette, monkeypatch) -> None:
    monkeypatch.setitem(config._config_options, "server.baseUrlPath", _Option("lab/bias/"))
    behind = Starlette(routes=server.parts()["routes"])
    address = assets.asset("plotly.min.js")
    assert ask(behind, f"/lab/bias/{address}").status == 200 and ask(behind, f"/{address}").status == 404


def test_a_preview_is_served_as_soon_as_it_is_answered(app: Starlette, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(ui_previews, "WAIT_SECONDS", 0.1)
    assert ask(app, "/previews/0123456789").status == 202
    assert ask(app, "/previews/..%2Fsecret").status in (202, 404)
    (tmp_path / "previews").mkdir()
    (tmp_path / "previews" / "0123456789.json").write_text('{"problem": "no such folder"}')
    answer = ask(app, "/previews/0123456789")
    assert answer.status == 200 and b"no such folder" in answer.body and answer.headers["cache-control"] == "no-store"


def test_an_ask_that_was_lost_is_made_again_and_a_worker_started(app: Starlette, monkeypatch, tmp_path: Path) -> None:
    woken, config = [], RunConfig(seed=7)
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(ui_previews, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(ui_previews.queue, "ensure_worker", woken.append)
    monkeypatch.setattr(ui_previews.st, "session_state", {"preview-viewer": "0123abcd"})
    key, path = ui_previews.asked(config, tmp_path), tmp_path / "previews" / "0123abcd.ask"
    path.unlink()  # by a worker that died
    assert ask(app, f"/previews/{key}").status == 202
    assert woken == [tmp_path] and path.exists()
    ui_previews.asked(config.with_(seed=8), tmp_path)
    path.unlink()
    ask(app, f"/previews/{key}")
    assert not path.exists(), "this viewer has chosen something else"


class _Option(NamedTuple):
    value: str


def test_a_worksheet_is_served_as_it_is(app: Starlette, own_cache: Path) -> None:
    asked = {**NAVIGATION, "host": "school:8501"}
    sheet = ask(app, "/worksheets/silent-zone", **asked)
    text = sheet.body.decode()
    assert sheet.status == 200 and text.startswith("<!doctype html>") and "<script" not in text, "not dressed"
    assert "http://school:8501/Lessons?lesson=silent-zone" in text and "Answers" not in text
    assert "Not known yet" in ask(app, "/worksheets/silent-zone?answers", **asked).body.decode(), "nothing trained here"
    missing = ask(app, "/worksheets/<b>", **asked)
    assert missing.status == 404 and missing.headers["content-type"].startswith("text/plain")
    assert b"allowed: one of before-training, cross-entropy" in missing.body


def test_a_version_is_that_of_all_modules_together(app: Starlette, tmp_path: Path) -> None:
    before = assets.asset("js/player.js")
    (tmp_path / "labels.js").write_text("")
    assets._version_of_modules.cache_clear()
    after = assets.asset("js/player.js")
    assert before != after
    assert assets.asset("js/labels.js").rpartition("/")[0] == after.rpartition("/")[0], (
        "so that imports find each other"
    )


def test_without_our_server_streamlit_serves_the_files(app: Starlette, monkeypatch) -> None:
    monkeypatch.setattr(assets, "served", False)
    assert assets.asset("plotly.min.js").startswith("component/") and "plotly.min.js?v=" in assets.asset(
        "plotly.min.js"
    )
    assert "/player.js?v=" in assets.asset("js/player.js")


def test_streamlit_finds_the_server_in_the_entry() -> None:
    assert discover_asgi_app(ROOT / "app.py").import_string == "app:app"


def test_the_menu_lists_every_page_once() -> None:
    listed = [path for pages in shell.GROUPS.values() for path in pages]
    files = {"app.py", *(f"pages/{path.name}" for path in ROOT.glob("pages/*.py"))}
    assert sorted(listed) == sorted(files) and list(shell.PAGES) == listed
