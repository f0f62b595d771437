"""The untrained network beside a form: asked for by the page, fetched by the browser as soon as a worker has answered.

The browser waits, not the script: a newer choice ends its request, and no part of the page is drawn again.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from pathlib import Path

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from igbviz.charts.colors import DARK_FOR
from igbviz.charts.untrained.preview import untrained
from igbviz.config import RunConfig
from igbviz.disk.places import cache_folder
from igbviz.runs import previews, queue
from igbviz.ui import assets
from igbviz.ui.assets import asset, component

WAIT_SECONDS = 8.0  # of one request, which the browser repeats
FIRST_POLL, SLOWER, LAST_POLL = 0.01, 1.15, 0.25  # seconds between two looks for the answer; ever longer

MAX_VIEWERS = 300  # whose last choice is remembered

_mount = component("igbviz_untrained")
_choices: dict[str, tuple[str, RunConfig]] = {}  # by viewer: the key and the configuration of the last choice


def asked(config: RunConfig, cache: Path) -> str:
    """Ask for the preview of this choice in place of the viewer's last one; its key. Raises OSError."""
    viewer = st.session_state.setdefault("preview-viewer", uuid.uuid4().hex)
    key = previews.ask(cache, viewer, config)
    _choices.pop(viewer, None)  # so that the oldest is the first
    _choices[viewer] = key, config
    while len(_choices) > MAX_VIEWERS:
        _choices.pop(next(iter(_choices)), None)
    return key


def preview(key: str, *, small: bool = False) -> None:
    """Mount the picture of the preview with this key, the size of the stage or `small`; later calls update it."""
    name = "igbviz-stage igbviz-untrained" + (" small narrow" if small else "")
    _mount(key="untrained", data={"name": name, "module": asset("js/untrained.js"), "key": key, "palette": DARK_FOR})


def is_served() -> bool:
    """Whether the browser can fetch previews here: only from our own server."""
    return assets.served


async def serve(request: Request) -> Response:
    """The preview with the key of the address, once it is there; 202 if it is not yet."""
    cache, key = cache_folder(), request.path_params["key"]
    deadline, pause = time.monotonic() + WAIT_SECONDS, FIRST_POLL
    while (answer := await run_in_threadpool(previews.answer_of, cache, key)) is None:
        if await request.is_disconnected():
            return Response(status_code=202)
        if time.monotonic() > deadline:
            await run_in_threadpool(_remind, cache, key)
            return Response(status_code=202)
        await asyncio.sleep(pause)
        pause = min(SLOWER * pause, LAST_POLL)
    return JSONResponse(untrained(answer), headers={"cache-control": "no-store"})


def _remind(cache: Path, key: str) -> None:
    """Nobody has answered yet: see to it that there is a worker and that it finds the ask of everybody who waits."""
    queue.ensure_worker(cache)
    for viewer, (last, config) in list(_choices.items()):
        if last == key:
            previews.ask_again(cache, viewer, config)
