"""The Compare page, headless: opened from a link, in every view, with damaged and waiting runs, and its duration."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.charts import browser
from igbviz.runs.run import Run
from igbviz.runs.submit import submit
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import submit_sweep
from igbviz.ui.messages import plain
from igbviz.ui.runs import forget_rows
from igbviz.ui.views.compare.confusion import comparable
from tests.support import ROOT
from tests.support.pages import as_read, page
from tests.support.stored_runs import BASE, LOSSES, STEPS, family, members, stored, story

PAGE = ROOT / "pages/Compare.py"


def link(*runs: Run, **query: str) -> AppTest:
    return page(PAGE, runs=",".join(run.id for run in runs), **query)


def chart(test: AppTest) -> dict:
    """The meta of the figure sent to the page, and the figure's size in bytes."""
    (sent,) = [json.loads(part.proto.json) for part in test.get("bidi_component") if "figure" in part.proto.json]
    figure = json.loads(sent["figure"])
    words = figure["layout"]["meta"]["words"]
    return figure | {
        "words": words if isinstance(words, str) else figure["shared"][words["$shared"]],
        "bytes": len(sent["figure"]),
    }


def query(test: AppTest) -> dict[str, str]:
    return {key: value if isinstance(value, str) else value[0] for key, value in test.query_params.items()}


def sentences(test: AppTest) -> str:
    return " ".join(warning.value for warning in test.warning)


def captions(test: AppTest) -> str:
    return "\n".join(caption.value for caption in test.caption)


def opened(test: AppTest) -> AppTest:
    """The same page with its dialog."""
    test.button(key="compare-select").click().run()
    assert not test.exception
    return test


def chips(test: AppTest) -> AppTest:
    return next(each for each in test.multiselect if each.key.startswith("compare-chips"))


def test_without_a_selection_shipped_runs_are_compared(own_cache: Path) -> None:
    family(own_cache, 1)
    test = page(PAGE)
    assert "Select two or more" in test.info[0].value and len(opened(test).dataframe[0].value) == 3
    ids = [
        f"image-folder-resnet50-{name}"
        for name in ("cross-entropy-s0-8ab8e438b3", "piecewise-zero-s0-87ce877050", "blurry-s0-8fb86a02d6")
    ]
    for name in ids:
        shutil.copytree(ROOT / "cache" / "gallery" / name, own_cache / "gallery" / name)
    forget_rows()
    test = page(PAGE)
    assert chart(test)["words"].startswith("3 runs side by side") and "Recorded runs to begin with" in captions(test)
    assert chips(test).value == ids and "runs" not in test.query_params
    chips(test).set_value(ids[:2]).run()
    assert query(test) == {"runs": ",".join(ids[:2])} and "Recorded runs to begin with" not in captions(test)


def test_a_chip_removes_its_run(own_cache: Path) -> None:
    runs = family(own_cache, 1)
    test = link(*runs, tab="overlay")
    chips(test).set_value([runs[2].id, runs[0].id]).run()
    assert query(test) == {"runs": f"{runs[0].id},{runs[2].id}", "tab": "overlay"}, "in their old order"
    assert chart(test)["words"].endswith("of 2 runs in 2 settings: median, min and max over seeds")
    assert chart(page(PAGE, **query(test))) == chart(test)


def test_every_run_has_a_verdict(own_cache: Path) -> None:
    runs = [
        stored(BASE, own_cache, story()),
        stored(BASE.with_(loss=LOSSES[1]), own_cache, story(even_from=None)),
    ]
    told = ["The first guess was lost at step 21, and every class is alive", "9 of 10 classes never came alive; 100 %"]
    figure = chart(link(*runs))
    texts = [note["text"] for note in figure["layout"]["annotations"]]
    texts = [text if isinstance(text, str) else figure["shared"][text["$shared"]] for text in texts]
    said = "\n".join(texts).replace("<br>", " ")
    assert all(verdict in said for verdict in told), said
    listed = next(each.value for each in link(*runs, tab="overlay").markdown if each.value.startswith("- **"))
    table = link(*runs, tab="table", collapse="no").dataframe[-1].value
    for verdict, line, cell in zip(told, listed.splitlines(), table["verdict"], strict=True):
        assert line.partition("**: ")[2].startswith(plain(verdict)) and cell.startswith(verdict)


def test_confusion_is_compared_of_runs_with_the_same_classes(own_cache: Path) -> None:
    runs = family(own_cache, 3)
    few = stored(BASE.with_(seed=9), own_cache, story(classes=4))
    many = stored(BASE.with_(seed=8), own_cache, story(classes=21))
    test = link(runs[0], few, runs[1], tab="confusion")
    (sent,) = [json.loads(part.proto.json) for part in test.get("bidi_component")]
    assert sent["confusion"] and [scene["run"] for scene in sent["scenes"]] == [runs[0].id, runs[1].id]
    assert "1 run has other classes than the first and is left out here." in [as_read(part) for part in test.caption]

    def said(*runs: Run) -> tuple[int, str]:
        same, sentence = comparable(members([*runs]))
        return len(same), sentence

    assert said(*runs[:2]) == (2, "")
    assert said(runs[0], few)[1].startswith("Confusion is compared between two runs with the same classes: ")
    assert said(*runs) == (6, "Confusion is compared between 6 of these 9 runs, one of each setting first.")
    first = comparable(members([*runs]))[0][:3]
    assert len({member.config.group for member in first}) == 3 and {member.config.seed for member in first} == {0}
    assert said(many, runs[0]) == (0, f"Confusion is shown of at most 20 classes, and run {many.id} has 21.")


def test_a_link_shows_its_view(own_cache: Path) -> None:
    runs = family(own_cache, 2)
    test = link(*runs)
    assert chart(test)["words"].startswith("6 runs side by side") and "in 3 settings" in captions(test)
    test = link(*runs, tab="overlay", quantity="guess_entropy", unit="step", collapse="no")
    assert chart(test)["words"] == "Evenness of guesses of 6 runs in 3 settings"
    assert test.segmented_control(key="compare-unit").value == "step" and not test.toggle(key="compare-collapse").value
    assert "Escape: 2 of 6" in chart(link(*runs, tab="overlay", quantity="escape"))["words"]
    assert "half by step" in chart(link(*runs, tab="overlay", quantity="alive"))["words"]
    left = link(*runs, tab="overlay", quantity="lasting-bias")
    assert chart(left)["words"].startswith("Of all guesses in the end, the class") and "Student's t" in captions(left)
    assert not [control for control in left.segmented_control if control.key == "compare-unit"], "it has no time axis"
    test = link(*runs, tab="table")
    assert not test.get("bidi_component") and len(test.dataframe) == 2
    assert test.dataframe[1].value["n"].tolist() == [2, 2, 2]
    test = link(*runs, tab="table", collapse="no")
    assert len(test.dataframe[1].value) == 6 and "Train?run=" in test.dataframe[1].value["run"][0]


def test_the_address_holds_the_view(own_cache: Path) -> None:
    runs = family(own_cache, 2)
    test = link(*runs)
    test.segmented_control(key="compare-tab").set_value("overlay").run()
    test.selectbox(key="compare-quantity").select("silent").run()
    test.segmented_control(key="compare-unit").set_value("step").run()
    test.toggle(key="compare-collapse").set_value(False).run()
    assert not test.exception
    assert query(test) == {
        "runs": ",".join(run.id for run in runs),
        "tab": "overlay",
        "quantity": "silent",
        "unit": "step",
        "collapse": "no",
    }
    first, again = chart(test), chart(page(PAGE, **query(test)))
    assert first == again, "the link alone gives the same picture"
    test.segmented_control(key="compare-tab").set_value("grid").run()
    assert "tab" not in test.query_params and test.query_params["quantity"] in ("silent", ["silent"]), (
        "kept for when one comes back"
    )


@pytest.mark.parametrize(
    "query", [{"tab": "x"}, {"unit": "years", "quantity": "luck", "tab": "overlay"}, {"rows": "-1"}, {"rows": "a"}]
)
def test_invalid_values_in_a_link_give_the_default(query: dict[str, str], own_cache: Path) -> None:
    assert "2 runs" in chart(link(*family(own_cache, 1)[:2], **query))["words"]


def test_all_seeds_of_a_setting_by_its_group(own_cache: Path) -> None:
    runs = family(own_cache, 3)
    test = page(PAGE, group=runs[1].config.group)
    assert chart(test)["words"].startswith("3 runs side by side, one row per run: seed 0")


def test_all_runs_of_a_sweep_by_its_name(own_cache: Path) -> None:
    runs = family(own_cache, 1)
    assert "leads nowhere" in sentences(page(PAGE, sweep="of-no-such-name"))
    assert "unit is 'years', allowed: one of epoch, step" in sentences(link(*runs, unit="years")).replace("\\", "")
    group = submit_sweep(Sweep(base=BASE, axes={"loss": list(LOSSES)}), own_cache)
    assert {run.id for run in group.runs} == {run.id for run in runs}, "they were there already"
    test = page(PAGE, sweep=group.id)
    assert chart(test)["words"].startswith("3 runs side by side")


def test_an_ensemble_of_untrained_networks_is_one_sentence(own_cache: Path) -> None:
    ensemble = submit({"networks": 5}, own_cache)
    test = link(*family(own_cache, 1), ensemble)
    assert chart(test)["words"].startswith("3 runs side by side")
    assert len(test.warning) == 1 and f"{ensemble.id} is an ensemble" in sentences(test)


def test_more_rows_than_a_screen_has_are_paged(own_cache: Path) -> None:
    runs = family(own_cache, 5)
    test = link(*runs)
    assert chart(test)["words"].startswith("12 runs")
    test.segmented_control(key="compare-rows").set_value(1).run()
    assert chart(test)["words"].startswith("3 runs") and "15 runs in 3 settings" in captions(test)
    assert chart(link(*runs, rows="1"))["words"] == chart(test)["words"]


def test_torn_lost_waiting_and_different_runs_leave_the_others_alone(own_cache: Path) -> None:
    runs = family(own_cache, 1)
    for seed, file in enumerate(("config.json", "status.json", "schema.json"), start=3):
        torn = stored(BASE.with_(seed=seed), own_cache, story())
        (torn.path / file).write_text("{")
        runs.append(torn)
    gone = stored(BASE.with_(seed=7), own_cache, story())
    shutil.rmtree(gone.path)
    waiting = submit(BASE.with_(seed=8), own_cache)
    three = stored(BASE.with_(seed=9), own_cache, story(classes=3))
    empty = stored(BASE.with_(seed=10), own_cache, story(steps=STEPS[:0]), "failed")
    test = link(*runs, gone, waiting, three, empty)
    assert chart(test)["words"].startswith("3 runs side by side")
    said = [warning.value for warning in test.warning]
    for run in (*runs[3:], gone, waiting, three, empty):
        assert sum(run.id in sentence for sentence in said) == 1, run.id
    assert len(said) == 7 and not test.error
    assert link(gone).warning and not link(gone).exception


def test_filters_hide_rows_but_not_what_was_chosen(own_cache: Path) -> None:
    runs = family(own_cache, 2)
    test = opened(link(*runs[:2]))
    test.multiselect(key="compare-loss").set_value(["cross-entropy"]).run()
    assert set(test.dataframe[0].value["loss"]) == {"Cross-entropy"} and "1 of them hidden" in captions(test)
    test.text_input(key="compare-find").set_value("nothing like it").run()
    assert not len(test.dataframe[0].value) and chart(test)["words"].startswith("2 runs")
    test.button(key="compare-show").click().run()
    assert query(test)["runs"] == ",".join(run.id for run in runs[:2]) and not test.dataframe, "the dialog is closed"
    opened(test).button(key="compare-none").click().run()
    assert "0 selected" in captions(test) and test.button(key="compare-show").disabled and not test.exception
    assert "runs" in test.query_params, "the page stays as it is until other runs are compared"


def test_archived_and_tagged_runs(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from igbviz.ui.runs import run_rows
    from igbviz.ui.views.compare import page as compare

    family(own_cache, 1)
    plain = run_rows(own_cache)
    marked = [row | {"tags": ["talk"] * (place == 0), "archived": place == 1} for place, row in enumerate(plain)]
    monkeypatch.setattr(compare, "run_rows", lambda cache: marked)
    test = opened(page(PAGE))
    assert len(test.dataframe[0].value) == 2
    test.multiselect(key="compare-tags").set_value(["talk"]).run()
    assert test.dataframe[0].value["id"].tolist() == [plain[0]["id"]]
    test.multiselect(key="compare-tags").set_value([]).run()
    test.toggle(key="compare-archived").set_value(True).run()
    assert len(test.dataframe[0].value) == 3


def test_it_goes_on_while_a_run_does(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [stored(BASE.with_(seed=seed), own_cache, story(seed), "running") for seed in range(2)]
    monkeypatch.setattr(Run, "is_alive", True)
    test = link(*runs)
    assert "2 still running" in captions(test)
    shorter = chart(test)["bytes"]
    more = story(0, steps=BASE.probes.steps(400, 100)).records
    (runs[0].path / "trajectory.bin").write_bytes(more.tobytes())
    test.run()
    assert chart(test)["bytes"] != shorter


def test_without_a_browser_there_is_no_pdf_but_a_sentence(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    test = link(*family(own_cache, 1))
    buttons = {button.proto.label: button.proto.disabled for button in test.get("download_button")}
    assert buttons == {"HTML": False, "PDF": True, "CSV": False, "Parquet": False}
    assert "needs Chromium" in test.caption[-1].value


def test_thirty_runs_open_in_two_seconds(own_cache: Path) -> None:
    runs = [stored(BASE.with_(loss=LOSSES[seed % 3], seed=seed), own_cache, story(seed)) for seed in range(30)]
    link(runs[0])  # what the first visitor of a server pays for
    begun = time.process_time()
    test = link(*runs)
    assert time.process_time() - begun < 2 and chart(test)["bytes"] < 1_000_000
