"""`export` on the command line: what cannot be exported says why, and leaves no file."""

from __future__ import annotations

import codecs
import io
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from PIL import Image

from igbviz.charts import browser
from igbviz.charts.run_export import csv_table
from igbviz.cli import main
from igbviz.config import RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.runs.archive import import_runs, limits
from igbviz.runs.run import Run
from igbviz.runs.submit import submit
from tests.support.archives import packed
from tests.support.stored_ensembles import SMALL, drawn
from tests.support.stored_runs import finished


def export(run: Run, out: Path) -> int:
    return main(["export", run.id, "--out", str(out), "--cache", str(run.cache)])


@pytest.mark.parametrize("ending", [".zip", ".csv", ".gif"])
def test_a_run_that_cannot_be_exported_says_why(
    ending: str, tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run, out = finished(tiny, tmp_path / "cache"), tmp_path / f"x{ending}"
    assert export(run, out) == 0
    before = out.read_bytes()
    (run.path / "schema.json").write_text("{")
    capsys.readouterr()
    assert export(run, out) == 2
    output = capsys.readouterr()
    assert "schema.json is damaged" in output.err and output.err.count("\n") == 1 and "wrote" not in output.out
    assert out.read_bytes() == before and {path.name for path in tmp_path.iterdir()} == {"cache", out.name}


@pytest.mark.parametrize("ending", [".zip", ".csv"])
@pytest.mark.parametrize("lost", ["trajectory.bin", "schema.json"])
def test_a_finished_run_without_its_records_is_not_exported_as_an_empty_one(
    lost: str, ending: str, tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run, out = finished(tiny, tmp_path / "cache"), tmp_path / f"x{ending}"
    (run.path / lost).unlink()
    assert export(run, out) == 2 and not out.exists()
    assert lost in capsys.readouterr().err
    assert export(run, tmp_path / "x.json") == 0, "its configuration is whole"


def test_a_checkpoint_counts_for_nothing_in_an_archive(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(tiny, tmp_path / "cache")
    monkeypatch.setattr(limits, "MAX_CONTENT", run.size() + 100)
    (run.path / "checkpoint.pt").write_bytes(bytes(1000))
    assert export(run, tmp_path / "x.zip") == 0


def test_a_gif_has_a_view_and_a_page(tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run, out = finished(tiny, tmp_path / "cache"), tmp_path / "x.gif"
    command = ["export", run.id, "--cache", str(run.cache), "--out"]
    assert main([*command, str(out), "--view", "accuracy", "--dark"]) == 0
    picture = Image.open(out)
    assert picture.n_frames == 60 and picture.convert("RGB").getpixel((0, 0)) == (23, 22, 20)
    assert main([*command, str(out), "--view", "beauty"]) == 2
    assert "view is 'beauty', allowed: one of" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "x.csv"), "--dark"]) == 2
    assert "--dark is for a .gif" in capsys.readouterr().err and not (tmp_path / "x.csv").exists()


def test_a_folder_that_does_not_exist_is_named(tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert export(finished(tiny, tmp_path), tmp_path / "none" / "x.zip") == 2
    assert f"{tmp_path}/none/x.zip cannot be read or written: no such file" in capsys.readouterr().err


def test_an_imported_run_is_listed_as_such(tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = finished(tiny, tmp_path / "from")
    import_runs(packed(run), tmp_path / "to")
    main(["runs", "--cache", str(tmp_path / "to")])
    assert f"{run.id}  (imported)" in capsys.readouterr().out
    main(["show", run.id, "--cache", str(tmp_path / "to")])
    assert "imported: its records came in an archive" in capsys.readouterr().out


def test_a_table_opens_in_a_spreadsheet_without_computing_anything() -> None:
    names = ["=1+1", "+a", "-b", "@c", "\td", "e", "5", None]
    table = pd.DataFrame({"class": names, "value": [-1.5, 2, 3, 4, 5, 6, 7, 8]})
    content = csv_table(table)
    assert content.startswith(codecs.BOM_UTF8)
    read = pd.read_csv(io.BytesIO(content))
    assert list(read["class"][:6]) == ["'=1+1", "'+a", "'-b", "'@c", "'\td", "e"] and read["value"][0] == -1.5
    assert list(table["class"])[:2] == ["=1+1", "+a"], "the caller's table is as before"


@pytest.mark.browser
def test_pictures_are_drawn_by_a_browser(
    tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = finished(tiny, tmp_path / "cache"), tmp_path / "x.png"
    command = ["export", run.id, "--cache", str(run.cache), "--out"]
    assert main([*command, str(out), "--dark", "--view", "accuracy"]) == 0
    picture = Image.open(out)
    assert picture.width == 1800 and picture.convert("RGB").getpixel((0, 0)) == (23, 22, 20)
    assert main([*command, str(tmp_path / "x.svg")]) == 0
    svg = ElementTree.parse(tmp_path / "x.svg").getroot()
    assert svg.tag.endswith("svg") and svg.get("width") == "900" and "Init." in "".join(svg.itertext())
    monkeypatch.setattr(browser, "find_chromium", lambda: None)
    capsys.readouterr()
    assert main([*command, str(tmp_path / "y.svg")]) == 2 and not (tmp_path / "y.svg").exists()
    assert capsys.readouterr().err == "igbviz: a .svg needs a Chromium or Chrome on the PATH\n"


def test_a_file_goes_to_stdout(tiny: RunConfig, tmp_path: Path, capfdbinary: pytest.CaptureFixture) -> None:
    run = finished(tiny, tmp_path)
    command = ["export", run.id, "--cache", str(tmp_path), "--out", "-"]
    assert main([*command, "--format", "parquet"]) == 0
    pd.testing.assert_frame_equal(
        pd.read_parquet(io.BytesIO(capfdbinary.readouterr().out)), run.trajectory().to_frame(), check_dtype=False
    )
    assert main(command) == 2 and b"--out is '-', allowed: a file ending in .csv" in capfdbinary.readouterr().err
    assert main([*command, "--format", "doc"]) == 2 and b"--format is 'doc'" in capfdbinary.readouterr().err


def test_an_ensemble_is_a_table_too(tmp_path: Path) -> None:
    run = drawn(EnsembleConfig(**SMALL), tmp_path)
    assert export(run, tmp_path / "x.csv") == 0
    table = pd.read_csv(tmp_path / "x.csv")
    assert len(table) == 6 * run.ensemble().classes and table["guess_fraction"].sum() == pytest.approx(6)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".html", ".gif", ".png"])
def test_a_run_without_a_probe_is_not_exported(
    ending: str, tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = submit(tiny, tmp_path / "cache")
    assert export(run, tmp_path / f"x{ending}") == 2 and not (tmp_path / f"x{ending}").exists()
    captured = capsys.readouterr()
    assert "has no probe yet: there is nothing to export" in captured.err and not captured.out
    assert export(run, tmp_path / "x.json") == 0
