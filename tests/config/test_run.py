"""A configuration is validated, its errors name field and limits, and it has one identity."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from igbviz.config import RunConfig
from igbviz.spec import ConfigError

PAPER = {
    "dataset": {"name": "cifar10", "grayscale": True},
    "model": {"name": "resnet50"},
    "initialization": {"name": "he-normal"},
    "loss": {"name": "piecewise-zero", "cutoff": 0.1},
    "optimizer": {"name": "sgd", "learning_rate": 0.01, "momentum": 0.0, "weight_decay": 0.0},
    "batch_size": 32,
    "epochs": 1,
    "seed": 0,
    "probes": {"size": 2000, "schedule": "log", "count": 60, "batch_norm": "eval"},
}


def test_json_round_trip() -> None:
    config = RunConfig(**PAPER)
    assert RunConfig.from_json(config.to_json()) == config
    assert RunConfig.from_json(json.dumps(PAPER)).id == config.id
    assert config.loss.cutoff == 0.1 and config.model.name == "resnet50"


def test_same_choices_same_id_however_written() -> None:
    assert RunConfig().id == RunConfig(seed=0, epochs=1, loss={"name": "cross-entropy"}).id
    assert RunConfig(epochs=2).id == RunConfig(epochs=2.0).id
    assert (
        len({RunConfig(**change).id for change in ({}, {"seed": 1}, {"batch_size": 33}, {"loss": {"name": "blurry"}})})
        == 4
    )


def test_ids_never_change() -> None:
    """The ids of numerics version 2: a new field at its default must not rename existing runs."""
    assert RunConfig().id == "fashion-mini-mlp-cross-entropy-s0-ef1424cb5c"
    assert RunConfig(**PAPER).id == "cifar10-resnet50-piecewise-zero-s0-34e9f6afca"
    assert RunConfig(label_noise={"name": "none"}, imbalance={"ratio": 1, "majority": 3}).id == RunConfig().id


def test_wrong_labels_and_imbalance_are_part_of_the_name() -> None:
    corrupted = RunConfig(
        label_noise={"name": "symmetric", "rate": 0.4}, imbalance={"ratio": 10, "majority": "unfavoured"}
    )
    assert corrupted.id.startswith("fashion-mini-symmetric-noise-40-imbalance-10-1-unfavoured-mlp-cross-entropy-s0-")
    ratios = {RunConfig(imbalance={"ratio": 10, "majority": who}).id for who in ("favoured", "unfavoured", 0, 1)}
    rates = {
        RunConfig(label_noise={"name": name, "rate": rate}).id
        for name in ("symmetric", "pair-flip")
        for rate in (0.2, 0.4)
    }
    assert len(ratios) == len(rates) == 4


def test_the_contents_of_a_folder_are_checked_when_the_run_begins() -> None:
    folder = {"name": "image-folder", "folder": "/nowhere"}
    config = RunConfig(dataset=folder, label_noise={"name": "matrix", "matrix": [[0.9, 0.1], [0, 1]]})
    with pytest.raises(
        ConfigError, match="^label_noise.matrix has 2 rows, allowed: 3, one for each class of the data$"
    ):
        config.require_classes(3)


def test_id_is_the_same_in_another_process() -> None:
    code = "import igbviz; print(igbviz.RunConfig(seed=3).id)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert other == RunConfig(seed=3).id


def test_seeds_of_one_setting_are_a_group() -> None:
    assert RunConfig(seed=1).group == RunConfig(seed=2).group != RunConfig(seed=1, batch_size=16).group


def test_the_folder_of_the_files_is_not_part_of_the_identity() -> None:
    assert RunConfig(dataset={"name": "mnist", "folder": "/a"}).id == RunConfig(dataset={"name": "mnist"}).id


@pytest.mark.parametrize("name", ["image-folder", "mnist"])
def test_a_folder_is_the_same_however_it_is_spelled(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def config(folder: str | None) -> RunConfig:
        return RunConfig(dataset={"name": name, "folder": folder})

    whole = config(f"{tmp_path}/d")
    assert whole.dataset.folder == f"{tmp_path}/d", "a normalized path stays"
    for spelled in ("d", "./d/", f"{tmp_path}/d/", f"{tmp_path}/x/../d", f"{tmp_path}//d", f"/{tmp_path}/d"):
        assert config(spelled) == whole and config(spelled).id == whole.id, spelled
    for folder in ("~", "~/data/cifar10", "~somebody/d", "~/../d"):
        assert config(folder).dataset.folder == folder
    assert config("~/data//cifar10/").dataset.folder == "~/data/cifar10"
    with pytest.raises(ConfigError, match=r"^dataset.folder is '/d\\x00', allowed: the path of a folder"):
        config("/d\0")


def test_frozen() -> None:
    with pytest.raises(ValidationError):
        RunConfig().seed = 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"batch_size": 0}, ["batch_size", "0", "from 1"]),
        ({"epochs": -1}, ["epochs", "-1", "above 0"]),
        ({"epochs": float("nan")}, ["epochs", "nan", "a number"]),
        ({"loss": {"name": "piecewise-zero", "cutoff": 1.5}}, ["loss.cutoff", "1.5", "0", "below 1"]),
        ({"loss": {"name": "piecewise"}}, ["loss", "'piecewise'", "piecewise-zero", "blurry"]),
        ({"loss": {"name": "blurry", "cutoff": 0.1}}, ["loss.cutoff", "not a field", "gamma"]),
        ({"loss": {"gamma": 1}}, ["loss", "without a name", "cross-entropy"]),
        ({"loss": 7}, ["loss", "7", "cross-entropy"]),
        ({"loss": "gce"}, ["loss is 'gce', allowed: its fields as a mapping, as in {'name': 'gce'}"]),
        ({"model": "resnet18"}, ["model is 'resnet18', allowed: its fields as a mapping, as in {'name': 'resnet18'}"]),
        ({"colour": "red"}, ["colour", "not a field", "batch_size"]),
        ({"probes": {"size": "some"}}, ["probes.size", "'some'", "whole number", "'all'"]),
        ({"probes": {"size": 2}}, ["probes.size", "2", "10"]),
        ({"model": {"name": "resnet18"}, "batch_size": 1}, ["batch_size", "1", "at least 2"]),
        ({"optimizer": {"name": "sgd", "nesterov": True}}, ["optimizer.nesterov", "momentum"]),
        ({"dataset": {"name": "cifar11"}}, ["dataset", "'cifar11'", "cifar10"]),
        ({"dataset": {"name": "cifar100"}, "probes": {"size": 50}}, ["probes.size is 50", "at least 100"]),
        (
            {"dataset": {"name": "gaussian-noise", "classes": 50}, "probes": {"size": 10}},
            ["probes.size is 10", "at least 50"],
        ),
        (
            {"dataset": {"name": "gaussian-noise", "classes": 50, "test_examples": 40}},
            ["dataset.test_examples is 40", "at least 50"],
        ),
        ({"seed": True}, ["seed is True, allowed: a whole number from 0 to 2147483647"]),
        ({"epochs": True}, ["epochs is True", "a number above 0 and at most 10000"]),
        ({"batch_size": "32"}, ["batch_size is '32'", "a whole number"]),
        ({"probes": {"size": "60"}}, ["probes.size is '60'", "from 10 to 1000000", "'all'"]),
        ({"dataset": {"name": "gaussian-noise", "channels": True}}, ["dataset.channels is True", "1, 3"]),
        ({"loss": {"name": "blurry", "gamma": "0.5"}}, ["loss.gamma is '0.5'", "a number from 0 to 10"]),
        ({"loss": {"name": "blurry", "detach_weight": "yes"}}, ["loss.detach_weight is 'yes'", "true or false"]),
        ({"loss": {"name": "blurry", "detach_weight": 1}}, ["loss.detach_weight is 1", "true or false"]),
    ],
)
def test_wrong_values_are_one_sentence(values: dict, expected: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(**values)
    text = str(caught.value)
    assert all(part in text for part in expected), text
    assert "\n" not in text and text.count("allowed") + text.count("its fields are") == 1, text
    with pytest.raises(ConfigError, match="allowed|its fields are"):
        RunConfig.from_json(json.dumps(values))


def test_whole_floats_and_integers_are_interchangeable() -> None:
    assert RunConfig(batch_size=16.0, epochs=2) == RunConfig(batch_size=16, epochs=2.0)
    assert RunConfig(probes={"size": 60.0}).probes.size == 60
    with pytest.raises(ConfigError, match="^batch_size is 16.5, allowed: a whole number"):
        RunConfig(batch_size=16.5)


def test_several_wrong_values_are_all_named() -> None:
    with pytest.raises(ConfigError, match="batch_size.*; seed"):
        RunConfig(batch_size=0, seed=-1)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "null", '"resnet"', '{"self": 1}', '{"seed": ' + "9" * 5000 + "}", "[" * 99_999]
)
def test_json_that_is_not_a_configuration(text: str) -> None:
    with pytest.raises(ConfigError):
        RunConfig.from_json(text)


def test_json_by_either_name_is_one_sentence() -> None:
    assert RunConfig.model_validate_json(RunConfig(seed=3).to_json().encode()) == RunConfig(seed=3)
    for text in ('{"epochs": NaN}', b'{"epochs": NaN}'):
        with pytest.raises(ConfigError, match="^epochs is nan, allowed: a number above 0"):
            RunConfig.model_validate_json(text)
    for text in ("{", b"\xff", None):
        with pytest.raises(ConfigError, match="^the configuration is not JSON"):
            RunConfig.model_validate_json(text)


@pytest.mark.parametrize("text", ['{"seed": 1, "seed": 2}', '{"loss": {"name": "gce", "q": 0.5, "name": "mae"}}'])
def test_a_field_that_is_given_twice_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="^the configuration has '(seed|name)' twice, allowed: every field once$"):
        RunConfig.from_json(text)


def test_a_registry_lists_its_names() -> None:
    from igbviz import losses, models
    from igbviz.config import presets

    for registry, name in (
        (losses.LOSSES, "piecewise-zero"),
        (models.MODELS, "resnet50"),
        (presets.PRESETS, "first-look"),
    ):
        with pytest.raises(KeyError) as caught:
            registry["nope"]
        assert str(caught.value).startswith("the name is 'nope', allowed: one of ") and name in str(caught.value)
        assert "nope" not in registry and registry.get("nope") is None and registry[name] is registry.get(name)


def test_steps() -> None:
    config = RunConfig(batch_size=32, epochs=1)
    assert config.steps_per_epoch(50_000) == 1563 and config.total_steps(50_000) == 1563
    assert config.steps_per_epoch(33) == 1, "a last batch of one image is left out"
    assert config.with_(epochs=0.5).total_steps(10_000) == 157
    assert config.with_(epochs=1e-6).total_steps(10_000) == 1


@pytest.mark.parametrize("model", [{"name": "mlp", "bias": False}, {"name": "squeezenet1_0"}])
def test_neutral_biases_need_a_bias(model) -> None:
    with pytest.raises(
        ConfigError, match="^initialization.last_layer is neutral-bias with .*, allowed: same, zero or scaled"
    ):
        RunConfig(model=model, initialization={"last_layer": "neutral-bias", "name": "he-normal"})


def test_the_seed_is_not_said_to_fix_the_trajectory_on_another_processor() -> None:
    assert "another trajectory" in RunConfig.model_fields["seed"].description
    noise = RunConfig.model_fields["rounding_noise"]
    assert noise.default == 0 and noise.title == "Repeat with rounding noise"
    with pytest.raises(ConfigError, match="^rounding_noise is -1, allowed: a whole number from 0 to 2147483647$"):
        RunConfig(rounding_noise=-1)


def test_rounding_noise_is_part_of_the_identity_of_a_repeat() -> None:
    assert RunConfig(rounding_noise=0).id == RunConfig().id
    assert len({RunConfig(rounding_noise=n).id for n in range(3)}) == 3
    assert RunConfig(rounding_noise=1).canonical()["rounding_noise"] == 1


def test_cross_entropys_presets_do_not_claim_that_all_classes_rise_together() -> None:
    from igbviz.config import PRESETS

    for name, preset in PRESETS.items():
        if name.endswith("cross-entropy"):
            assert "need not rise together" in preset.look_for


@pytest.mark.parametrize(
    "values",
    [
        {"a\nb" * 1000: 1},
        {"loss": {"name": "custom", "parameters": "x" * 5000}},
        {"loss": {"name": "custom", "formula": "q*p", "parameters": {"q": "x" * 5000}}},
        {"loss": {"name": "x\n" * 5000}},
    ],
)
def test_long_and_odd_values_are_cut_short_in_sentences(values: dict) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(**values)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1000
