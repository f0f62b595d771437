"""Who steers, against images that are drawn one by one and gradients that are differences of the loss."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from igbviz.charts.classes.who_steers import who_steers
from igbviz.losses import LOSSES
from igbviz.losses.force import gradient_norm
from igbviz.runs.run import Run
from igbviz.spec import ConfigError
from igbviz.studies.steering import BINS, norm_of_formula, sentence, steering
from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.trajectory import P_EDGES
from tests.support import ROOT

OWN = {  # the losses of p that the tests know by themselves
    "cross-entropy": lambda p: -math.log(p),
    "mae": lambda p: 1 - p,
    "gce": lambda p: (1 - p**0.7) / 0.7,
}


def own_norm(name: str, p: float) -> float:
    """The norm of the numerical gradient on ten logits, of which one wrong class has all that the true one has not."""
    logits = np.full(10, -60.0)
    logits[0], logits[1] = math.log(p), math.log1p(-p)

    def loss(at: np.ndarray) -> float:
        return OWN[name](float(np.exp(at[0]) / np.exp(at).sum()))

    step = 1e-5 * np.eye(10)
    return math.hypot(*((loss(logits + row) - loss(logits - row)) / 2e-5 for row in step))


@pytest.mark.parametrize("name", OWN)
def test_the_norm_of_one_image(name: str) -> None:
    loss = LOSSES[name]().of_p
    for p in (1e-4, 0.03, 0.3, 0.9):
        assert gradient_norm(loss, np.log([p]))[0] == pytest.approx(own_norm(name, p), rel=1e-5)
    for low, high, norm in zip(BINS[2:], BINS[3:], norm_of_formula(loss)[2:], strict=False):
        places = np.geomspace(low, high, 101)[1:] * (low / high) ** 0.005  # the middles of 100 intervals in log p
        assert norm == pytest.approx(np.mean([own_norm(name, p) for p in places]), rel=2e-3)


def drawn(seed: int = 0) -> tuple[Trajectory, np.ndarray]:
    """A probe of two classes, and p of its images: most are tiny, some in between, and many very close to 1."""
    random = np.random.default_rng(seed)
    p = np.concatenate([10 ** random.uniform(-9, 0, (2, 600)), 1 - 10 ** random.uniform(-6, -3, (2, 400))], axis=1)
    records = np.zeros(1, snapshot_dtype(2))
    records["p_hist"][0] = [
        np.histogram(-own, -P_EDGES[::-1])[0][::-1] for own in p
    ]  # bins are open at their lower end
    records["mean_prob"][0] = [[p[0].mean(), 1 - p[0].mean()], [1 - p[1].mean(), p[1].mean()]]
    records["confusion"][0] = 500
    return Trajectory(records), p.ravel()


@pytest.mark.parametrize("name", OWN)
def test_the_parts_of_all_images(name: str) -> None:
    trajectory, p = drawn()
    found = steering(LOSSES[name]().of_p, trajectory, 0)
    exact = math.sqrt(2) * (1 - p) * {"mae": p, "gce": p**0.7, "cross-entropy": 1}[name]
    places = np.digitize(p, BINS[1:-1], right=True)
    assert found.images == pytest.approx([np.mean(places == bin) for bin in range(len(BINS) - 1)])
    parts = [exact[places == bin].sum() / exact.sum() for bin in range(len(BINS) - 1)]
    assert found.share == pytest.approx(parts, abs=0.01)
    assert found.total == pytest.approx(exact.mean(), rel=0.02)


@pytest.mark.parametrize(
    ("name", "within"),
    [
        ("fashion-mini-mlp-cross-entropy-s0-75ae6d9e02", 0.01),
        ("fashion-mini-mlp-piecewise-zero-s0-f71620e6c6", 0.02),
        ("fashion-mini-mlp-blurry-s0-92e3c7c2b3", 0.05),
    ],
)
def test_the_sum_is_the_training_signal_that_the_probe_measured(name: str, within: float) -> None:
    """With a strong first guess, one wrong class has the rest; measured by automatic differentiation in the probe."""
    run = Run(Path(ROOT / "cache/gallery" / name))
    trajectory = run.trajectory()
    for index in (0, len(trajectory) // 2, len(trajectory) - 1):
        measured = np.average(trajectory.signal[index], weights=trajectory.class_sizes()[index])
        assert steering(run.config.loss.of_p, trajectory, index).total == pytest.approx(measured, rel=within)


def test_the_figure_and_its_sentence() -> None:
    trajectory, p = drawn()
    low = 100 * np.mean(p <= 0.1)
    spec = who_steers.spec(trajectory, ["cross-entropy", "piecewise-zero", "logit-norm"])
    named, ce, pz, images, _, of_pz = spec["data"]
    assert [trace["name"] for trace in (named, ce, pz)] == ["images", "Cross-entropy", "Piecewise-zero"]
    assert ce["y"][0] == pytest.approx(2**0.5, rel=1e-5) and not pz["y"][:6].any() and pz["y"][6] > 1
    assert images["y"].sum() == pytest.approx(1) and not of_pz["y"][:6].any() and of_pz["y"].sum() == pytest.approx(1)
    words = sentence({"CE": LOSSES["cross-entropy"](), "PZ": LOSSES["piecewise-zero"]()}, trajectory, 0)
    assert words.startswith(f"Images with p up to 0.1 are {low:.0f} % of all at Init. Their")
    assert "CE 9" in words and "PZ 0 %." in words
    assert "direction" not in words
    words = sentence({"B": LOSSES["blurry"]()}, trajectory, 0)
    assert words.endswith("A norm has no direction: B pushes the wrong way from p = 0.00013 to 0.24.")
    with pytest.raises(ConfigError, match="chosen"):
        who_steers(trajectory, ["logit-norm"])
    with pytest.raises(ConfigError, match="run has no recorded probabilities"):
        who_steers(Trajectory(np.zeros(1, snapshot_dtype(2))), ["mae"])
