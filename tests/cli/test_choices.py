"""Lists of what a configuration can name, the ensembles of `initialize`, the page of a run, and completion."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from igbviz.cli import main, make_parser
from igbviz.cli.choices import CHOICES
from igbviz.cli.completion import bash, commands_of
from igbviz.cli.initialize import read_ensemble
from igbviz.cli.tables import table
from igbviz.config import PRESETS, RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.runs.files import ADDRESS
from igbviz.runs.submit import submit
from igbviz.spec import ConfigError
from igbviz.studies.regimes import REGIMES
from tests.support.stored_ensembles import SMALL, drawn


@pytest.mark.parametrize("kind", CHOICES)
def test_every_choice_has_a_line(kind: str, capsys: pytest.CaptureFixture) -> None:
    assert main([kind]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == list(CHOICES[kind][0])
    assert main([kind, "--json"]) == 0
    values = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert [value["name"] for value in values] == names and all(value["title"] for value in values)
    for name in (names[0], names[-1]):
        assert main([kind, name]) == 0
        first = capsys.readouterr().out.partition("\n")[0]
        assert first.partition(": ")[0] == name and first != f"{name}: {name}"


def test_presets_and_fields_in_json(capsys: pytest.CaptureFixture) -> None:
    main(["presets", "first-look", "--json"])
    (preset,) = json.loads(capsys.readouterr().out)
    assert RunConfig(**preset["config"]) == PRESETS["first-look"].config
    main(["losses", "gce", "--json"])
    (loss,) = json.loads(capsys.readouterr().out)
    (field,) = loss["fields"]
    assert field["name"] == "q" and field["default"] == 0.7 and field["allowed"] == "a number above 0 and at most 1"


def test_a_choice_that_is_none_is_one_sentence(capsys: pytest.CaptureFixture) -> None:
    assert main(["losses", "blury"]) == 2
    assert "losses have no 'blury', allowed: one of cross-entropy, " in (error := capsys.readouterr().err)
    assert "did you mean 'blurry'" in error and error.count("\n") == 1


def test_an_ensemble_from_changes_or_a_file(tmp_path: Path) -> None:
    config = EnsembleConfig(**SMALL)
    (tmp_path / "e.json").write_text(config.to_json())
    assert read_ensemble([]) == EnsembleConfig()
    assert read_ensemble([str(tmp_path / "e.json"), "networks=9"]) == config.with_(networks=9)
    assert read_ensemble(["model.depth=10", "dataset.name=fashion-mini"]).model.depth == 10
    with pytest.raises(ConfigError, match="networks is 1, allowed"):
        read_ensemble(["networks=1"])


def test_the_regimes_are_drawn_by_one_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["initialize", "--regimes", "--dry-run", "--cache", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1].rstrip(":") for line in lines] == [config.id for config in REGIMES.values()]
    assert main(["initialize", "networks=3", "--regimes", "--cache", str(tmp_path)]) != 0
    assert "networks=3, allowed: none beside --regimes" in capsys.readouterr().err


def test_initialize_submits_and_shows(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = drawn(EnsembleConfig(**SMALL), tmp_path)
    (tmp_path / "e.json").write_text(run.config.to_json())
    assert main(["initialize", str(tmp_path / "e.json"), "--cache", str(tmp_path)]) == 0
    output, ensemble = capsys.readouterr().out, run.ensemble()
    assert output.startswith(f"run {run.id}\n") and table(run) in output
    header, *lines = table(run).splitlines()[: ensemble.classes + 1]
    assert header.split() == ["class", "mean", "G", "sd", "of", "G", "max", "G", "favoured", "by"]
    guesses = ensemble.guess_fraction()
    for index, line in enumerate(lines):
        numbers = [float(cell) for cell in line.split()[1:4]]
        assert numbers == pytest.approx(
            [guesses[:, index].mean(), guesses[:, index].std(), guesses[:, index].max()], abs=6e-4
        )
    for name in ("variance", "cosine", "guesses"):
        value, error = ensemble.gamma(name)
        assert f"gamma from {name:8}  {value:.3g} ± {error:.2g}" in output


def test_one_network_has_no_error_of_gamma(tmp_path: Path) -> None:
    assert "gamma from" not in table(drawn(EnsembleConfig(**SMALL), tmp_path, networks=1))


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/_stcore/health" else 404)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


def test_open_finds_the_app_that_noted_its_address(
    tmp_path: Path, tiny: RunConfig, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, opened = submit(tiny, tmp_path), []
    monkeypatch.setattr(webbrowser, "open", lambda address: not opened.append(address))
    words = ["open", "last", "--cache", str(tmp_path)]
    assert main(words) == 2 and "no app is running with this cache" in capsys.readouterr().err
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        app = f"http://localhost:{server.server_port}"
        (tmp_path / ADDRESS).write_text(f"{app}\n")
        assert main(words) == main([*words, "--port", str(server.server_port)]) == 0
        server.shutdown()
    assert opened == [f"{app}/Train?run={run.id}"] * 2 == capsys.readouterr().out.split()
    assert main(words) == 2, "it is no longer running"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("igbviz in", ["initialize", "initializations"]),
        ("igbviz train first-look-p", ["first-look-piecewise-zero"]),
        ("igbviz runs --state d", ["done", "diverged"]),
        ("igbviz show gaussian-noise-r", ["gaussian-noise-run"]),
        ("igbviz show fashion-mini-mlp-piecewise-zero-s0", [PRESETS["first-look-piecewise-zero"].config.id]),
        ("igbviz losses gc", ["gce"]),
        ("igbviz delete --y", ["--yes"]),
    ],
)
def test_completion_in_bash(line: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "runs" / "gaussian-noise-run").mkdir(parents=True)
    script = f"""{bash(list(commands_of(make_parser())))}
COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _igbviz; printf '%s\\n' "${{COMPREPLY[@]}}" """
    environment = {"IGBVIZ_CACHE": str(tmp_path), "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=30)
    assert not ended.stderr and sorted(ended.stdout.split()) == sorted(expected)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_are_read_by_their_shells(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "first-look" in script and "--json" in script.replace("-l json", "--json")
    if shutil.which(shell):
        (tmp_path / "script").write_text(script)
        checked = subprocess.run([shell, "-n", str(tmp_path / "script")], capture_output=True, text=True, timeout=30)
        assert checked.returncode == 0 and not checked.stderr
