"""The estimated duration of a run, and whether it fits into memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.datasets import DataError
from igbviz.runs import duration
from igbviz.runs.duration import estimate, record_pace
from igbviz.spec import ConfigError
from igbviz.training.memory import free_memory, require_memory
from igbviz.training.pace import Pace
from igbviz.trajectory import snapshot_dtype


def test_without_measurements_it_is_a_rough_guess(tiny: RunConfig, tmp_path: Path) -> None:
    expected = estimate(tiny, tmp_path)
    assert expected.steps == 32 and expected.probes == 12 and 0 < expected.seconds < 10 and "rough" in expected.basis


def test_a_measured_pace_is_used(tiny: RunConfig, tmp_path: Path) -> None:
    record_pace(tiny, tiny.dataset.facts(), tmp_path, step=0.5, image=0.01)
    expected = estimate(tiny, tmp_path)
    assert expected.seconds == pytest.approx(32 * 0.5 + 12 * 60 * 0.01) and "measured" in expected.basis
    larger = tiny.with_(model={"name": "mlp", "depth": 2, "width": 512})
    assert (
        "other networks" in estimate(larger, tmp_path).basis and estimate(larger, tmp_path).seconds > expected.seconds
    )


def test_the_first_step_which_imports_the_optimizer_is_not_in_the_mean() -> None:
    pace = Pace()
    pace.add_step(3.0)
    assert pace.per_step == 3.0
    for _ in range(4):
        pace.add_step(0.1)
    assert pace.per_step == pytest.approx(0.1) and pace.seconds == pytest.approx(3.4)


def test_a_damaged_file_of_paces_is_ignored(tiny: RunConfig, tmp_path: Path) -> None:
    for text in ("{", "[]", '{"x": 1}', '{"x": {"step": 1}}'):
        (tmp_path / "speeds.json").write_text(text)
        assert "rough" in estimate(tiny, tmp_path).basis


def test_missing_data_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="/no/such"):
        estimate(RunConfig(dataset={"name": "image-folder", "folder": "/no/such"}), tmp_path)


def test_a_network_that_does_not_fit_is_refused_before_it_starts(tiny: RunConfig, tmp_path: Path) -> None:
    huge = tiny.with_(model={"name": "mlp", "depth": 100, "width": 8192, "max_pool": 64})
    with pytest.raises(ConfigError, match="model needs about .* GB of memory .* allowed"):
        estimate(huge, tmp_path)
    assert free_memory() > 1e8
    require_memory(tiny, tiny.dataset.facts(), free=1e6)
    with pytest.raises(ConfigError):
        require_memory(tiny, tiny.dataset.facts(), free=1e3)


def test_records_that_fill_the_disk_are_refused(tiny: RunConfig, tmp_path: Path, monkeypatch) -> None:
    needed = 12 * snapshot_dtype(3).itemsize
    monkeypatch.setattr(duration, "free", lambda _: 2 * needed)
    estimate(tiny, tmp_path)
    monkeypatch.setattr(duration, "free", lambda _: 2 * needed - 2)
    with pytest.raises(ConfigError, match="probes would write .* of records, allowed: at most .* half of the free"):
        estimate(tiny, tmp_path)


def test_two_that_end_at_once_both_record_their_pace(tiny: RunConfig, tmp_path: Path) -> None:
    configs = [tiny.with_(model={"name": "mlp", "depth": 2, "width": width}) for width in range(1, 41)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda config: record_pace(config, config.dataset.facts(), tmp_path, 0.5, 0.01), configs))
    assert all("measured" in estimate(config, tmp_path).basis for config in configs)
