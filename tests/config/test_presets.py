"""A preset, or its name, stands where a configuration is expected; in a file it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

import igbviz
from igbviz.config import PRESETS, Preset, RunConfig, preset_config
from igbviz.runs import queue
from igbviz.runs.kinds import as_config, parse_config
from igbviz.runs.sweep_config import Sweep
from igbviz.spec import ConfigError


@pytest.mark.parametrize("preset", ["first-look", PRESETS["first-look"]])
def test_a_preset_is_a_configuration(preset: str | Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    expected = PRESETS["first-look"].config
    assert preset_config(preset) == as_config(preset) == RunConfig.model_validate(preset) == expected
    assert igbviz.submit(preset, tmp_path).config == Sweep(base=preset).base == expected


def test_train_takes_a_preset() -> None:
    first = next(iter(igbviz.train("first-look")))
    assert first["step"] == 0


def test_an_unknown_preset_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="^'first-luck' is not a preset, allowed: one of .* mean 'first-look'"):
        igbviz.submit("first-luck")


def test_a_file_holds_fields_and_no_name() -> None:
    with pytest.raises(ConfigError, match="^'first-look' is not a configuration"):
        parse_config(b'"first-look"')
    with pytest.raises(ConfigError, match="^'first-look' is not a RunConfig"):
        RunConfig.from_json('"first-look"')
