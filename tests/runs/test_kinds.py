"""The kinds of run: each is recognized by its configuration, and its job records what its schema reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from igbviz.config import RecordedConfig, RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.runs.kinds import KINDS, TRAINED, UNTRAINED, Kind, as_config, kind_of, kind_of_values, parse_config
from igbviz.runs.run import RunError
from igbviz.runs.submit import submit
from igbviz.spec import ConfigError
from tests.support import ROOT
from tests.support.stored_ensembles import SMALL
from tests.support.stored_runs import finished


@pytest.fixture
def configs(tiny: RunConfig) -> dict[str, RunConfig | EnsembleConfig]:
    return {"trained": tiny, "untrained": EnsembleConfig(**SMALL), "recorded": RecordedConfig(title="my own loop")}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_is_recognized_by_its_configuration(kind: Kind, configs: dict) -> None:
    config = configs[kind.name]
    assert kind_of(config) is kind is kind_of_values(config.model_dump())
    assert as_config(config) is config and as_config(config.model_dump()) == config
    assert parse_config(config.to_json().encode()) == config
    assert (ROOT / "pages" / kind.page).is_file()


@pytest.mark.parametrize("kind", [TRAINED, UNTRAINED], ids=lambda kind: kind.name)
def test_a_job_records_what_its_schema_reads(kind: Kind, configs: dict, tmp_path: Path) -> None:
    job = kind.job(configs[kind.name], "cpu", None, None)
    records = [record for record in job.ticks() if record is not None]
    (tmp_path / "trajectory.bin").write_bytes(b"".join(record.tobytes() for record in records))
    columns = [(name, job.dtype[name].base.str, list(job.dtype[name].shape)) for name in job.dtype.names]
    schema = kind.schema.model_validate({"columns": columns, "class_names": list(job.data.class_names)})
    assert schema.dtype() == job.dtype
    recorded = schema.read(tmp_path / "trajectory.bin")
    assert type(recorded) is kind.schema.recorded and recorded.records.tobytes() == np.array(records).tobytes()


@pytest.mark.parametrize("values", [{}, {"spam": 1}, [1], "networks", 3, None])
def test_values_without_a_field_of_an_ensemble_are_a_training(values: object) -> None:
    assert kind_of_values(values) is TRAINED
    if values != {}:
        with pytest.raises(ConfigError):
            as_config(values)


def test_records_are_read_only_as_their_kind(configs: dict, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("igbviz.runs.queue.ensure_worker", lambda *_, **__: None)
    training, ensemble = (submit(configs[kind.name], tmp_path) for kind in (TRAINED, UNTRAINED))
    assert training.kind is TRAINED and ensemble.kind is UNTRAINED
    assert len(training.trajectory()) == len(ensemble.ensemble()) == 0
    assert len(training.glance()) == len(ensemble.glance()) == 0
    with pytest.raises(RunError, match="is an ensemble of untrained networks, allowed: a training"):
        ensemble.trajectory()
    with pytest.raises(RunError, match="is a training, allowed: an ensemble of untrained networks"):
        training.ensemble()


def test_steps_per_epoch_are_recorded_else_planned_else_from_the_last_probe(tiny: RunConfig, own_cache: Path) -> None:
    run = finished(tiny, own_cache)
    recorded = run.schema["steps_per_epoch"]
    assert run.steps_per_epoch == recorded == round(run.trajectory().steps_per_epoch)
    text = (run.path / "schema.json").read_text()
    (run.path / "schema.json").write_text(text.replace('"steps_per_epoch"', '"unsaid"'))
    assert run.steps_per_epoch == recorded
    gone = tiny.with_(dataset={"name": "image-folder", "folder": "/nowhere"})
    (run.path / "config.json").write_text(gone.to_json())
    assert run.steps_per_epoch == recorded
    run.records.unlink()
    assert run.steps_per_epoch is None
    assert submit(tiny.with_(seed=9), own_cache).steps_per_epoch == recorded


def test_kinds_do_not_load_torch() -> None:
    modules = "igbviz.runs.kinds, igbviz.runs.archive, igbviz.runs.recorded, igbviz.cli"
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
