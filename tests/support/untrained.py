"""Small ensembles of untrained networks."""

from __future__ import annotations

from igbviz.ensembles import Ensemble, EnsembleConfig, initialize

NOISE = {"name": "gaussian-noise", "size": 8, "train_examples": 600, "test_examples": 300, "classes": 4}


SMALL = {"dataset": NOISE, "model": {"name": "mlp", "depth": 2, "width": 12}, "networks": 5, "inputs": 60}


ESTIMATORS = ("variance", "cosine", "guesses")


def ensemble(**changes: object) -> Ensemble:
    return Ensemble.of(initialize(EnsembleConfig(**SMALL | changes), "cpu"))
