"""The results of Pellegrino, Szczecina and Fieguth (arXiv 2511.20826) as claims that are checked against trajectories.

A claim paraphrases a sentence of the paper and adds a definition that a program can decide. The definitions and their
limits are ours. A run that was not trained as far as the sentence requires counts neither for nor against it.

One sentence of Sec. 4 has no claim: that the training signal of one class alone can raise p̄ of all. Probes record each
class's signal, not its effect on the other classes; that all classes rise under piecewise-zero is `gather`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from igbviz.studies.paper import checks
from igbviz.studies.paper.checks import Check
from igbviz.studies.paper.experiment import LOSSES, TITLES, UNTRAINED
from igbviz.trajectory import Trajectory


@dataclass(frozen=True)
class Claim:
    """A result of the paper and how a run decides it.

    `losses` are the losses whose runs are checked, each on its own; empty: the untrained network. With `reference` the
    check also gets that loss's run of the same seed. A run decides the claim after `epochs` epochs ('end'), or earlier:
    by a yes ('ever'), by a no ('always'), or as soon as the check returns an answer ('any').
    """

    text: str
    where: str
    definition: str
    losses: tuple[str, ...]
    check: Callable[..., Check]
    epochs: float = 0.0
    decided: Literal["end", "ever", "always", "any"] = "any"
    reference: str = ""


CE, BLURRIES, PZ = ("cross-entropy",), ("blurry", "blurry-detached"), ("piecewise-zero",)
MET = "no two classes' p̄ are farther apart than 2/K"
CLAIMS = {
    "one-class": Claim(
        "Before training one class gets almost all the probability.",
        "Fig. 1, Sec. 4",
        "At Init. the largest mean predicted probability is at least 0.9.",
        (),
        checks.one_class,
    ),
    "every-image": Claim(
        "The preference hardly depends on the image.",
        "Sec. 1",
        "At Init. at least 90 % of all images are guessed as the same class.",
        (),
        checks.every_image,
    ),
    "first-batch": Claim(
        "The very first batch already brings the probabilities much closer together.",
        "Fig. 2",
        "After one step the distance between the highest and the lowest p̄ is at most half of what it was at Init. "
        '(So the caption in the PDF; the one on arXiv\'s web page says "during the first epoch".)',
        LOSSES,
        checks.first_batch,
    ),
    "gather": Claim(
        "Within the first epoch all classes gather around 1/K, whatever the loss.",
        "Fig. 2, Sec. 4",
        "At some probe of the first epoch every p̄ lies between 0.5/K and 2/K.",
        LOSSES,
        checks.gather,
        1,
        "ever",
    ),
    "accuracy-lags": Claim(
        "Accuracy follows later than probability.",
        "Sec. 4",
        "The distance between highest and lowest class falls to half its Init. value earlier for p̄ than for accuracy.",
        LOSSES,
        checks.accuracy_lags,
        1,
    ),
    "ce-balances": Claim(
        "Cross-entropy soon undoes the imbalance: the favoured class comes down, the others up.",
        "Sec. 1, Sec. 5",
        "From a probe in the first tenth of an epoch to the last one, after an epoch or more, the median p̄ of the "
        "others is at least 0.5/K and that of the favoured class at most three times as high. (For a few steps it may "
        "hold under any loss.)",
        CE,
        checks.balances,
        1,
        "end",
    ),
    "ce-group": Claim(
        "Under cross-entropy the classes then rise as a group.",
        "Fig. 2, Sec. 1",
        "At the last probe, after an epoch or more, the mean of p̄ is at least 1.2/K and no class is under half of it.",
        CE,
        checks.moves_as_a_group,
        1,
        "end",
    ),
    "ce-accuracy": Claim(
        "Under cross-entropy every class's accuracy improves.",
        "Fig. 2, Sec. 5",
        "At the last probe, after an epoch or more, the mean accuracy is at least 2/K and no class is at zero.",
        CE,
        checks.accuracy_rises,
        1,
        "end",
    ),
    "blurry-group": Claim(
        "Blurry behaves much like cross-entropy: the classes rise as a group.",
        "Fig. 2, Sec. 5",
        "As for cross-entropy: mean of p̄ at least 1.2/K, no class under half of it, after an epoch or more.",
        BLURRIES,
        checks.moves_as_a_group,
        1,
        "end",
    ),
    "blurry-slower": Claim(
        "Blurry undoes the imbalance more slowly than cross-entropy.",
        "Sec. 1, Fig. 2",
        f"Its first probe at which {MET} is at least five steps and at least 10 % later than that of cross-entropy "
        "with the same seed; a run that never gets there counts as later. (Rounding alone may move that step by one "
        "or two.)",
        BLURRIES,
        checks.later,
        1,
        "any",
        "cross-entropy",
    ),
    "blurry-lags": Claim(
        "Blurry's accuracies lag behind cross-entropy's.",
        "Fig. 2, Sec. 4",
        "At the end of the first epoch its mean accuracy is below that of cross-entropy of the same seed.",
        BLURRIES,
        checks.less_accurate,
        1,
        "end",
        "cross-entropy",
    ),
    "earlier-than-pz": Claim(
        "Under cross-entropy probabilities and accuracies rise earlier than under piecewise-zero.",
        "Sec. 4",
        "The median class's p̄, and its accuracy, stay at 1.2/K or above from a step that is at least five steps "
        "and at least 10 % earlier than under piecewise-zero with the same seed; a run that never gets there counts as "
        "later.",
        CE,
        checks.earlier,
        1,
        "end",
        "piecewise-zero",
    ),
    "little-signal": Claim(
        "Once the classes have met near 1/K, few images contribute to training under the robust losses.",
        "Sec. 4",
        f"At the first probe at which {MET}, at least half of the images have zero gradient (a norm under 1 % of "
        "cross-entropy's).",
        (*BLURRIES, *PZ),
        checks.few_contribute,
    ),
    "improbable-silent": Claim(
        "Under piecewise-zero classes of low probability do not contribute to training.",
        "Sec. 1, Sec. 5",
        "Of the images of classes other than the favoured one whose p̄ is below the cutoff, at least 90 % have zero "
        "gradient, in the median "
        "over the probes after Init., for an epoch or more.",
        PZ,
        checks.improbable_do_not_contribute,
        1,
        "end",
    ),
    "driven-by-favoured": Claim(
        "Under piecewise-zero training is driven by the initially favoured class.",
        "Sec. 4",
        "Its images have at least half of the training signal (the summed gradient norms on the logits), in the median "
        "over the probes after Init., for an epoch or more.",
        PZ,
        checks.driven_by_favoured,
        1,
        "end",
    ),
    "wrong-push": Claim(
        "Where the true class is improbable, printed blurry steers away from it.",
        "Sec. 2.2",
        f"At the first probe at which {MET}, some classes have most of their images where the force on the true "
        "class's logit is negative, p < exp(−1/γ). 100 batches later their median p̄ has halved, and is at most half "
        "of that of such classes under piecewise-zero of the same seed, which does not push.",
        ("blurry",),
        checks.pushed_down,
        reference="piecewise-zero",
    ),
    "pz-throughout": Claim(
        "Under piecewise-zero the initially favoured class dominates throughout.",
        "Sec. 1, Fig. 2",
        "Its p̄ is the largest at every probe, for an epoch or more.",
        PZ,
        checks.leads_throughout,
        1,
        "always",
    ),
    "pz-leads": Claim(
        "Under piecewise-zero the initially favoured class ends above all others.",
        "Fig. 2, Sec. 5",
        "At the last probe, after an epoch or more, its p̄ is at least 0.05 above that of any other class.",
        PZ,
        checks.leads_at_the_end,
        1,
        "end",
    ),
    "pz-rebounds": Claim(
        "Under piecewise-zero the favoured class comes down and then rises again.",
        "Sec. 4, Fig. 2",
        "Its p̄ falls to half of its value at Init. or lower, and at the last probe, after an epoch or more, it is at "
        "least 0.05 above its lowest.",
        PZ,
        checks.rebounds,
        1,
        "end",
    ),
    "pz-perfect": Claim(
        "Under piecewise-zero the favoured class is always recognized.",
        "Sec. 4",
        "Its accuracy is at least 0.95 at every probe, for an epoch or more.",
        PZ,
        checks.stays_perfect,
        1,
        "always",
    ),
    "pz-others-fall": Claim(
        "Under piecewise-zero all other classes become less probable.",
        "Fig. 2",
        "At the last probe, after an epoch or more, the p̄ of every other class is below 1/K.",
        PZ,
        checks.others_fall,
        1,
        "end",
    ),
    "pz-others-poor": Claim(
        "Under piecewise-zero no other class is learned.",
        "Sec. 4, Sec. 5",
        "At the last probe, after an epoch or more, no other class has an accuracy above 1/K.",
        PZ,
        checks.others_stay_poor,
        1,
        "end",
    ),
    "accuracies-unchanged": Claim(
        "Under piecewise-zero the accuracies of the classes remain largely unchanged.",
        "Fig. 2",
        "At the last probe, after an epoch or more, no class's accuracy is more than 0.2 from its value at Init.",
        PZ,
        checks.accuracies_unchanged,
        1,
        "end",
    ),
    "persists": Claim(
        "The initial bias can persist to the end of training.",
        "Sec. 1, Sec. 2.1, Sec. 5",
        "At the last probe, after 20 epochs or more, the favoured class is guessed more often than any other, and for "
        "at least 1.2/K of the images. (The paper says that it can persist, which one yes would prove. But by chance "
        "alone one run in K is a yes: compare the count with that.)",
        LOSSES,
        checks.still_guessed_most,
        20,
        "end",
    ),
}


@dataclass(frozen=True)
class CheckedClaim:
    """A claim checked on one run: `number` is what was measured. `holds` is None where the run cannot decide: it is too
    short, or the claim is `moot` since its precondition never occurred."""

    loss: str
    seed: int
    holds: bool | None
    number: str
    moot: bool = False


def check_claim(claim: Claim, trajectories: Mapping[tuple[str, int], Trajectory]) -> list[CheckedClaim]:
    """The claim checked on each of its runs, given by (loss, seed), in the order of the losses and seeds."""
    seeds = sorted({seed for _, seed in trajectories})
    if not claim.losses:  # any run of a seed begins with its untrained network
        runs = [(UNTRAINED, seed, next(loss for loss in LOSSES if (loss, seed) in trajectories)) for seed in seeds]
    else:
        runs = [(loss, seed, loss) for loss in claim.losses for seed in seeds if (loss, seed) in trajectories]
    return [CheckedClaim(name, seed, *_decided(claim, loss, seed, trajectories)) for name, seed, loss in runs]


def _decided(
    claim: Claim, loss: str, seed: int, trajectories: Mapping[tuple[str, int], Trajectory]
) -> tuple[bool | None, str, bool]:
    """`holds`, `number` and `moot` of the claim on one run."""
    runs = [trajectories[loss, seed]]
    if claim.reference:
        if (claim.reference, seed) not in trajectories:
            return None, f"no run of {TITLES[claim.reference].lower()} with this seed", False
        runs.append(trajectories[claim.reference, seed])
    if not all(np.isfinite(run.mean_prob[-1]).all() for run in runs):
        return None, "it diverged", True
    holds, number = claim.check(*runs)
    reached = min(float(run.epoch[-1]) for run in runs) + 1e-9
    if holds is None:  # in the first epoch the precondition may still occur
        return None, number, reached >= max(claim.epochs, 1)
    holds = bool(holds)  # a numpy bool fails the identity test below
    final = {"end": None, "ever": True, "always": False}
    if claim.decided in final and reached < claim.epochs and holds is not final[claim.decided]:
        return None, f"{number}; epoch {reached:.3g} of {claim.epochs:g}", False
    return holds, number, False


@dataclass(frozen=True)
class Verdict:
    """The result of a claim over all runs. `kind`: holds, fails, depends, short (not measured far enough), moot (its
    precondition never occurs) or none (no run)."""

    kind: Literal["holds", "fails", "depends", "short", "moot", "none"]
    words: str


def verdict(results: Sequence[CheckedClaim]) -> Verdict:
    """The verdict over the runs of one claim."""
    if not results:
        return Verdict("none", "no runs yet")
    decided = [checked for checked in results if checked.holds is not None]
    moot = sum(checked.moot for checked in results)
    short = len(results) - len(decided) - moot
    if not decided and short:
        return Verdict("short", f"not measured far enough (0 of {_runs(results)})")
    if not decided:
        return Verdict("moot", f"not applicable: the precondition never occurs in any of {_runs(results)}")
    counts = {loss: _count(decided, loss) for loss in dict.fromkeys(checked.loss for checked in decided)}
    k, n = sum(yes for yes, _ in counts.values()), len(decided)
    aside = (f"; {short} not measured far enough" if short else "") + (f"; not applicable in {moot}" if moot else "")
    if k == n:
        return Verdict("holds", f"holds in {k} of {_runs(decided)}{aside}")
    if k == 0:
        return Verdict("fails", f"does not hold in any of {_runs(decided)}{aside}")
    by_loss = ", ".join(f"{TITLES.get(loss, loss)} {yes} of {of}" for loss, (yes, of) in counts.items())
    if len(counts) == 1:
        return Verdict("depends", f"depends on the seed: holds in {k} of {_runs(decided)}{aside}")
    on_loss_alone = all(yes in (0, of) for yes, of in counts.values())
    cause = "blurry's gradient" if set(counts) == set(BLURRIES) else "the loss"
    return Verdict("depends", f"depends on {cause}{'' if on_loss_alone else ' and the seed'}: {by_loss}{aside}")


def _count(results: Iterable[CheckedClaim], loss: str) -> tuple[int, int]:
    own = [checked.holds for checked in results if checked.loss == loss]
    return sum(own), len(own)


def _runs(results: Sequence[CheckedClaim]) -> str:
    unit = "seed" if len({checked.loss for checked in results}) == 1 else "run"
    return f"{len(results)} {unit}{'s' * (len(results) > 1)}"


_ANSWERS = {
    (True, False): "yes",
    (False, False): "no",
    (None, False): "not measured far enough",
    (None, True): "not applicable",
}


def frame(trajectories: Mapping[tuple[str, int], Trajectory]) -> pd.DataFrame:
    """One row per claim and run, with the definition and the place in the paper."""
    rows = [
        {
            "claim": name,
            "says": claim.text,
            "where": claim.where,
            "definition": claim.definition,
            "loss": checked.loss,
            "seed": checked.seed,
            "holds": _ANSWERS[checked.holds, checked.moot],
            "measured": checked.number,
        }
        for name, claim in CLAIMS.items()
        for checked in check_claim(claim, trajectories)
    ]
    return pd.DataFrame(rows)
