"""Hidden nodes of a neutral and of a prejudiced network: how their pre-activations are spread over the inputs.

`python -m igbviz.studies.nodes` draws one network of each kind and writes hidden.json.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from igbviz.ensembles import EnsembleConfig
from igbviz.runs.files import write_text
from igbviz.studies.provenance import this_machine

DATA = Path(__file__).with_suffix(".json")
NODES = 12  # shown of each network: the first ones, since no node differs from another before its weights are drawn
EDGES = np.linspace(-4, 4, 65)  # of the histograms, in units of the layer's root mean square
_NOISE = {"name": "gaussian-noise", "train_examples": 1000}
# Weights of a network depend on its seed alone, so all three have the same ones, up to one factor.
KEPT = 2 * np.pi / (np.pi - 1)  # the weight variance at which lowered ReLUs keep the size of their signals
NETWORKS: dict[str, tuple[str, EnsembleConfig]] = {
    "neutral": ("tanh", EnsembleConfig(dataset=_NOISE, model={"name": "mlp", "depth": 10, "activation": "tanh"})),
    "prejudiced": ("ReLU", EnsembleConfig(dataset=_NOISE, model={"name": "mlp", "depth": 10})),
    "lowered": (
        "lowered ReLU",
        EnsembleConfig(
            dataset=_NOISE,
            model={"name": "mlp", "depth": 10, "offset": round(float(np.sqrt(KEPT / (2 * np.pi))), 6)},
            initialization={"name": "gaussian", "sigma_w2": round(float(KEPT), 6), "sigma_b2": 0.0},
        ),
    ),
}


@dataclass(frozen=True)
class Layer:
    """The last hidden layer of one network. `mean` and `spread` over the inputs are of the nodes shown, as `counts`
    (nodes, bins) are; units are those of the layer's root mean square over inputs and nodes."""

    title: str
    run: str
    nodes: int  # of the layer
    inputs: int
    favoured: float  # the largest guess fraction of the network
    between: float  # root mean square over all nodes of their means, which theory expects around 0
    within: float  # root mean square over all nodes of their spreads
    one_sided: float  # fraction of all nodes that have one sign for at least 95 % of the inputs
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def gamma(self) -> float:
        """gamma of this layer in this network, free of the sampling error of the means."""
        return self.between**2 / self.within**2 - 1 / self.inputs


@cache
def read(path: Path = DATA) -> dict[str, Layer]:
    """The networks by the keys of NETWORKS."""
    stored = json.loads(path.read_text(encoding="utf-8"))["networks"]
    return {
        name: Layer(**{key: _frozen(value) for key, value in layer.items()})
        for name, layer in stored.items()
    }  # fmt: skip


def measure(name: str) -> Layer:
    """Draw the first network of this ensemble and measure the nodes of its last hidden layer."""
    import torch

    from igbviz.ensembles.networks import StackedNetworks

    title, config = NETWORKS[name]
    sampler = StackedNetworks(config, torch.device("cpu"))
    sampler.stack.draw(config.initialization, sampler.seeds(range(1)))
    outputs: list[torch.Tensor] = []
    with torch.no_grad():
        logits = sampler.stack(sampler.images, lambda layer: outputs.append(layer[0].double().clone()))[0]
    values = outputs[-2].numpy()
    values = values / np.sqrt((values**2).mean())
    guesses = np.bincount(logits.argmax(-1).numpy(), minlength=logits.shape[-1])
    mean, spread = values.mean(0), values.std(0, ddof=1)
    positive = (values > 0).mean(0)
    counts = [np.histogram(np.clip(node, EDGES[0], EDGES[-1]), EDGES)[0].tolist() for node in values[:, :NODES].T]
    return Layer(
        title, config.id, values.shape[1], len(values), float(guesses.max() / guesses.sum()),
        *(round(float(value), 6) for value in (np.sqrt((mean**2).mean()), np.sqrt((spread**2).mean()))),
        round(float((np.maximum(positive, 1 - positive) >= 0.95).mean()), 6),
        *(tuple(part[:NODES].round(4).tolist()) for part in (mean, spread)), _frozen(counts),
    )  # fmt: skip


def write(layers: dict[str, Layer], path: Path = DATA) -> None:
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(asdict(layer))}" for name, layer in layers.items())
    write_text(path, f'{json.dumps(this_machine())[:-1]}, "networks": {{\n{lines}\n}}}}\n')
    read.cache_clear()


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
