"""What all visitors together may have uploaded at once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFile
from streamlit.web.server.starlette import starlette_routes

from igbviz.datasets import uploads as pictures
from igbviz.runs.archive import limits
from igbviz.ui import assets, server
from igbviz.ui.guard import uploads

SESSIONS = ("ann", "bob", "eve")


class Server:
    """Streamlit's way to receive a file, behind ours, without a network."""

    def __init__(self) -> None:
        self.manager = MemoryUploadedFileManager("")
        self.runtime = SimpleNamespace(uploaded_file_mgr=self.manager, is_active_session=SESSIONS.__contains__)
        routes = starlette_routes.create_upload_routes(self.runtime, self.manager, None)
        self.app = Starlette(routes=routes, middleware=[Middleware(uploads.BoundedUploads)])
        self.client = TestClient(self.app)

    def put(self, session: str, name: str, length: int) -> int:
        """Upload a file; the status of the answer."""
        files = {name: (f"{name}.zip", b"x" * length, "application/zip")}
        return self.client.put(f"/_stcore/upload_file/{session}/{name}", files=files).status_code

    def held(self) -> set[str]:
        return {name for files in self.manager.file_storage.values() for name in files}


@pytest.fixture
def receiving(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(uploads, "MAX_BYTES", 5000)
    monkeypatch.setattr(uploads, "MAX_FILES", 3)
    monkeypatch.setattr(uploads, "_refused", {})
    monkeypatch.setattr(starlette_routes, "is_xsrf_enabled", lambda: False)
    receiving = Server()
    monkeypatch.setattr(
        uploads, "runtime", SimpleNamespace(exists=lambda: True, get_instance=lambda: receiving.runtime)
    )
    return receiving


def visiting(receiving: Server, monkeypatch: pytest.MonkeyPatch, session: str) -> None:
    context = SimpleNamespace(session_id=session, uploaded_file_mgr=receiving.manager)
    monkeypatch.setattr(uploads, "get_script_run_ctx", lambda: context)


def test_bytes_are_bounded_and_who_comes_too_late_is_told_why(receiving: Server, monkeypatch) -> None:
    assert receiving.put("ann", "a", 2000) == receiving.put("bob", "b", 2000) == 204
    assert receiving.put("eve", "c", 2000) == 202 and receiving.held() == {"a", "b"}
    visiting(receiving, monkeypatch, "ann")
    assert uploads.refusal() is None
    visiting(receiving, monkeypatch, "eve")
    assert uploads.refusal().startswith("The server is busy with uploads, 2 files with 0 MB, allowed: ")
    assert uploads.refusal() is None, "said once"


def test_the_number_of_files_is_bounded(receiving: Server) -> None:
    assert [receiving.put("eve", name, 10) for name in "abcd"] == [204, 204, 204, 202]
    assert receiving.held() == set("abc")


def test_room_is_made_by_a_page_that_is_done_with_its_file(receiving: Server, monkeypatch) -> None:
    receiving.put("ann", "a", 4000)
    assert receiving.put("bob", "b", 4000) == 202
    visiting(receiving, monkeypatch, "ann")
    (record,) = receiving.manager.get_files("ann", ["a"])
    file = UploadedFile(record, None)
    monkeypatch.setattr(uploads.st, "session_state", {"box": UploadedFile(record, None)})
    uploads.free(file, "box")
    assert not file.getvalue() and not uploads.st.session_state["box"].getvalue()
    assert receiving.put("bob", "b", 4000) == 204
    visiting(receiving, monkeypatch, "bob")
    assert uploads.refusal() is None, "the second try went well"


def test_a_file_that_nobody_uses_gives_way_but_only_then(receiving: Server, monkeypatch) -> None:
    now = 1000.0
    monkeypatch.setattr(uploads, "time", SimpleNamespace(monotonic=lambda: now))
    receiving.put("eve", "a", 2000)
    now += uploads.PATIENCE / 2
    receiving.put("eve", "b", 2000)
    now += uploads.PATIENCE * 0.6
    assert receiving.put("ann", "c", 100) == 204 and receiving.held() == {"a", "b", "c"}, "there was room"
    assert receiving.put("ann", "d", 2000) == 204 and receiving.held() == {"b", "c", "d"}
    assert receiving.put("ann", "e", 2000) == 202


def test_files_that_are_arriving_count(receiving: Server) -> None:
    """Two at the same time: of the second nothing is kept, while the first is still on its way."""
    statuses = {}

    def scope(name: str) -> dict:
        path = f"/_stcore/upload_file/ann/{name}"
        return {"type": "http", "method": "PUT", "path": path, "headers": [(b"content-length", b"3000")]}

    async def both() -> None:
        go_on = asyncio.Event()

        async def inner(scope: dict, receive, send) -> None:
            await go_on.wait()
            await send({"status": 204})

        bounded = uploads.BoundedUploads(inner)

        async def receive() -> dict:
            return {"type": "http.request"}

        def note(name: str):
            async def send(message: dict) -> None:
                statuses.setdefault(name, message.get("status"))

            return send

        first = asyncio.create_task(bounded(scope("a"), receive, note("a")))
        await asyncio.sleep(0)
        await bounded(scope("b"), receive, note("b"))
        assert statuses == {"b": 202}
        go_on.set()
        await first
        assert statuses == {"b": 202, "a": 204} and not bounded.arriving

    with ThreadPoolExecutor(1) as pool:  # a browser's test in this process has left a loop running in its thread
        pool.submit(asyncio.run, both()).result()


def test_what_streamlit_refuses_takes_no_room(receiving: Server) -> None:
    assert receiving.put("nobody", "a", 10_000) == 400
    chunks = (b"x" for _ in range(3))
    assert receiving.client.put("/_stcore/upload_file/ann/a", content=chunks).status_code == 411
    assert not receiving.held() and not uploads._refused


def test_the_largest_file_fits_and_our_server_has_the_bound(monkeypatch, tmp_path) -> None:
    assert uploads.MAX_BYTES > max(pictures.MAX_UPLOAD, limits.MAX_ARCHIVE) + uploads.MB  # and the form around it
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(assets, "served", False)  # given back at the end
    assert uploads.BoundedUploads in [part.cls for part in server.parts()["middleware"]]
