"""The rows of the list of runs, the search in them, and their disk usage."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.runs import annotations, files, library, locks, trash
from igbviz.runs.run import Run
from igbviz.runs.status import Status
from igbviz.runs.submit import submit
from tests.support.library import done, files_of, row


def test_an_empty_cache_has_no_rows(tmp_path: Path) -> None:
    assert library.rows(tmp_path / "nowhere") == [] and trash.list_trash(tmp_path / "nowhere") == []


def test_runs_whose_losses_differ_in_a_hyperparameter_have_different_titles(tiny: RunConfig, tmp_path: Path) -> None:
    losses = {"blurry": {}, "blurry (detach weight)": {"detach_weight": True}, "blurry (gamma 0.5)": {"gamma": 0.5}}
    for title, hyperparameters in losses.items():
        run = done(tiny.with_(loss={"name": "blurry"} | hyperparameters), tmp_path)
        assert row(run)["title"] == f"{title} · mlp · gaussian-noise · seed 0"
    own = done(tiny.with_(loss={"name": "custom", "formula": "(1-p)**2", "parameters": {}}), tmp_path)
    assert row(own)["title"].startswith("custom (formula (1-p)**2")


def test_a_row_describes_the_run(tiny: RunConfig, tmp_path: Path) -> None:
    run = done(tiny, tmp_path, submitted=1.7e9)
    shown = row(run)
    assert shown == {
        "id": run.id,
        "state": "done",
        "kind": "trained",
        "name": "",
        "title": "cross-entropy · mlp · gaussian-noise · seed 0",
        "dataset": "gaussian-noise",
        "model": "mlp",
        "initialization": "he-normal",
        "loss": "cross-entropy",
        "epochs": 2.0,
        "seed": 0,
        "knobs": "",
        "seconds": 1.5,
        "submitted": time.strftime("%Y-%m-%d %H:%M", time.localtime(1.7e9)),
        "note": "Finished.",
        "tags": (),
        "remark": "",
        "archived": False,
        "bytes": sum(map(len, files_of(run.path).values())),
        "shipped": False,
        "imported": False,
    }
    assert row(run)["bytes"] == run.size()


def test_labels_are_in_the_row(tiny: RunConfig, tmp_path: Path) -> None:
    run = done(tiny, tmp_path)
    assert row(run)["name"] == ""
    annotations.change(run, name="The stuck one", tags=["a"], note="look", archived=True)
    shown = row(run)
    assert (shown["name"], shown["title"], shown["tags"], shown["remark"], shown["archived"]) == (
        "The stuck one", "The stuck one", ("a",), "look", True,
    )  # fmt: skip


def test_an_ensemble_is_untrained_and_has_no_loss(tmp_path: Path) -> None:
    run = submit({"networks": 20, "inputs": 50, "seed": 3}, tmp_path)
    shown = row(run)
    assert shown["kind"] == "untrained" and shown["loss"] == "" and shown["epochs"] is None and shown["seed"] == 3
    assert shown["title"] == "untrained · mlp · gaussian-noise · seed 3"


def test_newest_first(tiny: RunConfig, tmp_path: Path) -> None:
    for seed in (1, 3, 2):
        done(tiny.with_(seed=seed), tmp_path, submitted=float(seed))
    assert [row["seed"] for row in library.rows(tmp_path)] == [3, 2, 1]


def test_only_changed_folders_are_read_again(tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [done(tiny.with_(seed=seed), tmp_path) for seed in range(30)]
    library.rows(tmp_path)
    read, original = [], library._row
    monkeypatch.setattr(library, "_row", lambda path, **more: read.append(path.name) or original(path, **more))
    assert len(library.rows(tmp_path)) == 30 and read == []
    runs[3].write_status(Status(state="stopped"))
    annotations.change(runs[4], name="x")
    (runs[4].path / annotations.FILE).write_text('{"name": "by hand"}')
    runs[5].delete()
    new = done(tiny.with_(seed=99), tmp_path)
    rows = {row["id"]: row for row in library.rows(tmp_path)}
    assert sorted(read) == sorted([runs[3].id, runs[4].id, new.id]) and len(rows) == 30
    assert rows[runs[3].id]["state"] == "stopped" and rows[runs[4].id]["name"] == "by hand" and runs[5].id not in rows


def test_a_file_edited_by_hand_is_seen(tiny: RunConfig, tmp_path: Path) -> None:
    run = done(tiny, tmp_path)
    annotations.change(run, name="a")
    assert row(run)["name"] == "a"
    (run.path / annotations.FILE).write_text('{"name": "by hand"}')
    assert row(run)["name"] == "by hand"
    (run.path / "status.json").write_text("{")
    assert row(run)["state"] == "unreadable" and "status.json" in row(run)["note"]


def test_growing_records_count(tiny: RunConfig, tmp_path: Path) -> None:
    run = done(tiny, tmp_path)
    before = row(run)["bytes"]
    with open(run.path / "trajectory.bin", "ab") as file:
        file.write(bytes(1000))
    run.write_status(run.stored_status())
    assert row(run)["bytes"] - before == pytest.approx(1000, abs=30)  # the status contains the time


def test_whether_a_worker_is_alive_is_checked_every_time(tiny: RunConfig, tmp_path: Path) -> None:
    run = done(tiny, tmp_path, state="running")
    assert row(run)["state"] == "lost"
    with locks.lock(run.path / "lock"):
        library.rows(tmp_path)
        assert row(run)["state"] == "running"
    assert row(run)["state"] == "lost"


def test_a_caller_may_change_its_rows(tiny: RunConfig, tmp_path: Path) -> None:
    run = done(tiny, tmp_path)
    row(run)["state"] = "changed"
    assert row(run)["state"] == "done"


@pytest.mark.parametrize(
    "text", ['{"seed": [1], "epochs": "x"}', '{"loss": {"name": 7}, "seed": 1e400}', f'{{"seed": {10**30}}}']
)
def test_odd_values_do_not_reach_the_table(tiny: RunConfig, tmp_path: Path, text: str) -> None:
    run = done(tiny, tmp_path)
    (run.path / "config.json").write_text(text)
    shown = row(run)
    assert shown["loss"] in ("", "cross-entropy") and shown["seed"] is None and shown["epochs"] in (None, 2.0)


def test_a_shipped_run_is_marked_and_hidden_by_an_own_one(tiny: RunConfig, tmp_path: Path) -> None:
    run = done(tiny, tmp_path)
    (tmp_path / "gallery").mkdir()
    shipped = Run(run.path.rename(tmp_path / "gallery" / run.id), tmp_path)
    assert row(shipped)["shipped"] and row(shipped)["state"] == "done"
    submit(tiny, tmp_path, own=True)
    (only,) = library.rows(tmp_path)
    assert not only["shipped"] and only["state"] == "queued"


def test_find(tiny: RunConfig, tmp_path: Path) -> None:
    one, two, three = (done(tiny.with_(seed=seed), tmp_path, submitted=float(10 - seed)) for seed in range(3))
    annotations.change(one, name="Naïve start", tags=["a", "b"])
    annotations.change(two, tags=["a"], note="stuck at class 3")
    annotations.change(three, archived=True)
    two.write_status(two.stored_status().model_copy(update={"state": "failed"}))
    rows = library.rows(tmp_path)

    def ids(**criteria) -> list[str]:
        return [row["id"] for row in library.find(rows, **criteria)]

    assert ids() == [one.id, two.id] and ids(archived=True) == [one.id, two.id, three.id]
    assert ids(words="naïve") == [one.id] and ids(words="STUCK 3") == [two.id] and ids(words="stuck nowhere") == []
    assert ids(tags=["a"]) == [one.id, two.id] and ids(tags=["a", "b"]) == [one.id]
    assert (
        ids(state=["failed"]) == [two.id]
        and ids(state=["failed", "done"], seed=[0]) == [one.id]
        and ids(state=[]) == ids()
    )


def test_usage(tiny: RunConfig, tmp_path: Path) -> None:
    run, deleted = done(tiny, tmp_path), done(tiny.with_(seed=1), tmp_path)
    trash.trash([deleted])
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "images").write_bytes(bytes(12_345))
    (tmp_path / "data" / "elsewhere").symlink_to("/")
    usage = library.usage(tmp_path, library.rows(tmp_path))
    assert usage.runs == run.size() and usage.trash == trash.list_trash(tmp_path)[0].bytes > 0
    assert 12_345 <= usage.rest < 13_000 and usage.free > 0
    assert files.free(tmp_path / "not" / "yet" / "there") > 0
