"""Many runs at once on the page: the form, and the view of a group."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.losses import LOSSES
from igbviz.runs import deaths, queue
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import list_groups, submit_sweep
from igbviz.ui.groups import progress_of
from tests.support.stored_runs import BASE, family, finished, queued
from tests.support.stored_runs import LOSSES as LOSSES_OF_FAMILY
from tests.support.tiny import TINY


def form() -> None:
    from igbviz.config import RunConfig
    from igbviz.disk.places import cache_folder
    from igbviz.ui.views import sweep_form
    from tests.support.tiny import TINY

    sweep_form.draw(RunConfig(**TINY), cache_folder())


def group_page() -> None:
    from igbviz.disk.places import cache_folder
    from igbviz.ui.groups import linked_group
    from igbviz.ui.views import sweep

    if group := linked_group(cache_folder()):
        sweep.view(group)


def drawn(script, cache: Path, monkeypatch: pytest.MonkeyPatch, **query: str) -> AppTest:
    monkeypatch.setenv("IGBVIZ_CACHE", str(cache))
    test = AppTest.from_function(script, default_timeout=30)
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    assert not test.exception, test.exception
    return test


def said(test: AppTest) -> str:
    return "\n".join(element.value for element in test.caption)


def test_the_form_starts_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test = drawn(form, tmp_path, monkeypatch)
    assert test.button(key="sweep-start").label == "Start 3 runs" and "3 runs, 0 already finished" in said(test)
    test.multiselect(key="sweep-loss").select("gce").select("cross-entropy")
    test.text_input(key="sweep-rates").set_value("0.01, 0.1")
    test.selectbox(key="sweep-path").select("model.depth").run()
    test.text_input(key="sweep-values-model.depth").set_value("1, 2, 3")
    test.number_input(key="sweep-seeds").set_value(1).run()
    assert not test.exception and test.button(key="sweep-start").label == "Start 12 runs"
    test.button(key="sweep-start").click().run()
    assert not test.exception
    (group,) = list_groups(tmp_path)
    assert len(queued(tmp_path)) == 12 and group.id in test.query_params["sweep"]
    expected = {"loss": ["gce", "cross-entropy"], "optimizer.learning_rate": [0.01, 0.1], "model.depth": [1, 2, 3]}
    assert group.sweep.configs() == Sweep(base=TINY, axes=expected).configs()


@pytest.mark.parametrize(
    ("rates", "sentence"),
    [
        ("fast", "axes.optimizer.learning_rate is 'fast', allowed: a number above 0 and at most 100."),
        ("0.1, -1", "axes.optimizer.learning_rate is -1, allowed: a number above 0 and at most 100."),
        ("1, 2, 101", "axes.optimizer.learning_rate is 101, allowed: a number above 0 and at most 100."),
        (", ".join(f"{n / 10}" for n in range(1, 201)), "axes ask for 600 runs, allowed: at most 500."),
    ],
)
def test_a_wrong_rate_is_a_sentence_and_no_button(
    rates: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = drawn(form, tmp_path, monkeypatch)
    test.text_input(key="sweep-rates").set_value(rates).run()
    assert not test.exception and [error.value for error in test.error] == [sentence]
    assert "sweep-start" not in {button.key for button in test.button}


def test_the_page_of_a_group(sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(sweep.configs()[0], tmp_path)
    group = submit_sweep(sweep, tmp_path)
    group.runs[3].delete()
    test = drawn(group_page, tmp_path, monkeypatch, sweep=group.id)
    table = test.dataframe[0].value
    assert (
        list(table["state"]) == ["done", "queued", "queued", "missing"]
        and list(table["loss"]) == ["Cross-entropy"] * 2 + [f"{LOSSES['gce'].title} (q 0.7)"] * 2
    )
    assert (
        table["run"][0] == f"Train?run={sweep.configs()[0].id}"
        and 0 <= table["accuracy"][0] <= 1
        and table["run"].isna()[3]
    )
    assert "1 of its runs were deleted" in said(test)
    test.button(key="sweep-stop").click().run()
    assert not test.exception and group.progress().counts == {"done": 1, "stopped": 2, "missing": 1}
    assert "sweep-stop" not in {button.key for button in test.button}
    test.button(key="sweep-resume").click().run()
    assert not test.exception and group.progress().counts == {"queued": 2, "done": 1, "missing": 1}


def test_a_group_with_torn_files_and_one_that_shares(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, other = submit_sweep(sweep, tmp_path), submit_sweep(Sweep(base=TINY, axes={"seed": [0]}), tmp_path)
    finished(sweep.configs()[1], tmp_path)
    (tmp_path / "runs" / sweep.configs()[1].id / "schema.json").write_text("{")
    (tmp_path / "runs" / sweep.configs()[2].id / "status.json").write_text("{")
    test = drawn(group_page, tmp_path, monkeypatch, sweep=group.id)
    assert list(test.dataframe[0].value["state"]) == ["queued", "done", "unreadable", "queued"]
    assert test.dataframe[0].value["accuracy"].isna().all()
    assert other.id in said(test) and "They are shared" in said(test)


def test_a_link_to_no_group_is_friendly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nowhere", "../../etc", "<script>"):
        assert "leads nowhere" in drawn(group_page, tmp_path, monkeypatch, sweep=name).warning[0].value


def words_of_the_chart(test: AppTest) -> str:
    (chart,) = [json.loads(json.loads(part.proto.json)["figure"]) for part in test.get("bidi_component")]
    return chart["shared"][chart["layout"]["meta"]["words"]["$shared"]]


def test_a_picture_and_a_sentence_stand_above_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = family(tmp_path)
    axes = {"loss": list(LOSSES_OF_FAMILY), "seed": [0, 1, 2]}
    group = submit_sweep(Sweep(base=BASE, axes=axes), tmp_path)
    assert {run.id for run in runs} == set(group.run_ids)
    test = drawn(group_page, tmp_path, monkeypatch, sweep=group.id)
    assert words_of_the_chart(test).startswith("Balanced accuracy of 9 runs in 3 settings: median")
    sentences = test.markdown[1].value.split("  \n")  # after the state
    assert sentences[0] == "**3 of 9 runs have lost the first guess.**" and len(sentences) == 4
    assert sentences[1].startswith("Cross") and "lost at step 21" in sentences[1], "the first probe from step 20 on"
    assert "never came alive" in sentences[2] and "never came alive" in sentences[3]
    test.segmented_control(key="sweep-quantity").set_value("guess_entropy").run()
    assert "".join(test.query_params["quantity"]) == "guess_entropy"
    assert words_of_the_chart(test).startswith("Evenness of guesses")


def test_enter_selects_one_loss_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit offers "Select 6 matches" as the first option otherwise."""
    for box in drawn(form, tmp_path, monkeypatch).multiselect:
        assert box.proto.select_all == 0


def test_a_group_says_when_its_runs_have_their_turn_and_why_nobody_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    group = submit_sweep(Sweep(base=TINY, axes={"seed": [0, 1]}), tmp_path)
    test = drawn(group_page, tmp_path, monkeypatch, sweep=group.id)
    turns = list(test.dataframe[0].value["turn"])
    assert turns[0].startswith("next in the queue, in ") and turns[1].startswith("place 2 in the queue, in ")
    assert not test.warning and not group.progress().problem
    (tmp_path / "workers").mkdir()
    deaths.record(tmp_path, 0, pid=1, code=3, count=2, pause=0.4, log_start=0)
    assert "died 2 times in a row, last with exit code 3" in group.progress().words
    progress_of.clear()
    test = drawn(group_page, tmp_path, monkeypatch, sweep=group.id)
    assert "died 2 times in a row" in test.warning[0].value.replace("\\", "")
