"""The paper's claims on made-up runs whose verdict is known."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz.runs import library
from igbviz.studies.paper import checks, claims
from igbviz.studies.paper.claims import CLAIMS, CheckedClaim, verdict
from igbviz.studies.paper.experiment import LOSSES, farthest_runs
from igbviz.trajectory import Trajectory
from tests.support import ROOT
from tests.support.paper_runs import (
    EVENNESS_THRESHOLD,
    START,
    STEPS,
    classes,
    collapsing,
    even,
    favouring,
    made,
    rising,
    stuck,
    usurped,
)

MOOT = "moot"  # the precondition of the claim never occurs
NO_FIRST = STEPS[STEPS != 1]
OTHERS_SILENT = classes(0, 1)
LOW_ACCURACY = made({0: START, 10: EVENNESS_THRESHOLD, 100: classes(0.3, 0.3)}, {0: START})


def meeting(step: int) -> Trajectory:
    """No two classes farther apart than 2/K from the first probe at or after this step on."""
    return made({0: START, step - 1: START, step: EVENNESS_THRESHOLD}, {0: START})


CASES = [
    ("one-class", (rising(),), True),
    ("one-class", (even(),), False),
    ("every-image", (rising(),), True),
    ("every-image", (even(),), False),
    ("first-batch", (rising(1),), True),
    ("first-batch", (stuck(1),), False),
    ("first-batch", (stuck(0),), None),
    ("first-batch", (rising(steps=NO_FIRST),), MOOT),
    ("gather", (rising(15),), True),
    ("gather", (stuck(100),), False),
    ("gather", (stuck(70),), None),
    ("accuracy-lags", (rising(20),), True),
    ("accuracy-lags", (rising(3),), True),
    ("accuracy-lags", (stuck(70),), None),
    ("accuracy-lags", (stuck(100),), MOOT),
    ("accuracy-lags", (made({0: START, 20: EVENNESS_THRESHOLD}, {0: START, 5: EVENNESS_THRESHOLD}, 20),), False),
    ("accuracy-lags", (made({0: START, 5: EVENNESS_THRESHOLD}, {0: START, 5: EVENNESS_THRESHOLD}),), False),
    # Balanced, but only from half an epoch on.
    ("ce-balances", (made({0: START, 20: START, 50: EVENNESS_THRESHOLD}, {0: START}),), False),
    # One other class takes all: the mean of the others is 1/9, their median 0.
    ("ce-balances", (made({0: START, 5: classes(0, 0, 1)}, {0: START}, 100),), False),
    # Balanced for a moment, then one class for everything again: piecewise-zero, and blurry as printed.
    ("ce-balances", (usurped(100),), False),
    ("ce-balances", (favouring(100),), False),
    ("ce-balances", (even(),), MOOT),
    ("ce-group", (even(),), False),
    ("ce-accuracy", (made({0: START}, {0: START, 10: classes(0.5, 0.5, 0)}),), False),
    ("ce-balances", (rising(100),), True),
    ("ce-balances", (rising(2000),), True),
    ("ce-balances", (stuck(100),), False),
    ("ce-balances", (rising(70),), None),
    ("ce-group", (rising(100),), True),
    ("ce-group", (stuck(100),), False),
    ("ce-group", (rising(70),), None),
    ("ce-accuracy", (rising(100),), True),
    ("ce-accuracy", (favouring(100),), False),
    ("ce-accuracy", (rising(70),), None),
    ("blurry-group", (rising(100),), True),
    ("blurry-group", (usurped(),), False),
    ("blurry-group", (usurped(70),), None),
    ("blurry-slower", (made({0: START, 40: EVENNESS_THRESHOLD}, {0: START}), rising(10)), True),
    ("blurry-slower", (rising(), rising()), False),
    ("blurry-slower", (stuck(100), rising()), True),  # never is later
    ("blurry-slower", (meeting(10), meeting(8)), False),  # two steps: rounding
    ("blurry-slower", (meeting(15), meeting(8)), True),
    ("blurry-slower", (meeting(50), meeting(48)), False),
    ("blurry-slower", (stuck(70), rising()), None),
    ("blurry-slower", (stuck(100), meeting(100)), MOOT),  # it stops too early to be later than that
    ("blurry-slower", (rising(), stuck()), MOOT),
    ("blurry-slower", (rising(), stuck(70)), None),
    ("blurry-lags", (stuck(100), rising(200)), True),
    ("blurry-lags", (rising(), rising()), False),
    ("blurry-lags", (stuck(70), rising()), None),
    ("blurry-lags", (stuck(), rising(70)), None),
    ("earlier-than-pz", (rising(2000), favouring()), True),
    ("earlier-than-pz", (rising(), rising()), False),
    ("earlier-than-pz", (stuck(), rising()), False),
    ("earlier-than-pz", (stuck(), stuck()), MOOT),
    ("earlier-than-pz", (LOW_ACCURACY, favouring()), False),  # only the probabilities rise
    ("earlier-than-pz", (rising(70), favouring()), None),
    # The strength of the gradient is no question of how many images have one.
    ("little-signal", (rising(10, silent=0.6),), True),
    ("little-signal", (rising(10, silent=0.4),), False),
    ("little-signal", (rising(10, signal=0.01),), False),
    ("little-signal", (stuck(),), MOOT),
    ("improbable-silent", (favouring(100, silent=OTHERS_SILENT),), True),
    ("improbable-silent", (favouring(100, silent=classes(1, 0)),), False),  # the favoured class's images do not count
    ("improbable-silent", (favouring(100, silent=0.8),), False),
    ("improbable-silent", (made({0: classes(0.5, 0.2)}, {0: START}, 100),), MOOT),
    ("improbable-silent", (favouring(70, silent=OTHERS_SILENT),), None),
    ("driven-by-favoured", (favouring(100, signal=classes(1, 0.1)),), True),
    ("driven-by-favoured", (favouring(100),), False),
    ("driven-by-favoured", (favouring(100, signal=classes(0.4, 0.1)),), False),  # the strongest, but not half of all
    ("driven-by-favoured", (favouring(100, signal=0),), MOOT),
    ("driven-by-favoured", (favouring(70),), None),
    ("wrong-push", (collapsing(0.0001), collapsing(0.001)), True),
    ("wrong-push", (collapsing(0.001), collapsing(0.001)), False),  # any collapse lowers the others
    ("wrong-push", (usurped(150), usurped(150)), False),
    ("wrong-push", (rising(150), collapsing(0.001)), False),
    ("wrong-push", (made({0: START, 10: classes(0.4, 0.3)}, {0: START}), collapsing(0.001)), MOOT),  # above the top
    ("wrong-push", (stuck(), collapsing(0.001)), MOOT),
    ("wrong-push", (collapsing(0.0001, 70), collapsing(0.001)), None),
    ("wrong-push", (collapsing(0.0001), collapsing(0.001, 70)), None),
    ("pz-throughout", (favouring(100),), True),
    ("pz-throughout", (usurped(40),), False),
    ("pz-throughout", (favouring(70),), None),
    ("pz-leads", (favouring(100),), True),
    ("pz-leads", (usurped(100),), False),
    ("pz-leads", (made({0: START, 100: classes(0.453, 0.05, 0.451)}, {0: START}, 100),), False),
    ("pz-leads", (made({0: START, 100: classes(0.5, 0.05, 0.4)}, {0: START}, 100),), True),
    ("pz-leads", (usurped(70),), None),
    ("pz-rebounds", (favouring(100),), True),
    ("pz-rebounds", (usurped(100),), False),
    # It rises without having fallen, or falls by too little first.
    ("pz-rebounds", (made({0: classes(0.5, 0.05), 100: classes(0.9, 0.01)}, {0: START}, 100),), False),
    ("pz-rebounds", (made({0: START, 10: classes(0.8, 0.02), 100: START}, {0: START}, 100),), False),
    ("pz-rebounds", (favouring(70),), None),
    ("pz-perfect", (favouring(100),), True),
    ("pz-perfect", (usurped(40),), False),
    ("pz-perfect", (favouring(70),), None),
    ("pz-others-fall", (favouring(100),), True),
    ("pz-others-fall", (usurped(100),), False),
    ("pz-others-fall", (usurped(70),), None),
    ("pz-others-poor", (favouring(100),), True),
    ("pz-others-poor", (usurped(100),), False),
    ("pz-others-poor", (usurped(70),), None),
    ("accuracies-unchanged", (favouring(100),), True),
    ("accuracies-unchanged", (made({0: START}, {0: START, 100: classes(0.9, 0, 0.1)}, 100),), True),
    ("accuracies-unchanged", (made({0: START}, {0: START, 100: classes(1, 0, 0.5)}, 100),), False),
    ("accuracies-unchanged", (favouring(70),), None),
    ("persists", (favouring(2000),), True),
    ("persists", (usurped(2000),), False),
    ("persists", (even(),), False),  # one of ten classes is always the first of equals
    ("persists", (favouring(1000),), None),
]


def on(name: str, run: Trajectory, reference: Trajectory | None = None) -> list[CheckedClaim]:
    """The claim's findings on one run of one seed, beside a run of the loss that it is compared with."""
    claim = CLAIMS[name]
    runs = {(claim.losses[-1] if claim.losses else "piecewise-zero", 0): run}
    return claims.check_claim(claim, runs | ({(claim.reference, 0): reference} if reference is not None else {}))


@pytest.mark.parametrize(("name", "runs", "holds"), CASES, ids=lambda value: value if isinstance(value, str) else None)
def test_a_claim_on_a_run_whose_answer_is_known(
    name: str, runs: tuple[Trajectory, ...], holds: bool | str | None
) -> None:
    (finding,) = on(name, *runs)
    assert finding.holds is (None if holds == MOOT else holds) and finding.moot == (holds == MOOT), finding.number
    assert finding.number


def test_every_claim_is_tried_on_both_sides() -> None:
    tried = {(name, holds) for name, _, holds in CASES}
    assert {name for name, _ in tried} == set(CLAIMS)
    assert all((name, True) in tried and (name, False) in tried for name in CLAIMS)
    assert all((name, None) in tried for name, claim in CLAIMS.items() if claim.epochs), (
        "every claim that takes time, too short"
    )


def test_what_is_too_short_says_how_far_it_came() -> None:
    (finding,) = on("persists", favouring(1000))
    assert finding.number.endswith("epoch 10 of 20")
    assert "epoch" not in on("persists", favouring(2000))[0].number


def test_a_run_that_diverged_decides_nothing() -> None:
    records = rising(100).records.copy()
    records["mean_prob"][-1] = np.nan
    (finding,) = on("ce-group", Trajectory(records))
    assert finding.holds is None and finding.moot and "diverged" in finding.number
    (finding,) = on("blurry-lags", rising(), Trajectory(records))
    assert finding.holds is None and "diverged" in finding.number


def test_a_comparison_without_its_other_half() -> None:
    (finding,) = on("blurry-lags", rising())
    assert finding.holds is None and "no run of cross-entropy" in finding.number


def test_the_untrained_network_counts_once_a_seed() -> None:
    runs = {(loss, seed): rising(10) for loss in LOSSES[1:] for seed in (0, 3)} | {(LOSSES[0], 7): rising(0)}
    findings = claims.check_claim(CLAIMS["one-class"], runs)
    assert [(checked.loss, checked.seed) for checked in findings] == [
        ("untrained", 0),
        ("untrained", 3),
        ("untrained", 7),
    ]
    assert [(checked.loss, checked.seed) for checked in claims.check_claim(CLAIMS["gather"], runs)][:3] == [
        ("cross-entropy", 7),
        ("blurry", 0),
        ("blurry", 3),
    ]


def several(**losses: list[bool | str | None]) -> list[CheckedClaim]:
    return [
        CheckedClaim(loss.replace("_", "-"), seed, None if holds == MOOT else holds, "", holds == MOOT)
        for loss, own in losses.items()
        for seed, holds in enumerate(own)
    ]


@pytest.mark.parametrize(
    ("findings", "kind", "sentence"),
    [
        (several(), "none", "no runs yet"),
        (several(blurry=[True, True, True]), "holds", "holds in 3 of 3 seeds"),
        (several(blurry=[True]), "holds", "holds in 1 of 1 seed"),
        (several(blurry=[True, None, True]), "holds", "holds in 2 of 2 seeds; 1 not measured far enough"),
        (several(blurry=[False, False]), "fails", "does not hold in any of 2 seeds"),
        (several(blurry=[None, None]), "short", "not measured far enough (0 of 2 seeds)"),
        (several(blurry=[MOOT, MOOT]), "moot", "not applicable: the precondition never occurs in any of 2 seeds"),
        (several(blurry=[MOOT, None]), "short", "not measured far enough (0 of 2 seeds)"),
        (several(blurry=[MOOT, False]), "fails", "does not hold in any of 1 seed; not applicable in 1"),
        (several(blurry=[True, False]), "depends", "depends on the seed: holds in 1 of 2 seeds"),
        (several(blurry=[True, True], piecewise_zero=[True]), "holds", "holds in 3 of 3 runs"),
        (
            several(blurry=[False, False], blurry_detached=[True, True]),
            "depends",
            "depends on blurry's gradient: Blurry, as printed 0 of 2, Blurry, weight detached 2 of 2",
        ),
        (
            several(cross_entropy=[False], blurry=[True]),
            "depends",
            "depends on the loss: Cross-entropy 0 of 1, Blurry, as printed 1 of 1",
        ),
        (
            several(cross_entropy=[False, True], blurry=[True, None]),
            "depends",
            "depends on the loss and the seed: Cross-entropy 1 of 2, Blurry, as printed 1 of 1; 1 not measured far "
            "enough",
        ),
    ],
)
def test_what_the_seeds_say_together(findings: list[CheckedClaim], kind: str, sentence: str) -> None:
    assert verdict(findings) == claims.Verdict(kind, sentence)


def test_all_findings_as_a_table() -> None:
    table = claims.frame({(loss, seed): rising(70) for loss in LOSSES for seed in (0, 1)})
    assert set(table["claim"]) == set(CLAIMS) and set(table["holds"]) == {"yes", "no", "not measured far enough"}
    assert len(table[table["claim"] == "gather"]) == 8 and len(table[table["claim"] == "one-class"]) == 2
    assert claims.frame({}).empty


@pytest.fixture(scope="module")
def shipped_runs() -> dict[tuple[str, int], Trajectory]:
    """The ResNet-50 runs of the set "quick" that ship with the program, by loss and seed."""
    rows = [row for row in library.rows(ROOT / "cache") if row["model"] == "resnet50"]
    runs, problems = farthest_runs(rows, ROOT / "cache", "quick")
    assert len(runs) == 12 and not problems
    return {(run.loss, run.seed): run.trajectory for run in runs}


def test_balance_tells_the_shipped_runs_of_the_losses_apart(shipped_runs: dict[tuple[str, int], Trajectory]) -> None:
    """In all of them the favoured class's p̄ halves within the first steps, and the mean of the others is near 1/9."""
    balanced = {
        loss: {bool(checks.balances(t)[0]) for (own, _), t in shipped_runs.items() if own == loss} for loss in LOSSES
    }
    assert balanced == {
        "cross-entropy": {True},
        "blurry": {False},
        "blurry-detached": {True},
        "piecewise-zero": {False},
    }


def test_the_push_tells_the_shipped_runs_of_the_losses_apart(shipped_runs: dict[tuple[str, int], Trajectory]) -> None:
    for loss in LOSSES:
        for seed in (0, 1, 2):
            holds, number = checks.pushed_down(shipped_runs[loss, seed], shipped_runs["piecewise-zero", seed])
            assert bool(holds) == (loss == "blurry"), (loss, seed, number)


def test_rounding_decides_no_comparison_of_the_shipped_runs(shipped_runs: dict[tuple[str, int], Trajectory]) -> None:
    """Blurry's classes meet within two steps of cross-entropy's, before or after."""
    findings = claims.check_claim(CLAIMS["blurry-slower"], shipped_runs)
    assert [checked.holds for checked in findings] == [False] * 6
