"""Base classes of the classification losses: frozen specs whose fields are hyperparameters and whose call is a formula.

Most robust losses depend on the probability p of the true class alone, L = f(p). Their gradient is then exactly that of
cross-entropy times one number per sample, the weight w(p) = -p f'(p):

    dL/dz_k = -w(p) (1[k = y] - p_k)

Such a loss defines f and w as functions of log p and nothing else: training uses w as the gradient, which is finite
wherever the formula is, and the pages draw the same two functions.

Every formula is written once and runs on torch tensors and on numpy arrays; describing or drawing a loss needs no
torch. The few operations that the two libraries spell differently are in `arrays`. Logits are (batch, classes), labels
(batch,) integers, results (batch,).
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from igbviz.losses.arrays import (
    clamp_log_p,
    detached,
    gradient_only,
    library,
    log_softmax,
    one_hot,
    true_log_probability,
    upcast,
)
from igbviz.plugins.part import Part
from igbviz.spec import ConfigError

COMPLEX_STEP = 1e-100  # a complex step subtracts nothing, so it can be near the smallest double


class Loss(Part):
    """One loss function. Calling it on logits and labels gives one value per example, in the dtype of the logits.

    A new loss needs a `name` and `values`. Its other fields are hyperparameters: the limits and the description of a
    field make its widget and its error sentences, and each has a default. A loss of the true class's probability alone
    is a `LossOfP` instead, and is drawn over p. In a plugin (`igbviz.plugins`):

        from typing import ClassVar, Literal
        from pydantic import Field
        from igbviz.losses import Loss
        from igbviz.losses.arrays import clamp_min, gather_labels

        class Hinge(Loss):
            '''The multiclass hinge loss: zero once the true class leads all others by the margin.'''

            title: ClassVar[str] = "Multiclass hinge"  # on the pages; without one it is the name
            name: Literal["hinge"] = "hinge"
            margin: float = Field(1.0, gt=0, le=100, description="The lead that is enough.")
            formula: ClassVar[str] = "sum_k max(0, m + z_k - z_y) - m"  # in LaTeX

            def values(self, logits, labels):
                lead = logits - gather_labels(logits, labels)[:, None]
                return clamp_min(lead + self.margin, 0.0).sum(-1) - self.margin

    `gather_labels`, `clamp_min` and the other helpers of `igbviz.losses.arrays` work on torch tensors and numpy arrays,
    like arithmetic. A formula in torch alone sets `runs_on_numpy = False`.

    >>> logits, labels = torch.zeros(2, 4), torch.tensor([0, 3])
    >>> igbviz.losses.LabelSmoothing(epsilon=0.1)(logits, labels)
    tensor([1.3863, 1.3863])
    """

    formula: ClassVar[str]  # LaTeX, for one sample; without one, the pages show L(z, y)
    source: ClassVar[str] = ""
    effect: ClassVar[str] = ""  # what it does to a class that the network considers improbable
    depends_on_p_only: ClassVar[bool] = False
    # whether `values` also takes numpy arrays, real and complex; if not, its gradient is recorded, but not drawn
    runs_on_numpy: ClassVar[bool] = True
    # for a loss that drops samples from a batch: one sentence on which of the probed images have a gradient
    selection_note: ClassVar[str] = ""

    def __call__(self, logits: Any, labels: Any) -> Any:
        """(batch,) values. Raises ConfigError for labels outside 0..classes-1 or shapes that do not fit."""
        _check(logits, labels)
        values = self.values(upcast(logits), labels)
        return values if values.dtype == logits.dtype else values.to(logits.dtype)

    def values(self, logits: Any, labels: Any) -> Any:
        """(batch,) values of checked logits in at least float32; differentiable in torch and by complex step."""
        raise NotImplementedError

    def values_in_batch(self, logits: Any, labels: Any) -> Any:
        """(batch,) values in a batch of exactly these samples: zero, without a gradient, for samples the loss drops."""
        return self.values(logits, labels)

    def batch_loss(self, logits: Any, labels: Any, parameters: Iterable[Any] = ()) -> Any:
        """The scalar that a training step minimizes: the mean over the batch, plus any batch-level terms."""
        return self.values(upcast(logits), labels).mean()

    def descend(self, logits: Any, labels: Any, parameters: Iterable[Any] = ()) -> Any:
        """Run `batch_loss` and its backward pass; returns the detached value.

        Losses with analytic derivatives override it: they need no autograd graph of their formula, which is most of
        their cost beside a small network.
        """
        loss = self.batch_loss(logits, labels, parameters)
        loss.backward()
        return loss.detach()

    def gradient(self, logits: Any, labels: Any) -> np.ndarray:
        """(batch, classes) derivatives of the values with respect to the logits, in float64 and without torch.

        values(z + ih) = values(z) + ih values'(z): the imaginary part is the derivative, to the last digit. Factors
        that a formula detaches are real there (`detached`), so this is the gradient used in training. All NaN for a
        loss that does not run on numpy. Raises ConfigError like a call.
        """
        logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
        _check(logits, labels)
        if not self.runs_on_numpy:
            return np.full_like(logits, np.nan)
        slopes = np.empty_like(logits)
        for k in range(logits.shape[1]):
            nudged = logits.astype(np.complex128)
            nudged[:, k] += 1j * COMPLEX_STEP
            slopes[:, k] = self.values(nudged, labels).imag / COMPLEX_STEP
        return slopes

    @property
    def of_p(self) -> LossOfP | None:
        """This loss as a function of p, or None if it depends on more than the true class's probability."""
        return None

    def latex(self) -> str:
        """The displayed formula, in LaTeX."""
        return getattr(self, "formula", r"L(\mathbf{z}, y)")

    def try_out(self) -> None:
        self.latex()
        try:
            self.gradient(np.zeros((2, 3)), np.array([0, 2]))
        except NotImplementedError:
            raise ConfigError(((), "it lacks a method (values, or f and weight)")) from None
        except Exception as error:
            allowed = "a formula for torch and numpy, or runs_on_numpy = False"
            raise ConfigError(((), f"its values fail on numpy arrays ({error}), allowed: {allowed}")) from None


class LossOfProbabilities(Loss):
    """A loss of all classes' probabilities with analytic derivatives with respect to their logarithms."""

    def value_and_slopes(self, log_p: Any, target: Any, xp: ModuleType) -> tuple[Any, Any]:
        """(batch, 1) values and (batch, classes) slopes at log p; `target` is one-hot, (batch, classes)."""
        raise NotImplementedError

    def values(self, logits: Any, labels: Any) -> Any:
        log_p = log_softmax(logits)
        here = clamp_log_p(detached(log_p))
        values, slopes = self.value_and_slopes(here, one_hot(here, labels), library(here))
        return values[:, 0] + (slopes * gradient_only(log_p)).sum(-1)

    def descend(self, logits: Any, labels: Any, parameters: Iterable[Any] = ()) -> Any:
        import torch

        log_p = log_softmax(upcast(logits))
        here = clamp_log_p(log_p.detach())
        values, slopes = self.value_and_slopes(here, one_hot(here, labels), torch)
        log_p.backward(slopes * (1 / len(values)))
        return values.mean()


class LossIssue(NamedTuple):
    """A problem of a loss of p that is worth knowing before training, and the interval of p it concerns.

    >>> [issue.kind for issue in igbviz.losses.PiecewiseZero(cutoff=0.1).checks()]
    ['silent']
    """

    kind: Literal["silent", "wrong way", "blow-up", "jump"]
    low: float
    high: float
    text: str


class LossOfP(Loss):
    """A loss f(p) of the true class's probability alone. A new one needs a name, f and w, as functions of log p:

    class Power(LossOfP):
        '''A power of cross-entropy.'''

        name: Literal["power"] = "power"
        a: float = Field(2.0, ge=1, le=5, description="The exponent; 1 is cross-entropy.")
        formula: ClassVar[str] = "(-log p)^a"  # in LaTeX

        def f(self, log_p, xp):  # xp: numpy or torch
            return (-log_p) ** self.a

        def weight(self, log_p, xp):
            return self.a * (-log_p) ** (self.a - 1)

    >>> igbviz.losses.Focal(gamma=2).at(np.log([0.1, 0.5])).round(3)
    array([1.865, 0.173])
    """

    depends_on_p_only: ClassVar[bool] = True

    @property
    def of_p(self) -> LossOfP:
        return self

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        """The value at log p, elementwise."""
        raise NotImplementedError

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        """w(p) = -df/dlog p, elementwise: the force on the true class, in units of cross-entropy's.

        Negative values push the true class down.
        """
        raise NotImplementedError

    def at(self, log_p: Any) -> Any:
        """f, elementwise, with the gradient -w in log p."""
        here, xp = clamp_log_p(detached(log_p)), library(log_p)
        # f in value and -w in gradient: exact for every p, also where autograd of f would give 0 * inf.
        return self.f(here, xp) - self.weight(here, xp) * gradient_only(log_p)

    def values(self, logits: Any, labels: Any) -> Any:
        return self.at(true_log_probability(logits, labels))

    def descend(self, logits: Any, labels: Any, parameters: Iterable[Any] = ()) -> Any:
        import torch

        neg_log_p = torch.nn.functional.cross_entropy(upcast(logits), labels.long(), reduction="none")
        here = clamp_log_p(-neg_log_p.detach())
        neg_log_p.backward(self.weight(here, torch) * (1 / len(here)))
        return self.f(here, torch).mean()

    def try_out(self) -> None:
        super().try_out()
        if not self.runs_on_numpy:
            raise ConfigError((("runs_on_numpy",), "is False, allowed: True for a loss of p, which is drawn over p"))
        self.checks()

    def checks(self) -> list[LossIssue]:
        """Where the gradient is zero (w = 0), where the true class is pushed down (w < 0), and where f or w explode."""
        log_p = probability_grid()
        p, force = np.exp(log_p), self.weight(log_p, np)
        noise = 1e-12 * p  # the rounding error of a slope in p that is exactly zero
        issues = [
            LossIssue("silent", low, high, f"is constant {where}: such a sample has zero gradient")
            for low, high, where in _intervals(p, np.abs(force) <= noise)
            if low < 0.99 and high > 1e-12  # every loss may be flat at the very ends
        ]
        wrong = force < -noise
        if wrong.any() and p[first := wrong.argmax()] < 1e-9 and (force[:first] <= 0).all():
            wrong[:first] = True  # towards 0 the wrong push fades into the rounding error without changing its sign
        issues += [
            LossIssue("wrong way", low, high, f"pushes the true class further down {where}")
            for low, high, where in _intervals(p, wrong)
        ]
        return issues + self._blow_ups(log_p)

    def _blow_ups(self, log_p: np.ndarray) -> list[LossIssue]:
        """Where value or force exceed a thousand times their usual size: at both ends, and at a peak between them."""
        issues = []
        middle = log_p[(log_p > np.log(0.01)) & (log_p < np.log(0.99))]
        for quantity, curve in (("value", self.f), ("force", self.weight)):
            sizes = np.abs(curve(middle, np))
            ends = (
                (0.0, np.log(1e-12), "p = 1e-12", sizes.max()),
                (1.0, np.log1p(-1e-12), "p = 1 - 1e-12", sizes.max()),
            )
            top = sizes.argmax()
            peak = float(np.exp(middle[top]))
            inside = ((peak, middle[top], f"p = {peak:.3g}", np.median(sizes)),) if 0 < top < len(middle) - 1 else ()
            for end, place, where, usual in (*ends, *inside):
                size = float(curve(np.array([place]), np)[0])
                if abs(size) > 1000 * max(usual, 1e-3):
                    issues.append(LossIssue("blow-up", end, end, f"has a {quantity} of {size:.3g} at {where}"))
        return issues


def probability_grid() -> np.ndarray:
    """log p over (0, 1): p in steps of a thousandth, and geometric steps towards both ends."""
    near_zero, near_one = np.geomspace(1e-30, 1e-3, 541)[:-1], np.geomspace(1e-3, 1e-12, 181)[1:]
    return np.concatenate([np.log(near_zero), np.log(np.linspace(0.001, 0.999, 999)), np.log1p(-near_one)])


def _intervals(p: np.ndarray, holds: np.ndarray) -> list[tuple[float, float, str]]:
    """(low, high, description) of every run of at least two grid points where `holds`; more than three are merged."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], holds, [False]])))
    bounds = np.concatenate([[0.0], p[1:-1], [1.0]])  # a run at the end of the grid extends to 0 or 1
    runs = [
        (float(bounds[first]), float(bounds[after - 1])) for first, after in edges.reshape(-1, 2) if after - first > 1
    ]
    if len(runs) > 3:
        return [(runs[0][0], runs[-1][1], f"in {len(runs)} places {_describe_interval(runs[0][0], runs[-1][1])}")]
    return [(low, high, _describe_interval(low, high)) for low, high in runs]


def _describe_interval(low: float, high: float) -> str:
    if low == 0 and high == 1:
        return "at every p"
    return (
        f"below p = {high:.3g}"
        if low == 0
        else f"above p = {low:.3g}"
        if high == 1
        else f"from p = {low:.3g} to {high:.3g}"
    )


def _check(logits: Any, labels: Any) -> None:
    for name, values in (("logits", logits), ("labels", labels)):
        if not (hasattr(values, "ndim") and hasattr(values, "dtype")):
            raise ConfigError(((name,), f"are of type {type(values).__name__}, allowed: a tensor or an array"))
    if type(logits) is not type(labels):
        raise ConfigError(
            (("labels",), f"are of type {type(labels).__name__}, allowed: {type(logits).__name__}, like the logits")
        )
    if "float" not in str(logits.dtype):
        raise ConfigError((("logits",), f"are of type {logits.dtype}, allowed: floating-point numbers"))
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ConfigError(
            (
                (),
                f"logits of shape {tuple(logits.shape)} and labels of shape {tuple(labels.shape)} do "
                "not fit: allowed are (batch, classes) and (batch,)",
            )
        )
    classes = logits.shape[1]
    if classes < 2:
        raise ConfigError((("logits",), f"have {classes} classes, allowed: at least 2"))
    if "int" not in str(labels.dtype):  # int64, torch.int64, uint8 ...
        raise ConfigError((("labels",), f"are of type {labels.dtype}, allowed: integers"))
    if len(labels) and not (0 <= int(labels.min()) and int(labels.max()) < classes):
        raise ConfigError(
            (("labels",), f"run from {int(labels.min())} to {int(labels.max())}, allowed: 0 to {classes - 1}")
        )
