"""Losses of the whole vector of logits: mixed targets, margins, centres, cross-entropy of normalized logits."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from igbviz.losses.arrays import clamp_min, detached, gather_labels, library, log_softmax, true_log_probability, upcast
from igbviz.losses.base import Loss


class LabelSmoothing(Loss):
    """Cross-entropy against labels of which a small part is spread over all classes."""

    name: Literal["label-smoothing"] = "label-smoothing"
    epsilon: float = Field(
        default=0.1, ge=0, le=1, description="Part of the label spread evenly over all classes, its own included."
    )
    title: ClassVar[str] = "Label smoothing"
    formula: ClassVar[str] = r"-(1 - \epsilon) \log p_y - \frac{\epsilon}{K} \sum_k \log p_k"
    source: ClassVar[str] = "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016 (arXiv 1512.00567)"
    effect: ClassVar[str] = (
        "raises it nearly as hard as cross-entropy, and raises every improbable class a little, whatever the label"
    )

    def values(self, logits: Any, labels: Any) -> Any:
        log_p = log_softmax(logits)
        return -(1 - self.epsilon) * gather_labels(log_p, labels) - self.epsilon * log_p.mean(-1)


class SoftBootstrapping(Loss):
    """Cross-entropy against a mixture of the label and the network's own probabilities."""

    name: Literal["bootstrapping-soft"] = "bootstrapping-soft"
    beta: float = Field(
        default=0.95, ge=0, le=1, description="Trust in the label; 1 is cross-entropy, 0 trusts only the network."
    )
    title: ClassVar[str] = "Soft bootstrapping"
    formula: ClassVar[str] = r"-\beta \log p_y - (1 - \beta) \sum_k p_k \log p_k"
    source: ClassVar[str] = "Reed, Lee, Anguelov, Szegedy, Erhan, Rabinovich 2014 (arXiv 1412.6596)"
    effect: ClassVar[str] = (
        "raises it nearly as hard as cross-entropy, with a small reward for confidence, right or wrong"
    )

    def values(self, logits: Any, labels: Any) -> Any:
        log_p = log_softmax(logits)
        entropy = -(library(log_p).exp(log_p) * log_p).sum(-1)
        return -self.beta * gather_labels(log_p, labels) + (1 - self.beta) * entropy


class HardBootstrapping(Loss):
    """Cross-entropy against a mixture of the label and the network's own guess."""

    name: Literal["bootstrapping-hard"] = "bootstrapping-hard"
    beta: float = Field(
        default=0.8, ge=0, le=1, description="Trust in the label; 1 is cross-entropy, 0 trusts only the network."
    )
    title: ClassVar[str] = "Hard bootstrapping"
    formula: ClassVar[str] = r"-\beta \log p_y - (1 - \beta) \log \max_k p_k"
    source: ClassVar[str] = "Reed, Lee, Anguelov, Szegedy, Erhan, Rabinovich 2014 (arXiv 1412.6596)"
    effect: ClassVar[str] = (
        "raises it a little less than cross-entropy, because part of every label goes to the network's own guess"
    )

    def values(self, logits: Any, labels: Any) -> Any:
        log_p, guess = log_softmax(logits), detached(logits).argmax(-1)
        return -self.beta * gather_labels(log_p, labels) - (1 - self.beta) * gather_labels(log_p, guess)


class Curriculum(Loss):
    """Noise-pruned curriculum loss: in each batch, only the samples that are easy enough are trained on.

    The value of a sample is its soft hinge: a margin to the runner-up where the guess is right, and to the log-sum-exp
    of all logits where it is wrong. The selection depends on the whole batch, so `batch_loss` makes it. A probe cannot
    know the training batches; it selects among the probed images, taken as one batch.
    """

    name: Literal["curriculum"] = "curriculum"
    noise_rate: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="Assumed fraction of wrong labels; the larger, the fewer samples are selected.",
    )
    title: ClassVar[str] = "Curriculum (NPCL)"
    formula: ClassVar[str] = (
        r"\max(0,\, 1 - z_y + s), \quad s = \begin{cases} \max_{j \ne y} z_j & \text{guess right} \\ "
        r"\log \sum_k e^{z_k} & \text{guess wrong} \end{cases}"
    )
    source: ClassVar[str] = "Lyu, Tsang 2019 (arXiv 1905.10045)"
    effect: ClassVar[str] = (
        "tends to drop its images from the batch as too hard, so early training sees mostly those of the favoured class"
    )
    selection_note: ClassVar[str] = (
        "This loss drops samples batch by batch; here the probed images are taken as one batch, and those that it "
        "would drop have zero gradient."
    )

    def values(self, logits: Any, labels: Any) -> Any:
        return self._hinges(_margin(logits, labels), logits, labels)

    def values_in_batch(self, logits: Any, labels: Any) -> Any:
        return self.values(logits, labels).where(self.selected(logits, labels), 0.0)

    def batch_loss(self, logits: Any, labels: Any, parameters: Iterable[Any] = ()) -> Any:
        logits = upcast(logits)
        margin = _margin(logits, labels)
        selected = self._select(margin.detach())
        return self._hinges(margin, logits, labels).where(selected, 0.0).sum() / selected.sum()

    def selected(self, logits: Any, labels: Any) -> Any:
        """(batch,) True for the samples that are trained on: the easiest, as long as their hinges fit into a budget.

        Each selected sample costs its hard hinge and lowers the budget for further ones by 1; one more is selected if
        the budget still allows it. An empty sum is 0, so the easiest sample always fits and the selection is never
        empty.
        """
        return self._select(_margin(logits.detach(), labels))

    def _select(self, margin: Any) -> Any:
        samples, clean = len(margin), 1 - self.noise_rate
        budget = clean**2 * samples + clean * (margin <= 0).sum()
        hinges, order = (1 - margin).clamp(min=0).sort(stable=True)
        cost = hinges.cumsum(0)
        fits = cost + library(cost).arange(samples, device=cost.device) <= budget
        count = fits.sum()
        count = count + ((cost * fits).max() + count <= budget)
        return order.argsort() < count  # the argsort of an order is the rank of each sample

    def _hinges(self, margin: Any, logits: Any, labels: Any) -> Any:
        # 1 - z_y + logsumexp(z) is computed as 1 - log p_y, which stays accurate for large logits.
        return library(logits).where(
            detached(margin) > 0, clamp_min(1 - margin, 0.0), 1 - true_log_probability(logits, labels)
        )


class MaxMahalanobis(Loss):
    """Squared distance of the logits to fixed centres, the corners of a regular simplex; there is no softmax."""

    name: Literal["mmc"] = "mmc"
    norm: float = Field(
        default=10.0, gt=0, le=1000, description="Distance of the centres from the origin; the gradient grows with it."
    )
    symmetric: bool = Field(
        default=False,
        description="Rotate the simplex so that all classes are equivalent and the nearest centre has the largest "
        "logit. Off, as published: the same simplex in triangular form, in which the last class has no coordinate of "
        "its own.",
    )
    title: ClassVar[str] = "Max-Mahalanobis centres"
    formula: ClassVar[str] = (
        r"\lVert z - \mu_y \rVert^2, \quad \lVert \mu_k \rVert = C, \quad \cos(\mu_j, \mu_k) = -\frac{1}{K - 1}"
    )
    source: ClassVar[str] = "Pang, Xu, Dong, Du, Chen, Zhu 2020 (arXiv 1905.10626)"
    effect: ClassVar[str] = (
        "moves the logits to its centre, the harder the farther they are, and never saturates: the opposite of MAE"
    )

    def values(self, logits: Any, labels: Any) -> Any:
        classes = logits.shape[-1]
        if isinstance(logits, np.ndarray):
            own = (self.norm * simplex_corners(classes, self.symmetric))[labels]
        else:
            own = _centres(self.norm, classes, self.symmetric, logits.dtype, logits.device)[labels.long()]
        return ((logits - own) ** 2).sum(-1)


@lru_cache
def simplex_corners(classes: int, symmetric: bool = False) -> np.ndarray:
    """(classes, classes) unit rows, any two at the same angle.

    The published form is triangular, with the first row along the first axis.
    """
    if symmetric:
        return (np.eye(classes) - 1 / classes) * np.sqrt(classes / (classes - 1))
    rows = np.zeros((classes, classes))
    for j in range(classes - 1):
        left = classes - 1 - j  # the rows below have equal coordinates j, so that all rows sum to zero
        rows[j, j] = np.sqrt(classes * left / ((classes - 1) * (left + 1)))
        rows[j + 1 :, j] = -rows[j, j] / left
    return rows


@lru_cache
def _centres(norm: float, classes: int, symmetric: bool, dtype: Any, device: Any) -> Any:
    """The corners on the device of the logits, cached: a copy at every step would stall a GPU."""
    import torch

    with torch.inference_mode(False):  # autograd cannot use a tensor created in inference mode
        return torch.tensor(norm * simplex_corners(classes, symmetric), dtype=dtype, device=device)


class LogitNorm(Loss):
    """Cross-entropy of logits normalized to one length: only their direction is learned."""

    name: Literal["logit-norm"] = "logit-norm"
    tau: float = Field(default=0.04, ge=0.001, le=100, description="Temperature; the logits' length becomes 1/tau.")
    title: ClassVar[str] = "LogitNorm"
    formula: ClassVar[str] = r"-\log \operatorname{softmax}_y\!\left(\frac{z}{\tau\,(\lVert z \rVert + 10^{-7})}\right)"
    source: ClassVar[str] = "Wei, Xie, Cheng, Feng, An, Li 2022 (arXiv 2205.09310)"
    effect: ClassVar[str] = "raises it without pushing a dominant favourite down, the more weakly the longer the logits"

    def values(self, logits: Any, labels: Any) -> Any:
        return -true_log_probability(logits / (self.tau * (_norm(logits) + 1e-7)), labels)


class LogitClip(Loss):
    """Cross-entropy of logits clipped to length tau."""

    name: Literal["logit-clip"] = "logit-clip"
    tau: float = Field(
        default=1.0, ge=0.001, le=1e6, description="Maximal length of the logits; large is cross-entropy."
    )
    title: ClassVar[str] = "LogitClip"
    formula: ClassVar[str] = r"-\log \operatorname{softmax}_y\!\left(z \min(1, \tau / \lVert z \rVert)\right)"
    source: ClassVar[str] = "Wei, Zhuang, Xie, Feng, Niu, An, Li 2023 (arXiv 2212.04055)"
    effect: ClassVar[str] = "raises it without pushing a dominant favourite down once the logits are longer than tau"

    def values(self, logits: Any, labels: Any) -> Any:
        return -true_log_probability(logits * (self.tau / clamp_min(_norm(logits), self.tau)), labels)


def _norm(logits: Any) -> Any:
    """(batch, 1) Euclidean norm, bounded away from zero, where the root has no derivative."""
    return library(logits).sqrt(clamp_min((logits * logits).sum(-1), 1e-30))[:, None]


def _margin(logits: Any, labels: Any) -> Any:
    """(batch,) the true logit minus the largest other one; positive where the guess is right."""
    others = detached(logits) + 0  # a copy
    if isinstance(others, np.ndarray):
        np.put_along_axis(others, labels[:, None], -np.inf, -1)
    else:
        others.scatter_(-1, labels.long()[:, None], -np.inf)
    return gather_labels(logits, labels) - gather_labels(logits, others.argmax(-1))
