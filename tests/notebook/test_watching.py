"""What `watch` follows and displays, without a browser: the messages that an IPython gets."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import igbviz
from igbviz.config import RunConfig
from igbviz.notebook import watching
from igbviz.notebook.subjects import subjects_of
from igbviz.runs.run import RunError
from igbviz.runs.submit import submit
from igbviz.runs.sweeps import submit_sweep
from igbviz.spec import ConfigError
from igbviz.trajectory import Trajectory
from tests.support.processes import until
from tests.support.recorded_runs import recorded, watched_outside
from tests.support.stored_runs import finished

pytest.importorskip("IPython")
pytest.importorskip("anywidget")


class Shown(list):
    """All that was displayed; `cell` and `execution` are those of the cell that runs."""

    cell, execution = "a", "1"

    def get_parent(self) -> dict[str, Any]:
        return {"metadata": {"cellId": self.cell}, "header": {"msg_id": self.execution}}

    def __call__(self, bundle: dict[str, str], raw: bool, display_id: str = "") -> Any:
        self.append(bundle)
        return SimpleNamespace(update=self)

    @property
    def last(self) -> dict[str, str]:
        return self[-1]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    shown = Shown()
    monkeypatch.setattr("IPython.get_ipython", lambda: shown)
    monkeypatch.setattr("IPython.display.display", shown)
    monkeypatch.setattr(watching, "EVERY", 0.02)
    yield shown
    for _, references in watching._of_cell.values():
        for reference in references:
            if (watched := reference()) is not None:
                watched.close()
    watching._of_cell.clear()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anywidget."""
    monkeypatch.setattr(watching, "find_spec", lambda _: None)


class FakeProbe:
    """A probe that has looked `count` times."""

    def __init__(self, count: int, error: str | None = None) -> None:
        self.count, self.error, self.steps_per_epoch = count, error, None
        self.config = igbviz.RecordedConfig(title="SmallNet")

    def __call__(self) -> None: ...

    @property
    def version(self) -> int:
        return self.count + (self.error is not None)

    @property
    def trajectory(self) -> Trajectory:
        return watched_outside()[: self.count]


def axis(watched: Any) -> dict[str, Any]:
    return json.loads(watched.widget.known[0]["message"])["fixed"]["axes"]["step"]


def words(watched: Any) -> str:
    return watched.widget.states[0]["words"]


def test_a_probe_waits_grows_and_tells_why_it_ended(notebook: Shown) -> None:
    probe = FakeProbe(0)
    watched = igbviz.watch(probe)
    assert words(watched) == "Waiting for the first call of the probe."
    probe.count = 3
    until(lambda: words(watched) == "3 looks so far.", 10)
    end = axis(watched)["range"][1]
    probe.count = 30
    until(lambda: words(watched) == "30 looks so far.", 10)
    assert axis(watched)["range"][1] > end + 0.1  # nobody knows how long it will be
    probe.error = "the model returns NaN"
    until(lambda: watched.ended, 10)
    until(lambda: "ended early, the training goes on: the model returns NaN." in words(watched), 10)


def test_a_probe_that_nobody_has_any_more_is_not_followed(notebook: Shown) -> None:
    watched = igbviz.watch(FakeProbe(2))
    until(lambda: watched.ended, 10)


def test_a_stream_is_watched(notebook: Shown, tiny: RunConfig) -> None:
    stream = igbviz.train(tiny)
    watched = igbviz.watch(stream)
    assert words(watched).startswith("Waiting for the loop")
    next(stream), next(stream)
    until(lambda: words(watched).startswith("2 of"), 10)
    base = watched.widget.known
    for _ in stream:
        pass
    assert watched.widget.known == base  # sent once: what is new is small
    until(lambda: watched.ended, 10)
    assert words(watched) == f"{len(stream)} of {len(stream)} snapshots so far."
    until(lambda: "<img" in notebook[-1].get("text/html", ""), 10)


def test_runs_of_every_kind_with_probes(notebook: Shown, own_cache: Path, tiny: RunConfig) -> None:
    watched = igbviz.watch([finished(tiny, own_cache), recorded(own_cache)])
    assert [scene["title"] for scene in watched.widget.known] == [
        "Cross-entropy · Fully connected · Gaussian noise",
        "my own loop (recorded)",
    ]
    assert watched.ended and watched.widget.play
    with pytest.raises(RunError, match="is an ensemble of untrained networks, allowed: a training"):
        igbviz.watch(submit({"networks": 3}, own_cache))


def test_a_queued_run_a_failed_and_a_deleted_one(notebook: Shown, own_cache: Path, tiny: RunConfig) -> None:
    group = submit_sweep({"base": tiny, "axes": {"seed": [0, 1, 2]}}, own_cache)
    queued, failed, deleted = group.runs
    failed.write_status(failed.stored_status().model_copy(update={"state": "failed", "message": "No memory is left."}))
    watched = igbviz.watch(group)
    states = watched.widget.states
    assert [state["stoppable"] for state in states] == [True, False, True]
    assert "No memory is left." in states[1]["words"]
    assert not any("message" in scene for scene in watched.widget.news)
    deleted.delete()
    until(lambda: not watched.widget.states[2]["stoppable"], 10)
    assert deleted.id in watched.widget.states[2]["words"]
    watched.widget._answer(None, {"stop": queued.id}, None)
    until(lambda: watched.ended, 10)
    assert queued.status.state == "stopped"


def test_many_classes_and_images(notebook: Shown, own_cache: Path, tiny: RunConfig) -> None:
    many = recorded(own_cache, watched_outside(classes=30))
    for run, has_images in ((finished(tiny, own_cache), True), (many, False)):
        message = igbviz.watch(run).widget.known[0]["message"]
        assert ('"sprite":"data:image/png;base64,' in message) == has_images


def test_a_cell_that_is_run_again_closes_what_it_showed(notebook: Shown) -> None:
    probe = FakeProbe(3)
    first, second = igbviz.watch(probe), igbviz.watch(probe)  # in one cell
    notebook.cell = "b"
    other = igbviz.watch(probe)
    notebook.cell, notebook.execution = "a", "2"
    again = igbviz.watch(probe)
    assert [watched.ended for watched in (first, second, other, again)] == [True, True, False, False]
    assert first.widget.comm is None and again.widget.comm is not None


def test_without_anywidget_there_is_a_picture_that_is_kept_up_to_date(notebook: Shown, alone: None) -> None:
    probe = FakeProbe(0)
    watched = igbviz.watch(probe)
    assert watched.widget is None and "Waiting for the first probe" in notebook.last["text/html"]
    assert "pip install" in notebook.last["text/html"]
    probe.count = 4
    until(lambda: "image/png" in notebook.last, 10)
    before = notebook.last
    probe.count, probe.error = 40, "it was deleted"
    until(lambda: watched.ended and notebook.last != before, 10)
    assert "pip install" in notebook.last["text/html"] and sum(map(len, notebook.last.values())) < 200_000


def test_a_notebook_that_is_converted_shows_the_picture(notebook: Shown) -> None:
    nbformat, exporters = pytest.importorskip("nbformat").v4, pytest.importorskip("nbconvert.exporters")
    igbviz.watch(FakeProbe(3))
    outputs = [nbformat.new_output("display_data", data=dict(bundle)) for bundle in notebook]
    cells = [nbformat.new_code_cell("igbviz.watch(probe)", outputs=outputs)]
    page, _ = exporters.HTMLExporter().from_notebook_node(nbformat.new_notebook(cells=cells))
    assert page.count('class="light"') == page.count('class="dark"') == 1
    text, _ = exporters.MarkdownExporter().from_notebook_node(nbformat.new_notebook(cells=cells))
    assert "data:image/png" in text


def test_outside_a_notebook_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for hidden in ({}, {"IPython": None}):
        with monkeypatch.context() as patch:
            for name, module in hidden.items():
                patch.setitem(sys.modules, name, module)
            with pytest.raises(RuntimeError, match="draws in a notebook: elsewhere use"):
                igbviz.watch(FakeProbe(1))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (3, "is 3, allowed: a run, a probe, a group"),
        ([], "is 0 runs, allowed: .* or a list of 1 to 12 runs"),
        (["a"], "is a list with 'a', allowed"),
    ],
)
def test_what_cannot_be_watched(value: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        subjects_of(value)
