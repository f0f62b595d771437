"""igbviz: watch a network lose (or keep) its first prejudice.

    import igbviz
    config = igbviz.RunConfig(loss={"name": "piecewise-zero", "cutoff": 0.1})
    for snapshot in igbviz.train(config): ...      # here and now, as a stream
    run = igbviz.submit(config)                    # in the background, kept in cache/

Names are imported when first used, so that describing a run or reading a trajectory never waits for torch.
"""

import os
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Threads that wait for each other by spinning, as OpenMP's do by default, are four to twenty times slower as soon as
# anything else wants one of the cores: a browser that draws, a second run. Those that sleep at once take half as long
# again when nothing does. So they spin for some ten microseconds, and then sleep, unless somebody asks for something
# else. Has to be said before torch is imported.
if (
    "OMP_WAIT_POLICY" not in os.environ
):  # which says less to libgomp than the number of spins, and would be overruled by it
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# Without it cuBLAS does not promise the same bits every time on a GPU. It is read when the first product is made there.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

# Where each public name lives.
_HOMES = {
    "ConfigError": "igbviz.spec",
    "DataError": "igbviz.datasets",
    "Diverged": "igbviz.training.loop",
    "Ensemble": "igbviz.ensembles",
    "EnsembleConfig": "igbviz.ensembles",
    "Group": "igbviz.runs.sweeps",
    "PRESETS": "igbviz.config",
    "Run": "igbviz.runs.run",
    "RunConfig": "igbviz.config",
    "Sweep": "igbviz.runs.sweep_config",
    "Trajectory": "igbviz.trajectory",
    "initialize": "igbviz.ensembles",
    "list_groups": "igbviz.runs.sweeps",
    "list_runs": "igbviz.runs.listing",
    "submit": "igbviz.runs.submit",
    "submit_sweep": "igbviz.runs.sweeps",
    "train": "igbviz.training.loop",
}
_MODULES = {
    "charts": "igbviz.charts",
    "config": "igbviz.config",
    "datasets": "igbviz.datasets",
    "ensembles": "igbviz.ensembles",
    "initializations": "igbviz.models.initializations",
    "losses": "igbviz.losses",
    "models": "igbviz.models",
    "optimizers": "igbviz.config.optimizers",
    "presets": "igbviz.config.presets",
    "runs": "igbviz.runs",
    "schedules": "igbviz.config.schedules",
    "theory": "igbviz.theory",
    "training": "igbviz.training",
    "trajectory": "igbviz.trajectory",
}

__all__ = sorted([*_HOMES, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _MODULES:
        return import_module(_MODULES[name])
    raise AttributeError(f"module 'igbviz' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
