"""pyproject.toml agrees with requirements.txt, and `igbviz app` with the settings of the app."""

from __future__ import annotations

import os
import re
import sys
import tomllib

import pytest
from packaging.requirements import Requirement

from igbviz.cli import app, main
from tests.support import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text().split())


def ranges(lines: list[str]) -> dict[str, Requirement]:
    return {(requirement := Requirement(line)).name: requirement for line in lines}


def test_the_tests_run_with_versions_that_are_allowed() -> None:
    needed, tests = ranges(PROJECT["dependencies"]), ranges(PROJECT["optional-dependencies"]["test"])
    assert needed.keys() | tests.keys() == PINS.keys() | {"pyarrow"}  # which Streamlit needs, too
    for name, requirement in (needed | tests).items():
        assert len(requirement.specifier) >= 1 and "==" not in str(requirement.specifier)
        if name in PINS:
            assert requirement.specifier.contains(PINS[name]), f"{name} {PINS[name]}"


def test_the_app_has_its_own_settings_in_any_folder(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    executed = []
    monkeypatch.setattr(os, "execv", lambda path, command: executed.extend(command))
    monkeypatch.setenv("IGBVIZ_CACHE", "")
    monkeypatch.chdir(tmp_path)
    main(["app", "--cache", "runs here", "--server.port", "8502", "--server.headless=true"])
    assert executed[:4] == [sys.executable, "-m", "streamlit", "run"] and executed[4] == str(ROOT / "app.py")
    assert executed[-3:] == ["--server.port", "8502", "--server.headless=true"], "so that they count"
    assert os.environ["IGBVIZ_CACHE"] == str(tmp_path / "runs here")
    settings = app.settings()
    assert set(settings) < set(executed)
    assert {"--server.address=127.0.0.1", "--browser.gatherUsageStats=false"} < set(settings)
    written = re.findall(r"^\w+ = ", (ROOT / ".streamlit" / "config.toml").read_text(), re.M)
    assert len(settings) == len(written)
