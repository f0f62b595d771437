"""What our server makes for somebody who takes the stage along: a GIF of a run, and the QR code of a link."""

from __future__ import annotations

import io
from functools import lru_cache
from threading import Lock

import segno
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from igbviz.charts import run_export
from igbviz.disk.places import cache_folder
from igbviz.runs.files import in_words
from igbviz.runs.run import Run, RunError
from igbviz.spec import ConfigError

MAX_LINK = 2000  # letters; a code of more is too fine for the camera of a phone
_one_at_a_time = Lock()  # a GIF takes a core for one or two seconds, and a training wants it, too


def routes(prefix: str = "") -> list[Route]:
    """The routes below /share; their endpoints run in threads."""
    return [Route(f"{prefix}/share/{{run}}.gif", serve_gif), Route(f"{prefix}/share/qr.svg", serve_code)]


def serve_gif(request: Request) -> Response:
    """The run as it is now. The query may name `view`, `unit` and `dark`."""
    query = request.query_params
    view, unit = query.get("view", "true_class_probability"), query.get("unit", "epoch")
    try:
        run = Run.open(request.path_params["run"], cache_folder())
        content = _gif(run, run.record_bytes, run.status.state, view, unit, query.get("dark") == "true")
    except (ConfigError, RunError) as error:
        return PlainTextResponse(f"{error}.", status_code=400)
    except OSError as error:
        return PlainTextResponse(f"{in_words(error)}.", status_code=400)
    name = f'attachment; filename="{run.id}-{view}.gif"'
    return Response(content, media_type="image/gif", headers={"content-disposition": name, "cache-control": "no-store"})


@lru_cache(maxsize=8)  # of half a megabyte each: a class that asks for the same one
def _gif(run: Run, size: int, state: str, view: str, unit: str, dark: bool) -> bytes:
    with _one_at_a_time:
        return run_export.gif(run, view, unit=unit, dark=dark)


def serve_code(request: Request) -> Response:
    """The QR code of the link in the query, black on white on every page, since not every camera reads the reverse."""
    link = request.query_params.get("link", "")
    if not 0 < len(link) <= MAX_LINK:
        return PlainTextResponse(f"link has {len(link)} letters, allowed: 1 to {MAX_LINK}.", status_code=400)
    buffer = io.BytesIO()
    segno.make_qr(link, error="l").save(buffer, "svg", scale=4, light="#ffffff")
    headers = {"x-content-type-options": "nosniff"}
    return Response(buffer.getvalue(), media_type="image/svg+xml", headers=headers)
