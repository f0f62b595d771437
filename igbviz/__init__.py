"""igbviz: see how an untrained classifier's initial guessing bias (IGB) is lost or kept in training.

    import igbviz
    config = igbviz.RunConfig(loss={"name": "piecewise-zero", "cutoff": 0.1})
    for snapshot in igbviz.train(config): ...      # in this process, as a stream
    run = igbviz.submit(config)                    # in the background, stored in cache/

Names are imported on first use, so that configuring a run or reading a trajectory does not wait for torch.
"""

import os
import sys
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# OpenMP threads spin by default while they wait for each other. As soon as another process needs one of the cores (a
# browser, a second run), that is four to twenty times slower. Threads that sleep at once take 1.5 times as long on an
# idle machine. So they spin for about ten microseconds and then sleep, unless the environment says otherwise. This must
# be set before torch is imported.
if (
    "OMP_WAIT_POLICY" not in os.environ
):  # in libgomp GOMP_SPINCOUNT overrides the wait policy, so check the policy first
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# cuBLAS is bitwise reproducible only with a fixed workspace. It reads the variable at its first matrix product.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

# The module that defines each public name.
_MODULE_OF = {
    "ConfigError": "igbviz.spec",
    "DataError": "igbviz.datasets",
    "Diverged": "igbviz.training.loop",
    "Ensemble": "igbviz.ensembles",
    "EnsembleConfig": "igbviz.ensembles",
    "Group": "igbviz.runs.sweeps",
    "LightningProbe": "igbviz.recording.adapters.lightning",
    "PRESETS": "igbviz.config",
    "Probe": "igbviz.recording.probe",
    "RecordedConfig": "igbviz.config",
    "Run": "igbviz.runs.run",
    "RunConfig": "igbviz.config",
    "SkorchProbe": "igbviz.recording.adapters.skorch",
    "Sweep": "igbviz.runs.sweep_config",
    "TrainerProbe": "igbviz.recording.adapters.huggingface",
    "Trajectory": "igbviz.trajectory",
    "initialize": "igbviz.ensembles",
    "list_groups": "igbviz.runs.sweeps",
    "list_runs": "igbviz.runs.listing",
    "submit": "igbviz.runs.submit",
    "submit_sweep": "igbviz.runs.sweeps",
    "train": "igbviz.training.loop",
    "untrained": "igbviz.recording.untrained",
    "watch": "igbviz.notebook.watching",
}
_PUBLIC_MODULES = {
    "charts": "igbviz.charts",
    "config": "igbviz.config",
    "datasets": "igbviz.datasets",
    "ensembles": "igbviz.ensembles",
    "initializations": "igbviz.models.initializations",
    "losses": "igbviz.losses",
    "models": "igbviz.models",
    "optimizers": "igbviz.config.optimizers",
    "plugins": "igbviz.plugins",
    "presets": "igbviz.config.presets",
    "runs": "igbviz.runs",
    "schedules": "igbviz.config.schedules",
    "theory": "igbviz.theory",
    "training": "igbviz.training",
    "trajectory": "igbviz.trajectory",
}

__all__ = sorted([*_MODULE_OF, *_PUBLIC_MODULES])


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(_MODULE_OF[name]), name)
    if name in _PUBLIC_MODULES:
        return import_module(_PUBLIC_MODULES[name])
    raise AttributeError(f"module 'igbviz' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


if shell := getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)():  # a notebook: values show themselves
    import_module("igbviz.notebook.reprs").register(shell)
