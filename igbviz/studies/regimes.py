"""Neutral, weakly and deeply prejudiced: three ensembles of one kind of network that stand side by side.

All are fully connected, 256 nodes wide, on the same noise with two classes. The first two differ from the third in one
thing each: the activation, or the depth. The program ships them as runs, with their gradients layer by layer.
`python -m igbviz initialize --regimes` draws them, and goes on where it was stopped; where the shipped runs are hidden,
by IGBVIZ_GALLERY=none, it draws them anew.
"""

from __future__ import annotations

from pathlib import Path

from igbviz.ensembles import EnsembleConfig
from igbviz.runs import shipped
from igbviz.runs.run import Run

TITLE = "Neutral to deeply prejudiced"
_BASE = EnsembleConfig(
    dataset={"name": "gaussian-noise", "classes": 2, "train_examples": 1000}, networks=100, gradients=True
)
REGIMES: dict[str, EnsembleConfig] = {
    "tanh, 20 layers": _BASE.with_(model={"name": "mlp", "depth": 20, "activation": "tanh"}),
    "ReLU, 3 layers": _BASE.with_(model={"name": "mlp", "depth": 3}),
    "ReLU, 20 layers": _BASE.with_(model={"name": "mlp", "depth": 20}),
}
CONDITIONS = (
    f"Fully connected networks, 256 nodes wide, He normal, zero biases; {_BASE.networks} networks on {_BASE.inputs:,} "
    "images of Gaussian noise with two classes, seed 0."
)


def read(cache: Path) -> dict[str, Run]:
    """The shipped ensembles by name, as far as they are there."""
    runs = {name: shipped.shipped_run(config, cache) for name, config in REGIMES.items()}
    return {name: run for name, run in runs.items() if run is not None}
