"""Every public chart of `igbviz.charts` with what it draws: runs on disk, an ensemble, and losses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from igbviz.ensembles import Ensemble, EnsembleConfig
from igbviz.ensembles.predictions import predicted_gamma
from igbviz.runs.files import write_json
from igbviz.runs.run import Run
from igbviz.runs.sweeps import Group
from igbviz.studies.dynamics import BASE, over_plane
from igbviz.studies.dynamics import plane as plane_of
from igbviz.trajectory import Trajectory
from tests.support.noisy_runs import sweep_of_three
from tests.support.short_trainings import member
from tests.support.stored_ensembles import SMALL, drawn
from tests.support.stored_runs import BASE as PLAIN
from tests.support.stored_runs import family, stored
from tests.support.trajectories import trajectory

NAMES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]

# The charts of one run, of an ensemble and of several runs, which take them in every form; the others take names.
OF_A_RUN = ("curves", "bars", "wrong_labels")
OF_AN_ENSEMBLE = ("every_network", "guesses", "gamma_by_depth", "outputs", "class_probabilities")
OF_RUNS = ("alive", "lasting_bias", "compare", "overlay", "escapes", "roles", "untrained_by_rank", "group_means",
           "result_against_start", "losses_over_time", "trade_off")  # fmt: skip


@dataclass
class Made:
    """A run with wrong labels, an ensemble, and two times nine runs, plain ones and those of a noisy sweep."""

    run: Run
    ensemble: Run
    runs: list[Run]
    noisy: list[Run]
    group: Group  # of the noisy runs

    @classmethod
    def in_(cls, cache: Path) -> Made:
        config = PLAIN.with_(epochs=20, label_noise={"name": "symmetric", "rate": 0.4}, seed=9)
        shown = trajectory(300, last_step=20_000, noisy=True)
        sweep, noisy = sweep_of_three(cache)
        group = Group(cache / "sweeps" / sweep.id)
        group.path.mkdir(parents=True)
        expected = {run.id: 1.0 for run in noisy}
        write_json(
            group.path / "sweep.json", {"sweep": sweep.model_dump(mode="json"), "expected": expected, "submitted": 0}
        )
        run = stored(config, cache, shown, names=NAMES)
        return cls(run, drawn(EnsembleConfig(**SMALL, gradients=True), cache), family(cache), noisy, group)

    def several(self, name: str) -> list[Run]:
        """The runs that this chart of several runs is for."""
        return self.noisy if name in ("losses_over_time", "trade_off") else self.runs


def forms_of_a_run(run: Run) -> dict[str, Run | Trajectory | list[np.void] | np.ndarray]:
    probes = run.trajectory()
    return {"a Run": run, "a Trajectory": probes, "a list": list(probes.records), "an array": probes.records}


def forms_of_an_ensemble(run: Run) -> dict[str, Run | Ensemble | list[np.void]]:
    networks = run.ensemble()
    return {"a Run": run, "an Ensemble": networks, "a list": list(networks.records)}


def arguments_of(made: Made) -> dict[str, tuple[Any, ...]]:
    """What each public chart is drawn from."""
    sweep = over_plane(BASE, 4, 3)
    short = [member(config, 0.5, 0.1 + 0.07 * place) for place, config in enumerate(sweep.configs())]
    return {
        **dict.fromkeys(OF_A_RUN, (made.run,)),
        **dict.fromkeys(OF_AN_ENSEMBLE, (made.ensemble,)),
        **{name: (made.several(name),) for name in OF_RUNS},
        "confusion_difference": (made.runs[0], made.runs[1]),
        "first_epoch": ({"one": made.runs[0], "two": made.runs[1].trajectory()},),
        "who_steers": (made.run, ["cross-entropy", "blurry"]),
        "architectures": ({"a run": made.ensemble, "its networks": made.ensemble.ensemble()},),
        "centres": (made.ensemble, 1),
        "gradients": (made.ensemble,),
        "regimes": ({"a run": made.ensemble, "its networks": made.ensemble.ensemble()},),
        "by_architecture": (),
        "gamma_by_depth": (made.ensemble, predicted_gamma(made.ensemble.config)),
        "result_against_start": (made.runs, "balanced_accuracy", 100),
        "trainability": (plane_of(sweep, short, "balanced_accuracy"), "tanh", "balanced_accuracy", 100),
        "shifted_activation": ("tanh", "shift", 0.5),
        "gamma_against_mean": ("relu", "offset", 0.5641895835),
        "hidden_nodes": (["neutral", "prejudiced"],),
        "imbalance_map": (),
        "escape_of_losses": (),
        "escape_against_force": (),
        "loss_curves": (["cross-entropy", "mae", {"name": "gce", "q": 0.5}],),
        "over_lead": (["cross-entropy", "mae", "blurry"],),
        "phase_map": ("tanh", "gamma_star", 4.0, 0.5, (1.76, 0.05)),
        "correlation_against_gamma": (),
        "accuracy_against_gamma": (),
        "by_depth": ("tanh", 1.76, 0.05, 30),
    }
