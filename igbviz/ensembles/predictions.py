"""The theoretical prediction for an ensemble before it is drawn: gamma of every linear layer of its networks.

A configuration is translated into the recursion of wide networks: the variances of each layer's weights and biases, the
activation, pooling and normalization between two layers, and the correlation of the inputs. Where this theory does not
apply there is no prediction: for convolutions and attention, for BatchNorm's running statistics after some batches, for
max-pooling over a non-monotonic or shifted activation, and for real images without a measured first layer. Sources:
those of theory/signal_propagation.py; max-pooling by Hoeffding's covariance identity.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, ndtri_exp, owens_t
from scipy.stats import qmc

from igbviz.datasets import GaussianNoise
from igbviz.ensembles.config import EnsembleConfig
from igbviz.ensembles.records import Ensemble
from igbviz.models import Mlp
from igbviz.theory import Activation, Shifted, expected_max_guess, gamma_from_cosine, guess_pdf, guess_quantile, kernel
from igbviz.theory.estimators import correlation_from_agreement
from igbviz.theory.kernels import Array
from igbviz.theory.signal_propagation import LARGEST, MIN_VARIANCE, Layer, affine, first_layer

Variances = tuple[float, float]  # sigma_w2: fan_in times the variance of the weights; sigma_b2: variance of the biases

# By initialization, from fan_in and fan_out. Uniform and orthogonal weights act like normal ones of the same variance.
VARIANCES: dict[str, Callable[[Any, int, int], Variances]] = {
    "torchvision": lambda _, n, m: (1 / 3, 1 / (3 * n)),  # fully connected networks keep PyTorch's defaults
    "pytorch": lambda _, n, m: (1 / 3, 1 / (3 * n)),
    "he-normal": lambda _, n, m: (2.0, 0.0),
    "he-fan-out": lambda _, n, m: (2 * n / m, 0.0),
    "xavier": lambda _, n, m: (2 * n / (n + m), 0.0),
    "orthogonal": lambda _, n, m: (
        2 * n / max(n, m),
        0.0,
    ),  # rows or columns, whichever are longer, have squared norm 2
    "gaussian": lambda chosen, n, m: (chosen.sigma_w2, chosen.sigma_b2),
}

# Derivatives of the monotonic activations: for these, the largest of several nodes has the largest pre-activation.
MONOTONIC_SLOPES: dict[str, Callable[[Array], Array]] = {
    "relu": lambda u: np.where(u > 0, 1.0, 0.0),
    "leaky-relu": lambda u: np.where(u > 0, 1.0, 0.01),
    "tanh": lambda u: 1 - np.tanh(u) ** 2,
    "erf": lambda u: 2 / math.sqrt(math.pi) * np.exp(-(u**2)),
    "linear": np.ones_like,
    "shifted-relu": lambda u: np.where(u > 0, 1.0, 0.0),
}


@dataclass(frozen=True)
class Prediction:
    """`gamma` (L,) of every linear layer, the logits last, as in `Ensemble.gamma_by_depth`; `basis` states the
    assumptions.

    gamma is inf where all inputs have converged to one point, and NaN where all outputs are 0.
    """

    gamma: np.ndarray
    basis: str


def predicted_gamma(
    config: EnsembleConfig, first_layer_gamma: float | None = None, first_layer_variance: float | None = None
) -> Prediction | None:
    """The prediction of the theory of infinitely wide networks, or None where it does not apply.

    Gaussian noise is uncorrelated. Real images are not, so for them the recursion starts from the measured gamma of the
    first layer (below 0 counts as 0), assuming the same correlation between all images. The variance of the first layer
    is that of inputs with mean square 1, unless measured too. `measured_first_layer` returns both.
    """
    model = config.model
    if not isinstance(model, Mlp) or config.initialization.name not in VARIANCES:
        return None
    if model.has_batch_norm and config.batch_norm == "after":
        return None
    if model.max_pool > 1 and (model.activation not in MONOTONIC_SLOPES or model.shift):
        return None
    if first_layer_gamma is None and not isinstance(config.dataset, GaussianNoise):
        return None

    variances = layer_variances(config)
    layer = first_layer(*variances[0])
    if first_layer_gamma is not None:
        gamma = max(float(first_layer_gamma), 0.0)
        shared = 1 / (1 + 1 / gamma) if gamma else 0.0  # also for inf
        q = layer.q if first_layer_variance is None else first_layer_variance
        layer = Layer(np.float64(q), np.float64(shared), np.float64(1 / (1 + gamma)))
    layers = [layer]
    for layer_variance in variances[1:]:
        layers.append(_next_layer(config, *layer_variance, layers[-1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        gammas = np.array([layer.c for layer in layers]) / np.array([layer.d for layer in layers])
    gammas[[sum(layer_variance) == 0 for layer_variance in variances]] = np.nan
    return Prediction(gammas, _basis(config, variances, first_layer_gamma))


def prediction_for(config: EnsembleConfig, ensemble: Ensemble) -> Prediction | None:
    """The prediction beside the networks of this configuration, from their measured first layer for real images."""
    layered = "layer_centre" in ensemble.records.dtype.names
    start = measured_first_layer(ensemble) if layered and not isinstance(config.dataset, GaussianNoise) else {}
    return predicted_gamma(config, **{name: value for name, value in start.items() if np.isfinite(value)})


def measured_first_layer(ensemble: Ensemble) -> dict[str, float]:
    """The measured first layer as keywords of `predicted_gamma`: gamma from cosines, and the mean square of its
    outputs."""
    first = ensemble.records["layer_centre"][:, 0] + ensemble.records["layer_variance"][:, 0]
    return {
        "first_layer_gamma": float(ensemble.gamma_by_depth("cosine")[0, 0]),
        "first_layer_variance": float(first.mean()),
    }


def layer_variances(config: EnsembleConfig) -> list[Variances]:
    """(sigma_w2, sigma_b2) of every linear layer of an mlp; the last follows `initialization.last_layer`."""
    model, initialization = config.model, config.initialization
    facts = config.dataset.facts()
    fan_in = [facts.channels * facts.side**2, *[model.width] * model.depth]
    fan_out = [*[model.width * model.max_pool] * model.depth, len(facts.class_names)]
    variances = [VARIANCES[initialization.name](initialization, n, m) for n, m in zip(fan_in, fan_out, strict=True)]
    if not model.bias:
        variances = [(sigma_w2, 0.0) for sigma_w2, _ in variances]
    sigma_w2, sigma_b2 = variances[-1]
    last = {"zero": (0.0, 0.0), "scaled": (sigma_w2 * initialization.last_layer_scale**2, sigma_b2)}
    return [*variances[:-1], last.get(initialization.last_layer, variances[-1])]


class GuessDistribution(NamedTuple):
    """Distribution over networks of a guess fraction: its density at `place`, and the mean of the largest fraction.

    `quantiles` (Q,) are equally likely values, from which histograms are computed.
    """

    place: np.ndarray
    density: np.ndarray
    mean: float
    quantiles: np.ndarray

    def height(self, edges: np.ndarray) -> float:
        """The height of the highest bar of the exact histogram with these edges, which are equally spaced."""
        return float(np.histogram(self.quantiles, edges)[0].max() / (len(self.quantiles) * (edges[1] - edges[0])))


@lru_cache(maxsize=256)
def guess_distribution(gamma: float, classes: int, inputs: int) -> GuessDistribution:
    """The distribution over networks of G_0 for two classes, of max_k G_k for more, estimated on `inputs` inputs.

    A finite number of inputs spreads the fractions further, as does a slightly larger gamma: `finite_sample_gamma`. For
    more than two classes there is no closed form; the density is a kernel density estimate over networks whose centres
    are a fixed Sobol sequence.
    """
    counted = finite_sample_gamma(gamma, classes, inputs)
    mean = float(expected_max_guess(counted, classes))
    if classes == 2:
        quantiles = guess_quantile((np.arange(2000) + 0.5) / 2000, counted)
    else:
        quantiles = np.sort(_largest_fractions(counted, classes))
    if counted == np.inf or quantiles[0] == quantiles[-1]:
        return GuessDistribution(np.empty(0), np.empty(0), mean, quantiles)
    low = 0.0 if classes == 2 else 1 / classes
    inner = np.linspace(low, 1, 202)[1:-1]
    place = np.unique(np.concatenate([inner, quantiles[:: len(quantiles) // 100]]))
    place = place[(place > 0) & (place < 1)]
    if classes == 2:
        return GuessDistribution(place, guess_pdf(place, counted), mean, quantiles)
    # In the variable ndtri(G) the density has one mode and no edge, even if half of the fractions are close to 1.
    sample, x = ndtri(np.clip(quantiles, 1e-12, 1 - 1e-12)), ndtri(place)
    width = 1.2 * sample.std() * len(sample) ** -0.2
    bells = np.exp(-(((x[:, None] - sample) / width) ** 2) / 2).mean(1)
    return GuessDistribution(place, bells / width * np.exp(x**2 / 2), mean, quantiles)


def finite_sample_gamma(gamma: float, classes: int, inputs: int) -> float:
    """The gamma at which infinitely many inputs give guess fractions as spread out as these `inputs` do at `gamma`.

    With A the probability that two inputs get the same guess, D inputs have E sum_k G_k^2 = A + (1 - A) / D. Two inputs
    agree like a network's centres and its logits, with correlation c in place of c^(1/2).
    """
    if gamma == np.inf:
        return gamma
    agreement = expected_max_guess(gamma * (gamma / (1 + 2 * gamma)), classes)
    return float(gamma_from_cosine(correlation_from_agreement(agreement + (1 - agreement) / inputs, classes)))


def pooled(phi: Activation, slope: Callable[[Array], Array], k: int, layer: Layer) -> tuple[float, float, float]:
    """Mean of h = max_j phi(u_j) over k independent nodes, and the shared and private variance of two inputs.

    h increases with the largest pre-activation U, and two inputs' largest have P(U <= s, V <= t) = F(s, t)^k, F of one
    node, so

        Var h - Cov = 2 int int_{s < t} h'(s) h'(t) (F(s, s')^k - F(s, t)^k) ds dt,   F(s, s') = Phi(s)

    over a = (s + t) / sqrt(2) and b = (t - s) / sqrt(2), where b ranges only as far as the inputs differ: no digits are
    lost near c = 1. The difference is computed from r = P(u <= s, v > t), which comes from Owen's T.
    """
    q, c, d = (float(part) for part in layer)
    scale = math.sqrt(q)
    y, weights = _panels(np.array([[-12.0, 0.0, 12.0]]), 200)
    mass = weights * k * np.exp(-(y**2) / 2) / math.sqrt(2 * math.pi) * ndtr(y) ** (k - 1)
    values = phi(scale * y)
    mean = float((mass * values).sum())
    variance = float((mass * (values - mean) ** 2).sum())
    if c == 0:
        return mean, 0.0, variance
    b, weights_b = (part.T for part in _panels(np.array([[0.0, 8.5 * math.sqrt(d)]]), 24))
    far = np.full_like(b, 12.0)
    a, weights_a = _panels(np.hstack([-far, -b, b, far]), 32)  # phi has its kink, if any, where s or t is 0
    s, t = (a - b) / math.sqrt(2), (a + b) / math.sqrt(2)
    lead, width = b * math.sqrt(2), math.sqrt(d * (1 + c))
    below = ndtr(s)
    r = (
        (below + ndtr(-t)) / 2
        - owens_t(s, -(lead + d * s) / (s * width))
        - owens_t(t, (lead - d * t) / (t * width))
        - (s * t > 0) / 2
    )
    apart = below**k * -np.expm1(k * np.log1p(-np.clip(r / below, 0, 1 - 1e-16)))
    private = 2 * float((weights_b * weights_a * q * slope(scale * s) * slope(scale * t) * apart).sum())
    return mean, variance - private, private


def _next_layer(config: EnsembleConfig, sigma_w2: float, sigma_b2: float, layer: Layer) -> Layer:
    """The next linear layer, after the activation, pooling and normalization between them."""
    model, phi = config.model, kernel(config.model.activation)
    if model.shift or model.offset:
        phi = Shifted(phi, model.shift, model.offset)
    kind = "none" if model.has_batch_norm and config.batch_norm == "eval" else model.normalization
    before, after = (kind if model.placement == side else "none" for side in ("before", "after"))
    if before == "batch":
        layer = Layer(np.float64(1), np.float64(0), np.float64(1))
    elif before != "none":
        layer = layer._replace(q=np.float64(1))
    within = layer._replace(q=np.clip(layer.q, MIN_VARIANCE, LARGEST))
    if model.max_pool > 1:
        mean, shared, private = pooled(phi, MONOTONIC_SLOPES[model.activation], model.max_pool, within)
    else:
        mean, shared, private = phi.mean(within.q), phi.covariance(*within), phi.private(*within)
    if after == "batch":
        shared = 0.0
    elif after != "layer":  # LayerNorm subtracts the mean over the nodes; only the spread of the node means is left
        shared = shared + mean**2
    moment = shared + private
    with np.errstate(invalid="ignore"):
        return affine(
            sigma_w2,
            sigma_b2,
            1.0 if after != "none" else moment / within.q * layer.q,
            shared / moment,
            private / moment,
        )


def _largest_fractions(
    gamma: float, classes: int, networks: int = 2048, rivals: int = 12, groups: int = 16
) -> np.ndarray:
    """(networks,) guess fractions of the class with the highest centre, for any number of classes.

    As in `theory.guess_fractions`. The highest centres are drawn from the top down: the highest of n normal variables
    has Phi(z) = U^(1/n), and the n - 1 others are below it. Centres below the rivals are placed at their expected
    values, in groups of growing size.
    """
    drawn = min(classes, rivals + 1)
    uniform = qmc.Sobol(drawn, seed=0).random(networks)
    log_p = np.cumsum(np.log(np.clip(uniform, 1e-15, 1 - 1e-15)) / (classes - np.arange(drawn)), axis=1)
    remaining = classes - drawn
    ends = np.unique(np.geomspace(1, remaining + 1, groups + 1).round()) - 1
    sizes = np.diff(ends)
    places = log_p[:, -1:] + np.log1p(-(ends[:-1] + sizes / 2) / max(remaining, 1))
    z = ndtri_exp(np.hstack([log_p, places]))
    multiplicity = np.concatenate([np.ones(drawn - 1), sizes])[:, None]
    t = np.arange(-6, 6.1, 0.4)
    density = np.exp(-(t**2) / 2)
    wins = np.prod(ndtr(t + np.sqrt(gamma) * (z[:, :1] - z[:, 1:])[..., None]) ** multiplicity, axis=1)
    return wins @ (density / density.sum())


_rule = lru_cache(maxsize=None)(np.polynomial.legendre.leggauss)  # computing it takes longer than using it


def _panels(ends: Array, nodes: int) -> tuple[Array, Array]:
    """Gauss-Legendre points and weights (rows, panels * nodes) on panels between ends (rows, panels + 1)."""
    points, weights = _rule(nodes)
    half = np.diff(ends)[..., None] / 2
    rows = len(ends)
    return (ends[:, :-1, None] + half + half * points).reshape(rows, -1), (half * weights).reshape(rows, -1)


def _basis(config: EnsembleConfig, variances: Sequence[Variances], measured: float | None) -> str:
    model = config.model
    layers = [0, 1, -1] if len(variances) > 2 else [0, -1]
    settings = []
    for name, values in zip(("σ²w", "σ²b"), zip(*(variances[layer] for layer in layers), strict=True), strict=True):
        texts = [f"{value:.3g}" for value in values]
        suffix = " (first, hidden, last layer)" if len(texts) > 2 else " (first, last layer)"
        settings.append(f"{name} = {texts[0]}" if len(set(texts)) == 1 else f"{name} = {', '.join(texts)}{suffix}")
    start = (
        "uncorrelated inputs"
        if measured is None
        else f"from the first layer's measured γ = {measured:.3g}, all pairs of images equally correlated"
    )
    sentence = f"wide-network theory at {', '.join(settings)}, {start}"
    if model.has_batch_norm:
        sentence += (
            ", batch statistics"
            if config.batch_norm == "batch"
            else ", BatchNorm in eval mode, which has no effect before training"
        )
    if sum(variances[-1]) == 0:
        sentence += "; all logits are 0"
    return sentence
