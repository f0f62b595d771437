"""igbviz: see how an untrained classifier's initial guessing bias (IGB) is lost or kept in training.

>>> run = igbviz.submit("first-look")  # trained in the background; this one ships with the program, so it is there
>>> figure = igbviz.charts.curves(run)
>>> igbviz.Trajectory.of(igbviz.train({"epochs": 0.01})).accuracy().shape  # in this process, without a file
(4, 10)

`help(igbviz.train)` and so on say more. Their examples can be pasted after `import igbviz, torch` and
`import numpy as np`.

Train
    RunConfig, PRESETS           what determines a run, with defaults; configurations by name
    losses, models, datasets     its parts, each with its hyperparameters, formula and source
    initializations, optimizers, schedules, presets, config    the other parts
    train                        train in this process: a stream of snapshots
    submit                       train in the background: a `Run`, stored
    Sweep, submit_sweep          a grid of runs, as one `Group`

Watch and read
    watch                        the live stage of a run in a notebook
    Trajectory                   all probes of a run as arrays
    trajectory, training         the modules behind them

Your own model
    train(config, model=, data=, loss=)                        your own parts in the loop of igbviz
    Probe                                                      two lines in your own loop
    LightningProbe, TrainerProbe, SkorchProbe                  callbacks of Lightning, transformers and skorch
    RecordedConfig                                             what a run that was recorded says of itself
    plugins                                                    losses, networks and data sets of installed packages

Untrained networks
    untrained                    many networks of your own architecture
    EnsembleConfig, initialize   many networks of a configuration, which `submit` takes, too
    Ensemble, ensembles          what they guess, gamma with its standard error, and a verdict

Theory and charts
    theory                       guess fractions and signal propagation of wide networks, in numpy
    charts                       plotly Figures of runs, ensembles, losses and theory

Runs on disk
    list_runs, list_groups       everything in the cache
    Run, Group, runs             read, wait for, stop, resume or delete it

When something is wrong
    ConfigError                  an invalid choice: field, value, what is allowed
    DataError, Diverged          data that cannot be loaded; a training that became infinite or NaN

Command line and app
    igbviz --help                train, initialize, sweep, list, show, export, import and more, in a shell
    igbviz app                   the app in the browser

What to know first
    1. An untrained network gives one class most of its guesses: this initial guessing bias (IGB) comes from its
       architecture, its weights and the scaling of its inputs, not from labels (arXiv 2306.00809).
    2. Init. is step 0, the network before its first update, and the first probe of every run.
    3. A probe evaluates the network on a fixed set of test images and changes nothing; it is one record of a
       trajectory, and most probes are early, evenly spaced in log time.
    4. p̄_k is the mean probability of class k over the images of class k: how sure the network is of what is right.
    5. The favoured class has the highest mean probability over all images at Init.; charts draw it thick.
    6. An image is silent, or has zero gradient, if its gradient is under 1 % of that of cross-entropy: the loss ignores
       it, so a class of silent images is not learned.
    7. A run escapes at the step from which its guesses stay even (an entropy of at least 0.8 ln K for K classes); one
       that never does has kept a bias.
    8. gamma is the variance of the logits' centres over networks in units of their variance over inputs: 0 without
       bias, infinite if a network gives all inputs the same guess.
    9. BatchNorm in mode "eval" normalizes by running statistics, which do nothing before training; in mode "batch" by
       those of the images, and the same network is far less biased.
    10. A run is a folder in the cache (IGBVIZ_CACHE names another one), and the folder is the truth: equal
       configurations are one run, and a copied folder is the whole run.

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


if _shell := getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)():  # a notebook: values show themselves
    import_module("igbviz.notebook.reprs").register(_shell)
