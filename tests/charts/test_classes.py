"""The figures of what becomes of the classes, against numbers counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from igbviz.charts.classes.alive import alive
from igbviz.charts.classes.first_epoch import first_epoch
from igbviz.charts.interface.inputs import settings_of
from igbviz.spec import ConfigError
from igbviz.studies.alive import sentence
from igbviz.studies.comparison import Member, Setting
from igbviz.trajectory import Trajectory, snapshot_dtype
from tests.support.stored_runs import BASE, STEPS, stored, story


def test_a_dot_at_the_step_of_each_class_and_a_column_for_never(tmp_path: Path) -> None:
    run = stored(BASE, tmp_path, story(even_from=20))
    spec = alive.spec(run, "step")
    *bars, dots = spec["data"]
    even = STEPS[STEPS >= 20][0]
    assert list(dots["x"]) == pytest.approx([10**-0.5] + [even] * 9), "the favoured class is alive from Init. on"
    assert set(dots["marker"]["symbol"]) == {"circle"} and spec["layout"]["yaxis"]["ticktext"][0] == "0 ★"
    ends = [x for bar in bars for x in bar["x"][1::3]]
    assert sorted(ends) == pytest.approx([10**-0.5] + [even] * 9) and {bar["x"][0] for bar in bars} == {10**-0.5}
    stuck = alive.spec(stored(BASE.with_(seed=1), tmp_path, story(1, even_from=None)), "step")
    never = stuck["layout"]["xaxis"]["tickvals"][-1]
    assert sorted(stuck["data"][-1]["x"]) == pytest.approx([10**-0.5] + [never] * 9) and never > STEPS[-1]
    assert "Only 1 came alive for good, at Init.; 9 did not." in stuck["layout"]["meta"]["words"]


def test_seeds_are_dots_and_settings_are_panels(tmp_path: Path) -> None:
    runs = [stored(BASE.with_(seed=seed), tmp_path, story(seed, even_from=20 + 10 * seed)) for seed in range(3)]
    spec = alive.spec({"ours": runs, "a loop": story(even_from=None)}, "step")
    dots = [trace for trace in spec["data"] if trace["mode"] == "markers"]
    assert [trace["yaxis"] for trace in dots] == ["y", "y", "y", "y2"]
    names = [text.split("</b>")[0].removeprefix("<b>") for text in dots[1]["hovertext"]]
    at = dict(zip(names, dots[1]["x"], strict=True))
    assert at["1"] == pytest.approx(10**-0.5) and at["0"] == STEPS[STEPS >= 30][0]
    first, second = spec["layout"]["yaxis"]["domain"], spec["layout"]["yaxis2"]["domain"]
    assert first[0] > second[1] > second[0] == 0 and first[1] < 1
    assert [note["text"] for note in spec["layout"]["annotations"]].count("<b>never</b>") == 1, (
        "beside that of the axis"
    )
    assert "★" not in "".join(spec["layout"]["yaxis"]["ticktext"]), "each seed favours another class"


def test_many_classes_keep_their_height() -> None:
    records = np.zeros(2, snapshot_dtype(200))
    records["step"], records["confusion"][:, :, 7] = (0, 1), 10
    spec = alive.spec(Trajectory(records))
    assert spec["layout"]["height"] < 700 and len(spec["layout"]["yaxis"]["ticktext"]) <= 3
    for wrong in (3, np.zeros(3)):
        with pytest.raises(ConfigError, match="runs is "):
            alive(wrong)


def members(*runs: tuple[int | None, ...], state: str = "done") -> list[Member]:
    """Runs whose classes come alive at these steps, of 0, 1, 10 and 100."""
    made = []
    for steps in runs:
        records = np.zeros(4, snapshot_dtype(len(steps)))
        records["step"] = 0, 1, 10, 100
        for record in records:
            for k, step in enumerate(steps):
                record["confusion"][k, k if step is not None and record["step"] >= step else k - 1] = 10
        member = settings_of({"run": Trajectory(records, tuple("ABC"[: len(steps)]))})
        made.append(member[0].members[0])
        object.__setattr__(made[-1], "state", state)
    return made


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([(0, 1, 10)], "All 3 classes came alive for good: half by step 1, C last, at step 10."),
        ([(0, 10, None)], "2 of 3 classes came alive for good: half by step 10, B last, at step 10; 1 did not."),
        ([(0, 100)], "All 2 classes came alive for good: half by step 50, B last, only at the last probe, step 100."),
        ([(None, 1, None)], "Only B came alive for good, at step 1; 2 did not."),
        ([(None, None)], "No class came alive for good."),
        (
            [(0, 1, 10), (1, 0, None)],
            "5 of 6 classes of 2 runs came alive for good: half by step 1, the last at step 10; 1 did not.",
        ),
        ([(0, 1), (10, 0)], "All 4 classes of 2 runs came alive for good: half by step 1, the last at step 10."),
    ],
)
def test_the_sentence(runs: list[tuple[int | None, ...]], words: str) -> None:
    assert sentence(members(*runs)) == words


def test_a_run_that_goes_on() -> None:
    going = members((0, None, 1), state="running")
    assert sentence(going).endswith("1 has not yet.")
    spec = alive.spec([Setting("", 0, tuple(going))])
    assert spec["layout"]["xaxis"]["ticktext"][-1] == "<b>not yet</b>", "it may come alive later"
    assert spec["data"][-1]["hovertext"][-1] == "<b>B</b>  is not alive yet"


def test_the_first_epoch_of_a_list_of_runs(tmp_path: Path) -> None:
    runs = [stored(BASE.with_(seed=seed), tmp_path, story(seed)) for seed in range(2)]
    titles = [note["text"].split("<br>")[0] for note in first_epoch.spec(runs)["layout"]["annotations"]]
    assert titles == ["<b>seed 0</b>", "<b>seed 1</b>"], "of one loss, yet both are shown"
    assert len(first_epoch.spec(runs[0])["data"]) == 2


def test_before_and_after_the_first_epoch() -> None:
    long, short = story(seed=3, even_from=20), story(seed=3, even_from=None, steps=np.array([0, 1, 50]))
    spec = first_epoch.spec({"a": long, "b": short})
    before, after, _, stuck = spec["data"]
    names = spec["layout"]["xaxis2"]["ticktext"]
    assert names == ["<b>3 ★</b>", *"012456789"] and not spec["layout"]["xaxis"]["showticklabels"]
    ends = long.records[long.records["epoch"] <= 1][-1]["confusion"]
    assert list(before["y"]) == [1] + [0] * 9 and stuck["y"][0] == 1
    assert list(after["y"]) == pytest.approx([ends[:, k].sum() / ends.sum() for k in (3, 0, 1, 2, 4, 5, 6, 7, 8, 9)])
    texts = [note["text"] for note in spec["layout"]["annotations"]]
    assert texts[0].startswith("<b>a</b><br>3 100 % → 10 %; most at epoch ")
    assert texts[1] == "<b>b</b><br>3 100 % → 100 %; still most at epoch 0.5: 3, 100 %"
    pairs = first_epoch.spec({"a": long}, "predicted_probability")["data"]
    mean = long.records["mean_prob"][0].mean(0)
    assert pairs[0]["y"] == pytest.approx(mean[[3, 0, 1, 2, 4, 5, 6, 7, 8, 9]])
    with pytest.raises(ConfigError, match="quantity"):
        first_epoch({"a": long}, "accuracy")
    with pytest.raises(ConfigError, match="runs"):
        first_epoch([])
