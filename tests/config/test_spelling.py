"""Names that are spelled wrong: the sentence suggests the one that is probably meant, and stays short."""

from __future__ import annotations

import pytest

from igbviz.config import PRESETS, RunConfig
from igbviz.losses import LOSSES, Mixed
from igbviz.runs.sweep_config import with_field
from igbviz.spec import ConfigError, alternatives, listing, short, suggestion


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"loss": {"name": "blury"}}, "loss is 'blury', .* and 28 others \\(did you mean 'blurry'\\?\\)$"),
        ({"dataset": {"name": "CIFAR10"}}, "dataset is 'CIFAR10', .*\\(did you mean 'cifar10'\\?\\)$"),
        ({"loss": {"name": "piecewise-zero", "cutof": 0.1}}, "loss.cutof is not .*\\(did you mean 'cutoff'\\?\\)$"),
        ({"learning_rate": 0.1}, "did you mean 'optimizer.learning_rate'\\?"),
        ({"batchsize": 8}, "did you mean 'batch_size'\\?"),
        ({"dataset": {"name": "fashion-mini", "scaling": "uni"}}, "did you mean 'unit'\\?"),
        ({"precision": "bfloat"}, "did you mean 'bfloat16'"),
    ],
)
def test_a_wrong_field_or_name_is_suggested(values: dict, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        RunConfig(**values)
    assert len(str(caught.value)) < 300


def test_nothing_is_suggested_where_nothing_is_spelled_alike() -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(loss={"name": "xyz"})
    assert "did you mean" not in str(caught.value) and all(name in str(caught.value) for name in LOSSES)
    assert suggestion(7, ["7"]) == suggestion("x" * 10**6, ["x" * 10**6]) == ""


def test_a_registry_and_a_path_suggest_too() -> None:
    with pytest.raises(KeyError, match="did you mean 'first-look'"):
        PRESETS["first-lok"]
    with pytest.raises(ConfigError, match="losss.q is not a field of a run, .*did you mean 'loss'"):
        with_field(RunConfig().model_dump(), "losss.q", 1)
    with pytest.raises(ConfigError, match="seed.q is not a field of a run, since seed has no parts"):
        with_field(RunConfig().model_dump(), "seed.q", 1)


def test_a_part_inside_a_part_that_was_just_named() -> None:
    values = RunConfig().model_dump()
    for path, value in (("loss.name", "mixed"), ("loss.loss.name", "gce"), ("loss.loss.q", 0.5)):
        values = with_field(values, path, value)
    assert RunConfig(**values).loss == Mixed(loss={"name": "gce", "q": 0.5})
    with pytest.raises(ConfigError, match="^loss.q is "):
        RunConfig(**with_field(with_field(values, "loss.name", "gce"), "loss.q.deep", 1))


def test_few_names_are_all_listed() -> None:
    assert alternatives("reed", ["red", "blue"]) == "red, blue (did you mean 'red'?)"


def test_a_foreign_name_keeps_a_sentence_on_one_line() -> None:
    assert listing(["b", "a\nb", "x" * 90]) == f"'a\\nb', {short('x' * 90)}, b"
