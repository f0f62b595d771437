"""Configurations of JSON values of all kinds, and changes on the command line: a sentence, or a run that can be named,
written, read and estimated."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from igbviz.cli.arguments import read_config
from igbviz.config import PRESETS, RunConfig
from igbviz.datasets import DataError
from igbviz.runs.duration import expected_seconds
from igbviz.runs.files import RUN_ID
from igbviz.runs.kinds import Config, as_config, parse_config
from igbviz.runs.sweep_config import Sweep
from igbviz.spec import ConfigError
from tests.faults.inputs import CONFIGS, JSON, SCALARS, changed, examine
from tests.faults.registry import Case, fault, one_sentence

SWEEP = {
    "base": {"epochs": 1},
    "axes": {"seed": [0, 1], "loss": ["gce", {"name": "custom", "formula": "1-p"}], "model.depth": [2, 3]},
    "title": "a sweep",
}
PATHS = st.sampled_from(
    ["epochs", "loss", "loss.cutoff", "model.name", "dataset.folder", "probes", "loss.", ".", "a.b"]
)
CHANGES = st.lists(st.builds("{}={}".format, PATHS | st.text(max_size=8), SCALARS | JSON.map(repr)), max_size=3)


def check_config(values: Any, cache: Path) -> None:
    try:
        config = as_config(values)
    except ConfigError as error:
        one_sentence(error)
        return
    check_valid(config, cache)


def check_valid(config: Config, cache: Path) -> None:
    """What a configuration that was accepted can do."""
    text = config.to_json()
    assert parse_config(text.encode()) == config and type(config).from_json(text) == config
    assert RUN_ID.fullmatch(config.id) and parse_config(text.encode()).id == config.id
    try:
        assert expected_seconds(config, cache) >= 0
    except (ConfigError, DataError) as error:
        one_sentence(error)


@fault("configurations", "configurations of JSON values of all kinds")
def configurations(case: Case) -> None:
    examine(case, CONFIGS, partial(check_config, cache=case.folder), 200)


@fault("config-texts", "configurations as text: JSON that is cut off, changed or no JSON")
def config_texts(case: Case) -> None:
    valid = RunConfig().to_json()
    cut = st.integers(0, len(valid)).map(lambda length: valid[:length])
    spliced = st.builds(
        lambda at, text: valid[:at] + text + valid[at:],
        st.integers(0, len(valid)),
        st.text(max_size=6) | st.sampled_from(["[" * 100_000, '{"a":' * 5000, "9" * 5000, "NaN", '"\\ud800"']),
    )

    def check(text: str) -> None:
        path = case.folder / "config.json"
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            check_valid(read_config(str(path), []), case.folder)
        except ConfigError as error:
            one_sentence(error)

    examine(case, cut | spliced | st.text(), check, 100)


@fault("changes", "changes on the command line, as in loss.cutoff=0.2")
def changes(case: Case) -> None:
    def check(given: list[str]) -> None:
        try:
            check_valid(read_config(case.random.choice(list(PRESETS)), given), case.folder)
        except ConfigError as error:
            one_sentence(error)

    examine(case, CHANGES, check, 200)


@fault("sweeps", "descriptions of sweeps")
def sweeps(case: Case) -> None:
    def check(values: Any) -> None:
        try:
            sweep = Sweep.model_validate(values)
        except ConfigError as error:
            one_sentence(error)
            return
        assert Sweep.from_json(json.dumps(sweep.model_dump(mode="json"))).id == sweep.id
        assert sweep.configs()

    examine(case, changed([SWEEP]) | JSON, check, 40)
