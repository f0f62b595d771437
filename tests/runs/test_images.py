"""The files of the images that a run watches: written with every probe, read with care, carried where allowed."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from igbviz.cli import main
from igbviz.config import RunConfig
from igbviz.datasets import Images
from igbviz.runs.archive import export_runs, import_runs, shows_own_images
from igbviz.runs.images import sprite
from igbviz.runs.images.files import FILES
from igbviz.runs.run import Run, RunError
from igbviz.runs.session import work_on
from igbviz.runs.submit import submit
from igbviz.runs.trash import list_trash, restore, trash
from igbviz.training.loop import Training
from tests.support.archives import files_of, folder, packed, zipped
from tests.support.stored_runs import finished

CPU = torch.device("cpu")


def images_of(config: RunConfig) -> bytes:
    training = Training(config, "cpu")
    return b"".join(training.images.tobytes() for snapshot in training.ticks() if snapshot is not None)


def begun(config: RunConfig, cache: Path, snapshots: int = 5) -> Run:
    """A run whose session has ended in the middle, with a checkpoint."""
    run = submit(config, cache)
    work = work_on(run, CPU, must_pause=lambda status: status.snapshots >= snapshots)
    assert next(work)[1] == "paused"
    work.close()
    return run


def go_on(run: Run) -> None:
    assert [event for _, event in work_on(run, CPU)] == ["ended"] and run.stored_status().state == "done"


@pytest.fixture
def watchful(tiny: RunConfig, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    """A run that looks at its status after every tick, so that it can be interrupted at any probe."""
    monkeypatch.setattr("igbviz.runs.session.STATUS_SECONDS", 0.0)
    return tiny


def test_a_finished_run_shows_its_images_without_its_data(run: Run, tiny: RunConfig) -> None:
    images, training = run.images(), Training(tiny, "cpu")
    assert (run.path / "images.bin").read_bytes() == images_of(tiny) and images.probability.shape == (12, 36)
    assert images.labels.tolist() == [0] * 12 + [1] * 12 + [2] * 12 and set(images.given) == {-1}
    assert (training.data.test_labels[images.index].numpy() == images.labels).all()
    which = json.loads((run.path / "images.json").read_text())
    sheet, (width, height) = np.array(Image.open(run.path / "images.png")), which["tile"]
    for place, picture in enumerate(training.thumbnails()[:, 0]):
        down, across = divmod(place, which["columns"])
        assert np.array_equal(sheet[down * height :, across * width :][:height, :width], picture)


def test_what_is_drawn_has_the_images_of_the_same_probes(tiny: RunConfig, tmp_path: Path) -> None:
    run = finished(tiny.with_(epochs=20, probes={"size": 60, "count": 200}), tmp_path)
    drawn, whole = run.glance(), run.trajectory()
    at = np.flatnonzero(np.isin(whole.step, drawn.step))
    assert len(drawn) < len(whole) and np.array_equal(drawn.images.guess, run.images().guess[at])
    assert np.array_equal(drawn[3:].images.probability, run.images().probability[at][3:])


def test_resumed_in_the_middle_it_is_the_same(watchful: RunConfig, tmp_path: Path) -> None:
    run = begun(watchful, tmp_path)
    with (run.path / "images.bin").open("ab") as file:
        file.write(b"\1" * 150)  # killed between the images of a probe and its record, and in the middle of the next
    assert len(run.images()) == len(run.trajectory()) < 12, "what has no record yet is passed over"
    go_on(run)
    assert (run.path / "images.bin").read_bytes() == images_of(watchful) and len(run.images()) == 12


@pytest.mark.parametrize("lost", FILES)
def test_a_run_begun_without_images_ends_without_them(lost: str, watchful: RunConfig, tmp_path: Path) -> None:
    run = begun(watchful, tmp_path)
    (run.path / lost).unlink()
    go_on(run)
    if lost == "images.png":
        assert len(run.images()) == 12 and (run.path / lost).exists(), "it can be drawn again"
    else:
        assert run.images() is None and not any((run.path / name).exists() for name in FILES)
    assert len(run.glance()) == len(run.trajectory()) == 12


def test_an_older_run_opens(run: Run) -> None:
    for name in FILES:
        (run.path / name).unlink()
    assert run.images() is None and run.glance().images is None and len(run.glance()) == 12


def test_begun_again_it_records_anew(run: Run) -> None:
    whole = (run.path / "images.bin").read_bytes()
    (run.path / "trajectory.bin").unlink()
    submit(run.config, run.cache)
    assert not (run.path / "images.bin").exists()
    go_on(run)
    assert (run.path / "images.bin").read_bytes() == whole


def test_trash_and_archive_keep_them(run: Run, tmp_path: Path) -> None:
    before = files_of(run)
    trash([run])
    restore(list_trash(run.cache)[0], run.cache)
    assert files_of(run) == before and import_runs(packed(run), tmp_path / "to").new == [run.id]
    copy = Run.open(run.id, tmp_path / "to")
    assert np.array_equal(copy.images().probability, run.images().probability)
    assert {name: (copy.path / name).read_bytes() for name in FILES} == {name: before[name] for name in FILES}


def test_images_of_ones_own_are_carried_only_on_request(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    run, out = finished(tiny, tmp_path / "from"), tmp_path / "x.zip"
    monkeypatch.setattr(type(tiny.dataset), "is_private", True)
    assert shows_own_images(run)
    for options, carried in (((), False), (("--with-images",), True)):
        assert main(["export", run.id, "--out", str(out), "--cache", str(run.cache), *options]) == 0
        assert ("images.png" in " ".join(zipfile.ZipFile(out).namelist())) == carried
        assert ("--with-images" in capsys.readouterr().out) != carried
    file = io.BytesIO()
    export_runs([run], file)
    import_runs(file, tmp_path / "to")
    copy = Run.open(run.id, tmp_path / "to")
    assert len(copy.images()) == 12 and not shows_own_images(copy), "numbers and labels, but no picture"


def test_only_a_folder_that_somebody_named_is_private(tiny: RunConfig) -> None:
    def of(**data) -> bool:
        return tiny.with_(dataset=data).dataset.is_private

    assert of(name="image-folder", folder="/mine") and of(name="mnist", folder="/mine")
    assert not of(name="mnist") and not of(name="cifar10", folder="/there") and not tiny.dataset.is_private
    assert issubclass(type(tiny.with_(dataset={"name": "fashion-mini"}).dataset), Images)


def a_png(size: tuple[int, int], mode: str = "L", kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind)
    return file.getvalue()


def which(**changes) -> dict[str, bytes]:
    made = {"tile": [8, 8], "columns": 6, "index": [*range(36)], "labels": [0] * 36, "given": [-1] * 36}
    return {"images.json": json.dumps(made | changes).encode()}


DAMAGED = {
    "another size": ({"images.png": a_png((4000, 4000))}, "images.png: it has 4000 x 4000 pixels"),
    "another mode": ({"images.png": a_png((48, 48), "RGBA")}, "in mode RGBA, allowed: 48 x 48 in L or RGB"),
    "another format": ({"images.png": a_png((48, 48), "RGB", "JPEG")}, "it is not a complete PNG"),
    "a torn picture": ({"images.png": a_png((48, 48))[:60]}, "it is not a complete PNG"),
    "a page": ({"images.png": b"<script>"}, "it is not a complete PNG"),
    "a picture beyond bounds": ({"images.png": b"\0" * 2_000_001}, "allowed: at most 2.0 MB"),
    "no description": ({"images.json": None}, "images.png is there without images.json"),
    "no records": ({"images.bin": None}, "images.bin"),
    "records cut off": ({"images.bin": b"\0" * 36 * 3 * 11}, "images.bin has 11 records, trajectory.bin has 12"),
    "records too many": ({"images.bin": b"\0" * 36 * 3 * 13}, "not one record for each of 12 probes"),
    "no probability": ({"images.bin": b"\xff" * 36 * 3 * 12}, "a probability is not between 0 and 1"),
    "a class too many": ({"images.bin": (b"\0" * 72 + b"\3" * 36) * 12}, "a guess is above 2, the last class"),
    "no text": ({"images.json": b"\xff\xfe"}, "images.json is damaged"),
    "tiles beyond bounds": (which(tile=[33, 33]), "images.json is damaged"),
    "lists of different lengths": (which(given=[-1]), "different lengths"),
    "too many images": (which(index=[0] * 337, labels=[0] * 337, given=[-1] * 337), "images.json is damaged"),
    "a label too high": (which(labels=[3] * 36), "a label above 2"),
    "a fraction": (which(labels=[0.5] * 36), "images.json is damaged"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_what_no_run_writes_is_not_imported_and_not_read(case: str, run: Run, tmp_path: Path) -> None:
    changes, reason = DAMAGED[case]
    content = {name: data for name, data in (files_of(run) | changes).items() if data is not None}
    imported = import_runs(zipped(folder(run.id, content)), tmp_path / "to")
    assert not imported.new and len(imported.refused) == 1 and reason in imported.refused[0], imported.refused
    for name, data in changes.items():
        (run.path / name).unlink() if data is None else (run.path / name).write_bytes(data)
    if case not in ("no description", "records too many") and "images.png" not in changes:
        with pytest.raises(RunError, match="the images of run"):
            run.images()
        assert run.glance().images is None, "the curves are drawn all the same"


def test_an_ignorant_archive_is_imported(run: Run, tmp_path: Path) -> None:
    """Made by a version without images, or without their pictures."""
    content = {name: data for name, data in files_of(run).items() if name not in FILES}
    assert import_runs(zipped(folder(run.id, content)), tmp_path / "to").new == [run.id]
    assert Run.open(run.id, tmp_path / "to").images() is None


@pytest.mark.parametrize("shape", [(5, 1, 28, 28), (7, 3, 96, 64), (1, 1, 300, 4), (336, 3, 32, 32)])
def test_a_sprite_is_small_and_keeps_its_shape(shape: tuple[int, int, int, int]) -> None:
    tile, png = sprite.draw(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    assert max(tile) == min(32, max(shape[2:])) and len(png) < 2_000_000
    assert tile[0] / tile[1] == pytest.approx(shape[3] / shape[2], rel=0.1) or min(tile) == 1
    sprite.check(png, tile, sprite.columns(shape[0]), shape[0])
