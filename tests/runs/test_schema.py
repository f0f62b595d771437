"""Finished runs whose files are damaged or foreign: listed with the reason, one sentence on every page, computed again
when they are submitted."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from igbviz.config import RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.runs import library, queue
from igbviz.runs.files import write_json
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run, RunError
from igbviz.runs.submit import submit
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import submit_sweep
from tests.support.pages import OPEN_A_RUN, PAGES, page
from tests.support.stored_ensembles import SMALL, drawn
from tests.support.stored_runs import finished


def write(name: str, text: str) -> Callable[[Run], None]:
    return lambda run: (run.path / name).write_text(text)


def schema(change: Callable[[dict], object]) -> Callable[[Run], None]:
    def damage(run: Run) -> None:
        change(values := json.loads((run.path / "schema.json").read_text()))
        (run.path / "schema.json").write_text(json.dumps(values))

    return damage


def recorded(change: Callable[[np.ndarray], object]) -> Callable[[Run], None]:
    def damage(run: Run) -> None:
        change(values := np.array(run.trajectory().records))
        run.records.write_bytes(values.tobytes())

    return damage


def put(name: str, index: object, value: object) -> Callable[[Run], None]:
    def change(records: np.ndarray) -> None:
        records[name][index] = value

    return recorded(change)


def repeated(run: Run, config: RunConfig) -> Run:
    """A run with another configuration and copies of the same records."""
    other = Run(run.path.with_name(config.id))
    other.path.mkdir()
    (other.path / "config.json").write_text(config.to_json())
    for name in ("status.json", "schema.json", "trajectory.bin"):
        (other.path / name).write_bytes((run.path / name).read_bytes())
    return other


def random_bytes(run: Run) -> None:
    run.records.write_bytes(np.random.default_rng(0).bytes(run.records.stat().st_size))


DAMAGES: dict[str, tuple[Callable[[Run], object], str]] = {
    "config of another program": (
        write("config.json", '{"spam": 1}'),
        "config.json is damaged or from another program .spam is not a field",
    ),
    "nonsense model": (write("config.json", '{"model": {"name": "oracle"}}'), "config.json .*model is 'oracle'"),
    "cut-off schema": (write("schema.json", '{"columns": [["step"'), "schema.json"),
    "schema that is a list": (write("schema.json", "[1]"), "schema.json is damaged or from another program"),
    "no schema": (lambda run: (run.path / "schema.json").unlink(), "schema.json is missing"),
    "column that the records lack": (
        schema(lambda v: v["columns"].append(["spam", "<f8", []])),
        "trajectory.bin has 11 records, status.json counts 12|trajectory.bin: ",
    ),
    "column of objects": (
        schema(lambda v: v["columns"].append(["spam", "|O", []])),
        r"schema.json has a column 'spam' of type '.O' and shape \[\] that this version does not support",
    ),
    "impossible shape": (
        schema(lambda v: v["columns"][4].__setitem__(2, [3, 4])),
        "schema.json has a column 'mean_prob'",
    ),
    "huge shape": (schema(lambda v: v["columns"][4].__setitem__(2, [10**30])), "schema.json"),
    "column of text": (schema(lambda v: v["columns"][0].__setitem__(1, "<U9")), "schema.json has a column 'step'"),
    "lacking column": (schema(lambda v: v["columns"].pop()), "schema.json lacks a column"),
    "names that are numbers": (
        schema(lambda v: v.update(class_names=[1, 2, 3])),
        "schema.json is damaged .*class_names.0",
    ),
    "steps that are text": (schema(lambda v: v.update(steps="many")), "schema.json is damaged .*steps: "),
    "no records": (lambda run: run.records.unlink(), "trajectory.bin is missing"),
    "records of half a run": (
        recorded(lambda v: v.resize(6, refcheck=False)),
        "trajectory.bin has 6 records, status.json counts 12",
    ),
    "half a record": (lambda run: run.records.write_bytes(b"x" * 99), "trajectory.bin has 0 records"),
    "random bytes": (random_bytes, "trajectory.bin: "),
}

# Not in the first or the last record: detected when the records are read.
DEEP = {
    "a late start": (put("step", 0, 1), "first probe is at step 1, not at 0"),
    "steps that repeat": (put("step", 5, 0), "its steps are not increasing"),
    "no probability": (put("mean_prob", (4, 1, 1), np.nan), "a mean probability is not between 0 and 1"),
    "negative guesses": (put("confusion", (4, 1), -5), "guess counts are negative, or not over the same images"),
    "an endless epoch": (put("epoch", 4, np.inf), "an epoch is not finite"),
}


@pytest.mark.parametrize(("damage", "reason"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_run_is_listed_with_the_reason_and_computed_again(
    tiny: RunConfig,
    own_cache: Path,
    damage: Callable[[Run], object],
    reason: str,
) -> None:
    good, bad = finished(tiny, own_cache), finished(tiny.with_(seed=1), own_cache)
    assert (
        {line.state for line in list_runs(own_cache)} == {"done"} == {row["state"] for row in library.rows(own_cache)}
    )
    damage(bad)
    lines = {line.run.id: line for line in list_runs(own_cache)}
    assert lines[good.id].state == "done" and lines[bad.id].state == "unreadable"
    assert re.search(reason, lines[bad.id].problem), lines[bad.id].problem
    assert {row["id"]: row["note"] for row in library.rows(own_cache)}[bad.id] == lines[bad.id].problem
    shown = page(next(path for path in PAGES if path.stem == "Train"), run=bad.id)
    assert "cannot be read" in shown.error[0].value
    again = submit(tiny.with_(seed=1), own_cache)
    assert (
        again == bad
        and again.status.state == "queued"
        and len(again.trajectory()) == 0
        and again.config == tiny.with_(seed=1)
    )
    assert [entry.run_id for entry in queue.waiting(own_cache)] == [bad.id]
    assert submit(tiny, own_cache).status.state == "done"


@pytest.mark.parametrize(("damage", "reason"), DEEP.values(), ids=DEEP)
def test_impossible_records_are_one_sentence_when_they_are_read(
    tiny: RunConfig,
    own_cache: Path,
    damage: Callable[[Run], object],
    reason: str,
) -> None:
    run = finished(tiny, own_cache)
    damage(run)
    with pytest.raises(RunError, match=f"^run {run.id} cannot be read: trajectory.bin: .*{reason}"):
        run.trajectory()
    assert submit(tiny, own_cache).status.state == "queued"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_page_shows_a_traceback_for_a_damaged_run(tiny: RunConfig, own_cache: Path, path: Path) -> None:
    intact = finished(tiny, own_cache)
    for seed, (damage, _) in enumerate((DAMAGES | DEEP).values(), start=1):
        damage(run := repeated(intact, tiny.with_(seed=seed)))
        if path.stem in OPEN_A_RUN:
            page(path, run=run.id)
    page(path, runs=",".join(os.listdir(own_cache / "runs")))


def test_a_partly_written_last_record_is_left_out(tiny: RunConfig, own_cache: Path) -> None:
    run = finished(tiny, own_cache)
    run.records.write_bytes(run.records.read_bytes()[:-7])
    assert list_runs(own_cache)[0].state == "done" and len(run.trajectory()) == 11


def test_a_damaged_ensemble(own_cache: Path) -> None:
    run = drawn(EnsembleConfig(**SMALL), own_cache)
    records = np.array(run.ensemble().records)
    assert list_runs(own_cache)[0].state == "done"
    for name, value in (("network", 7), ("centre", np.nan), ("guesses", -1)):
        damaged = records.copy()
        damaged[name][0] = value
        run.records.write_bytes(damaged.tobytes())
        os.utime(run.records, ns=(time.time_ns(), time.time_ns()))
        with pytest.raises(RunError, match="cannot be read: trajectory.bin: (its|a) "):
            run.ensemble()
        assert list_runs(own_cache)[0].state == "unreadable"
        page(next(path for path in PAGES if path.stem == "Initialisation"), run=run.id)


def test_a_sweep_computes_its_damaged_runs_again(tiny: RunConfig, own_cache: Path) -> None:
    runs = [finished(tiny.with_(seed=seed), own_cache) for seed in (0, 1)]
    random_bytes(runs[1])
    group = submit_sweep(Sweep(base=tiny, axes={"seed": [0, 1]}), own_cache)
    assert [member.state for member in group.members()] == ["done", "queued"]


def test_a_folder_with_another_kind_of_name(own_cache: Path) -> None:
    (own_cache / "runs" / "My Pictures").mkdir(parents=True)
    (line,) = list_runs(own_cache)
    assert line.state == "unreadable" and "name is not a run's" in line.problem


def test_a_thousand_finished_runs_are_listed_at_once(tiny: RunConfig, own_cache: Path) -> None:
    run = finished(tiny, own_cache)
    for seed in range(1, 1000):
        repeated(run, tiny.with_(seed=seed))
    began = time.process_time()
    assert {line.state for line in list_runs(own_cache)} == {"done"}
    first = time.process_time()
    list_runs(own_cache)
    assert first - began < 2 and time.process_time() - first < 0.5


def test_the_long_path_of_a_folder_makes_no_run_unreadable(tiny: RunConfig, tmp_path: Path) -> None:
    run = finished(tiny, tmp_path)
    write_json(run.path / "schema.json", run.schema | {"data": "Image folder from /" + "a/" * 6000})
    assert len(run.trajectory()) == 12 and len(run.read_schema().data) == 5000
