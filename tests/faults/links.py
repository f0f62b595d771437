"""Links: addresses of every page with queries that nobody would type, on a cache with runs of every kind."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from igbviz.config import PRESETS, RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.losses import LOSSES
from igbviz.runs import queue
from igbviz.runs.submit import submit_all
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import submit_sweep
from tests.faults.inputs import JSON, SCALARS, changed, examine
from tests.faults.registry import Case, Hung, fault
from tests.support import ROOT
from tests.support.pages import PAGES, page
from tests.support.stored_runs import finished
from tests.support.tiny import TINY

FORMS = [preset.config.canonical() for preset in PRESETS.values()] + [EnsembleConfig().model_dump(mode="json"), {}]
# What the pages read from their address, with words that some of them know.
KEYS = ["run", "runs", "sweep", "tab", "quantity", "collapse", "unit", "rows", "view", "form", "at", "curve", "axis",
        "zones", "losses", "class", "step", "lesson", "presenter", "network", "preset", "loss", "knobs", "changes",
        "activation", "color", "sigma_w2", "sigma_b2", "layers", "set", "with", "seed", "seeds", "setting", "chart",
        "group", "filter", "find", "sort", "custom.formula", "gce.q", "blurry.gamma", "q", "a.b", ""]  # fmt: skip
WORDS = ["grid", "table", "escape", "weight", "value", "slope", "log", "linear", "1", "2", "relu", "tanh", "quick",
         "full", "figures", "plane", "starts", "noise", "imbalance", "no", "epoch", "first-look", "default", "mae",
         "nce", *list(LOSSES)[:5], *list(PRESETS)[:3]]  # fmt: skip


@cache
def _runs(folder: Path) -> list[str]:
    """The names of a finished, a queued and an untrained run, of a sweep, and of none, in the cache of the pages."""
    queue.ensure_worker = lambda *_, **__: None
    os.environ["IGBVIZ_CACHE"] = str(folder)
    os.chdir(ROOT)
    tiny = RunConfig(**TINY)
    runs = [finished(tiny, folder), *submit_all([tiny.with_(seed=1), EnsembleConfig()], folder)]
    sweep = submit_sweep(Sweep(base=TINY, axes={"seed": [2, 3]}), folder)
    return [*(run.id for run in runs), sweep.id, "no-such-run", ",".join(run.id for run in runs)]


@fault("links", "links to every page with odd queries", seconds=300)
def links(case: Case) -> None:
    names = _runs(case.folder.parent / "links")
    text = st.one_of(
        st.sampled_from(names),
        st.sampled_from(WORDS),
        SCALARS.map(str),
        JSON.map(json.dumps),
        changed(FORMS).map(json.dumps),
        changed(FORMS).map(lambda value: json.dumps({"model.depth": value})),
    )
    queries = st.dictionaries(st.sampled_from(KEYS), text, min_size=1, max_size=5)

    def check(given: tuple[Path, dict[str, Any]]) -> None:
        path, query = given
        # The bytes of an address are UTF-8, so no half of a surrogate pair arrives in a page.
        query = {key: value.encode(errors="replace").decode() for key, value in query.items()}
        try:
            page(path, **query)
        except RuntimeError as error:
            if "timed out" in str(error):
                raise Hung(f"{path.name}: {error}") from error
            raise

    examine(case, st.tuples(st.sampled_from(PAGES), queries), check, 15)
