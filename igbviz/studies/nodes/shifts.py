"""Drawn networks with shifted activations: the mean of a node over the data, and gamma, to set beside the theory.

`python -m igbviz.studies.nodes` draws them and writes shifts.json; a finished setting is not drawn again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from igbviz.ensembles import Ensemble, EnsembleConfig
from igbviz.runs.files import write_text
from igbviz.studies.provenance import this_machine

Of = Literal["offset", "shift"]
DATA = Path(__file__).with_suffix(".json")
BASE = EnsembleConfig(
    dataset={"name": "gaussian-noise", "train_examples": 1000},
    model={"name": "mlp", "depth": 10},
    networks=20,
)
NETWORKS_OF_MEAN = 4  # the mean of a node is the same in all, as far as the inputs allow
AMOUNTS: Mapping[Of, Mapping[str, tuple[float, ...]]] = {
    "offset": {
        "relu": (-0.5, 0.0, 0.3, 0.5641895835, 0.8),
        "tanh": (-0.6, -0.3, 0.0, 0.3, 0.6),
        "gelu": (-0.5, 0.0, 0.46, 0.8),
        "abs": (0.4, 0.8, 1.1283791671, 1.5),
    },
    "shift": {
        "relu": (-1.5, -0.5, 0.0, 0.5, 1.0),
        "tanh": (-1.5, -0.5, 0.0, 0.5, 1.5),
        "gelu": (-1.0, 0.0, 1.0, 1.7945116081),
        "abs": (-1.0, 0.0, 1.0),
    },
}


@dataclass(frozen=True)
class Measured:
    """One ensemble: `mean` over the data of a node of the first hidden layer, averaged over nodes, and its standard
    deviation over nodes; gamma of the next layer and of the logits, each with its standard error."""

    activation: str
    of: Of
    amount: float
    run: str
    mean: float
    deviation: float
    gamma: tuple[float, float]
    logit_gamma: tuple[float, float]

    @property
    def key(self) -> tuple[Of, str, float]:
        return self.of, self.activation, self.amount


def configs() -> dict[tuple[Of, str, float], EnsembleConfig]:
    """Every setting and its ensemble."""
    return {
        (of, activation, amount): BASE.with_(model=BASE.model.with_(activation=activation, **{of: amount}))
        for of, by_activation in AMOUNTS.items()
        for activation, amounts in by_activation.items()
        for amount in amounts
    }


@cache
def read(path: Path = DATA) -> tuple[Measured, ...]:
    """The measurements, as far as there are any."""
    if not path.exists():
        return ()
    rows = json.loads(path.read_text(encoding="utf-8"))["measured"]
    pairs = ("gamma", "logit_gamma")
    return tuple(Measured(**row | {name: tuple(row[name]) for name in pairs}) for row in rows)


def conditions(path: Path = DATA) -> dict[str, Any]:
    """Where the measurements come from: date, versions, device, and the number of networks and inputs."""
    return {key: value for key, value in json.loads(path.read_text(encoding="utf-8")).items() if key != "measured"}


def measure(rows: Iterable[Measured] = ()) -> Iterator[Measured]:
    """The settings that are not among these rows yet."""
    finished = {row.key for row in rows}
    for (of, activation, amount), config in configs().items():
        if (of, activation, amount) not in finished:
            yield _measured(of, activation, amount, config)


def write(rows: Iterable[Measured], path: Path = DATA) -> None:
    facts = this_machine() | {"networks": BASE.networks, "inputs": BASE.inputs, "depth": BASE.model.depth}
    facts |= {"width": BASE.model.width, "initialization": BASE.initialization.name}
    lines = ",\n".join(json.dumps(asdict(row)) for row in rows)
    write_text(path, f'{json.dumps(facts)[:-1]}, "measured": [\n{lines}\n]}}\n')
    read.cache_clear()


def _measured(of: Of, activation: str, amount: float, config: EnsembleConfig) -> Measured:
    import numpy as np
    import torch

    from igbviz.ensembles.networks import StackedNetworks

    sampler = StackedNetworks(config, torch.device("cpu"))
    records = np.concatenate(list(sampler.record_batches()))
    (_, gamma, *_, logit_gamma) = Ensemble.of(records).gamma_by_depth()
    sampler.stack.draw(config.initialization, sampler.seeds(range(NETWORKS_OF_MEAN)))
    first: list[torch.Tensor] = []

    def observe(outputs: torch.Tensor) -> None:
        if not first:
            first.append(sampler.stack.activation(outputs.clone()).mean(1).double())

    with torch.no_grad():
        sampler.stack(sampler.images, observe)
    return Measured(
        activation, of, amount, config.id, *(round(float(value), 6) for value in (first[0].mean(), first[0].std())),
        *(tuple(round(float(value), 6) for value in pair) for pair in (gamma, logit_gamma)),
    )  # fmt: skip
