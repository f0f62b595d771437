"""What is measured of a trajectory to check the results of Pellegrino, Szczecina and Fieguth (arXiv 2511.20826): a
function a claim.

K classes; p̄ is the mean probability of the true class, (T, K). A check gets the run, some also cross-entropy's run of
the same seed, and finds whether the claim holds and the number that says so. The limits are ours.
"""

from __future__ import annotations

import math

import numpy as np

from igbviz.studies.paper.experiment import SETS
from igbviz.trajectory import Trajectory

Check = tuple[
    bool | None, str
]  # whether it holds (None: what it speaks of has not happened), and the number that says so
_GAMMA = SETS["full"].config("blurry").loss.gamma


def _gap(t: Trajectory) -> np.ndarray:
    """(T,) between the highest and the lowest p̄."""
    return np.ptp(t.true_class_probability(), axis=-1)


def _met(t: Trajectory) -> int | None:
    """The first probe at which no two classes are farther apart than 2/K."""
    return _first(_gap(t) <= 2 / t.classes)


def _first(where: np.ndarray) -> int | None:
    return int(np.argmax(where)) if where.any() else None


def _others(t: Trajectory, values: np.ndarray) -> np.ndarray:
    """(..., K-1) without the class that was favoured at Init."""
    return np.delete(values, t.favoured(), axis=-1)


def _first_epoch(t: Trajectory) -> Trajectory:
    return t[t.epoch <= 1 + 1e-9]


def _at_step(t: Trajectory, probe: int | None) -> str:
    return "never" if probe is None else f"step {t.step[probe]:,}"


def one_class(t: Trajectory) -> Check:
    top = float(t.predicted_probability()[0].max())
    return top >= 0.9, f"{top:.2f}"


def every_image(t: Trajectory) -> Check:
    top = float(t.guess_fraction()[0].max())
    return top >= 0.9, f"{top:.2f}"


def first_batch(t: Trajectory) -> Check:
    if len(t) < 2 or t.step[1] != 1:
        return None, "no probe after the first batch"
    before, after = _gap(t)[:2]
    return after <= before / 2, f"{before:.2f} → {after:.2f}"


def gather(t: Trajectory) -> Check:
    early = _first_epoch(t)
    p = early.true_class_probability()
    off = np.abs(np.log(np.maximum(p, 1e-12) * t.classes)).max(-1)
    nearest = int(off.argmin())
    low, high = p[nearest].min(), p[nearest].max()
    return off[nearest] <= math.log(2) + 1e-9, f"{low:.2f}..{high:.2f} at {_at_step(early, nearest)}"


def accuracy_lags(t: Trajectory) -> Check:
    gap = np.ptp(t.accuracy(), axis=-1)
    by_p, by_accuracy = _first(_gap(t) <= _gap(t)[0] / 2), _first(gap <= gap[0] / 2)
    numbers = f"p̄ {_at_step(t, by_p)}, accuracy {_at_step(t, by_accuracy)}"
    if by_p is None:
        return None, numbers
    return by_accuracy is None or by_accuracy > by_p, numbers


def balances(t: Trajectory) -> Check:
    p = t.true_class_probability()
    own, others = p[:, t.favoured()], _others(t, p).mean(-1)
    probe = _first((own <= own[0] / 2) & (others >= 0.5 / t.classes))
    if probe is None:
        return False, f"{own[0]:.2f} → {own[-1]:.2f}, the others' mean {others[-1]:.2f}"
    return t.epoch[
        probe
    ] <= 0.1, f"{_at_step(t, probe)}: {own[0]:.2f} → {own[probe]:.2f}, the others' mean {others[probe]:.2f}"


def moves_as_a_group(t: Trajectory) -> Check:
    p = t.true_class_probability()[-1]
    return p.mean() >= 1.2 / t.classes and p.min() >= p.mean() / 2, f"mean {p.mean():.2f}, lowest {p.min():.2f}"


def accuracy_rises(t: Trajectory) -> Check:
    accuracy = t.accuracy()[-1]
    return (
        accuracy.mean() >= 2 / t.classes and accuracy.min() > 0,
        f"mean {accuracy.mean():.2f}, {(accuracy == 0).sum()} at zero",
    )


def later(t: Trajectory, reference: Trajectory) -> Check:
    own, other = _met(t), _met(reference)
    numbers = f"{_at_step(t, own)}; cross-entropy {_at_step(reference, other)}"
    if other is None or (own is None and t.epoch[-1] < 1 - 1e-9):
        return None, numbers
    return own is not None and t.step[own] > reference.step[other], numbers


def less_accurate(t: Trajectory, reference: Trajectory) -> Check:
    own, other = (float(_first_epoch(each).balanced_accuracy()[-1]) for each in (t, reference))
    return own < other, f"{own:.2f}; cross-entropy {other:.2f}"


def little_signal(t: Trajectory, reference: Trajectory) -> Check:
    own, other = _met(t), _met(reference)
    if own is None or other is None:
        return None, "the classes have not met"
    share = float(t.signal[own].mean() / reference.signal[other].mean())
    return share <= 0.5, f"{share:.2f} of cross-entropy's"


def leads_throughout(t: Trajectory) -> Check:
    lost = _first(t.true_class_probability().argmax(-1) != t.favoured())
    return lost is None, "lead never lost" if lost is None else f"lead lost at {_at_step(t, lost)}"


def leads_at_the_end(t: Trajectory) -> Check:
    p = t.true_class_probability()[-1]
    return int(p.argmax()) == t.favoured(), f"{p[t.favoured()]:.2f}, best other {_others(t, p).max():.2f}"


def rebounds(t: Trajectory) -> Check:
    own = t.true_class_probability()[:, t.favoured()]
    return own[-1] >= own.min() + 0.05, f"{own.min():.2f} → {own[-1]:.2f}"


def stays_perfect(t: Trajectory) -> Check:
    low = float(t.accuracy()[:, t.favoured()].min())
    return low >= 0.95, f"lowest {low:.2f}"


def others_fall(t: Trajectory) -> Check:
    top = float(_others(t, t.true_class_probability()[-1]).max())
    return top < 1 / t.classes, f"highest {top:.2f}"


def others_stay_poor(t: Trajectory) -> Check:
    accuracy = _others(t, t.accuracy()[-1])
    above = int((accuracy > 1 / t.classes).sum())
    return above == 0, f"{above} above 1/K, {(accuracy == 0).sum()} at zero"


def one_lifts_all(t: Trajectory) -> Check:
    lowest = _others(t, _first_epoch(t).true_class_probability()).min(-1)
    best = int(lowest.argmax())
    return lowest[best] >= 0.5 / t.classes, f"lowest {lowest[best]:.2f} at {_at_step(t, best)}"


def pushed_down(t: Trajectory) -> Check:
    met = _met(t)
    if met is None or t.step[-1] < t.step[met] + 100:
        return None, "fewer than 100 batches after the classes met" if met is not None else "the classes have not met"
    p = t.true_class_probability()
    low = p[met] < math.exp(-1 / _GAMMA)
    if not low.any():
        return None, "no class was that improbable"
    down = int((p[-1] < p[met])[low].sum())
    return down > low.sum() / 2, f"{down} of {low.sum()} lower"


def still_guessed_most(t: Trajectory) -> Check:
    guesses = t.guess_fraction()[-1]
    return int(guesses.argmax()) == t.favoured(), f"{guesses[t.favoured()]:.2f}, largest {guesses.max():.2f}"
