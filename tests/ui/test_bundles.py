"""The export button asks before it carries pictures of somebody's own images."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.config import RunConfig
from igbviz.ui import bundles
from tests.support.stored_runs import finished


def the_button(path: str) -> None:
    from pathlib import Path

    from igbviz.runs.run import Run
    from igbviz.ui import bundles

    bundles.export_button([Run(Path(path))])


def test_thumbnails_are_exported_only_if_that_is_ticked(
    tiny: RunConfig, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(tiny, own_cache)
    test = AppTest.from_function(the_button, args=(str(run.path),), default_timeout=30)
    assert not test.run().checkbox, "there is nothing to ask"
    monkeypatch.setattr(type(tiny.dataset), "is_private", True)
    (box,) = test.run().checkbox
    assert not box.value and "can see them" in box.help and not test.exception
    without, with_them = (len(bundles.bundle([run], ticked).getvalue()) for ticked in (False, True))
    assert without < with_them
