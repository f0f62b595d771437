"""The first page, headless: the latest runs."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

from igbviz.config import RunConfig
from igbviz.runs.submit import submit
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import submit_sweep
from igbviz.ui.runs import forget_rows
from igbviz.ui.views.home import MAX_LATEST, latest
from tests.support import ROOT
from tests.support.pages import page


def test_a_sweep_is_one_line_of_the_latest_runs(sweep: Sweep, tiny: RunConfig, own_cache: Path) -> None:
    alone = submit(tiny.with_(seed=9), own_cache)
    group = submit_sweep(sweep, own_cache)
    lines = latest(own_cache)
    assert len(lines) == 2 and {"run": alone.id} in [line.query for line in lines]
    (line,) = [line for line in lines if line.query == {"sweep": group.id}]
    assert line.state == "queued" and line.note.startswith("4 runs, ") and line.title.startswith("Sweep: ")
    (group.path / "sweep.json").write_text("{")
    assert len(latest(own_cache)) == 5, "the runs of an unreadable sweep are listed one by one"
    for seed in range(10, 10 + MAX_LATEST):
        submit(tiny.with_(seed=seed), own_cache)
    forget_rows()
    assert len(latest(own_cache)) == MAX_LATEST
    links = {part.proto.query_string for part in page(ROOT / "app.py").get("page_link")}
    assert sum(link.startswith("run=") for link in links) == MAX_LATEST


def test_the_cache_of_a_newer_program_is_refused_in_one_sentence(own_cache: Path) -> None:
    (own_cache / "version").write_text("99")
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not test.exception and [error.value for error in test.error] and "version 99" in test.error[0].value
