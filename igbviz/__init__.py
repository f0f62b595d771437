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
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:  # the same once more, for completion and type checkers: `as` makes a name public to them
    from igbviz import charts as charts
    from igbviz import config as config
    from igbviz import datasets as datasets
    from igbviz import ensembles as ensembles
    from igbviz import losses as losses
    from igbviz import models as models
    from igbviz import plugins as plugins
    from igbviz import runs as runs
    from igbviz import theory as theory
    from igbviz import training as training
    from igbviz import trajectory as trajectory
    from igbviz.config import PRESETS as PRESETS
    from igbviz.config import RecordedConfig as RecordedConfig
    from igbviz.config import RunConfig as RunConfig
    from igbviz.config import optimizers as optimizers
    from igbviz.config import presets as presets
    from igbviz.config import schedules as schedules
    from igbviz.datasets import DataError as DataError
    from igbviz.ensembles import Ensemble as Ensemble
    from igbviz.ensembles import EnsembleConfig as EnsembleConfig
    from igbviz.ensembles import initialize as initialize
    from igbviz.models import initializations as initializations
    from igbviz.notebook.watching import watch as watch
    from igbviz.recording.adapters.huggingface import TrainerProbe as TrainerProbe
    from igbviz.recording.adapters.lightning import LightningProbe as LightningProbe
    from igbviz.recording.adapters.skorch import SkorchProbe as SkorchProbe
    from igbviz.recording.probe import Probe as Probe
    from igbviz.recording.untrained import untrained as untrained
    from igbviz.runs.listing import list_runs as list_runs
    from igbviz.runs.run import Run as Run
    from igbviz.runs.submit import submit as submit
    from igbviz.runs.sweep_config import Sweep as Sweep
    from igbviz.runs.sweeps import Group as Group
    from igbviz.runs.sweeps import list_groups as list_groups
    from igbviz.runs.sweeps import submit_sweep as submit_sweep
    from igbviz.spec import ConfigError as ConfigError
    from igbviz.training.loop import Diverged as Diverged
    from igbviz.training.loop import train as train
    from igbviz.trajectory import Trajectory as Trajectory
else:

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
