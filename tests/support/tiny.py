"""A run small enough for every test: 16 steps per epoch, two epochs, 12 probes."""

from __future__ import annotations

TINY = {
    "dataset": {"name": "gaussian-noise", "size": 8, "train_examples": 256, "test_examples": 60, "classes": 3},
    "model": {"name": "mlp", "depth": 2, "width": 16},
    "optimizer": {"name": "sgd", "learning_rate": 0.05},
    "batch_size": 16,
    "epochs": 2,
    "probes": {"size": 60, "count": 12},
}


TWO_BY_TWO = {"loss": ["cross-entropy", {"name": "gce", "q": 0.7}], "seed": [0, 1]}
