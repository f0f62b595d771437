"""What our server adds to Streamlit's: an index page that already has our look, and files that a browser may keep.

Whatever a script sends arrives after the first paint, so only the index page can keep the page from jumping:
the style sheets and `shell.js` are written into it.
"""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from threading import Thread
from typing import Any

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from igbviz.disk.places import cache_folder
from igbviz.runs.files import ADDRESS, NewerCache, claim, read, write_text
from igbviz.runs.images.files import SPRITE
from igbviz.runs.run import Run, RunError
from igbviz.ui import assets, previews
from igbviz.ui.guard import offline
from igbviz.ui.guard.uploads import BoundedUploads
from igbviz.ui.share.routes import routes
from igbviz.ui.worksheet import serve as worksheets

HERE, PICTURES = Path(__file__).parent, assets.MODULES
STYLES = (
    HERE / "shell.css",
    HERE / "views.css",
    *(PICTURES / f"{name}.css" for name in ("stage", "images", "lanes", "difference", "share")),
    HERE / "share" / "hidden.css",
)
KEEP = {"cache-control": "public, immutable, max-age=31536000", "x-content-type-options": "nosniff"}

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def parts() -> dict[str, list]:
    """The arguments of `st.App`: our routes and our middleware."""
    assets.served = True
    offline.ask_nobody()
    offline.print_address()
    Thread(target=_prepare, daemon=True).start()
    place = assets.prefix()
    _note_address(cache_folder())
    return {
        "routes": [
            Route(f"{place}/assets/{{version}}/{{name:path}}", serve_asset),
            Route(f"{place}/images/{{run}}.png", serve_sprite),
            Route(f"{place}/previews/{{key}}", previews.serve),
            *routes(place),
            Route(f"{place}/{worksheets.FOLDER}/{{name}}", worksheets.serve),
        ],
        "middleware": [Middleware(DressedIndex, head=head()), Middleware(BoundedUploads)],
    }


def _note_address(cache: Path) -> None:
    """For `igbviz open`. Of a cache that cannot be written, the pages can be seen all the same."""
    with suppress(OSError, NewerCache):
        claim(cache)
        write_text(cache / ADDRESS, f"{assets.address()}\n")


def _prepare() -> None:
    """What the first visitors would wait for: plotly.js compressed, and the code of the pages imported."""
    packed(assets.PLOTLY.name)
    import_module("igbviz.ui.views.home")  # the first page first
    for module in iter_modules([HERE / "views"], "igbviz.ui.views."):
        import_module(module.name)


def head() -> bytes:
    """What the index page gets at the end of its head."""
    *styles, script = (file.read_text(encoding="utf-8") for file in (*STYLES, HERE / "shell.js"))
    style = "\n".join(styles)
    plotly, modules = assets.asset(assets.PLOTLY.name), " ".join(map(assets.asset, assets.modules()))
    return (
        f'<style>{style}</style>\n<script data-plotly="{plotly}" data-modules="{modules}">{script}</script>\n'.encode()
    )


async def serve_asset(request: Request) -> Response:
    name = request.path_params["name"]
    try:
        file = assets.path(name)
    except FileNotFoundError:
        return Response(status_code=404)
    if request.path_params["version"] != assets.version(name):
        return Response(status_code=404)  # kept for good, the wrong version would be wrong for good
    headers = {**KEEP, "vary": "accept-encoding"}
    kind = "text/css" if file.suffix == ".css" else "text/javascript"
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(file.read_bytes(), media_type=kind, headers=headers)
    return Response(packed(name), media_type=kind, headers={**headers, "content-encoding": "gzip"})


async def serve_sprite(request: Request) -> Response:
    """The thumbnails of a run in the cache."""
    try:
        run = Run.open(request.path_params["run"], cache_folder())
        if request.query_params.get("v") != assets.sprite_version(run):
            return Response(status_code=404)
        return Response(read(run.path / SPRITE), media_type="image/png", headers=KEEP)
    except (RunError, OSError):
        return Response(status_code=404)


@cache
def packed(name: str) -> bytes:
    return gzip.compress(assets.path(name).read_bytes(), 9)


class DressedIndex:
    """Adds `head` to the page that a browser opens. All other answers pass through as they are.

    The added part changes with our files, which the date and the size of Streamlit's index.html do not show: so a
    browser always gets the whole page (8 kB), and no mark to ask again with.
    """

    def __init__(self, app: Callable, head: bytes) -> None:
        self.app, self.head = app, head

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        asked = dict(scope.get("headers", ()))
        is_page = scope["type"] == "http" and b"text/html" in asked.get(b"accept", b"")
        if not is_page or f"/{worksheets.FOLDER}/" in scope["path"]:
            await self.app(scope, receive, send)
            return
        unwanted = (b"accept-encoding", b"if-none-match", b"if-modified-since")
        scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] not in unwanted]}
        start: Message = {}
        page = b""

        async def dress(message: Message) -> None:
            nonlocal start, page
            if message["type"] == "http.response.start" and _is_page(message):
                start = message  # held back, since the length is not known yet
            elif not start:
                await send(message)
            else:
                page += message.get("body", b"")
                if not message.get("more_body"):
                    page = page.replace(b"</head>", self.head + b"</head>", 1)
                    await send({**start, "headers": _headers(start, len(page))})
                    await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, dress)


def _is_page(start: Message) -> bool:
    return start["status"] == 200 and dict(start["headers"]).get(b"content-type", b"").startswith(b"text/html")


def _headers(start: Message, length: int) -> list[tuple[bytes, bytes]]:
    stale = (b"content-length", b"etag", b"last-modified")
    kept = [pair for pair in start["headers"] if pair[0] not in stale]
    return [*kept, (b"content-length", str(length).encode())]
