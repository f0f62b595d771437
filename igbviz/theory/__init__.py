"""Predictions for untrained networks, in numpy: initial guessing bias and mean-field theory, which are one theory.

    kernels             Gaussian expectations of each activation
    signal_propagation  variance, correlation and gamma by layer; gradients, pooling, normalization
    shift               a shifted activation: the bias against the mean of a node over the data
    phases              the limits at large depth, the edge of chaos, lines of equal gamma, depth scales, maps
    guess_fractions     the distribution of the guesses over networks, regimes, and gamma from finite data
    estimators          gamma from many networks, with standard errors

Everything a page needs is exported here: `from igbviz import theory`, then `theory.gamma_by_depth("relu", 2, 0,
depth=21)`. gamma is Var_W(mu) / Var_chi(O), the variance of the logits' centres over networks in units of the logits'
variance over inputs; c = gamma / (1 + gamma) is the correlation of two inputs' logits. Sources: arXiv 2306.00809,
2505.11312, 2505.12096.
"""

from igbviz.theory.estimators import gamma_from_guesses
from igbviz.theory.guess_fractions import (
    DEEP_PREJUDICE_CUT,
    PREJUDICE_CUT,
    REGIMES,
    expected_max_guess,
    gamma_from_cosine,
    gamma_variance_ratio,
    guess_cdf,
    guess_fractions,
    guess_pdf,
    guess_quantile,
    guess_variance,
    jackknife,
    mean_cosine,
    regime,
    regime_cuts,
)
from igbviz.theory.kernels import ACTIVATIONS, Activation, kernel, leaky_relu
from igbviz.theory.phases import (
    QUANTITIES,
    FixedPoint,
    depth_scales,
    edge_of_chaos,
    fixed_point,
    gamma_star,
    iso_gamma,
    phase_map,
)
from igbviz.theory.shift import LARGEST_SHIFT, ShiftCurve, Shifted, shift_curve, zero_mean_shift
from igbviz.theory.signal_propagation import (
    PLACEMENTS,
    correlation_by_depth,
    gamma_by_depth,
    gradient_gain,
    max_pool_gamma,
    normalized_gamma,
    variance_by_depth,
)

__all__ = [
    "ACTIVATIONS",
    "DEEP_PREJUDICE_CUT",
    "LARGEST_SHIFT",
    "PLACEMENTS",
    "PREJUDICE_CUT",
    "QUANTITIES",
    "REGIMES",
    "Activation",
    "FixedPoint",
    "ShiftCurve",
    "Shifted",
    "correlation_by_depth",
    "depth_scales",
    "edge_of_chaos",
    "expected_max_guess",
    "fixed_point",
    "gamma_by_depth",
    "gamma_from_cosine",
    "gamma_from_guesses",
    "gamma_star",
    "gamma_variance_ratio",
    "gradient_gain",
    "guess_cdf",
    "guess_fractions",
    "guess_pdf",
    "guess_quantile",
    "guess_variance",
    "iso_gamma",
    "jackknife",
    "kernel",
    "leaky_relu",
    "max_pool_gamma",
    "mean_cosine",
    "normalized_gamma",
    "phase_map",
    "regime",
    "regime_cuts",
    "shift_curve",
    "variance_by_depth",
    "zero_mean_shift",
]
