"""The robustness page and the interventions of a run, headless: shipped runs, links, the form, and missing runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.config.interventions import applicable, suggested
from igbviz.runs.run import Run
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import list_groups, submit_sweep
from igbviz.studies import robustness
from igbviz.studies.robustness import QUESTIONS, over_losses
from tests.support import ROOT
from tests.support.noisy_runs import BASE, PLAIN, ROBUST, UNEQUAL, story, sweep_of_three
from tests.support.pages import as_read, page
from tests.support.stored_runs import finished, stored

PAGE = ROOT / "pages/Robustness.py"


def charts(test: AppTest) -> list[str]:
    """The descriptions of the figures sent to the page."""
    found = []
    for part in test.get("bidi_component"):
        if "figure" in part.proto.json:
            figure = json.loads(json.loads(part.proto.json)["figure"])
            words = figure["layout"]["meta"]["words"]
            found.append(words if isinstance(words, str) else figure["shared"][words["$shared"]])
    return found


def said(test: AppTest) -> str:
    return "\n".join(element.value for element in [*test.markdown, *test.caption])


def query(test: AppTest) -> dict[str, str]:
    return {key: value if isinstance(value, str) else value[0] for key, value in test.query_params.items()}


def test_without_runs_it_says_what_to_do(own_cache: Path) -> None:
    test = page(PAGE)
    assert "press **Start**" in test.info[0].value and not charts(test)
    assert test.button(key="robust-start-noise").label.startswith("Start 18 runs · ")
    test.segmented_control(key="robust-view").set_value("imbalance").run()
    assert not test.exception and "press **Start**" in test.info[0].value and query(test) == {"view": "imbalance"}
    assert test.button(key="robust-start-imbalance").label.startswith("Start 9 runs · ")


def test_shipped_runs_are_shown_at_once(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep, runs = sweep_of_three(own_cache)
    monkeypatch.setitem(QUESTIONS, "noise", robustness.replace(QUESTIONS["noise"], base=BASE))
    (own_cache / "gallery").mkdir()
    for run in runs:
        schema = json.loads((run.path / "schema.json").read_text()) | {
            "device": "a CPU",
            "torch": "2",
            "date": "2026-11-22",
        }
        (run.path / "schema.json").write_text(json.dumps(schema))
        run.path.rename(own_cache / "gallery" / run.id)
    test = page(PAGE)
    assert "9 of 18 runs are finished; they ship with the program, made on a CPU with torch 2" in said(test).replace(
        "\\", ""
    )
    assert "Not all runs are finished" in said(test)
    trade, time = charts(test)
    assert "n = 3 seeds" in trade and "Piecewise-zero: 0.45 (0.44 to 0.47), never" in trade and "memorized" in time
    table = test.dataframe[0].value
    assert table["loss"].tolist() == ["Cross-entropy", "Generalized cross-entropy", "Piecewise-zero"] and table[
        "n"
    ].tolist() == [3, 3, 3]
    assert table["escape step"].tolist() == ["3", "30", "never"]
    assert "**Early stopping** would help Cross-entropy" in said(test)
    assert not any((own_cache / "sweeps").glob("*")), "looking starts nothing"


def test_a_link_shows_its_sweep_and_fills_the_form(own_cache: Path) -> None:
    sweep = over_losses(BASE, ["cross-entropy", {"name": "gce", "q": 0.3}], 2)
    for config in sweep.configs():
        stored(config, own_cache, story(PLAIN if config.loss.name == "cross-entropy" else ROBUST, 3))
    group = submit_sweep(sweep, own_cache)
    test = page(PAGE, sweep=group.id, unit="step")
    start = test.button(key="robust-start-noise")
    assert test.multiselect[0].value == ["cross-entropy", "gce"] and start.label.startswith("Start 4 runs · ")
    assert "4 already finished" in start.help and "Not all runs" not in said(test), "the hyperparameter of gce is kept"
    assert len(charts(test)) == 2 and "n = 2 seeds" in charts(test)[0]
    assert query(test) == {"sweep": group.id, "view": "noise", "unit": "step"}
    test.segmented_control(key="robust-view").set_value("imbalance").run()
    assert not test.exception and "sweep" not in query(test) and not charts(test)


def test_the_form_starts_what_it_says(own_cache: Path) -> None:
    test = page(PAGE, view="imbalance")
    key = f"robust-imbalance-{QUESTIONS['imbalance'].base.id}"
    test.multiselect[0].set_value(["mae", "cross-entropy"])
    test.radio(key=f"{key}-majority").set_value("unfavoured")
    test.number_input(key=f"{key}-ratio").set_value(7)
    test.number_input(key=f"{key}-seeds").set_value(2).run()
    test.button(key="robust-start-imbalance").click().run()
    assert not test.exception and not test.error
    (group,) = list_groups(own_cache)
    base = QUESTIONS["imbalance"].base.with_(imbalance={"ratio": 7, "majority": "unfavoured"})
    assert group.sweep.configs() == over_losses(base, ["mae", "cross-entropy"], 2).configs()
    assert query(test)["sweep"] == group.id and query(test)["view"] == "imbalance"
    assert "being prepared" in test.info[0].value


def test_the_other_question_has_its_own_curves(own_cache: Path) -> None:
    sweep = over_losses(UNEQUAL, ["cross-entropy"], 1)
    for config in sweep.configs():
        finished(config, own_cache)
    test = page(PAGE, sweep=submit_sweep(sweep, own_cache).id)
    assert charts(test)[1].startswith("accuracy of the other classes, accuracy of the majority class over log time")
    assert "accuracy of the majority class" in test.dataframe[0].value.columns


def test_wrong_links_and_other_sweeps_are_friendly(own_cache: Path) -> None:
    assert "leads nowhere" in page(PAGE, sweep="of-no-such-name").warning[0].value
    assert "view is 'luck', allowed: one of noise, " in page(PAGE, view="luck").warning[0].value.replace("\\", "")
    other = submit_sweep(Sweep(base=BASE, axes={"batch_size": [8, 16]}), own_cache)
    assert "does not answer a question of this page" in page(PAGE, sweep=other.id).warning[0].value


def test_impossible_choices_are_a_sentence(own_cache: Path) -> None:
    test = page(PAGE)
    test.multiselect[0].set_value([]).run()
    assert [as_read(error) for error in test.error] == [
        "axes.loss is [], allowed: at least one value."
    ] and not test.exception
    test = page(PAGE)
    test.selectbox(key=f"robust-noise-{QUESTIONS['noise'].base.id}-noise-name").select("matrix").run()
    assert len(test.error) == 1 and "label_noise.matrix" in as_read(test.error[0]) and not test.exception


def test_torn_and_deleted_runs_leave_the_others_alone(own_cache: Path) -> None:
    sweep, runs = sweep_of_three(own_cache)
    group = submit_sweep(sweep, own_cache)
    for run, file in zip(runs, ("schema.json", "status.json", "config.json"), strict=False):
        (run.path / file).write_text("{")
    runs[3].delete()
    test = page(PAGE, sweep=group.id)
    assert not test.exception and len(charts(test)) == 2
    for run in (runs[0], runs[2]):
        assert sum(run.id in warning.value for warning in test.warning) == 1
    assert test.dataframe[0].value["n"].tolist() == [1, 2, 2]


# What might cure a stuck start.


def cures_of_a_run() -> None:
    import streamlit as st

    from igbviz.disk.places import cache_folder
    from igbviz.runs.run import Run
    from igbviz.ui.views import interventions

    interventions.draw(Run.open(st.query_params["run"], cache_folder()))


def drawn(run: Run) -> AppTest:
    test = AppTest.from_function(cures_of_a_run, default_timeout=30)
    test.query_params["run"] = run.id
    test.run()
    assert not test.exception
    return test


def test_interventions_say_whether_the_run_is_stuck(own_cache: Path) -> None:
    _, runs = sweep_of_three(own_cache, seeds=1)
    left, late, stuck = map(drawn, runs)
    assert "escaped its first guess at step 3." in said(left) and "at step 30" in said(late)
    assert "had not escaped its first guess: 87 % of its guesses are 1" in said(stuck)
    assert {box.key for box in stuck.checkbox} == {f"cure-{runs[2].id}-{name}" for name in applicable(runs[2].config)}
    first = [f"try-{runs[2].id}-{name}" for name in suggested(runs[2].config)]
    assert first and [button.key for button in stuck.button] == first, "nothing is ticked yet"


def test_one_button_races_a_change_against_the_run(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple] = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, query_params: shown.append((page, query_params["cure"])))
    _, runs = sweep_of_three(own_cache, seeds=1)
    name = suggested(runs[2].config)[0]
    drawn(runs[2]).button(key=f"try-{runs[2].id}-{name}").click().run()
    (group,) = list_groups(own_cache)
    assert shown == [("pages/Race.py", name)] and group.is_race
    assert set(group.run_ids) == {runs[2].id, applicable(runs[2].config)[name].id}


def test_interventions_are_started_and_compared(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple] = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, query_params: shown.append((page, query_params["sweep"])))
    _, runs = sweep_of_three(own_cache, seeds=1)
    test = drawn(runs[2])
    for name in ("zero-last-layer", "he-normal"):
        if name in applicable(runs[2].config):
            test.checkbox(key=f"cure-{runs[2].id}-{name}").check()
    test.checkbox(key=f"cure-{runs[2].id}-cross-entropy-first").check().run()
    count = sum(box.value for box in test.checkbox)
    assert f"{count} new runs" in said(test)
    test.button(key=f"cure-{runs[2].id}-start").click().run()
    (group,) = list_groups(own_cache)
    assert shown == [("pages/Compare.py", group.id)] and runs[2].id in group.run_ids and len(group.run_ids) == 1 + count


def test_no_interventions_for_an_unreadable_run(own_cache: Path) -> None:
    _, runs = sweep_of_three(own_cache, seeds=1)
    (runs[0].path / "config.json").write_text("{")
    assert not drawn(runs[0]).checkbox and not drawn(runs[0]).error
