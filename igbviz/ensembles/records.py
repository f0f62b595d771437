"""The record of a network in an ensemble, and statistics over networks: guess fractions and estimates of gamma.

A network is one fixed-size numpy record, so a file of records can grow while it is read. Stored are statistics over the
inputs; everything else is derived here. N networks, K classes, L linear layers (head included).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from igbviz.spec import ConfigError, short
from igbviz.theory import gamma_from_cosine, gamma_variance_ratio
from igbviz.theory.estimators import (
    agreement_of_guesses,
    correlation_from_agreement,
    correlation_from_cosine,
    jackknife_of_means,
)
from igbviz.trajectory.records import Recorded

if TYPE_CHECKING:
    import pandas as pd

Estimator = Literal["variance", "cosine", "guesses"]

# Bins of (logit - centre) / spread of a class; the two outermost also hold everything beyond them.
HISTOGRAM_EDGES = np.linspace(-4, 4, 33)


def ensemble_dtype(classes: int, layers: int = 0, gradients: int = 0) -> np.dtype:
    """The dtype of a record, for numbers of classes, measured layers (0 if none) and weight gradients (0 if none).

    >>> igbviz.ensembles.ensemble_dtype(classes=10)["guesses"].shape
    (10,)
    """
    columns = [
        ("network", "<i8"),  # its index in the ensemble
        ("guesses", "<i4", (classes,)),  # inputs guessed as each class; their sum is the number of inputs
        ("centre", "<f8", (classes,)),  # mean of each logit over the inputs
        ("spread", "<f8", (classes,)),  # standard deviation of each logit over the inputs
        ("probability", "<f8", (classes,)),  # mean softmax probability of each class
        ("histogram", "<i4", (classes, len(HISTOGRAM_EDGES) - 1)),  # inputs in each bin of (logit - centre) / spread
        # Of the logits minus their mean over the classes, on which no guess depends:
        ("variance", "<f8"),  # over the inputs, summed over the classes, divided by K - 1
        ("cosine", "<f8"),  # mean over all pairs of different inputs
    ]
    if layers:  # of each layer's outputs before the activation
        columns += [
            ("nodes", "<i4", (layers,)),  # outputs of the layer
            ("layer_centre", "<f8", (layers,)),  # mean over the nodes of the squared mean over the inputs
            ("layer_variance", "<f8", (layers,)),  # mean over the nodes of the variance over the inputs
            ("layer_cosine", "<f8", (layers,)),  # mean over all pairs of different inputs
        ]
    if gradients:
        # Norm of the gradient of the mean loss with respect to each layer's weights, and the root mean square over the
        # inputs of |d loss of an input / d its pre-activations|.
        columns.append(("gradient", "<f8", (gradients,)))
        if layers:
            columns.append(("backward", "<f8", (layers,)))
    return np.dtype(columns)


class Ensemble(Recorded):
    """The networks measured so far: `records` is (N,) of `ensemble_dtype(K, ...)`.

    >>> run = igbviz.Run.open("gaussian-noise-mlp-he-normal-n100-s0-c13a798568")
    >>> ensemble = run.ensemble()
    >>> ensemble.guess_fraction().shape, round(float(ensemble.largest_guess().mean()), 2)
    ((100, 10), 0.71)
    """

    column = "guesses"
    noun = "network"
    least = "an ensemble is made of at least one network"

    @property
    def inputs(self) -> int:
        """D, the number of inputs that every network was evaluated on."""
        return int(self.records["guesses"][0].sum())

    def guess_fraction(self) -> np.ndarray:
        """(N, K) fraction of the inputs that each network guesses as each class, G_k; rows sum to 1."""
        return self.records["guesses"] / self.records["guesses"].sum(-1, keepdims=True)

    def largest_guess(self) -> np.ndarray:
        """(N,) fraction of the inputs guessed as the favoured class."""
        return self.guess_fraction().max(-1, initial=0)

    def gamma(self, estimator: Estimator = "variance") -> tuple[float, float]:
        """gamma of the logits and its standard error over networks (jackknife).

            variance   sum_c mu_c^2 / sum_c Var_c - 1/D of class-centred logits: the definition
            cosine     from the mean cosine of two inputs' class-centred logits: independent of the norms of the inputs
            guesses    from how often two inputs get the same guess

        1/D is the sampling variance of the mean over D inputs. Near gamma = 0 all three can fall below 0; where batch
        statistics remove every centre, the estimate is -1/D. The verdict is on the guesses, so it states the last.
        Raises ConfigError for another estimator.
        """
        records = self.records
        if estimator == "variance":
            centred = records["centre"] - records["centre"].mean(-1, keepdims=True)
            squares = (centred**2).sum(-1) / (self.classes - 1)
            value, error = jackknife_of_means(self._ratio, squares, records["variance"])
        elif estimator == "cosine":
            value, error = jackknife_of_means(self._from_cosine(self.classes - 1), records["cosine"])
        elif estimator == "guesses":
            value, error = jackknife_of_means(
                lambda agreement: gamma_from_cosine(correlation_from_agreement(agreement, self.classes)),
                agreement_of_guesses(records["guesses"]),
            )
        else:
            raise ConfigError((("estimator",), f"is {short(estimator)}, allowed: one of variance, cosine, guesses"))
        return float(value), float(error)

    def verdict(self) -> str:
        """One sentence: whether these networks are prejudiced, with gamma and what chance alone would look like.

        >>> ensemble = igbviz.Run.open("gaussian-noise-mlp-he-normal-n100-s0-c13a798568").ensemble()
        >>> ensemble.verdict()
        'Prejudiced: on average a network gives 71\xa0% of its guesses to the class that it favours, where ...'
        """
        from igbviz.ensembles.verdict import verdict

        return verdict(self)

    def gamma_by_depth(self, estimator: Literal["variance", "cosine"] = "variance") -> np.ndarray:
        """(L, 2) gamma of the pre-activations of every linear layer, and its standard error over networks; the last
        row is of the logits.

        The nodes of a layer are independent given the layer below, so they count like networks: wide layers need few
        networks. Raises ValueError for networks that were not measured layer by layer, or another estimator.
        """
        if "layer_centre" not in self.records.dtype.names:
            raise ValueError("these networks were not measured layer by layer, allowed: ensembles of the model mlp")
        if estimator == "variance":
            return np.stack(
                jackknife_of_means(self._ratio, self.records["layer_centre"], self.records["layer_variance"]), axis=-1
            )
        if estimator == "cosine":
            layers = zip(self.records["nodes"][0], self.records["layer_cosine"].T, strict=True)
            return np.array([jackknife_of_means(self._from_cosine(int(nodes)), cosine) for nodes, cosine in layers])
        raise ConfigError((("estimator",), f"is {short(estimator)}, allowed: one of variance, cosine"))

    def to_frame(self) -> pd.DataFrame:
        """A tidy pandas table with one row per network and class.

        Columns: network, variance, cosine, class, guess_fraction, centre, spread, probability.
        """
        import pandas as pd

        n, k = len(self), self.classes
        per_network = {name: np.repeat(self.records[name], k) for name in ("network", "variance", "cosine")}
        per_class = {"guess_fraction": self.guess_fraction()} | {
            name: self.records[name] for name in ("centre", "spread", "probability")
        }
        names = np.tile(np.array(self.class_names, dtype=object), n)
        return pd.DataFrame(
            per_network | {"class": names} | {name: values.reshape(-1) for name, values in per_class.items()}
        )

    def _ratio(self, squares: np.ndarray, variances: np.ndarray) -> np.ndarray:
        # A sum minus one of its terms can be negative by rounding.
        return gamma_variance_ratio(np.maximum(squares, 0), np.maximum(variances, 0), self.inputs)

    def _from_cosine(self, dimensions: int):
        return lambda cosine: gamma_from_cosine(correlation_from_cosine(cosine, dimensions))
