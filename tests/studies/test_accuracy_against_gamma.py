"""Accuracy along a line of the plane, as shipped: its gammas and runs against calculations of this file's own, and what
is said of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from igbviz.studies.phases import line, peak
from igbviz.studies.phases.line import Line, Row, Start

LINE = line.read()
SEEDS = len(LINE.provenance["seeds"])


def next_moments(activation: str, q: float, c: float) -> tuple[float, float]:
    """E phi(u)^2 and E phi(u) phi(v) of Gaussians with variance q and correlation c, on a plain grid."""
    z = np.linspace(-8, 8, 321)
    weight = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    phi = np.tanh if activation == "tanh" else lambda y: y.clip(0)
    shared = np.sqrt(q) * z[:, None] * np.sqrt(c) + np.sqrt(q * (1 - c)) * z
    mean = phi(shared) @ weight  # of one input, given what both share
    return float(phi(shared) ** 2 @ weight @ weight), float(mean**2 @ weight)


@pytest.mark.parametrize("activation", line.SIGMA_W2)
def test_gamma_at_init_follows_from_the_images(activation: str) -> None:
    """Layer by layer, from the mean square of the pixels and the mean product of two images."""
    images = line.BASE.dataset.load("cpu").test_images.flatten(1).double()
    gram = (images @ images.T / images.shape[1]).numpy()
    own, pair = np.diag(gram).mean(), gram[np.triu_indices(len(gram), 1)].mean()
    assert LINE.provenance["mean_square"] == pytest.approx(own, rel=1e-3)
    assert LINE.provenance["correlation"] == pytest.approx(pair / own, rel=1e-3)
    starts = [start for start in LINE.starts if start.activation == activation]
    assert [start.sigma_w2 for start in starts] == list(line.SIGMA_W2[activation])
    for start in starts[::3]:
        square, product = own, pair
        for _ in range(line.HIDDEN):
            q, shared = (line.SIGMA_B2 + start.sigma_w2 * moment for moment in (square, product))
            square, product = next_moments(activation, q, shared / q)
        q, shared = (line.SIGMA_B2 + start.sigma_w2 * moment for moment in (square, product))
        assert start.gamma == pytest.approx(shared / (q - shared), rel=0.02)


def test_the_measured_gammas_are_near_theory() -> None:
    for start in LINE.starts:
        assert start.error < 0.4 * start.measured
        assert abs(np.log(start.measured / start.gamma)) < 0.6, start
    assert {start.sigma_w2 for start in LINE.starts if abs(start.chi_1 - 1) < 0.005} == {1.761, 2.0}


def test_every_run_of_todays_settings_is_there_once() -> None:
    planned = [config.id for configs in line.lines(SEEDS) for config in configs]
    assert sorted(row.run for row in LINE.rows) == sorted(planned) and SEEDS >= 5
    config = line.lines(1)[0][0]
    assert set(line.STEPS) <= set(config.probes.steps(config.total_steps(10_000), config.steps_per_epoch(10_000)))
    for row in LINE.rows:
        assert 0 <= row.largest_guess <= 1 and (row.diverged is None) == (row.accuracy[-1] is not None)


def test_a_run_in_plain_torch() -> None:
    """The point on the edge of tanh at the high rate, with weights and batches of this test's own: as accurate after
    100 steps as the shipped seeds."""
    data = line.BASE.dataset.load("cpu")
    sizes = [784, *[line.WIDTH] * line.HIDDEN, 10]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        layers = [torch.nn.Linear(*pair) for pair in zip(sizes, sizes[1:], strict=False)]
        for layer in layers:
            torch.nn.init.normal_(layer.weight, std=(1.761 / layer.in_features) ** 0.5)
            torch.nn.init.normal_(layer.bias, std=line.SIGMA_B2**0.5)
        order = torch.randperm(len(data.train_labels))[: 100 * 32].split(32)
    parts = [part for layer in layers for part in (layer, torch.nn.Tanh())][:-1]
    network = torch.nn.Sequential(torch.nn.Flatten(), *parts)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.03)
    for rows in order:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(data.train_images[rows]), data.train_labels[rows]).backward()
        optimizer.step()
    with torch.no_grad():
        right = network(data.test_images).argmax(1) == data.test_labels
    (place,) = (place for place in peak.places(LINE, "tanh", 0.03) if place.start.sigma_w2 == 1.761)
    shipped = place.values(0)
    assert float(right.double().mean()) == pytest.approx(shipped.mean(), abs=0.08)


# What is said, of numbers that are known.

GAMMAS = (500.0, 80.0, 5.0, 1.0)  # ordered, ordered, the edge, chaotic


def made(accuracies: tuple[float, ...], lost: int | None = None) -> Line:
    """Four seeds at four points, whose accuracy differs by a little from seed to seed; at `lost` one diverged."""
    starts = [Start("tanh", 1.0 + k, (0.8, 0.9, 1.0, 1.2)[k], gamma, gamma, 0.1) for k, gamma in enumerate(GAMMAS)]

    def noise(seed: int, k: int) -> float:
        return 0.01 * seed + 0.002 * (seed * k % 3)

    rows = [
        Row(
            "tanh",
            1.0 + k,
            rate,
            seed,
            f"{k} {seed}",
            0.5,
            (0.1, accuracy + 0.01 * seed + 0.002 * (seed * k % 3)),
            None,
        )
        for rate in line.RATES
        for k, accuracy in enumerate(accuracies)
        for seed in range(4)
    ]
    rows = [
        replace(row, accuracy=(0.1, None), diverged=200) if row.sigma_w2 - 1 == lost and row.seed == 1 else row
        for row in rows
    ]
    return Line(tuple(starts), tuple(rows), {})


@pytest.mark.parametrize(
    ("accuracies", "lost", "said"),
    [
        ((0.1, 0.5, 0.7, 0.6), None, ["γ = 5**", "on the edge of chaos", "every other point is worse", "Here no:"]),
        ((0.1, 0.7, 0.6, 0.5), None, ["γ = 80**", "in the ordered phase", "Here yes:", "At γ = 500 the networks"]),
        ((0.1, 0.6, 0.6001, 0.5), None, ["Here no, but within the errors it may:"]),
        ((0.1, 0.5, 0.6, 0.6), None, ["2 points from γ = 1 to 5"]),
        ((0.1, 0.5, 0.6, 0.9), 3, ["γ = 5**", "1 of 16 runs diverged, from σ²w = 4"]),
    ],
)
def test_the_verdict(accuracies: tuple[float, ...], lost: int | None, said: list[str]) -> None:
    verdict = peak.verdict(made(accuracies, lost), "tanh", line.RATES[0])
    assert all(words in verdict for words in said), verdict
    assert ("near chance" in verdict) == (accuracies[0] == 0.1)


def test_where_gamma_alone_does_not_decide() -> None:
    """Only where gamma is nearly the same from the edge on, and accuracy is not."""
    measured = made((0.1, 0.5, 0.7, 0.6))
    assert "does not decide" not in peak.verdict(measured, "tanh", 0.003), "gamma is 5 and 1"
    close = tuple(replace(start, gamma=4.0) if start.gamma == 1 else start for start in measured.starts)
    said = peak.verdict(replace(measured, starts=close), "tanh", 0.003)
    assert "hardly changes (5 to 4), but accuracy lies between 0.61 and 0.72: γ alone does not decide" in said
    alike = replace(made((0.1, 0.5, 0.7, 0.7015)), starts=close)
    assert "does not decide" not in peak.verdict(alike, "tanh", 0.003)
    lost = replace(made((0.1, 0.5, 0.7, 0.6), lost=3), starts=close)
    assert "and runs diverge: γ alone does not decide" in peak.verdict(lost, "tanh", 0.003)


def test_a_line_on_which_everything_diverged_has_no_best_point() -> None:
    lost = made((0.1, 0.1, 0.1, 0.1))
    lost = replace(lost, rows=tuple(replace(row, accuracy=(None, None), diverged=3) for row in lost.rows))
    assert peak.best(peak.places(lost, "tanh", 0.003), 1) is None
    assert "every point" in peak.verdict(lost, "tanh", 0.003)


def test_the_best_gamma_at_each_rate() -> None:
    same = made((0.1, 0.5, 0.7, 0.6))
    same = replace(same, rows=tuple(replace(row, accuracy=row.accuracy[1:] * 2) for row in same.rows))
    assert peak.over_rates(same, "tanh") == (
        "The highest mean is at γ = 5 at every learning rate here, after 100 and 300 steps."
    )
    moved = [
        replace(row, accuracy=row.accuracy[:1] + (0.99,)) if (row.sigma_w2, row.learning_rate) == (2.0, 0.03) else row
        for row in same.rows
    ]
    said = peak.over_rates(replace(same, rows=tuple(moved)), "tanh")
    assert "γ = 5 (rate 0.03, 100 steps) and γ = 80 (rate 0.03, 300 steps)." in said
