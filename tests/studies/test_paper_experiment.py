"""The paper's sets and choices, and how its runs are recognized."""

from __future__ import annotations

from pathlib import Path

import pytest

from igbviz.datasets import CIFAR10
from igbviz.runs import library
from igbviz.studies.paper import choices, experiment
from igbviz.studies.paper.experiment import LOSSES, SETS
from tests.support.paper_runs import (
    FOLDER,
    QUICK,
    favouring,
    rising,
    shipped,
    short,
)
from tests.support.stored_runs import stored


def test_the_sets_are_the_presets_by_three_seeds() -> None:
    for set_name in SETS:
        configs = experiment.sweep(set_name).configs()
        assert len(configs) == 12 and {config.seed for config in configs} == {0, 1, 2}
        assert {config.id for config in configs if config.seed == 0} == {
            SETS[set_name].config(loss).id for loss in LOSSES
        }
    assert SETS["full"].config().epochs == 20 and SETS["full"].config().probes.size == "all"
    assert not SETS["small"].is_paper and SETS["small"].config().model.name != "resnet50"


def test_every_alternative_changes_the_runs_and_stands_beside_a_choice() -> None:
    offered = [name for choice in choices.CHOICES for name in choice.others]
    assert sorted(offered) == sorted(experiment.ALTERNATIVES)
    for set_name in SETS:
        names = experiment.alternatives(set_name)
        own = {config.id for config in experiment.sweep(set_name).configs()}
        others = [{config.id for config in experiment.sweep(set_name, name).configs()} for name in names]
        assert all(len(ids) == 12 and not ids & own for ids in others)
        assert len({frozenset(ids) for ids in others}) == len(names)
    assert experiment.alternatives("quick") == tuple(experiment.ALTERNATIVES)
    small = experiment.alternatives("small")
    assert "he-normal" not in small and "batch-statistics" not in small, (
        "that is what it has already, and it has no BatchNorm"
    )
    assert experiment.config_of("quick", alternative="rate").optimizer.learning_rate == 0.01


@pytest.mark.parametrize("choice", choices.CHOICES, ids=lambda choice: choice.title)
def test_a_choice_says_where_it_stands_and_what_is_used(choice: choices.Choice) -> None:
    assert (choice.stated == "ours") == (not choice.where), "what the paper states is somewhere in it"
    assert choice.words.endswith(".") and all(choice.used(SETS[set_name].config()) for set_name in SETS)


def test_the_words_on_the_losses_are_those_of_the_presets() -> None:
    losses = {loss: SETS["full"].config(loss).loss for loss in LOSSES}
    assert losses["blurry"].gamma == losses["blurry-detached"].gamma == 0.7 and losses["piecewise-zero"].cutoff == 0.1
    assert not losses["blurry"].detach_weight and losses["blurry-detached"].detach_weight
    assert {SETS[set_name].config("piecewise-zero").schedule.name for set_name in SETS} == {"immediate"}


@pytest.mark.parametrize(
    ("changes", "loss"),
    [
        ({}, "piecewise-zero"),
        ({"seed": 17, "epochs": 0.25, "probes": {"size": 1000, "count": 40}}, "piecewise-zero"),
        ({"dataset": FOLDER}, "piecewise-zero"),
        ({"dataset": FOLDER | {"size": 32}}, "piecewise-zero"),
        ({"loss": {"name": "blurry"}}, "blurry"),
        ({"loss": {"name": "blurry", "detach_weight": True}}, "blurry-detached"),
        ({"loss": {"name": "blurry", "gamma": 0.5}}, None),
        ({"loss": {"name": "gce"}}, None),
        ({"dataset": FOLDER | {"grayscale": False}}, None),
        ({"dataset": FOLDER | {"scaling": "unit"}}, None),
        ({"dataset": FOLDER | {"size": 64}}, None),
        ({"batch_size": 64}, None),
        ({"model": {"name": "resnet18"}}, None),
        ({"initialization": {"name": "he-normal"}}, None),
        ({"optimizer": {"name": "sgd", "learning_rate": 0.01}}, None),
        ({"probes": {"batch_norm": "batch"}}, None),
        ({"label_noise": {"name": "symmetric", "rate": 0.2}}, None),
    ],
)
def test_a_run_is_recognized_by_its_settings(changes: dict, loss: str | None) -> None:
    assert experiment.loss_of(QUICK.with_(**changes), CIFAR10, "quick") == loss
    assert experiment.loss_of(QUICK.with_(**changes), CIFAR10, "full") == loss


def test_a_folder_of_something_else_is_not_cifar10() -> None:
    assert experiment.loss_of(QUICK.with_(dataset=FOLDER), ("cat", "dog"), "quick") is None
    assert experiment.loss_of(QUICK.with_(dataset=FOLDER), (), "quick") is None


def test_a_run_belongs_to_its_alternative() -> None:
    he = QUICK.with_(initialization={"name": "he-normal"}, seed=4)
    assert experiment.loss_of(he, CIFAR10, "quick", "he-normal") == "piecewise-zero"
    assert experiment.loss_of(QUICK, CIFAR10, "quick", "he-normal") is None


def farthest_ids(
    cache: Path, set_name: str = "quick", alternative: str = ""
) -> tuple[dict[tuple[str, int], str], list[str]]:
    runs, problems = experiment.farthest_runs(library.rows(cache), cache, set_name, alternative)
    return {(farthest.loss, farthest.seed): farthest.run.id for farthest in runs}, problems


def test_the_farthest_run_of_a_loss_and_seed_counts(tmp_path: Path) -> None:
    assert farthest_ids(tmp_path) == ({}, [])
    quarter = shipped(stored(short(QUICK), tmp_path, favouring(20), names=list(CIFAR10)))
    key = ("piecewise-zero", 0)
    assert farthest_ids(tmp_path) == ({key: quarter.id}, []) == farthest_ids(tmp_path, "full")
    beginning = stored(QUICK, tmp_path, favouring(10), state="running")
    assert farthest_ids(tmp_path)[0] == {key: quarter.id}, "a longer run that has only begun waits its turn"
    (beginning.path / "trajectory.bin").write_bytes(favouring(100).records.tobytes())
    assert farthest_ids(tmp_path)[0] == {key: beginning.id}
    full = stored(SETS["full"].config("piecewise-zero"), tmp_path, favouring(2000))
    assert farthest_ids(tmp_path)[0] == {key: beginning.id}, "the quick set has one epoch"
    assert farthest_ids(tmp_path, "full")[0] == {key: full.id}
    assert farthest_ids(tmp_path, "small")[0] == {} == farthest_ids(tmp_path, "quick", "he-normal")[0]


def test_runs_without_a_probe_or_torn_do_not_count(tmp_path: Path) -> None:
    empty = stored(QUICK, tmp_path, favouring(20)[:0], state="queued")
    assert farthest_ids(tmp_path) == ({}, [])
    torn = stored(short(QUICK, seed=1), tmp_path, favouring(20), names=list(CIFAR10))
    (torn.path / "schema.json").write_text("{")
    runs, (problem,) = farthest_ids(tmp_path)
    assert runs == {} and torn.id in problem and "schema.json" in problem
    (torn.path / "config.json").write_text("{")
    (empty.path / "status.json").write_text("")
    stored(QUICK.with_(seed=2), tmp_path, favouring(20))
    assert list(farthest_ids(tmp_path)[0]) == [("piecewise-zero", 2)]


def test_what_the_runs_are_in_words(tmp_path: Path) -> None:
    for seed in (0, 2):
        stored(short(QUICK, seed=seed), tmp_path, favouring(20), names=list(CIFAR10))
    stored(SETS["quick"].config(), tmp_path, rising(50), state="stopped")
    assert experiment.describe(experiment.farthest_runs(library.rows(tmp_path), tmp_path, "quick")[0]) == [
        "1 run of 0.5 of 1 epochs (stopped), seed 0: 12 probes of 200 images, CIFAR-10",
        "2 runs of 0.2 epochs, seeds 0, 2: 9 probes of 200 images, CIFAR-10 from a folder of images",
    ]
