"""What every classification loss is: a frozen description whose fields are its knobs and whose call is its formula.

Most robust losses depend on the probability p of the true class alone, L = f(p). Their gradient is then exactly that of
cross-entropy times one number a sample, the weight w(p) = -p f'(p):

    dL/dz_k = -w(p) (1[k = y] - p_k)

Such a loss states f and w, as functions of log p, and nothing else: the training uses w as the gradient (so it stays
finite wherever the formula is), and the pages draw the same two functions.

Every formula is written once and runs on torch tensors and on numpy arrays; describing or drawing a loss needs no
torch. The few operations that the two libraries spell differently stand at the foot. Logits are (batch, classes),
labels (batch,) whole numbers, results (batch,).
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from igbviz.spec import ConfigError, Spec

COMPLEX_STEP = 1e-100  # nothing is subtracted in a complex step, so it may be as small as doubles go
MAX_LEAD = -1e30  # log p at which a formula is asked in place of minus infinity, where p^q log p would be 0 * inf


class Loss(Spec):
    """One loss function. Calling it on logits and labels gives one value an example, in the dtype of the logits."""

    title: ClassVar[str]
    formula: ClassVar[str]  # LaTeX, for one sample
    source: ClassVar[str]
    effect: ClassVar[str]  # what it does to a class that the network holds improbable
    depends_on_p_only: ClassVar[bool] = False
    # of a loss that drops samples from a batch: what this means for who is heard, in a sentence
    selects: ClassVar[str] = ""

    def __call__(self, logits: Any, labels: Any) -> Any:
        """(batch,) values. Raises ConfigError for labels outside 0..classes-1 or shapes that do not fit."""
        _check(logits, labels)
        values = self.values(upcast(logits), labels)
        return values if values.dtype == logits.dtype else values.to(logits.dtype)

    def values(self, logits: Any, labels: Any) -> Any:
        """(batch,) values of checked logits in single precision or better; differentiable, in torch and by complex
        step."""
        raise NotImplementedError

    def in_batch(self, logits: Any, labels: Any) -> Any:
        """(batch,) values as they count in a batch of exactly these samples: zero, without a gradient, where the loss
        drops one."""
        return self.values(logits, labels)

    def batch_loss(self, logits: Any, labels: Any, parameters: Iterable[Any] = ()) -> Any:
        """The scalar that a training step descends: the mean over the batch, and the place for batch-level parts of a
        loss."""
        return self.values(upcast(logits), labels).mean()

    def descend(self, logits: Any, labels: Any, parameters: Iterable[Any] = ()) -> Any:
        """`batch_loss` with its backward pass, as a training step needs both; the value, detached. Losses that know
        their slopes need no graph of their formula, which is most of what they cost beside a small network."""
        loss = self.batch_loss(logits, labels, parameters)
        loss.backward()
        return loss.detach()

    def gradient(self, logits: Any, labels: Any) -> np.ndarray:
        """(batch, classes) derivatives of the values by the logits, in float64 and without torch.

        values(z + ih) = values(z) + ih values'(z): the imaginary part is the derivative, to the last digit. Whatever a
        formula detaches is real there (`held`), so this is the gradient that the training descends, not only that of
        the printed value.
        """
        logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
        _check(logits, labels)
        slopes = np.empty_like(logits)
        for k in range(logits.shape[1]):
            nudged = logits.astype(np.complex128)
            nudged[:, k] += 1j * COMPLEX_STEP
            slopes[:, k] = self.values(nudged, labels).imag / COMPLEX_STEP
        return slopes

    def latex(self) -> str:
        """The formula to show, in LaTeX."""
        return self.formula


class LossOfProbabilities(Loss):
    """A loss of all classes' probabilities that knows its slopes in their logarithms."""

    def parts(self, log_p: Any, hit: Any, xp: ModuleType) -> tuple[Any, Any]:
        """(batch, 1) values at log p (batch, classes), and their slopes (batch, classes) in it; `hit` is 1 at the
        label, else 0."""
        raise NotImplementedError

    def values(self, logits: Any, labels: Any) -> Any:
        log_p = log_softmax(logits)
        here = reachable(held(log_p))
        values, slopes = self.parts(here, one_hot(here, labels), library(here))
        return values[:, 0] + (slopes * gradient_alone(log_p)).sum(-1)

    def descend(self, logits: Any, labels: Any, parameters: Iterable[Any] = ()) -> Any:
        import torch

        log_p = log_softmax(upcast(logits))
        here = reachable(log_p.detach())
        values, slopes = self.parts(here, one_hot(here, labels), torch)
        log_p.backward(slopes * (1 / len(values)))
        return values.mean()


class Finding(NamedTuple):
    """Something to know about a loss of p before training with it, and where it holds."""

    kind: Literal["silent", "wrong way", "blow-up", "jump"]
    low: float
    high: float
    text: str


class LossOfP(Loss):
    """A loss f(p) of the true class's probability alone."""

    depends_on_p_only: ClassVar[bool] = True

    def f(self, log_p: Any, xp: ModuleType) -> Any:
        """The value at log p, elementwise."""
        raise NotImplementedError

    def weight(self, log_p: Any, xp: ModuleType) -> Any:
        """w(p) = -df/dlog p, elementwise: how hard this loss pulls, in units of cross-entropy. Negative pushes the true
        class down."""
        raise NotImplementedError

    def at(self, log_p: Any) -> Any:
        """f, elementwise, with the gradient -w in log p."""
        here, xp = reachable(held(log_p)), library(log_p)
        # Equal to f in value and to -w in gradient: exact for every p, also where autograd of f would give 0 * inf.
        return self.f(here, xp) - self.weight(here, xp) * gradient_alone(log_p)

    def values(self, logits: Any, labels: Any) -> Any:
        return self.at(true_log_probability(logits, labels))

    def descend(self, logits: Any, labels: Any, parameters: Iterable[Any] = ()) -> Any:
        import torch

        surprise = torch.nn.functional.cross_entropy(upcast(logits), labels.long(), reduction="none")  # -log p
        here = reachable(-surprise.detach())
        surprise.backward(self.weight(here, torch) * (1 / len(here)))
        return self.f(here, torch).mean()

    def checks(self) -> list[Finding]:
        """Where this loss is silent (w = 0), where it pushes the true class down (w < 0), and where value or pull
        explode."""
        log_p = probability_grid()
        p, pull = np.exp(log_p), self.weight(log_p, np)
        noise = 1e-12 * p  # of a slope in p that is zero but for rounding
        found = [
            Finding("silent", low, high, f"is constant {where}: such a sample has no say")
            for low, high, where in _stretches(p, np.abs(pull) <= noise)
            if low < 0.99 and high > 1e-12  # at the very ends every loss may rest
        ]
        wrong = pull < -noise
        if wrong.any() and p[first := wrong.argmax()] < 1e-9 and (pull[:first] <= 0).all():
            wrong[:first] = True  # it fades into the noise towards 0, and is no better there
        found += [
            Finding("wrong way", low, high, f"pushes the true class further down {where}")
            for low, high, where in _stretches(p, wrong)
        ]
        return found + self._blow_ups(log_p)

    def _blow_ups(self, log_p: np.ndarray) -> list[Finding]:
        """Where value or pull are a thousand times what they are elsewhere: at the ends, and at a peak between them."""
        found = []
        middle = log_p[(log_p > np.log(0.01)) & (log_p < np.log(0.99))]
        for what, curve in (("value", self.f), ("pull", self.weight)):
            sizes = np.abs(curve(middle, np))
            ends = (
                (0.0, np.log(1e-12), "p = 1e-12", sizes.max()),
                (1.0, np.log1p(-1e-12), "p = 1 - 1e-12", sizes.max()),
            )
            top = sizes.argmax()
            peak = float(np.exp(middle[top]))
            inside = ((peak, middle[top], f"p = {peak:.3g}", np.median(sizes)),) if 0 < top < len(middle) - 1 else ()
            for end, place, where, usual in (*ends, *inside):
                reached = float(curve(np.array([place]), np)[0])
                if abs(reached) > 1000 * max(usual, 1e-3):
                    found.append(Finding("blow-up", end, end, f"has a {what} of {reached:.3g} at {where}"))
        return found


def probability_grid() -> np.ndarray:
    """log p over (0, 1): every thousandth, and closer and closer steps towards both ends."""
    near_zero, near_one = np.geomspace(1e-30, 1e-3, 541)[:-1], np.geomspace(1e-3, 1e-12, 181)[1:]
    return np.concatenate([np.log(near_zero), np.log(np.linspace(0.001, 0.999, 999)), np.log1p(-near_one)])


def _stretches(p: np.ndarray, holds: np.ndarray) -> list[tuple[float, float, str]]:
    """Ends, and these in words, of every run of at least two grid points at which something holds; more than three
    become one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], holds, [False]])))
    known = np.concatenate([[0.0], p[1:-1], [1.0]])  # what holds at the end of the grid holds to the end
    runs = [
        (float(known[first]), float(known[after - 1])) for first, after in edges.reshape(-1, 2) if after - first > 1
    ]
    if len(runs) > 3:
        return [(runs[0][0], runs[-1][1], f"in {len(runs)} places {_between(runs[0][0], runs[-1][1])}")]
    return [(low, high, _between(low, high)) for low, high in runs]


def _between(low: float, high: float) -> str:
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
        raise ConfigError((("labels",), f"are of type {labels.dtype}, allowed: whole numbers"))
    if len(labels) and not (0 <= int(labels.min()) and int(labels.max()) < classes):
        raise ConfigError(
            (("labels",), f"run from {int(labels.min())} to {int(labels.max())}, allowed: 0 to {classes - 1}")
        )


def upcast(logits: Any) -> Any:
    """Logits in at least float32: half precision has too few digits for a log-softmax."""
    return logits if logits.dtype.itemsize >= 4 else logits.float()


def library(array: Any) -> ModuleType:
    """The module whose functions work on this array: numpy or torch."""
    if isinstance(array, np.ndarray):
        return np
    import torch

    return torch


def held(array: Any) -> Any:
    """The same numbers without their derivatives: detached in torch, without the imaginary part in a complex step."""
    return array.real if isinstance(array, np.ndarray) else array.detach()


def reachable(log_p: Any) -> Any:
    """The same numbers, but none below `FARTHEST`: an infinite or overflowing logit makes log p minus infinity."""
    return library(log_p).clip(log_p, MAX_LEAD, None)


def gradient_alone(log_p: Any) -> Any:
    """Zero, with the derivative of log p; without any where log p is infinite, and would be subtracted from itself."""
    here, xp = held(log_p), library(log_p)
    with np.errstate(invalid="ignore"):
        return xp.where(xp.isinf(here), 0.0, log_p - here)


def log_softmax(logits: Any) -> Any:
    """(batch, classes) log-probabilities: finite where softmax itself would underflow."""
    if not isinstance(logits, np.ndarray):
        return logits.log_softmax(-1)
    below = logits - logits.real.max(-1, keepdims=True)
    return below - np.log(np.exp(below).sum(-1, keepdims=True))


def pick(table: Any, labels: Any) -> Any:
    """(batch,) the entry of each row that its label names."""
    if isinstance(table, np.ndarray):
        return np.take_along_axis(table, labels[:, None], -1)[:, 0]
    from torch.nn.functional import nll_loss

    return -nll_loss(table, labels.long(), reduction="none")  # exact, and without a scatter on its way back


def one_hot(table: Any, labels: Any) -> Any:
    """(batch, classes) like the table: 1 where a column is its row's label, else 0."""
    if isinstance(table, np.ndarray):
        return (labels[:, None] == np.arange(table.shape[-1])).astype(table.dtype)
    return table.new_zeros(table.shape).scatter_(-1, labels.long()[:, None], 1.0)


def true_log_probability(logits: Any, labels: Any) -> Any:
    """(batch,) log p_y."""
    if isinstance(logits, np.ndarray):
        return pick(log_softmax(logits), labels)
    from torch.nn.functional import cross_entropy

    return -cross_entropy(
        logits, labels.long(), reduction="none"
    )  # log-softmax and the choice of y in one kernel, both ways


def at_least(array: Any, floor: float) -> Any:
    """The larger of the two, elementwise; no derivative at or below the floor."""
    return library(array).where(held(array) > floor, array, floor)
