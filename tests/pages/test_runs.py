"""The page of all runs, headless: its actions, and that typed text is never rendered as Markdown."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.config import RunConfig
from igbviz.runs import annotations, archive, library, queue, trash
from igbviz.runs.archive import limits
from igbviz.runs.run import Run
from igbviz.runs.status import Status
from igbviz.runs.submit import submit
from igbviz.ui import bundles
from igbviz.ui.runs import forget_rows
from igbviz.ui.views import runs as runs_page
from tests.support import ROOT

TABLE, NASTY = "library-table", "<script>alert(1)</script> ![x](http://evil/pixel) [y](http://evil) :red[z] $a$"


@pytest.fixture(autouse=True)
def nothing_remembered(own_cache: Path) -> None:
    forget()


def forget() -> None:
    forget_rows()
    runs_page._usage.clear()


def done(config: RunConfig, cache: Path, **status) -> Run:
    run = submit(config, cache)
    queue.dequeue(cache, run.id)
    run.write_status(Status(**{"state": "done", "message": "Finished.", "submitted": 1000.0 - config.seed} | status))
    return run


def page(**query: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).switch_page("pages/Runs.py")
    for key, value in query.items():
        test.query_params[key] = value
    return drawn(test)


def drawn(test: AppTest) -> AppTest:
    test.run()
    assert not test.exception, test.exception
    return test


def tick(test: AppTest, *lines: int) -> AppTest:
    test.session_state[TABLE] = {"selection": {"rows": list(lines)}}
    return drawn(test)


def shown(test: AppTest) -> list[str]:
    return list(test.dataframe[0].value["id"])


def ticked(test: AppTest) -> list[str]:
    return [shown(test)[line] for line in test.session_state[TABLE]["selection"]["rows"]]


def words(test: AppTest) -> str:
    """All text of the page that is rendered as Markdown."""
    return "\n".join(
        element.value for kind in ("markdown", "caption", "warning", "error", "info") for element in test.get(kind)
    )


def test_nothing_yet(own_cache: Path) -> None:
    test = page()
    assert "There are no runs here yet" in test.info[0].value and not test.dataframe


def test_the_columns_of_the_table(tiny: RunConfig, own_cache: Path) -> None:
    one, two = done(tiny, own_cache), done(tiny.with_(seed=1), own_cache, state="failed", message="Out of memory")
    annotations.change(one, name="mine", tags=["keep"], note="look")
    test = page()
    frame = test.dataframe[0].value.set_index("id")
    assert list(frame.index) == [one.id, two.id]
    assert list(frame.loc[one.id, ["name", "state", "dataset", "model", "loss", "seed", "bytes", "remark"]]) == [
        "mine", "done", "gaussian-noise", "mlp", "Cross-entropy", 0, one.size(), "look",
    ]  # fmt: skip
    assert list(frame.loc[one.id, "tags"]) == ["keep"] and frame.loc[two.id, "note"] == "Out of memory"
    assert "free on this disk" in words(test) and "2 of 2 runs" in words(test)


def test_find_and_filter_and_the_link_that_holds_them(tiny: RunConfig, own_cache: Path) -> None:
    one, two, away = (
        done(tiny, own_cache),
        done(tiny.with_(seed=1), own_cache, state="failed"),
        done(tiny.with_(seed=2), own_cache),
    )
    annotations.change(two, tags=["odd"])
    annotations.change(away, archived=True)
    test = page()
    assert shown(test) == [one.id, two.id]
    test.multiselect(key="state").select("failed").run()
    assert shown(test) == [two.id]
    assert shown(page(state="failed")) == [two.id]
    assert shown(page(archived="true")) == [one.id, two.id, away.id]
    assert shown(page(find="odd")) == [two.id]
    assert shown(page(order="oldest first")) == [two.id, one.id]
    assert shown(page(state="no such state", find="")) == [one.id, two.id], (
        "a link with words that mean nothing here is not an error"
    )
    test = page(find="nowhere to be found")
    assert shown(test) == [] and "0 of 3 runs" in words(test)


@pytest.mark.parametrize("order", runs_page.ORDERS)
def test_every_order(order: str, tiny: RunConfig, own_cache: Path) -> None:
    runs = [done(tiny.with_(seed=seed), own_cache, seconds=float(seed)) for seed in range(3)]
    annotations.change(runs[1], name="a name", note="x" * 3000)
    first = {"newest first": 0, "oldest first": 2, "by name": 1, "largest first": 1, "longest first": 2}[order]
    assert shown(page(order=order))[0] == runs[first].id


def test_many_runs_come_in_pages(tiny: RunConfig, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_page, "PAGE", 4)
    runs = [done(tiny.with_(seed=seed), own_cache) for seed in range(10)]
    assert shown(page()) == [run.id for run in runs[:4]]
    test = page(page="3")
    assert shown(test) == [run.id for run in runs[8:]] and "10 of 10 runs, 9 to 10 shown" in words(test)
    for run in runs[5:]:
        run.delete()
    forget()
    assert shown(drawn(test)), "a page that is not there any more"
    assert shown(page(page="99")) == [run.id for run in runs[:4]]


def test_a_name_tags_and_a_note(tiny: RunConfig, own_cache: Path) -> None:
    run = done(tiny, own_cache)
    test = tick(page(), 0)
    name = next(field for field in test.text_input if field.label == "Name")
    assert name.placeholder == "cross-entropy · mlp · gaussian-noise · seed 0"
    name.set_value("  The stuck one ")
    test.text_area[0].set_value("look at class 3")
    next(button for button in test.button if button.label == "Save").click().run()
    assert not test.exception
    assert annotations.read(run) == annotations.Annotations(name="The stuck one", note="look at class 3")
    assert test.dataframe[0].value["name"][0] == "The stuck one" and ticked(test) == [run.id]


def test_tags_for_several_at_once(tiny: RunConfig, own_cache: Path) -> None:
    runs = [done(tiny.with_(seed=seed), own_cache) for seed in range(3)]
    annotations.change(runs[0], name="kept", tags=["a", "b"])
    annotations.change(runs[2], tags=["b"])
    test = tick(page(), 0, 1)
    add, drop = (
        next(field for field in test.multiselect if field.label == label) for label in ("Add tags", "Remove tags")
    )
    assert list(drop.options) == ["a", "b"]
    add.select("b")
    drop.select("a")
    next(button for button in test.button if button.label == "Save").click().run()
    assert [annotations.read(run).tags for run in runs] == [("b",), ("b",), ("b",)] and annotations.read(
        runs[0]
    ).name == "kept"


def test_too_long_a_tag_is_a_sentence(tiny: RunConfig, own_cache: Path) -> None:
    run = done(tiny, own_cache)
    annotations.change(run, tags=["a"])
    problems = runs_page._each(lambda run: annotations.change(run, add=["t" * 41]))([run])
    assert len(problems) == 1 and "allowed: at most 40" in problems[0] and annotations.read(run).tags == ("a",)


def test_archive_and_undo_and_back(tiny: RunConfig, own_cache: Path) -> None:
    run, other = done(tiny, own_cache), done(tiny.with_(seed=1), own_cache)
    test = tick(page(), 0)
    test.button(key="archive").click().run()
    assert annotations.read(run).archived and shown(test) == [other.id] and ticked(test) == []
    assert f"Archived and hidden from the list: run `{run.id}`" in words(test)
    test.button(key="undo-archive").click().run()
    assert not annotations.read(run).archived and ticked(test) == [run.id] and "Archived and" not in words(test)
    test.button(key="archive").click().run()
    tick(test, 0).button(key="delete").click().run()
    assert "Archived and" not in words(test) and "Deleted: run" in words(test), "the last action can be undone"
    test = tick(page(archived="true"), 0)
    test.button(key="unarchive").click().run()
    assert not annotations.read(run).archived


def test_delete_and_undo_from_another_browser(tiny: RunConfig, own_cache: Path) -> None:
    runs = [done(tiny.with_(seed=seed), own_cache) for seed in range(3)]
    before = {file.name: file.read_bytes() for file in runs[0].path.iterdir()}
    test = tick(page(), 0, 2)
    test.button(key="delete").click().run()
    assert not test.exception and shown(test) == [runs[1].id] and not runs[0].path.exists()
    assert "Deleted: 2 runs" in words(test)
    forget()
    other = page()
    assert "Deleted: 2 runs" in words(other)
    other.button(key="undo").click().run()
    assert (
        not other.exception and shown(other) == [run.id for run in runs] and ticked(other) == [runs[0].id, runs[2].id]
    )
    assert {file.name: file.read_bytes() for file in runs[0].path.iterdir() if file.name != "lock"} == before
    assert "undo" not in {button.key for button in other.button}


def test_an_undo_that_is_not_possible_is_a_sentence(tiny: RunConfig, own_cache: Path) -> None:
    run = done(tiny, own_cache)
    trash.trash([run])
    submit(tiny, own_cache)
    test = page()
    test.button(key="undo").click().run()
    assert not test.exception and "was created again" in test.warning[0].value.replace("\\", "")


def test_the_last_run_can_be_deleted_and_restored(tiny: RunConfig, own_cache: Path) -> None:
    run = done(tiny, own_cache)
    test = tick(page(), 0)
    test.button(key="delete").click().run()
    assert "There are no runs here yet" in test.info[0].value
    test.button(key="undo").click().run()
    assert shown(test) == [run.id]


def test_an_old_deletion_is_offered_in_the_trash_only(tiny: RunConfig, own_cache: Path) -> None:
    run = done(tiny, own_cache)
    trash.trash([run])
    (item,) = trash.list_trash(own_cache)
    item.path.rename(item.path.with_name(f"{item.deleted_at - int(3600e9):020d}-{item.id}"))
    test = page()
    assert "undo" not in {button.key for button in test.button}
    assert list(test.dataframe[0].value["id"]) == [run.id]
    test.button(key="empty-trash").click().run()
    assert not trash.list_trash(own_cache) and not test.exception


def test_stop_and_resume(tiny: RunConfig, own_cache: Path) -> None:
    run = submit(tiny, own_cache)
    test = page()
    assert all(test.button(key=key).disabled for key in ("stop", "resume", "delete", "archive")), "nothing is ticked"
    tick(test, 0)
    assert not test.button(key="stop").disabled and test.button(key="resume").disabled
    test.button(key="stop").click().run()
    assert run.stored_status().state == "stopped" and ticked(test) == [run.id]
    test.button(key="resume").click().run()
    assert run.stored_status().state == "queued" and not test.exception


def test_a_finished_run_can_be_neither_stopped_nor_resumed(tiny: RunConfig, own_cache: Path) -> None:
    run = done(tiny, own_cache)
    submit(tiny.with_(seed=1), own_cache).stop()
    test = page()
    place = shown(test).index(run.id)
    tick(test, place)
    assert test.button(key="stop").disabled and test.button(key="resume").disabled
    tick(test, 0, 1)
    test.button(key="resume").click().run()
    assert not (run.path / "stop").exists() and run.stored_status().state == "done"


def test_shipped_runs_are_marked_and_left_alone(tiny: RunConfig, own_cache: Path) -> None:
    run = done(tiny, own_cache)
    (own_cache / "gallery").mkdir()
    run.path.rename(own_cache / "gallery" / run.id)
    own = done(tiny.with_(seed=1), own_cache)
    test = tick(page(), 0)
    assert list(test.dataframe[0].value["origin"]) == ["ships with igbviz", ""]
    assert all(test.button(key=key).disabled for key in ("stop", "resume", "delete", "archive"))
    assert not any(button.label == "Save" for button in test.button)
    tick(test, 0, 1)
    test.button(key="delete").click().run()
    assert not own.path.exists() and os.listdir(own_cache / "gallery") == [run.id]


def test_a_tick_belongs_to_its_run(tiny: RunConfig, own_cache: Path) -> None:
    run = done(tiny.with_(seed=5), own_cache)
    test = tick(page(), 0)
    newer = done(tiny, own_cache)
    forget()
    drawn(test)
    assert shown(test) == [newer.id, run.id] and ticked(test) == [run.id]
    test.button(key="delete").click().run()
    assert newer.path.exists() and not run.path.exists()


def test_a_run_deleted_by_somebody_else_is_a_sentence(tiny: RunConfig, own_cache: Path) -> None:
    run, _ = done(tiny, own_cache), done(tiny.with_(seed=1), own_cache)
    test = tick(page(), 0)
    run.delete()
    test.button(key="delete").click().run()
    assert not test.exception and ("no longer exists" in words(test) or len(shown(test)) == 1)


def test_unreadable_runs_can_be_deleted(tiny: RunConfig, own_cache: Path) -> None:
    run = done(tiny, own_cache)
    (run.path / "config.json").write_text("{")
    test = tick(page(), 0)
    assert test.dataframe[0].value["state"][0] == "unreadable" and not test.exception
    test.button(key="delete").click().run()
    assert not run.path.exists() and not test.exception


def test_typed_text_is_not_rendered_as_markdown(tiny: RunConfig, own_cache: Path) -> None:
    run, other = done(tiny, own_cache, message=NASTY), done(tiny.with_(seed=1), own_cache)
    for one in (run, other):
        annotations.change(one, name=NASTY[:100], tags=[NASTY[:30]], note=NASTY)
    for lines in ((0,), (0, 1)):
        test = tick(page(), *lines)
        assert test.dataframe[0].value["name"][0] == NASTY[:100] and test.dataframe[0].value["remark"][0] == NASTY
        assert "evil" not in words(test) and "<script>" not in words(test)
    test.button(key="delete").click().run()
    assert "evil" not in words(test) and not test.exception


# Archives.


def test_what_the_export_button_gives(tiny: RunConfig, own_cache: Path, tmp_path: Path) -> None:
    run, torn = done(tiny, own_cache), done(tiny.with_(seed=1), own_cache)
    (torn.path / "config.json").write_text("{")
    test = page()
    assert test.get("download_button")[0].proto.disabled
    tick(test, 0)
    assert not test.get("download_button")[0].proto.disabled
    tick(test, 0, 1)
    assert "1 of the 2 ticked runs is left out of the export: run " in words(test).replace("\\", "")
    file = bundles.bundle(runs_page._opened(library.rows(own_cache), own_cache))
    assert archive.import_runs(file, tmp_path / "to").new == [run.id]


def test_too_large_an_export_is_an_error_before_it_starts(
    tiny: RunConfig, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(tiny, own_cache)
    monkeypatch.setattr(limits, "MAX_CONTENT", 10)
    button = tick(page(), 0).get("download_button")[0].proto
    assert button.disabled and "allowed: at most 10 bytes" in button.help


def test_import(tiny: RunConfig, own_cache: Path, tmp_path: Path) -> None:
    runs = [done(tiny.with_(seed=seed), tmp_path / "elsewhere") for seed in range(3)]
    annotations.change(runs[0], name="from far away")
    done(tiny.with_(seed=2), own_cache)
    file = io.BytesIO()
    archive.export_runs(runs, file)
    test = page()
    test.file_uploader(key="archive-file").set_value(("runs.zip", file.getvalue(), "application/zip"))
    next(button for button in test.button if button.label == "Import").click().run()
    assert not test.exception and "Imported: **2**. Already here, unchanged: **1**." in words(test)
    assert len(shown(test)) == 3 and ticked(test) == [runs[0].id, runs[1].id]
    assert "from far away" in list(test.dataframe[0].value["name"])


def test_a_bad_archive_is_a_sentence(own_cache: Path) -> None:
    test = page()
    test.file_uploader(key="archive-file").set_value(("runs.zip", b"no zip at all", "application/zip"))
    next(button for button in test.button if button.label == "Import").click().run()
    assert not test.exception and "not a zip archive" in test.error[0].value.replace("\\", "")


def test_rejected_runs_are_shown_as_text(own_cache: Path) -> None:
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[y](http:evil)/config.json", "{}")
    test = page()
    test.file_uploader(key="archive-file").set_value(("runs.zip", file.getvalue(), "application/zip"))
    next(button for button in test.button if button.label == "Import").click().run()
    assert "Rejected: **1**." in words(test) and "evil" in test.text[0].value and "evil" not in words(test)


def test_import_reports_the_last_bundle_only(own_cache: Path) -> None:
    import zipfile

    def bring_in(name: str = "", content: bytes = b"") -> None:
        if name:
            test.file_uploader(key="archive-file").set_value((name, content, "application/zip"))
        next(button for button in test.button if button.label == "Import").click().run()
        assert not test.exception

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "no run")
    test = page()
    bring_in("strange.zip", file.getvalue())
    assert "Rejected: **1**." in words(test) and not test.error
    bring_in("torn.zip", b"no zip at all")
    assert "Rejected" not in words(test) and "not a zip archive" in test.error[0].value
    test.file_uploader(key="archive-file").set_value(None)
    bring_in()
    assert "The bundle is missing" in test.error[0].value
