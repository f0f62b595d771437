"""What all visitors together may have uploaded at once.

Streamlit bounds the size of one file. A file goes to disk while it arrives, then into memory, where it stays until its
session has ended, whether a page asked for it or not. So a class could fill the server. Here a file is admitted only
while there is room for it, and our pages free theirs as soon as they are done with them.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import streamlit as st
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

MB = 2**20
MAX_BYTES, MAX_FILES = 256 * MB, 30
PATIENCE = 600  # seconds after which a file that is still arriving is cut off, and one that was not used may give way
ADDRESS = re.compile(r"/_stcore/upload_file/([^/]+)/([^/]+)$")
Key = tuple[str, str]  # a session and a file

_refused: dict[str, str] = {}  # sessions whose last upload found no room, and what to say


class BoundedUploads:
    """Middleware that lets an upload pass while there is room for it.

    An upload without room is read and thrown away, and answered as if all were well: of an error the browser would show
    a number, but so the page is drawn, finds no file, and says why.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.arriving: dict[Key, int] = {}  # bytes
        self.since: dict[Key, float] = {}  # when they had arrived

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        place = ADDRESS.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if place is None or not runtime.exists() or not runtime.get_instance().is_active_session(place[1]):
            await self.app(scope, receive, send)  # not an upload, or one that Streamlit refuses before it reads it
            return
        length = dict(scope["headers"]).get(b"content-length", b"")
        if not length.isdigit():  # every browser says it
            await _answer(send, 411)
            return
        key = (session, _) = place.groups()
        if problem := self._problem(int(length)):
            _refused[session] = problem
            await _read(receive)
            await _answer(send, 202)
            return
        _refused.pop(session, None)
        with self._room(key, int(length)), suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self.app(scope, receive, send)

    def _problem(self, length: int) -> str | None:
        """Why there is no room for so many bytes, or None."""
        if length > MAX_BYTES:
            return f"The file is {length / MB:,.0f} MB large, allowed: at most {MAX_BYTES // MB} MB"
        held = self._held()
        for key in sorted(held, key=self.since.get):
            if not self._is_full(held, length) or time.monotonic() - self.since[key] < PATIENCE:
                break
            _manager().remove_file(*key)
            del held[key]
        if not self._is_full(held, length):
            return None
        sizes = [*held.values(), *self.arriving.values()]
        return (
            f"The server is busy with uploads, {len(sizes)} file{'s' * (len(sizes) > 1)} with {sum(sizes) / MB:,.0f} "
            f"MB, allowed: at most {MAX_FILES} files and {MAX_BYTES // MB} MB at a time; try again in a minute"
        )

    def _is_full(self, held: dict[Key, int], length: int) -> bool:
        sizes = [*held.values(), *self.arriving.values(), length]
        return len(sizes) > MAX_FILES or sum(sizes) > MAX_BYTES

    def _held(self) -> dict[Key, int]:
        """The bytes of all files in memory."""
        sessions = _manager().file_storage.copy()
        held = {
            (session, name): len(file.data)
            for session, files in sessions.items()
            for name, file in files.copy().items()
        }
        now = time.monotonic()
        self.since = {key: self.since.get(key, now) for key in held}
        return held

    @contextmanager
    def _room(self, key: Key, length: int) -> Iterator[None]:
        self.arriving[key] = length
        try:
            yield
        finally:
            self.arriving.pop(key, None)  # gone if the same file was sent twice at once
            self._held()  # notes the time


def refusal() -> str | None:
    """Why the last upload of this visitor was not taken, said once."""
    context = get_script_run_ctx()
    return _refused.pop(context.session_id, None) if context else None


def free(file: UploadedFile, key: str) -> None:
    """Forget the file of the widget with this key now: Streamlit would keep it until the session ends."""
    context = get_script_run_ctx()
    if context is not None:
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
    for each in (file, st.session_state.get(key)):  # a page gets a copy of what the widget keeps
        if isinstance(each, UploadedFile):
            each.truncate(0)  # not closed: Streamlit copies it at every redraw


def _manager() -> MemoryUploadedFileManager:
    return runtime.get_instance().uploaded_file_mgr


async def _read(receive: Receive) -> None:
    """Read a body to its end, and keep nothing: a browser that is still sending would not read an answer."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


async def _answer(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
