"""What a robust loss wins and pays: the sweeps, the statistics over seeds, and the sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from igbviz.config import RunConfig
from igbviz.runs.sweep_config import Sweep
from igbviz.spec import ConfigError
from igbviz.studies import robustness
from igbviz.studies.robustness import LOSSES_SHOWN, QUESTIONS, WRONG_LABELS, over_losses
from igbviz.training.loop import Training
from igbviz.trajectory import Trajectory, snapshot_dtype
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


def test_every_usual_loss_is_accepted() -> None:
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
    summaries = robustness.summaries(robustness.settings(sweep, members), NOISE)
    plain, robust, stuck = summaries
    assert [summary.label for summary in summaries] == ["Cross-entropy", "Generalized cross-entropy", "Piecewise-zero"]
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
    assert robustness.table(summaries, NOISE).shape == (3, 8)
    assert robustness.table([plain], NOISE)["diverged"].tolist() == [1]


def test_a_loss_keeps_its_place_while_others_are_missing(tmp_path: Path) -> None:
    sweep, runs = sweep_of_three(tmp_path, seeds=1)
    members = [robustness.read(run) for run in runs]
    whole = robustness.settings(sweep, members)
    part = robustness.settings(sweep, members[2:])
    assert [(summary.label, summary.index) for summary in part] == [
        (summary.label, summary.index) for summary in whole
    ] and not part[0].members
    assert robustness.summaries(part, NOISE)[0].index == 2


def test_the_sentences_say_what_the_numbers_say(tmp_path: Path) -> None:
    sweep, runs = sweep_of_three(tmp_path)
    summaries = robustness.summaries(robustness.settings(sweep, map(robustness.read, runs)), NOISE)
    highest, early, left, never = robustness.sentences(summaries, NOISE)
    assert "Generalized cross-entropy 0.68 (0.66 to 0.70)." in highest and "Lowest: Piecewise-zero" in highest
    assert (
        "would help Cross-entropy: it is at its best, 0.78 (0.76 to 0.80), after 0.1 epochs and ends at 0.48" in early
    )
    assert "with 0.90 of the wrong labels memorized" in early
    assert "0.10 above Generalized cross-entropy at the end" in early
    assert "first by Cross-entropy at step 3, last by Generalized cross-entropy at step 30, 10 times as late." in left
    assert "within 300 steps: Piecewise-zero in 3 of 3 seeds, ending at 0.45 (0.44 to 0.47)." in never, (
        "one class is right, the others nearly never"
    )
    quiet = robustness.sentences(summaries[1:2], NOISE)
    assert "would not help here" in quiet[1] and "last by" not in quiet[2] and len(quiet) == 3
    assert "overlap" in robustness.sentences([summaries[1], summaries[1]], NOISE)[0]
    assert robustness.sentences([], NOISE) == []


@pytest.mark.parametrize("who", ["favoured", "unfavoured", 0])
def test_the_minority_excludes_the_class_with_all_its_training_images(who: str | int, tmp_path: Path) -> None:
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
    (summary,) = robustness.summaries(robustness.settings(sweep, [member]), QUESTIONS["imbalance"])
    assert summary.final[0] == pytest.approx(accuracy[-1, others].mean()) and "memorised" not in summary.ends
    assert "of the other classes" in robustness.sentences([summary], QUESTIONS["imbalance"])[0]
