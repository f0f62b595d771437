"""The escape step against the force at the start: against autograd, the untrained networks, and the raw rows."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
import torch

from igbviz.losses import LOSSES, Mixed
from igbviz.losses.of_probability import PiecewiseZero
from igbviz.studies import escape, spectrum
from igbviz.studies.escape import contenders, read, trials
from igbviz.training.network import build_network
from tests.support.escape_rows import rows


def test_the_start_is_that_of_the_untrained_networks() -> None:
    data = escape.BASE.dataset.load("cpu")
    medians, every = [], []
    for seed in range(5):
        network = build_network(escape.BASE.with_(seed=seed), data).eval()
        with torch.no_grad():
            logits = network(data.test_images).double()
        log_p = logits.log_softmax(1).gather(1, data.test_labels[:, None].long())[:, 0] / math.log(10)
        medians.append(log_p.median().item())
        every.append(log_p)
    assert torch.cat(every).median().item() == pytest.approx(math.log10(spectrum.START_P), abs=0.6)
    assert (round(min(medians)), round(max(medians))) == (-183, -61)


def test_the_forces_are_those_of_autograd() -> None:
    """In float64, where one wrong class leads the others so that p is as small as at the start."""
    lead = -math.log(spectrum.START_P)
    logits = torch.zeros(1, 10, dtype=torch.float64)
    logits[0, 1] = lead
    for point in spectrum.points(read()):
        leaf = logits.clone().requires_grad_()
        loss = contenders()[point.label]
        slope = torch.autograd.grad(loss(leaf, torch.tensor([0])).sum(), leaf)[0][0, 0].item()
        assert point.force == pytest.approx(-slope, rel=1e-9, abs=1e-180), point.label


def test_the_steps_are_those_of_the_raw_rows() -> None:
    """The first probe from which on all later ones are even, counted backwards; the middle one of five seeds."""
    shipped = read()
    for point in spectrum.points(shipped):
        steps = []
        for row in shipped:
            if (row.loss, row.rate) != (point.label, "preset"):
                continue
            step = math.inf
            for probe, evenness in zip(reversed(row.probes), reversed(row.evenness), strict=True):
                if evenness < 0.8 or row.diverged is not None:
                    break
                step = probe
            steps.append(step)
        assert point.summary.escape == (statistics.median(steps), min(steps), max(steps)), point.label


def test_what_the_page_says_of_the_shipped_rows() -> None:
    found = spectrum.points(read())
    assert len(found) == len(contenders())
    assert spectrum.verdict(found) == (
        "Every loss with a force of at least 0.01 leaves the first guess in the median over its seeds, except "
        f"curriculum, mmc; none of the {len(found) - 14} others does."
    )
    of_mixtures = [point for point in found if point.family == "mixture"]
    assert [point.force for point in of_mixtures] == pytest.approx(sorted(escape.WEIGHTS, reverse=True))
    steps = [point.summary.escape[0] for point in of_mixtures]
    assert steps == sorted(steps) and len(set(steps)) == len(steps), "the smaller the weight, the later"


def test_verdict_without_an_escape() -> None:
    never = [row for row in rows() if row.loss == "slow" and row.escape is None]
    assert spectrum.verdict(spectrum.points([_renamed(row) for row in never])).startswith("No loss escapes")


def _renamed(row: escape.Row) -> escape.Row:
    from dataclasses import replace

    return replace(row, loss="mae")


def test_a_mixture_with_all_the_weight_trains_as_cross_entropy(tiny) -> None:
    alike = {"cross-entropy": LOSSES["cross-entropy"](), "mixed": Mixed(weight=1, loss="anl-ce")}
    alike |= {"piecewise-zero": PiecewiseZero(), "none": Mixed(weight=0)}
    measured = {row.loss: row for row in escape.measure(trials(1, tiny, alike)[::2])}
    for left, right in (("cross-entropy", "mixed"), ("piecewise-zero", "none")):
        assert measured[left].evenness == measured[right].evenness
        assert measured[left].accuracy == measured[right].accuracy


def test_matched_rates_of_the_families_do_not_depend_on_the_draw() -> None:
    """The ratio of the gradients over other normal logits, by autograd: 40,000 of them, an error of about 1 %."""
    random = torch.Generator().manual_seed(7)
    logits = torch.randn(40_000, 10, generator=random, dtype=torch.float64)
    labels = torch.randint(10, (40_000,), generator=random)

    def size(loss: object) -> float:
        leaf = logits.clone().requires_grad_()
        return torch.autograd.grad(loss(leaf, labels).sum(), leaf)[0].square().mean().sqrt().item()

    plain = size(LOSSES["cross-entropy"]())
    for label, loss in contenders().items():
        if label.startswith(("mixed", "piecewise-zero-soft", "phuber-gce")):
            assert escape.matched_rate(loss, 1.0, 10) == pytest.approx(plain / size(loss), rel=0.04), label
    assert np.isfinite(plain)
