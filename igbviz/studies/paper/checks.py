"""Decision rules for the results of Pellegrino, Szczecina and Fieguth (arXiv 2511.20826), one function per claim.

K classes; p̄ is the mean probability of the true class, (T, K). A check takes the run, and for some claims also another
loss's run of the same seed. It returns the verdict and the measured number. The limits are ours.
"""

from __future__ import annotations

import math

import numpy as np

from igbviz.losses.force import ZONES, zones
from igbviz.studies.paper.experiment import SETS
from igbviz.trajectory import Trajectory
from igbviz.trajectory.trajectory import lasting
from igbviz.trajectory.zones import images_by_zone

Check = tuple[bool | None, str]  # the verdict, None where the precondition never occurred; and the measured number

BLURRY, CUTOFF = SETS["full"].config("blurry").loss, SETS["full"].config("piecewise-zero").loss.cutoff
# "Earlier" and "later" need this many steps and this fraction of the earlier one: rounding alone, as on another
# processor, moves such a step by one or two, and by more later in a run.
STEP_MARGIN, STEP_FRACTION = 5, 0.1
LEAD_MARGIN = 0.05  # of p̄ between two classes: of 200 images each, the standard error of a difference is up to 0.05
PUSHED_FOR = 100  # steps after which a push must show


def _gap(t: Trajectory) -> np.ndarray:
    """(T,) distance between the highest and the lowest p̄."""
    return np.ptp(t.true_class_probability(), axis=-1)


def _met(t: Trajectory) -> int | None:
    """The first probe at which no two classes are farther apart than 2/K."""
    return _first(_gap(t) <= 2 / t.classes)


def _first(condition: np.ndarray) -> int | None:
    return int(np.argmax(condition)) if condition.any() else None


def _lasting(condition: np.ndarray) -> int | None:
    """The first probe from which on the condition holds to the last one."""
    first = int(lasting(condition))
    return first if first < len(condition) else None


def _others(t: Trajectory, values: np.ndarray) -> np.ndarray:
    """(..., K-1) without the class that was favoured at Init."""
    return np.delete(values, t.favoured(), axis=-1)


def _first_epoch(t: Trajectory) -> Trajectory:
    return t[t.epoch <= 1 + 1e-9]


def _at_step(t: Trajectory, probe: int | None) -> str:
    return "never" if probe is None else f"step {t.step[probe]:,}"


def _clearly_later(t: Trajectory, probe: int | None, reference: Trajectory, earlier: int) -> bool | None:
    """Whether `probe` of one run comes later than `earlier` of the other by more than rounding may explain. Never is
    later, and None where the run is too short to tell."""
    bound = reference.step[earlier] + max(STEP_MARGIN, STEP_FRACTION * reference.step[earlier])
    if probe is not None:
        return bool(t.step[probe] >= bound)
    return True if t.step[-1] >= bound else None


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
    return off[nearest] <= math.log(2) + 1e-9, f"{low:.2f} to {high:.2f} at {_at_step(early, nearest)}"


def accuracy_lags(t: Trajectory) -> Check:
    gap = np.ptp(t.accuracy(), axis=-1)
    by_p, by_accuracy = _first(_gap(t) <= _gap(t)[0] / 2), _first(gap <= gap[0] / 2)
    numbers = f"p̄ {_at_step(t, by_p)}, accuracy {_at_step(t, by_accuracy)}"
    if by_p is None:
        return None, numbers
    return by_accuracy is None or by_accuracy > by_p, numbers


def balances(t: Trajectory) -> Check:
    """The median of the others, since their mean follows from the favoured class's fall: p̄ sums to about 1 while
    predictions hardly depend on the image, so one other class may have it all."""
    p = t.true_class_probability()
    own, others = p[:, t.favoured()], np.median(_others(t, p), axis=-1)
    balanced = (own <= 3 * others) & (others >= 0.5 / t.classes)
    if balanced[0]:
        return None, "balanced at Init."
    probe = _lasting(balanced)
    end = f"favoured {own[0]:.2f} → {own[-1]:.2f}, median of the others {others[-1]:.2f}"
    if probe is None:
        return False, end
    return t.epoch[probe] <= 0.1, f"from {_at_step(t, probe)}: {end}"


def moves_as_a_group(t: Trajectory) -> Check:
    p = t.true_class_probability()[-1]
    return p.mean() >= 1.2 / t.classes and p.min() >= p.mean() / 2, f"mean {p.mean():.2f}, lowest {p.min():.2f}"


def accuracy_rises(t: Trajectory) -> Check:
    accuracy = t.accuracy()[-1]
    at_zero = (accuracy == 0).sum()
    return accuracy.mean() >= 2 / t.classes and at_zero == 0, f"mean {accuracy.mean():.2f}, {at_zero} at zero"


def earlier(t: Trajectory, reference: Trajectory) -> Check:
    """The median class of cross-entropy's run against that of piecewise-zero's, in both quantities."""
    verdicts, numbers, rises = [], [], False
    for name, quantity in (("p̄", Trajectory.true_class_probability), ("accuracy", Trajectory.accuracy)):
        own, other = (_lasting(np.median(quantity(run), axis=-1) >= 1.2 / run.classes) for run in (t, reference))
        numbers.append(f"{name} {_at_step(t, own)}, piecewise-zero {_at_step(reference, other)}")
        verdicts.append(False if own is None else _clearly_later(reference, other, t, own))
        rises |= own is not None or other is not None
    if not rises or (None in verdicts and False not in verdicts):
        return None, "; ".join(numbers)
    return all(verdicts), "; ".join(numbers)


def later(t: Trajectory, reference: Trajectory) -> Check:
    own, other = _met(t), _met(reference)
    numbers = f"{_at_step(t, own)}; cross-entropy {_at_step(reference, other)}"
    if other is None or (own is None and t.epoch[-1] < 1 - 1e-9):
        return None, numbers
    return _clearly_later(t, own, reference, other), numbers


def less_accurate(t: Trajectory, reference: Trajectory) -> Check:
    own, other = (float(_first_epoch(run).balanced_accuracy()[-1]) for run in (t, reference))
    return own < other, f"{own:.2f}; cross-entropy {other:.2f}"


def few_contribute(t: Trajectory) -> Check:
    met = _met(t)
    if met is None:
        return None, "the classes have not met"
    fraction = float(t.silent_fraction()[met])
    return fraction >= 0.5, f"{fraction:.2f} at {_at_step(t, met)}"


def pushed_down(t: Trajectory, reference: Trajectory) -> Check:
    """Any collapse to one class lowers the others, piecewise-zero's too. A push must be there in the sign of the force
    on the images, and lower them further than the absence of a push does."""
    probes = [(run, _met(run)) for run in (t, reference)]
    if any(met is None for _, met in probes):
        return None, "the classes have not met"
    if any(run.step[-1] < run.step[met] + PUSHED_FOR for run, met in probes):
        return None, f"fewer than {PUSHED_FOR} batches after the classes met"
    met = probes[0][1]
    pushed = images_by_zone(t, met, zones(BLURRY))[:, list(ZONES).index("wrong")] > 0.5
    if not pushed.any():
        return None, "no class has most of its images in the region of negative force"
    medians = []
    for run, start in probes:
        p = run.true_class_probability()
        chosen = pushed if run is t else p[start] < math.exp(-1 / BLURRY.gamma)
        if not chosen.any():
            return None, "no class of the other run is that improbable"
        end = _first(run.step >= run.step[start] + PUSHED_FOR)
        medians.append([float(np.median(p[probe][chosen])) for probe in (start, end)])
    (before, after), (reference_before, reference_after) = medians
    numbers = (
        f"{pushed.sum()} classes {before:.2g} → {after:.2g}; piecewise-zero {reference_before:.2g} → "
        f"{reference_after:.2g}"
    )
    return after < before / 2 and after < reference_after / 2, numbers


def leads_throughout(t: Trajectory) -> Check:
    lost = _first(t.true_class_probability().argmax(-1) != t.favoured())
    return lost is None, "lead never lost" if lost is None else f"lead lost at {_at_step(t, lost)}"


def leads_at_the_end(t: Trajectory) -> Check:
    p = t.true_class_probability()[-1]
    own, best = p[t.favoured()], _others(t, p).max()
    return own >= best + LEAD_MARGIN, f"{own:.2f}, best other {best:.2f}"


def rebounds(t: Trajectory) -> Check:
    own = t.true_class_probability()[:, t.favoured()]
    low = int(own.argmin())
    numbers = f"{own[0]:.2f} → {own[low]:.2f} at {_at_step(t, low)} → {own[-1]:.2f}"
    return own[low] <= own[0] / 2 and own[-1] >= own[low] + LEAD_MARGIN, numbers


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


def accuracies_unchanged(t: Trajectory) -> Check:
    change = np.abs(t.accuracy()[-1] - t.accuracy()[0])
    return change.max() <= 0.2, f"largest change {change.max():.2f}, {(change <= 0.2).sum()} of {t.classes} within 0.2"


def driven_by_favoured(t: Trajectory) -> Check:
    """The class's part of the summed gradient norms, which is a mean per image times the images."""
    signal = t.signal[1:] * t.class_sizes()[1:]
    total = signal.sum(-1)
    if not (total > 0).any():
        return None, "no probe with a training signal"
    fraction = float(np.median(signal[total > 0, t.favoured()] / total[total > 0]))
    return fraction >= 0.5, f"median {fraction:.2f} of the training signal"


def improbable_do_not_contribute(t: Trajectory) -> Check:
    p, silent = (_others(t, values)[1:] for values in (t.true_class_probability(), t.silent))
    improbable = p < CUTOFF
    at = improbable.any(-1)
    if not at.any():
        return None, "no other class is below the cutoff"
    fractions = (silent * improbable)[at].sum(-1) / improbable[at].sum(-1)
    return np.median(fractions) >= 0.9, f"median {np.median(fractions):.2f}, lowest {fractions.min():.2f}"


def still_guessed_most(t: Trajectory) -> Check:
    guesses = t.guess_fraction()[-1]
    own, best = guesses[t.favoured()], _others(t, guesses).max()
    return own > best and own >= 1.2 / t.classes, f"{own:.2f}, largest other {best:.2f}"
