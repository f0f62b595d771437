"""gamma and c of the same layers, measured on different networks: do they obey c = gamma / (1 + gamma)?

gamma is the ratio of two variances: of a node's centre over networks and of its output over inputs. c is the mean
cosine between the outputs for two inputs. Half of the networks measure the one, the others measure the other, so that
no fluctuation of a network is in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from igbviz import theory
from igbviz.ensembles import Ensemble, EnsembleConfig
from igbviz.studies.phases import files

DATA = Path(__file__).with_suffix(".json")
POINTS = (  # activation, sigma_w2, sigma_b2: ordered, on the edge of chaos, chaotic
    ("tanh", 1.2, 0.05),
    ("tanh", 1.761, 0.05),
    ("tanh", 3.0, 0.05),
    ("relu", 1.5, 0.05),
    ("relu", 2.0, 0.0),
    ("relu", 3.0, 0.05),
    ("gelu", 2.0, 0.0),
)
LABELS = {"tanh": "tanh", "relu": "ReLU", "gelu": "GELU"}
NEAR = 0.02  # of c
LAYERS = (2, 5, 10, 20)
WIDTH, NETWORKS, INPUTS = 300, 60, 300  # NETWORKS measure gamma, as many others measure c


@dataclass(frozen=True)
class Row:
    """The pre-activations of one layer: gamma and c with their standard errors over networks."""

    activation: str
    sigma_w2: float
    sigma_b2: float
    layer: int
    chi_1: float
    gamma: float
    gamma_error: float
    c: float
    c_error: float
    run: str  # the id of the ensemble that measured gamma

    @property
    def expected(self) -> float:
        """The c that belongs to this gamma."""
        return self.gamma / (1 + self.gamma)

    @property
    def norms_drifted(self) -> bool:
        """Whether this gamma is far too low for its c, as where the norms of the inputs differ."""
        return self.c - self.expected > 2 * NEAR and self.deviation > 3

    @property
    def deviation(self) -> float:
        """c minus the expected one, in standard errors of this difference."""
        return (self.c - self.expected) / float(np.hypot(self.c_error, self.gamma_error / (1 + self.gamma) ** 2))


def ensembles(activation: str, sigma_w2: float, sigma_b2: float) -> tuple[EnsembleConfig, EnsembleConfig]:
    """The networks that measure gamma, and those that measure c: same inputs, other weights."""
    config = EnsembleConfig(
        model={"name": "mlp", "depth": max(LAYERS), "width": WIDTH, "activation": activation},
        initialization={"name": "gaussian", "sigma_w2": sigma_w2, "sigma_b2": sigma_b2},
        networks=NETWORKS,
        inputs=INPUTS,
    )
    return config, config.with_(seed=1)


def missing(done: Sequence[Row]) -> list[tuple[str, float, float]]:
    """The points without a row of today's settings."""
    measured = {row.run for row in done}
    return [point for point in POINTS if ensembles(*point)[0].id not in measured]


def measure(done: Sequence[Row] = ()) -> Iterator[list[Row]]:
    """The rows of every point that has none yet, point by point."""
    from igbviz.ensembles.networks import record_batches

    for point in missing(done):
        of_gamma, of_c = ensembles(*point)
        for_gamma, for_c = (
            Ensemble.of(np.concatenate(list(record_batches(config, "cpu")))) for config in (of_gamma, of_c)
        )
        gamma, cosine = for_gamma.gamma_by_depth("variance"), for_c.records["layer_cosine"]
        c, error = cosine.mean(0), cosine.std(0, ddof=1) / np.sqrt(len(cosine))
        chi_1 = theory.fixed_point(*point).chi_1
        yield [
            Row(
                *point, layer, *map(files.five, (chi_1, *gamma[layer - 1], c[layer - 1], error[layer - 1])), of_gamma.id
            )
            for layer in LAYERS
        ]


@lru_cache(maxsize=1)
def read(path: Path = DATA) -> tuple[tuple[Row, ...], dict[str, Any]]:
    """The rows and their provenance."""
    stored = files.read(path)
    return tuple(Row(**row) for row in stored.get("rows", ())), stored.get("provenance", {})


def write(rows: Sequence[Row], path: Path = DATA) -> None:
    """Replace the file by these rows and the conditions of today."""
    origin = files.provenance(
        networks=NETWORKS, inputs=INPUTS, width=WIDTH, data="independent Gaussian noise",
        gamma="ratio of variances minus 1/inputs, jackknife over networks",
        c="mean cosine of two inputs' pre-activations, of other networks",
    )  # fmt: skip
    files.write(path, origin, {"rows": rows})
    read.cache_clear()


def verdict(rows: Sequence[Row]) -> str:
    """How far the measured c are from those that belong to the measured gamma, and where and why they are farthest."""
    near = sum(abs(row.c - row.expected) < NEAR for row in rows)
    worst = max(rows, key=lambda row: abs(row.c - row.expected))
    sentence = (
        f"In {near} of {len(rows)} measured layers, with γ from {min(row.gamma for row in rows):.2g} to "
        f"{max(row.gamma for row in rows):.0f}, **c is within {NEAR:g} of γ / (1 + γ)**. It is farthest from it in "
        f"layer {worst.layer} of {LABELS[worst.activation]} at ({worst.sigma_w2:g}, {worst.sigma_b2:g}): "
        f"{worst.c:.2f} ± {worst.c_error:.2f}, where γ = {worst.gamma:.2f} ± {worst.gamma_error:.2f} gives "
        f"{worst.expected:.2f}."
    )
    if worst.norms_drifted:
        sentence += (
            " There the norms of the inputs have drifted apart, which lowers γ, a ratio of variances, but not the "
            "cosine of two directions."
        )
    return sentence
