"""The page of a race, its address, and the buttons that lead there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.config import PRESETS, RunConfig
from igbviz.losses import Blurry, CrossEntropy, GeneralizedCrossEntropy
from igbviz.runs import queue
from igbviz.runs.sweep_config import Sweep, race_of_cure, race_of_losses
from igbviz.runs.sweeps import list_groups, submit_sweep
from igbviz.spec import ConfigError
from igbviz.ui.race.buttons import lane_names
from igbviz.ui.race.query import race_from_query, race_to_query
from tests.support import ROOT
from tests.support.pages import as_read, page
from tests.support.stored_runs import BASE, queued, stored, story

RACE = ROOT / "pages" / "Race.py"
STUCK = RunConfig(**PRESETS["first-look-blurry"].config.model_dump() | {"seed": 3, "epochs": 2})


class TestItsAddress:
    @pytest.mark.parametrize(
        "race",
        [
            race_of_losses(PRESETS["first-look"].config, [CrossEntropy(), GeneralizedCrossEntropy()]),
            race_of_losses(STUCK, [Blurry(gamma=0.5), GeneralizedCrossEntropy(q=0.2), CrossEntropy()]),
            race_of_cure(STUCK, "batch-norm"),
            race_of_cure(PRESETS["paper-quick-blurry"].config, "zero-last-layer"),
            race_of_losses(BASE, [CrossEntropy(), Blurry()]),
        ],
        ids=str,
    )
    def test_a_link_is_the_same_race(self, race: Sweep) -> None:
        assert race_from_query(race_to_query(race)).configs() == race.configs()

    def test_it_is_short(self) -> None:
        first = PRESETS["first-look"].config
        short = race_to_query(race_of_losses(first, [CrossEntropy(), GeneralizedCrossEntropy()]))
        assert short == {"lanes": '["cross-entropy","gce"]'}
        assert race_to_query(race_of_cure(PRESETS["paper-quick-blurry"].config, "zero-last-layer")) == {
            "preset": "paper-quick-blurry",
            "cure": "zero-last-layer",
        }

    @pytest.mark.parametrize(
        ("query", "problem"),
        [
            ({"preset": "none"}, "preset is 'none', allowed: one of"),
            ({"lanes": "gce"}, "lanes are 'gce', allowed: a JSON list of losses"),
            ({"lanes": '["gce"]'}, "lanes are 1 losses, allowed: 2 to 4 different ones"),
            ({"lanes": '["gce", "lost"]'}, "loss is 'lost', allowed: one of"),
            ({"lanes": '["gce", 3]'}, "allowed: a JSON list of losses"),
            ({"cure": "aspirin"}, "cure is 'aspirin', allowed: one of cross-entropy-first"),
            ({"cure": "cross-entropy-first"}, "changes nothing"),
        ],
    )
    def test_a_wrong_one_is_a_sentence(self, query: dict[str, str], problem: str) -> None:
        with pytest.raises(ConfigError) as caught:
            race_from_query(query)
        assert problem.rstrip() in str(caught.value)
        assert "leads nowhere" in page(RACE, **query).warning[0].value


def test_the_lanes_have_names() -> None:
    losses = [CrossEntropy(), GeneralizedCrossEntropy(), GeneralizedCrossEntropy(q=0.2)]
    named = list(lane_names(race_of_losses(STUCK, losses)).values())
    assert named == ["Cross-entropy", "Generalized cross-entropy (q 0.7)", "Generalized cross-entropy (q 0.2)"]
    assert list(lane_names(race_of_cure(STUCK, "batch-norm")).values()) == ["Blurry", "Blurry + BatchNorm"]
    assert list(lane_names(Sweep(base=STUCK, axes={"seed": [0, 1]})).values()) == ["seed 0", "seed 1"]


def lanes_of(test: AppTest) -> dict:
    found = [json.loads(part.proto.json) for part in test.get("bidi_component")]
    (shown,) = [data for data in found if "igbviz-lanes" in data["name"]]
    return shown


def test_a_race_that_nobody_ran_is_offered(own_cache: Path) -> None:
    test = page(RACE, lanes='["cross-entropy","gce"]')
    assert not queued(own_cache), "a link starts nothing"
    shown = lanes_of(test)
    assert [lane["waits"] for lane in shown["scenes"]] == ["not trained yet"] * 2
    assert shown["sentence"] == "Cross-entropy and Generalized cross-entropy have not started yet."
    test.button(key="race-run").click().run()
    assert not test.exception and [entry.of_race for entry in queue.waiting(own_cache)] == [True, True]
    assert "race-run" not in {button.key for button in test.button}
    test.button(key="race-stop").click().run()
    assert not test.exception and not queued(own_cache)
    assert "race-run" in {button.key for button in test.button}, "it may go on"


def test_recorded_runs_are_taken_and_open_at_once(own_cache: Path) -> None:
    shutil.copytree(ROOT / "cache" / "gallery", own_cache / "gallery")
    test = page(RACE)
    shown = lanes_of(test)
    assert shown["sentence"] == "Cross-entropy left its guess at step 7, Piecewise-zero and Blurry never."
    assert [lane["left"] for lane in shown["scenes"]] == [7, None, None] and shown["play"]
    assert "race-run" not in {button.key for button in test.button}


def test_a_press_on_home_starts_what_is_not_there(own_cache: Path) -> None:
    shutil.copytree(ROOT / "cache" / "gallery", own_cache / "gallery")
    test = page(ROOT / "app.py")
    test.button(key="race").click().run()
    assert not test.exception
    (group,) = list_groups(own_cache)
    assert group.is_race and [run.is_shipped for run in group.runs] == [True, False]
    assert queued(own_cache) == [group.run_ids[1]], "cross-entropy ships with the program"
    assert "".join(test.query_params["lanes"]) == '["cross-entropy","gce"]'


def test_up_to_three_losses_are_chosen(own_cache: Path) -> None:
    test = page(ROOT / "app.py")
    box = test.multiselect(key="race-against")
    assert box.value == ["gce"] and box.proto.max_selections == 3 and "custom" not in box.options
    box.set_value(["mae", "blurry"]).run()
    test.button(key="race-start").click().run()
    assert "".join(test.query_params["lanes"]) == '["cross-entropy","mae","blurry"]' and len(queued(own_cache)) == 3


def test_few_runs_of_a_sweep_are_lanes(own_cache: Path) -> None:
    sweep = Sweep(base=BASE, axes={"loss": ["cross-entropy", "gce"]})
    for config in sweep.configs():
        stored(config, own_cache, story(config.seed, even_from=20 if config.loss.name == "cross-entropy" else None))
    group = submit_sweep(sweep, own_cache)
    shown = lanes_of(page(ROOT / "pages" / "Train.py", sweep=group.id))
    assert shown["sentence"] == "Cross-entropy left its guess at step 21, Generalized cross-entropy never."


def test_a_torn_run_is_said_in_its_lane(own_cache: Path) -> None:
    test = page(RACE, lanes='["cross-entropy","gce"]')
    test.button(key="race-run").click().run()
    (group,) = list_groups(own_cache)
    (group.runs[0].path / "status.json").write_text("{")
    again = page(RACE, lanes='["cross-entropy","gce"]')
    assert lanes_of(again)["scenes"][0]["waits"] == "cannot be read"
    assert not [as_read(error) for error in again.error]
