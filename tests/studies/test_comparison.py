"""Runs side by side: what differs, what the seeds share, what the pictures hold, and how much of it goes to a browser."""

from __future__ import annotations

import base64
import io
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from igbviz.charts import comparison as comparison_charts
from igbviz.charts import dynamics, paper
from igbviz.charts import robustness as robustness_charts
from igbviz.charts.comparison_export import FORMATS, View, alike, frame, html, spec
from igbviz.runs.files import write_json
from igbviz.runs.run import Run, RunError
from igbviz.studies import comparison, robustness
from igbviz.studies.comparison import Member
from igbviz.studies.robustness import QUESTIONS
from igbviz.trajectory.outcome import escape_time
from igbviz.ui.live_chart import payload
from tests.support.stored_runs import BASE, LOSSES, STEPS, family, stored, story


def members(runs: list[Run]) -> list[Member]:
    return [Member.read(run) for run in runs]


def test_only_what_differs_is_told() -> None:
    configs = [BASE.with_(loss=loss) for loss in LOSSES]
    assert comparison.differences(configs) == {
        "loss.name": ["cross-entropy", "piecewise-zero", "piecewise-zero"], "loss.cutoff": [None, 0.1, 0.3],
    }  # fmt: skip
    assert comparison.labels(configs) == ["Cross-entropy", "Piecewise-zero, cutoff 0.1", "Piecewise-zero, cutoff 0.3"]
    assert comparison.labels(configs[:2]) == ["Cross-entropy", "Piecewise-zero"], "one cutoff needs no name"
    deeper = BASE.with_(
        model={"name": "mlp", "depth": 8}, optimizer={"name": "sgd", "learning_rate": 0.001, "nesterov": False}
    )
    assert comparison.labels([BASE, deeper]) == ["depth 4 · learning rate 0.01", "depth 8 · learning rate 0.001"]
    assert comparison.labels([BASE, BASE.with_(batch_size=7)]) == ["batch size 100", "batch size 7"]


def test_where_the_data_lie_makes_no_difference(tmp_path: Path) -> None:
    here, there = (BASE.with_(dataset={"name": "mnist", "folder": str(tmp_path / place)}) for place in ("a", "b"))
    assert comparison.differences([here, there]) == {} and comparison.flat(here)["dataset.name"] == "mnist"


def test_every_part_can_be_named() -> None:
    """Whatever the registries have gets a label of its own, and equal configurations have no differences."""
    from igbviz.losses import LOSSES as every
    from igbviz.models import MODELS

    configs = [BASE.with_(loss=kind(name=name)) for name, kind in every.items() if name != "custom"]
    configs += [BASE.with_(model={"name": name}) for name in MODELS]
    words = comparison.labels(configs)
    assert len(set(words)) == len({config.id for config in configs}) and all(words)


def test_seeds_of_a_setting_are_one(tmp_path: Path) -> None:
    those = comparison.settings(members(family(tmp_path)))
    assert [setting.label for setting in those] == [
        "Cross-entropy",
        "Piecewise-zero, cutoff 0.1",
        "Piecewise-zero, cutoff 0.3",
    ]
    assert [[m.config.seed for m in setting.members] for setting in those] == [[0, 1, 2]] * 3
    titles = comparison.titles(those)
    assert sorted(titles.values())[0] == "Cross-entropy · seed 0" and len(set(titles.values())) == 9
    (alone,) = comparison.settings(those[0].members)
    assert list(comparison.titles([alone]).values()) == ["seed 0", "seed 1", "seed 2"]


def test_median_and_band_on_one_grid_in_log_time(tmp_path: Path) -> None:
    one = stored(BASE, tmp_path, story(steps=np.array([0, 1, 10, 100])))
    two = stored(BASE.with_(seed=1), tmp_path, story(1, steps=np.array([0, 1, 100])))
    short = stored(BASE.with_(seed=2), tmp_path, story(2, steps=np.array([0, 1])), "stopped")
    these = members([one, two, short])
    for place, member in enumerate(these):
        member.measures["silent"][:] = np.array([[0, 0.1, 0.3, 0.4], [0, 0.2, 0.4, 0], [0, 0.3, 0, 0]])[place][
            : len(member.step)
        ]
    band = comparison.band(these, "silent")
    assert band.step.tolist() == [0, 1, 10, 100] and band.n.tolist() == [3, 3, 2, 2]
    assert band.median == pytest.approx([0, 0.2, 0.3, 0.4])  # at step 10 the second is half way in log time: 0.3
    assert band.low == pytest.approx([0, 0.1, 0.3, 0.4]) and band.high == pytest.approx([0, 0.3, 0.3, 0.4])
    loss = comparison.band(these, "train_loss")
    assert loss.step.tolist() == [1, 10, 100], "nothing is known at Init."


def test_outcomes_are_those_of_all_probes(tmp_path: Path) -> None:
    run = stored(BASE, tmp_path, story(even_from=150))
    member, whole = Member.read(run), run.trajectory()
    assert member.outcome["escape"] == escape_time(whole) == STEPS[STEPS >= 150][0]
    assert member.outcome["largest_guess_init"] == 1 and member.outcome["largest_guess"] == pytest.approx(0.1)
    assert (
        member.outcome["balanced_accuracy"] == 1
        and member.outcome["classes_at_zero"] == 0
        and member.outcome["silent"] == 0.5
    )
    stuck = Member.read(stored(BASE.with_(seed=3), tmp_path, story(3, even_from=None)))
    assert stuck.outcome["escape"] == np.inf and stuck.outcome["classes_at_zero"] == 9 and stuck.favoured == 3
    diverged = Member.read(stored(BASE.with_(seed=4), tmp_path, story(even_from=0), "diverged"))
    assert diverged.outcome["escape"] == np.inf, "what diverged has not escaped"


def test_tables_say_n_median_and_range(tmp_path: Path) -> None:
    those = comparison.settings(members(family(tmp_path)))
    table = comparison.setting_table(those).set_index("setting")
    assert table["n"].tolist() == [3, 3, 3]
    steps = [int(STEPS[STEPS >= 20 + seed][0]) for seed in range(3)]
    assert table.loc["Cross-entropy", "escape"] == f"{int(np.median(steps))} ({min(steps)}..{max(steps)})"
    assert table.loc["Piecewise-zero, cutoff 0.1", "escape"] == "never"
    differing = comparison.difference_table(those)
    assert list(differing.columns) == ["setting", "seeds", "loss.name", "loss.cutoff"]
    assert differing["loss.cutoff"].tolist() == ["", "0.1", "0.3"] and differing["seeds"][0] == "0, 1, 2"


def test_unreadable_and_empty_runs(tmp_path: Path) -> None:
    assert Member.read(stored(BASE, tmp_path, story(steps=np.array([], int)), "failed")) is None
    for seed, file in enumerate(("config.json", "status.json", "schema.json"), start=1):
        torn = stored(BASE.with_(seed=seed), tmp_path, story())
        (torn.path / file).write_text("{")
        with pytest.raises(RunError, match="cannot be read"):
            Member.read(torn)
    odd = stored(BASE.with_(seed=9), tmp_path, story())
    columns = json.loads((odd.path / "schema.json").read_text())
    columns["columns"] = [
        ["other" if name == "silent" else name, kind, shape] for name, kind, shape in columns["columns"]
    ]
    write_json(odd.path / "schema.json", columns)
    with pytest.raises(RunError, match="silent"):
        Member.read(odd)


def test_grid_shares_its_axes_and_marks_the_favoured(tmp_path: Path) -> None:
    runs = family(tmp_path, 2)
    those = comparison.settings(members(runs))
    figure = comparison_charts.grid(those, [m.run for s in those for m in s.members])
    layout, rows = figure["layout"], 6
    axes = [name for name in layout if name.startswith("xaxis")]
    assert len(axes) == 2 * rows and {layout[name]["matches"] for name in axes} == {None, "x"}
    assert layout["xaxis"]["ticktext"][0] == "Init." and layout["xaxis11"]["range"] == layout["xaxis"]["range"]
    drawn = [trace for trace in figure["data"] if trace["x"].size > 1]
    assert len(drawn) == rows * 2 * 10
    bold = [trace for trace in drawn if trace["line"]["width"] == 4]
    assert [trace["name"] for trace in bold[::2]] == ["0", "1"] * 3, "the favoured class of every row, on both sides"
    assert all(left["name"] == right["name"] for left, right in zip(bold[::2], bold[1::2], strict=True))
    dashed = [shape for shape in layout["shapes"] if shape.get("line", {}).get("dash") == "dash"]
    assert len(dashed) == 2 * rows and {shape["x0"] for shape in dashed} == {1.0}
    titles = [note["text"] for note in layout["annotations"]]
    assert "<b>Piecewise-zero, cutoff 0.3 · seed 1</b>" in " ".join(titles)
    go.Figure(figure)  # plotly accepts all of it


def test_one_time_axis_for_runs_of_different_batches(tmp_path: Path) -> None:
    slow = Member.read(stored(BASE.with_(epochs=4), tmp_path, story(steps=np.array([0, 1, 400]))))
    fast = Member.read(
        stored(BASE.with_(epochs=2, batch_size=10), tmp_path, story(steps=np.array([0, 1, 2000]), per_epoch=1000))
    )
    epochs = comparison_charts.time_axis([slow, fast], "epoch")
    assert epochs.last == 4 and epochs.init == pytest.approx(1e-3 * 10**-0.5)
    assert comparison_charts.places(slow.step, slow.steps_per_epoch, epochs) == pytest.approx([epochs.init, 0.01, 4])
    assert comparison_charts.places(fast.step, fast.steps_per_epoch, epochs) == pytest.approx([epochs.init, 0.001, 2])
    steps = comparison_charts.time_axis([slow, fast], "step")
    assert steps.last == pytest.approx(2000)
    assert comparison_charts.places(fast.step, fast.steps_per_epoch, steps) == pytest.approx([steps.init, 1, 2000])
    comparison_charts.overlay(comparison.settings([slow, fast]), "silent", "step")


@pytest.mark.parametrize("collapse", [True, False])
@pytest.mark.parametrize("measure", comparison.MEASURES)
def test_every_measure_is_drawn(measure: str, collapse: bool, tmp_path: Path) -> None:
    those = comparison.settings(members(family(tmp_path, 2)))
    figure = go.Figure(comparison_charts.overlay(those, measure, collapse=collapse))
    named = [trace for trace in figure.data if trace.name]
    assert len(named) == (3 if collapse else 6)
    looks = {(trace.line.color, trace.line.dash) for trace in named}
    assert len(looks) == 3, "a look a setting"
    filled = [trace for trace in figure.data if trace.fill == "tonexty"]
    assert len(filled) == (3 if collapse else 0)


def test_escapes_have_a_place_for_never(tmp_path: Path) -> None:
    those = comparison.settings(members(family(tmp_path, 3)))
    figure = comparison_charts.escapes(those, "step")
    dots = [trace for trace in figure["data"] if trace.get("name")]
    assert dots[0]["x"] == [float(STEPS[STEPS >= 20 + seed][0]) for seed in range(3)]
    never = figure["layout"]["xaxis"]["tickvals"][-1]
    assert dots[1]["x"] == [never] * 3 and never > 400 and figure["layout"]["xaxis"]["ticktext"][-1] == "<b>never</b>"
    assert "3 of 9 runs leave" in figure["layout"]["meta"]["words"]
    go.Figure(figure)


def switched(cache: Path, *durations: float) -> list[comparison.Setting]:
    loss = {"name": "gce"}
    configs = [BASE.with_(loss=loss, schedule={"name": "switch", "duration": epochs}) for epochs in durations]
    return comparison.settings([Member.read(stored(config, cache, story())) for config in configs])


def upright(figure: dict, place: float) -> list[dict]:
    shapes = figure["layout"]["shapes"]
    return [shape for shape in shapes if shape["type"] == "line" and shape["x0"] == shape["x1"] == pytest.approx(place)]


@pytest.mark.parametrize("unit, place", [("epoch", 0.25), ("step", 25)])
def test_the_change_of_the_loss_is_a_line_in_every_picture_over_time(unit: str, place: float, tmp_path: Path) -> None:
    those = switched(tmp_path, 0.25)
    found = robustness.summaries(those, QUESTIONS["noise"])
    pictures = {
        "overlay": (comparison_charts.overlay(those, "balanced_accuracy", unit), 1),
        "escapes": (comparison_charts.escapes(those, unit), 1),
        "grid": (comparison_charts.grid(those, [those[0].members[0].run], unit), 2),
        "trade-off": (robustness_charts.trade_off(those, found, QUESTIONS["noise"], unit), 1),
        "paper": (paper.bands([("x", those[0].members)], unit), 2),
    }
    if unit == "step":
        pictures["bias"] = dynamics.over_time(those, "balanced_accuracy", 10), 1
    for name, (figure, panels) in pictures.items():
        words = [note["text"] for note in figure["layout"]["annotations"]]
        assert len(upright(figure, place)) == panels and "loss switches" in words, name
        go.Figure(figure)


def test_several_moments_are_lines_with_one_name(tmp_path: Path) -> None:
    figure = comparison_charts.overlay(switched(tmp_path, 0.25, 0.5, 2), "balanced_accuracy")
    assert all(len(upright(figure, place)) == 1 for place in (0.25, 0.5, 2))
    assert [note["text"] for note in figure["layout"]["annotations"]].count("loss switches: 3 moments") == 1
    plain = comparison_charts.overlay(comparison.settings(members(family(tmp_path, 1))), "balanced_accuracy")
    assert not any("switches" in note["text"] for note in plain["layout"]["annotations"])


@pytest.mark.parametrize("classes", [3, 10, 30])
def test_any_number_of_classes(classes: int, tmp_path: Path) -> None:
    those = comparison.settings([Member.read(stored(BASE, tmp_path, story(classes=classes)))])
    figure = go.Figure(spec(those, View()))
    assert len([t for t in figure.data if t.x is not None and len(t.x) > 1]) == 2 * (classes if classes <= 20 else 6)


def test_runs_with_other_classes_get_a_sentence(tmp_path: Path) -> None:
    three = Member.read(stored(BASE.with_(seed=1), tmp_path, story(classes=3)))
    ten = Member.read(stored(BASE, tmp_path, story()))
    named = Member.read(stored(BASE.with_(seed=2), tmp_path, story(), names=list("abcdefghij")))
    same, sentences = alike([ten, three, named])
    assert same == [ten, named] and len(sentences) == 2
    assert three.run in sentences[0] and "3 classes" in sentences[0] and named.run in sentences[1]
    those = comparison.settings([ten, three, named])
    assert (
        len(spec(those, View())["layout"]["annotations"]) == 2 + 2 * 2
    )  # two headings; a title and an epoch mark a row
    assert len(frame(those, View())) == len(STEPS) * 10 * 2 + len(STEPS) * 3


@pytest.mark.parametrize(
    "view", [View(), View("overlay"), View("overlay", collapse=False), View("overlay", "escape"), View("table")]
)
def test_what_is_shown_can_be_taken_away(view: View, tmp_path: Path) -> None:
    those = comparison.settings(members(family(tmp_path, 2)))
    table = pd.read_csv(io.BytesIO(FORMATS["CSV"][2](those, view)))
    again = pd.read_parquet(io.BytesIO(FORMATS["Parquet"][2](those, view)))
    assert list(table.columns) == list(again.columns) and len(table) == len(again)
    assert set(table["setting"]) == {setting.label for setting in those}
    page = html(those, view).decode()
    assert "Cross-entropy" in page and ("Plotly.newPlot" in page) == (view.tab != "table")


def test_a_plain_dictionary_is_sent_as_plotly_would(tmp_path: Path) -> None:
    figure = spec(comparison.settings(members(family(tmp_path, 1))), View())
    ours, theirs = (json.loads(payload(one)) for one in (figure, go.Figure(figure)))

    def numbers(sent: dict, trace: int, axis: str) -> list[float]:
        array = sent["shared"][sent["data"][trace][axis]["$shared"]]
        return np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"]).tolist()

    last = len(figure["data"]) - 1
    for axis in ("x", "y", "customdata"):
        assert numbers(ours, last, axis) == numbers(theirs, last, axis) == np.ravel(figure["data"][last][axis]).tolist()


def test_thirty_runs_are_under_a_megabyte(tmp_path: Path) -> None:
    """The longest that a run draws: 200 probes of ten classes."""
    steps = np.unique(np.concatenate([[0], np.geomspace(1, 1e5, 400).round().astype(int)]))
    runs = [stored(BASE.with_(seed=seed, epochs=1000), tmp_path, story(seed, steps=steps)) for seed in range(30)]
    begun = time.process_time()
    those = comparison.settings(members(runs))
    sizes = [
        len(payload(spec(those, view))) for view in (View(), View("overlay", collapse=False), View("overlay", "escape"))
    ]
    assert max(sizes) < 1_000_000 and time.process_time() - begun < 2, (sizes, time.process_time() - begun)
