"""Gradients layer by layer, measured over networks and predicted: do they vanish, explode or reach the first layer?

Backpropagation from one linear layer to the layer below multiplies the mean squared gradient on the pre-activations by

    chi_1 = sigma_w2 E phi'(u)^2,   u ~ N(0, q)

with sigma_w2 of the upper layer's weights and the variance q of the lower layer's pre-activations. Where q has settled,
as in ReLU networks with He's weights from the start, l layers multiply it by chi_1^l. Source: arXiv 1611.01232, for
weights that are independent of those of the forward pass. There is no prediction where normalization or pooling acts.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from igbviz.ensembles.config import EnsembleConfig
from igbviz.ensembles.predictions import VARIANCES, layer_variances, measured_first_layer
from igbviz.ensembles.records import Ensemble
from igbviz.models import Mlp
from igbviz.theory import kernel
from igbviz.theory.estimators import jackknife_of_means
from igbviz.theory.kernels import Array
from igbviz.theory.signal_propagation import LARGEST, MIN_VARIANCE

Column = Literal["backward", "gradient"]  # on the pre-activations of a layer, and on its weights
CLEAR = 0.05  # a factor per layer within this distance of 1 neither vanishes nor explodes: 2.7 times in 20 layers
ERRORS = 2.0  # standard errors that the factor must be beyond it


class Change(NamedTuple):
    """How the mean squared gradient changes from the last layer back to the first."""

    layers: int  # that it passes
    total: float  # first over last
    factor: float  # per layer, the geometric mean
    error: float  # of the factor: standard error over networks

    @property
    def name(self) -> str:
        """What becomes of the gradient in a deep network."""
        if self.factor + ERRORS * self.error < 1 - CLEAR:
            return "vanishes"
        return "explodes" if self.factor - ERRORS * self.error > 1 + CLEAR else "neither vanishes nor explodes"


def has_gradients(ensemble: Ensemble) -> bool:
    return "gradient" in ensemble.records.dtype.names


def squared_gradients(ensemble: Ensemble, column: Column = "backward") -> Array:
    """(L, 2) mean square over networks of each layer's gradient, over that of the last layer, and its standard error.

    0 / 0 counts as 0, as in networks whose last layer starts at zero.
    """
    return np.stack(jackknife_of_means(_over_last, ensemble.records[column] ** 2), axis=-1)


def change(ensemble: Ensemble, column: Column = "backward") -> Change | None:
    """From the last layer back to the first; None for a single layer or where no gradient arrives."""
    squares = ensemble.records[column] ** 2
    layers = squares.shape[1] - 1
    if layers < 1 or not squares[:, 0].any():
        return None
    factor, error = jackknife_of_means(lambda means: (means[..., 0] / means[..., -1]) ** (1 / layers), squares)
    means = squares.mean(0)
    return Change(layers, float(means[0] / means[-1]), float(factor), float(error))


def predicted_factors(config: EnsembleConfig, ensemble: Ensemble | None = None) -> Array | None:
    """(L - 1,) chi_1 between every linear layer and the next, or None where the theory does not apply.

    Inputs are taken to have mean square 1, or what the first layer of the ensemble shows.
    """
    model = config.model
    idle = isinstance(model, Mlp) and (
        model.normalization == "none" or (model.has_batch_norm and config.batch_norm == "eval")
    )
    if not idle or model.max_pool > 1 or config.initialization.name not in VARIANCES:
        return None
    phi, variances = kernel(model.activation), layer_variances(config)
    sigma_w2, sigma_b2 = variances[0]
    q = sigma_w2 + sigma_b2 if ensemble is None else measured_first_layer(ensemble)["first_layer_variance"]
    factors = []
    for sigma_w2, sigma_b2 in variances[1:]:
        q = np.clip(q, MIN_VARIANCE, LARGEST)
        factors.append(float(sigma_w2 * phi.slopes(q, np.float64(1), np.float64(0))))
        q = sigma_b2 + sigma_w2 * phi.moment(q)
    return np.array(factors)


def predicted_squares(factors: Array) -> Array:
    """(L,) mean squared gradient of every layer over that of the last, from the factors between layers."""
    with np.errstate(over="ignore", under="ignore"):
        return np.append(np.cumprod(factors[::-1])[::-1], 1.0)


def _over_last(means: Array) -> Array:
    last = means[..., -1:]
    return np.divide(means, last, where=last > 0, out=np.zeros_like(means))
