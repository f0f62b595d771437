"""What others have written is shown literally on every page: nothing of it becomes an image, a link or a formula."""

from __future__ import annotations

from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.datasets import uploads
from igbviz.runs import annotations
from igbviz.runs.files import write_text
from igbviz.runs.run import Run
from igbviz.runs.status import Status
from tests.support import ROOT
from tests.support.literal import FORMULA, HOSTILE, SHORT, assert_literal
from tests.support.pages import PAGES, page
from tests.support.pictures import pets, zipped
from tests.support.recorded_runs import recorded
from tests.support.stored_runs import BASE, stored, story

FROM_A_LINK = (
    "run", "runs", "sweep", "lesson", "step", "view", "quantity", "at", "losses", "curve", "axis", "zones", "class",
    "preset", "seeds", "setting", "tab", "unit", "rows", "line", "rate", "activation", "color", "hide", "ratio", "map",
    "loss", "knobs", "dataset", "model", "network", "seed", "epochs", "x", "blurry.gamma", "custom.formula",
    "initialization", "optimizer",
)  # fmt: skip
ALONE = {
    "Train": ("run", "sweep", "loss", "dataset", "seed", "custom.formula"),
    "Compare": ("runs", "sweep"),
    "Race": ("losses", "loss"),
}


@pytest.fixture
def hostile(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """A cache in which every text that somebody may have written is hostile."""
    monkeypatch.setenv("IGBVIZ_DATA", str(own_cache / "data"))
    named = stored(BASE, own_cache, story(), names=[f"{number} {HOSTILE}" for number in range(10)])
    annotations.change(named, add=[SHORT], name=HOSTILE[:100], note=HOSTILE)
    failed = stored(BASE.with_(seed=1, loss={"name": "custom", "formula": FORMULA}), own_cache, story())
    failed.write_status(Status(state="failed", message=HOSTILE, device=HOSTILE))
    write_text(failed.path / "log.txt", HOSTILE)
    (own_cache / "runs" / SHORT.replace("/", "")).mkdir()
    folder = RunConfig(dataset={"name": "image-folder", "folder": f"/{HOSTILE}", "size": 8})
    waiting = stored(folder, own_cache, story(), "queued")
    text = HOSTILE[-100:]
    about = {"title": text, "dataset": {"name": text}, "loss": {"name": text}, "device": text, "date": SHORT}
    outside = recorded(own_cache, model={"name": HOSTILE[:100]}, optimizer={"name": text}, **about)
    files = {f"{SHORT.replace('/', '')} {name}": content for name, content in pets(2).items()}
    uploads.add(zipped(files), f"{SHORT.replace('/', '')}.zip", own_cache)
    return [named, failed, waiting, outside]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_page_shows_hostile_texts_literally(path: Path, hostile: list[Run]) -> None:
    assert_literal(page(path))
    assert_literal(page(path, **dict.fromkeys(FROM_A_LINK, HOSTILE)))
    for name in ALONE.get(path.stem, ()):
        assert_literal(page(path, **{name: HOSTILE}))


@pytest.mark.parametrize("number", range(4))
def test_the_page_of_a_hostile_run(number: int, hostile: list[Run]) -> None:
    assert_literal(page(ROOT / "pages/Train.py", run=hostile[number].id, chart="alive"))
    assert_literal(page(ROOT / "pages/Losses.py", run=hostile[number].id))


@pytest.mark.parametrize("tab", ["grid", "overlay", "table", "confusion"])
def test_hostile_runs_side_by_side(tab: str, hostile: list[Run]) -> None:
    named, failed, _, outside = hostile
    assert_literal(page(ROOT / "pages/Compare.py", runs=f"{named.id},{failed.id},{outside.id}", tab=tab))
