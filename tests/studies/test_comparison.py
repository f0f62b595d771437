"""Runs side by side: what differs, what the seeds share, and what became of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from igbviz.runs.files import write_json
from igbviz.runs.run import RunError
from igbviz.studies import comparison
from igbviz.studies.comparison import Member
from tests.support.stored_runs import BASE, LOSSES, STEPS, family, members, stored, story


def test_only_differences_are_in_the_labels() -> None:
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
    label_texts = comparison.labels(configs)
    assert len(set(label_texts)) == len({config.id for config in configs}) and all(label_texts)


def test_seeds_of_a_setting_are_one(tmp_path: Path) -> None:
    grouped = comparison.settings(members(family(tmp_path)))
    assert [setting.label for setting in grouped] == [
        "Cross-entropy",
        "Piecewise-zero, cutoff 0.1",
        "Piecewise-zero, cutoff 0.3",
    ]
    assert [[m.config.seed for m in setting.members] for setting in grouped] == [[0, 1, 2]] * 3
    titles = comparison.titles(grouped)
    assert sorted(titles.values())[0] == "Cross-entropy · seed 0" and len(set(titles.values())) == 9
    (alone,) = comparison.settings(grouped[0].members)
    assert list(comparison.titles([alone]).values()) == ["seed 0", "seed 1", "seed 2"]


def test_median_and_band_on_one_grid_in_log_time(tmp_path: Path) -> None:
    short_run = stored(BASE, tmp_path, story(steps=np.array([0, 1, 10, 100])))
    two = stored(BASE.with_(seed=1), tmp_path, story(1, steps=np.array([0, 1, 100])))
    short = stored(BASE.with_(seed=2), tmp_path, story(2, steps=np.array([0, 1])), "stopped")
    these = members([short_run, two, short])
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
    assert member.outcome.escape == whole.escape_step() == STEPS[STEPS >= 150][0]
    assert member.outcome.largest_guess_init == 1 and member.outcome.largest_guess == pytest.approx(0.1)
    assert (
        member.outcome.balanced_accuracy == 1 and member.outcome.classes_at_zero == 0 and member.outcome.silent == 0.5
    )
    stuck = Member.read(stored(BASE.with_(seed=3), tmp_path, story(3, even_from=None)))
    assert stuck.outcome.escape == np.inf and stuck.outcome.classes_at_zero == 9 and stuck.favoured == 3
    diverged = Member.read(stored(BASE.with_(seed=4), tmp_path, story(even_from=0), "diverged"))
    assert diverged.outcome.escape == np.inf, "what diverged has not escaped"


def test_tables_say_n_median_and_range(tmp_path: Path) -> None:
    grouped = comparison.settings(members(family(tmp_path)))
    table = comparison.setting_table(grouped).set_index("setting")
    assert table["n"].tolist() == [3, 3, 3]
    steps = [int(STEPS[STEPS >= 20 + seed][0]) for seed in range(3)]
    assert table.loc["Cross-entropy", "escape"] == f"{int(np.median(steps))} ({min(steps)} to {max(steps)})"
    assert table.loc["Piecewise-zero, cutoff 0.1", "escape"] == "never"
    differing = comparison.difference_table(grouped)
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
