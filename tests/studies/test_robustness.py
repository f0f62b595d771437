"""What a robust loss wins and pays: the sweeps, the statistics over seeds, the sentences, and labels that stay off each
other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from igbviz.charts import robustness as robustness_charts
from igbviz.charts.robustness import MARGIN, TRADE_OFF_HEIGHT, WIDTHS, offsets
from igbviz.config import RunConfig
from igbviz.runs.sweep_config import Sweep
from igbviz.spec import ConfigError
from igbviz.studies import robustness
from igbviz.studies.robustness import LOSSES_SHOWN, QUESTIONS, WRONG_LABELS, over_losses
from igbviz.training.loop import Training
from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.ui.live_chart import payload
from tests.support.noisy_runs import BASE, NOISE, UNEQUAL, sweep_of_three
from tests.support.stored_runs import stored
from tests.support.tiny import TINY


def test_the_shipped_sweep_is_small_and_each_loss_has_its_seeds() -> None:
    sweep = over_losses(WRONG_LABELS)
    configs = sweep.configs()
    assert len(configs) == 18 and robustness.kind(sweep) == "noise"
    assert [config.loss.name for config in configs[:6]] == list(LOSSES_SHOWN), (
        "seed by seed: a sweep cut short has all losses"
    )
    assert [config.seed for config in configs[::6]] == [0, 1, 2]
    probes = snapshot_dtype(10, noisy=True).itemsize * sum(config.probes.count for config in configs)
    assert probes < 2.5e6


def test_every_usual_loss_can_be_asked() -> None:
    sweep = over_losses(BASE, robustness.usual_losses(), 2)
    assert len(sweep.configs()) == 2 * len(robustness.usual_losses()) > 50
    with pytest.raises(ConfigError, match=r"axes\.loss is \[\], allowed: at least one value"):
        over_losses(BASE, [])


def test_which_question_a_sweep_answers() -> None:
    assert robustness.kind(over_losses(UNEQUAL)) == "imbalance"
    assert robustness.kind(over_losses(RunConfig(**TINY))) is None, "nothing is wrong with these data"
    assert robustness.kind(Sweep(base=BASE, axes={"seed": [0, 1]})) is None
    assert robustness.kind(Sweep(base=BASE, axes={"loss": ["gce"], "batch_size": [8, 16]})) is None
    own = over_losses(BASE, ["mae", {"name": "gce", "q": 0.3}])
    assert robustness.chosen_losses(own) == [{"name": "mae"}, {"name": "gce", "q": 0.3}]


def test_statistics_are_over_finished_seeds(tmp_path: Path) -> None:
    sweep, runs = sweep_of_three(tmp_path)
    members = [robustness.read(run) for run in runs]
    found = robustness.summaries(robustness.settings(sweep, members), NOISE)
    plain, robust, stuck = found
    assert [one.label for one in found] == ["Cross-entropy", "Generalised cross-entropy", "Piecewise-zero"]
    assert (
        plain.n == 3
        and plain.final == pytest.approx((0.48, 0.46, 0.5))
        and plain.best == pytest.approx((0.78, 0.76, 0.8))
    )
    assert plain.best_epoch == pytest.approx((0.1, 0.1, 0.1)) and plain.lost == pytest.approx((0.3, 0.3, 0.3))
    assert plain.ends["memorised"] == pytest.approx((0.9, 0.9, 0.9)) and plain.escape == (3, 3, 3)
    assert robust.escape == (30, 30, 30) and robust.lost[0] == 0
    assert stuck.escaped == 0 and np.isinf(stuck.escape).all() and stuck.steps == 300

    run = runs[0]  # cross-entropy, seed 0
    run.write_status(run.stored_status().model_copy(update={"state": "diverged"}))
    members[0] = robustness.read(run)
    plain = robustness.summaries(robustness.settings(sweep, members), NOISE)[0]
    assert (plain.n, plain.diverged) == (2, 1) and plain.final == pytest.approx((0.47, 0.46, 0.48))
    assert robustness.table(found, NOISE).shape == (3, 8)
    assert robustness.table([plain], NOISE)["diverged"].tolist() == [1]


def test_a_loss_keeps_its_place_while_others_are_missing(tmp_path: Path) -> None:
    sweep, runs = sweep_of_three(tmp_path, seeds=1)
    members = [robustness.read(run) for run in runs]
    whole = robustness.settings(sweep, members)
    part = robustness.settings(sweep, members[2:])
    assert [(one.label, one.index) for one in part] == [(one.label, one.index) for one in whole] and not part[0].members
    assert robustness.summaries(part, NOISE)[0].index == 2


def test_the_sentences_say_what_the_numbers_say(tmp_path: Path) -> None:
    sweep, runs = sweep_of_three(tmp_path)
    found = robustness.summaries(robustness.settings(sweep, map(robustness.read, runs)), NOISE)
    highest, early, left, never = robustness.sentences(found, NOISE)
    assert "Generalised cross-entropy 0.68 (0.66..0.70)." in highest and "Lowest: Piecewise-zero" in highest
    assert "would help Cross-entropy: it is at its best, 0.78 (0.76..0.80), after 0.1 epochs and ends at 0.48" in early
    assert "with 0.90 of the wrong labels learned by heart" in early
    assert "0.10 above Generalised cross-entropy at the end" in early
    assert "first by Cross-entropy at step 3, last by Generalised cross-entropy at step 30, 10 times as late." in left
    assert "within 300 steps: Piecewise-zero in 3 of 3 seeds, ending at 0.45 (0.44..0.47)." in never, (
        "one class is right, the others nearly never"
    )
    quiet = robustness.sentences(found[1:2], NOISE)
    assert "would save nothing" in quiet[1] and "last by" not in quiet[2] and len(quiet) == 3
    assert "overlap" in robustness.sentences([found[1], found[1]], NOISE)[0]
    assert robustness.sentences([], NOISE) == []


@pytest.mark.parametrize("who", ["favoured", "unfavoured", 0])
def test_the_minority_leaves_out_the_class_that_training_kept_whole(who: str | int, tmp_path: Path) -> None:
    config = UNEQUAL.with_(imbalance={"ratio": 4, "majority": who})
    training = Training(config, "cpu")
    trajectory = Trajectory.of([snapshot for snapshot in training.ticks() if snapshot is not None])
    counts = np.bincount(training.data.train_labels.numpy(), minlength=3)
    assert robustness.majority(config, trajectory[:1]) == counts.argmax()
    member = robustness.read(stored(config, tmp_path, trajectory))
    accuracy, others = trajectory.accuracy(), [k for k in range(3) if k != counts.argmax()]
    assert member.measures["majority_accuracy"][-1] == pytest.approx(accuracy[-1, counts.argmax()])
    assert member.measures["minority_accuracy"][-1] == pytest.approx(accuracy[-1, others].mean())
    sweep = Sweep(base=config, axes={"loss": [config.loss]})
    (one,) = robustness.summaries(robustness.settings(sweep, [member]), QUESTIONS["imbalance"])
    assert one.final[0] == pytest.approx(accuracy[-1, others].mean()) and "memorised" not in one.ends
    assert "of the other classes" in robustness.sentences([one], QUESTIONS["imbalance"])[0]


@pytest.mark.parametrize("change", [{}, {"schedule": {"name": "switch", "duration": 0.5}}])
def test_titles_of_panels_stay_over_their_own_in_a_narrow_window(change: dict, tmp_path: Path) -> None:
    """In a window of 900 pixels the picture has 536; a bold letter of a title is about seven and a half wide, a line 18
    high."""
    sweep, runs = sweep_of_three(tmp_path, base=BASE.with_(**change))
    layout = robustness_charts.over_time(robustness.settings(sweep, [robustness.read(run) for run in runs]), NOISE)[
        "layout"
    ]
    room = (536 - layout["margin"]["l"] - layout["margin"]["r"]) * layout["xaxis2"]["domain"][0]
    titles = [note for note in layout["annotations"] if note.get("font", {}).get("size") == 15]
    assert len(titles) == len(NOISE.measures)
    for title in titles:
        lines = title["text"].removeprefix("<b>").removesuffix("</b>").split("<br>")
        assert 7.5 * max(map(len, lines)) <= room and title["yshift"] + 18 * len(lines) <= layout["margin"]["t"]


@pytest.mark.parametrize("unit", ["epoch", "step"])
def test_the_pictures_hold_what_was_measured(unit: str, tmp_path: Path) -> None:
    sweep, runs = sweep_of_three(tmp_path)
    those = robustness.settings(sweep, [robustness.read(run) for run in runs])
    found = robustness.summaries(those, NOISE)
    time, trade = (
        robustness_charts.over_time(those, NOISE, unit),
        robustness_charts.trade_off(those, found, NOISE, unit),
    )
    go.Figure(time), go.Figure(trade)  # plotly has nothing to object to
    named = [trace for trace in time["data"] if trace.get("name")]
    assert len(named) == 9 and sum(trace["showlegend"] for trace in named) == 3
    assert {trace["xaxis"] for trace in named} == {"x", "x2", "x3"}
    assert named[0]["y"][-1] == pytest.approx(0.48) and named[3]["y"][-1] == pytest.approx(0.9), (
        "accuracy, then memorised"
    )
    per_unit = 1 if unit == "step" else 100
    plain, robust, stuck = trade["data"]
    assert plain["x"] == pytest.approx([3 / per_unit]) and robust["x"] == pytest.approx([30 / per_unit])
    ticks = trade["layout"]["xaxis"]
    column = next(
        shape for shape in trade["layout"]["shapes"] if shape["type"] == "rect" and shape["x0"] > stuck["x"][0] / 10
    )
    assert column["x0"] < stuck["x"][0] < column["x1"] and ticks["ticktext"][-1] == "<b>never</b>"
    assert ticks["tickvals"][-1] > 300 / per_unit, "never is right of the last step"
    assert plain["y"] == pytest.approx([0.48]) and plain["error_y"]["array"] == pytest.approx([0.02])
    words = [note["text"] for note in trade["layout"]["annotations"]]
    assert words[:3] == ["<b>Cross-entropy</b>", "<b>Generalised cross-entropy</b>", "<b>Piecewise-zero</b>"]
    assert len(payload(time)) + len(payload(trade)) < 60_000


def test_the_change_of_the_loss_is_a_line_in_every_panel(tmp_path: Path) -> None:
    sweep, runs = sweep_of_three(tmp_path, base=BASE.with_(schedule={"name": "switch", "duration": 0.5}))
    those = robustness.settings(sweep, [robustness.read(run) for run in runs])
    layout = robustness_charts.over_time(those, NOISE)["layout"]
    lines = [shape for shape in layout["shapes"] if shape["type"] == "line" and shape["x0"] == shape["x1"] == 0.5]
    assert {line["xref"] for line in lines} == {"x", "x2", "x3"}
    assert [note["text"] for note in layout["annotations"]].count("loss switches") == 3


def test_nothing_is_finished_yet(tmp_path: Path) -> None:
    sweep, runs = sweep_of_three(tmp_path, seeds=1)
    for run in runs:
        run.write_status(run.stored_status().model_copy(update={"state": "stopped"}))
    those = robustness.settings(sweep, [robustness.read(run) for run in runs])
    assert robustness.summaries(those, NOISE) == []
    trade = robustness_charts.trade_off(those, [], NOISE)
    assert trade["data"] == [] and any("as soon as" in note["text"] for note in trade["layout"]["annotations"])
    assert len(robustness_charts.over_time(those, NOISE)["data"]) == 9


def boxes(points: list, words: list[str], width: int) -> list[tuple[float, float, float, float]]:
    """Where labels and points lie: left, top, right, bottom."""
    room, height = width - MARGIN["l"] - MARGIN["r"], TRADE_OFF_HEIGHT - MARGIN["t"] - MARGIN["b"]
    found = []
    for (across, up), word, (ax, ay) in zip(points, words, offsets(points, words), strict=True):
        x, y, wide = across[0] * room, (1 - up[0]) * height, 3.6 * len(word)
        found += [(x + ax - wide, y + ay - 8, x + ax + wide, y + ay + 8), (x - 6, y - 6, x + 6, y + 6)]
    return found


@pytest.mark.parametrize("width", [WIDTHS[0], 900, WIDTHS[1]])
@pytest.mark.parametrize("seed", range(3))
def test_labels_stay_off_each_other_and_off_the_points(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    crowd = [(0.4 + 0.1 * rng.random(), 0.75 + 0.05 * rng.random()) for _ in range(4)] + [
        (0.93, rng.random()) for _ in range(3)
    ]
    points = [((x, x - 0.01, x + 0.01), (y, y - 0.01, y + 0.01)) for x, y in crowd]
    words = ["Cross-entropy", "Generalised CE", "MAE", "NCE + RCE", "Blurry", "Piecewise-zero", "Active negative CE"]
    found = boxes(points, words, width)
    room, height = width - MARGIN["l"] - MARGIN["r"], TRADE_OFF_HEIGHT - MARGIN["t"] - MARGIN["b"]
    for label in found[::2]:
        assert label[0] >= 0 and label[1] >= 0 and label[2] <= room and label[3] <= height
    for k, one in enumerate(found):
        for other in found[k + 1 :]:
            if one[2] - one[0] > 12 or other[2] - other[0] > 12:  # a label and something else
                assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
