"""Runs of a plugin: trained by a worker, read where the package is missing or another version, and in archives."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.config.missing import Missing, has_stand_ins, packages, require_installed, with_stand_ins
from igbviz.runs import archive, queue
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run, RunError
from igbviz.runs.shipped import config_to_repeat
from igbviz.runs.submit import submit
from igbviz.spec import ConfigError
from tests.support.archives import packed
from tests.support.plugin import install, python
from tests.support.processes import end_workers
from tests.support.tiny import TINY

MISSING = "which is not installed here"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run of a plugin that was installed while a worker was idle, which so had not imported it."""
    folder = tmp_path_factory.mktemp("trained")
    site, cache = folder / "site", folder / "cache"
    site.mkdir()
    begin = f"""
        import igbviz
        assert igbviz.submit(igbviz.RunConfig(**{TINY!r}), {str(cache)!r}).wait(60).state == "done"
        """
    train = f"""
        from igbviz.cli import main
        arguments = ["loss.name=hinge", "loss.margin=2", "model.name=two-layers", "dataset.name=stripes", "epochs=1"]
        assert main(["train", "first-look", *arguments, "--cache", {str(cache)!r}]) == 0
        """
    try:
        python(begin, site)
        install(site)
        python(train, site)
    finally:
        end_workers(cache)
    assert "starting anew" in (cache / "workers" / "worker.log").read_text()
    (run,) = (line.run for line in list_runs(cache) if "hinge" in line.run.id)
    yield run


@pytest.fixture
def run(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A copy of the run in a cache of its own; no worker is started for it."""
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    return Run(Path(shutil.copytree(trained.path, tmp_path / "cache" / "runs" / trained.id)))


def end(run: Run, state: str) -> None:
    run.write_status(run.stored_status().model_copy(update={"state": state}))


def test_a_worker_trains_it(run: Run) -> None:
    stored = json.loads((run.path / "config.json").read_text())
    assert stored["loss"] == {"name": "hinge", "margin": 2.0, "package": "toypack==1.0"}
    assert run.stored_status().state == "done" and run.trajectory().class_names == ("rows", "columns")


def test_without_the_package_it_can_be_read(run: Run) -> None:
    config = run.config
    assert not [line.problem for line in list_runs(run.cache) if line.problem]
    assert len(run.glance()) and run.steps_per_epoch == 16
    assert (config.loss.title, config.model.title_of(config.model.name), config.loss.package) == (
        "hinge",
        "two-layers",
        "toypack==1.0",
    )
    assert json.loads(config.to_json()) == json.loads((run.path / "config.json").read_text())
    assert RunConfig(**dict(config)) == config.with_(seed=config.seed) == config


def test_without_the_package_it_is_not_trained(run: Run) -> None:
    with pytest.raises(RunError, match=f"can be read, but not repeated: dataset stripes was made with .*{MISSING}"):
        config_to_repeat(run)
    with pytest.raises(ConfigError, match=f"loss hinge was made with toypack 1.0, {MISSING}"):
        submit(run.config.with_(seed=7), run.cache)
    end(run, "stopped")
    with pytest.raises(ConfigError, match=MISSING):
        run.resume()
    with pytest.raises(ConfigError, match=f"loss is 'hinge' of 'toypack==1.0', {MISSING}"):
        RunConfig.from_json((run.path / "config.json").read_text())


def test_another_version_opens_it_and_does_not_continue_it(run: Run, tmp_path: Path) -> None:
    end(run, "stopped")
    code = f"""
        from igbviz import RunConfig, ConfigError
        from igbviz.runs.run import Run
        run = Run(__import__("pathlib").Path({str(run.path)!r}))
        config = run.config
        assert config.id == run.id and config.loss.margin == 2 and len(run.trajectory())
        for act in (run.resume, lambda: list(__import__("igbviz").train(config))):
            try:
                act()
            except ConfigError as error:
                assert "loss hinge was made with toypack 1.0, and toypack 2.0 is installed here" in str(error), error
            else:
                raise AssertionError(act)
        values = {{name: {{"name": getattr(config, name).name}} for name in ("loss", "model", "dataset")}}
        assert RunConfig(**values, epochs=1).id != RunConfig(**dict(config)).id
        """
    python(code, install(tmp_path / "site", version="2.0"))


def test_an_imported_run_makes_the_program_import_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even a module of that name that is at hand: only what is installed with an entry point is imported."""
    (tmp_path / "toypack.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(str(tmp_path))
    imported = archive.import_runs(packed(run), tmp_path / "other")
    assert imported.new == [run.id] and not imported.refused
    (line,) = list_runs(tmp_path / "other")
    assert isinstance(line.run.config.loss, Missing) and len(line.run.trajectory())
    assert "toypack" not in sys.modules


@pytest.mark.parametrize(
    "part",
    [
        {"name": "hinge", "package": "os"},
        {"name": "hinge", "package": ["toypack==1.0"]},
        {"name": "../hinge", "package": "toypack==1.0"},
        {"name": "hinge", "package": "toypack==1.0\n**bold**"},
        {"name": "mae", "package": "toypack==1.0"},
    ],
)
def test_what_no_plugin_writes_is_refused(run: Run, part: dict) -> None:
    values = json.loads((run.path / "config.json").read_text())
    (run.path / "config.json").write_text(json.dumps(values | {"loss": part}))
    assert [line.problem for line in list_runs(run.cache)] != [""]
    with pytest.raises(RunError, match="cannot be read"):
        _ = run.config


def test_a_missing_loss_inside_a_mixture_has_a_stand_in_too() -> None:
    hinge = {"name": "hinge", "margin": 2.0, "package": "toypack==1.0"}
    config = RunConfig(**with_stand_ins({"loss": {"name": "mixed", "weight": 0.3, "loss": hinge}}))
    assert json.loads(config.to_json())["loss"]["loss"] == hinge and packages(config) == {"toypack==1.0"}
    assert has_stand_ins(config) and "loss hinge" in type(config.loss).changed_hyperparameters(dict(config.loss))
    with pytest.raises(ConfigError, match=f"^loss.loss hinge was made with toypack 1.0, {MISSING}$"):
        require_installed(config)
