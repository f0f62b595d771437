"""The map of imbalance and depth: its rows against trainings and reductions of our own, and what is said of them."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel

import igbviz
from igbviz.studies import dynamics_examples, imbalance_map
from igbviz.studies.imbalance_map import DATA, DEPTHS, QUANTITIES, RATIOS, Cell, cells, read, trials, verdict
from tests.support.imbalance_rows import measured


@pytest.fixture(scope="module")
def stored() -> dict:
    return json.loads(DATA.read_text())


def test_the_file_has_the_whole_map(stored: dict) -> None:
    assert {row["run"] for row in stored["rows"]} == {config.id for config in trials()}
    assert len(stored["rows"]) == len(DEPTHS) * len(RATIOS) * 2 * imbalance_map.SEEDS
    assert {int(depth) for depth in stored["gamma"]} == set(DEPTHS)
    assert {"date", "device", "torch", "python", "networks", "numerics"} <= stored["provenance"].keys()
    assert DATA.stat().st_size < 150_000


@pytest.mark.parametrize("majority", ["favoured", "unfavoured"])
def test_a_run_trained_here_gives_its_row(majority: str, stored: dict) -> None:
    """Counted image by image in the confusion matrices; another processor may round a guess or two the other way."""
    (row,) = [r for r in stored["rows"] if (r["depth"], r["ratio"], r["majority"], r["seed"]) == (2, 100, majority, 0)]
    (config,) = [config for config in trials((2,), (100,), 1) if config.imbalance.majority == majority]
    assert config.id == row["run"]
    snapshots = list(igbviz.train(config, "cpu"))
    assert snapshots[-1]["step"] == 100
    mean_prob, sizes = snapshots[0]["mean_prob"], snapshots[0]["confusion"].sum(1)
    of_classes = [sum(sizes[k] * mean_prob[k][j] for k in range(10)) for j in range(10)]
    assert of_classes[row["majority_class"]] == (max if majority == "favoured" else min)(of_classes)
    recalls = [[s["confusion"][k][k] / s["confusion"][k].sum() for k in range(10)] for s in snapshots]
    assert row["recall"] == pytest.approx(recalls[-1], abs=0.05)
    alive = []
    for k in range(10):
        step = None
        for snapshot, recall in zip(reversed(snapshots), reversed(recalls), strict=True):
            if recall[k] < 0.1:
                break
            step = int(snapshot["step"])
        alive.append(step)
    assert sum(mine != theirs for mine, theirs in zip(alive, row["alive"], strict=True)) <= 1


def test_one_cell_is_the_shipped_example_of_the_question() -> None:
    """Which was trained another day, by a worker, from the form's default setting."""
    members = {member.run: member for member in dynamics_examples.read()["majority"].members}
    rows = [row for row in read().rows if row.run in members]
    assert len(rows) == 2 * imbalance_map.SEEDS and {(row.depth, row.ratio) for row in rows} == {(10, 10)}
    for row in rows:
        outcome = members[row.run].outcome
        assert statistics.mean(row.recall) == pytest.approx(outcome.balanced_accuracy, abs=0.02)
        assert row.largest_guess_init == pytest.approx(outcome.largest_guess_init, abs=0.01)


def value(row: dict, quantity: str) -> float:
    """Written out, from the JSON alone."""
    own = row["majority_class"]
    if quantity == "alive":
        return sum(100 if s is None else s for k, s in enumerate(row["alive"]) if k != own) / 9
    recalls = {"accuracy": row["recall"], "majority": [row["recall"][own]]}
    return statistics.mean(recalls.get(quantity, [r for k, r in enumerate(row["recall"]) if k != own]))


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_cell_from_the_raw_rows(quantity: str, stored: dict) -> None:
    found = {(cell.depth, cell.ratio): cell for cell in cells(read().rows, quantity)}
    assert list(found) == [(depth, ratio) for ratio in RATIOS for depth in DEPTHS]
    for (depth, ratio), cell in found.items():
        sides: dict[str, dict[int, float]] = {"favoured": {}, "unfavoured": {}}
        for row in stored["rows"]:
            if (row["depth"], row["ratio"]) == (depth, ratio):
                sides[row["majority"]][row["seed"]] = value(row, quantity)
        first, second = ([side[seed] for seed in sorted(side)] for side in sides.values())
        apart = [a - b for a, b in zip(first, second, strict=True)]
        assert cell.n == len(apart) == imbalance_map.SEEDS
        assert (cell.favoured, cell.unfavoured) == pytest.approx((statistics.mean(first), statistics.mean(second)))
        assert cell.difference == pytest.approx(statistics.mean(apart), abs=1e-12)
        assert cell.error == pytest.approx(statistics.stdev(apart) / len(apart) ** 0.5, abs=1e-12)
        is_constant = max(apart) - min(apart) < 1e-12
        assert cell.within_noise == (abs(apart[0]) < 1e-12 if is_constant else ttest_rel(first, second).pvalue >= 0.05)


def test_gamma_is_that_of_networks_drawn_here(stored: dict) -> None:
    """Our own float64 networks on the same images: the variance of the class-centred means over that of the logits."""
    images = trials((2,), (2,), 1)[0].dataset.load("cpu").test_images[:200].double().numpy()
    rng, squares, variances = np.random.default_rng(3), [], []
    for _ in range(60):
        x = images.reshape(len(images), -1)
        for layer, width in enumerate((100, 100, 10)):
            weights = rng.standard_normal((x.shape[1], width)) * (1.76 / x.shape[1]) ** 0.5
            x = (np.tanh(x) if layer else x) @ weights + rng.standard_normal(width) * 0.05**0.5
        centred = x - x.mean(1, keepdims=True)
        squares.append((centred.mean(0) ** 2).sum())
        variances.append(centred.var(0).sum())
    shipped, error = stored["gamma"]["2"]
    assert np.mean(squares) / np.mean(variances) == pytest.approx(shipped, abs=4 * (1 + 100 / 60) ** 0.5 * error)


def test_what_is_said_of_a_prejudice_that_adds_to_the_imbalance() -> None:
    grows = measured(lambda depth, ratio, seed: -0.03 * np.log10(ratio) - 0.001 * seed)
    text = verdict(grows, "minority")
    assert "the recall of the minority is lower in 6 of 6 cells" in text
    assert "makes the imbalance worse" in text and "is −0.034 ± 0.001" in text
    assert "From a ratio of 2 to a ratio of 100 the difference goes from −0.010 to −0.061" in text
    assert "a change of −0.051 ± 0.000: it grows. From depth 2 (γ = 0.6) to depth 10 (γ = 1.6)" in text
    assert text.endswith("a change of 0.000 ± 0.000: within noise.")


def test_what_is_said_of_other_differences() -> None:
    helps = measured(lambda depth, ratio, seed: (0.1 if depth == 2 else 0.05) + 0.001 * seed)
    assert "milder" in verdict(helps, "accuracy") and "it shrinks." in verdict(helps, "accuracy")
    turns = measured(lambda depth, ratio, seed: (-0.1 if depth == 2 else 0.05) + 0.001 * seed)
    assert "lower in 3 and higher in 3 of 6" in verdict(turns, "minority") and "changes its sign." in verdict(
        turns, "minority"
    )
    noise = measured(lambda depth, ratio, seed: 0.1 * (seed - 1))
    assert "differs by no more than noise in each of the 6 cells" in verdict(noise, "accuracy")
    assert "makes no difference beyond noise" in verdict(noise, "accuracy")
    assert verdict(noise, "alive").count("within noise") == 2, "no run differs in its steps"


def test_noise_is_what_student_says() -> None:
    """Half-widths of 95 %: 12.706 standard errors of 2, 2.365 of 8."""
    for n, border in ((2, 12.706), (8, 2.365)):
        assert Cell(2, 2, 0.5, 0.4, border - 0.01, 1.0, n).within_noise
        assert not Cell(2, 2, 0.5, 0.4, border + 0.01, 1.0, n).within_noise
    assert Cell(2, 2, 0.5, 0.4, 0.1, float("nan"), 1).within_noise


def test_an_interrupted_measurement_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned, path, done = trials((2, 5), (2,), 2), tmp_path / "map.json", []
    row = read().rows[0]

    def pretend(config: igbviz.RunConfig) -> imbalance_map.Row:
        done.append(config.id)
        if len(done) == 4:
            raise KeyboardInterrupt
        return imbalance_map.Row(**{**vars(row), "run": config.id, "seed": config.seed})

    monkeypatch.setattr(imbalance_map, "trials", lambda: planned)
    monkeypatch.setattr(imbalance_map, "measure", pretend)
    monkeypatch.setattr(imbalance_map, "measure_gamma", lambda depth: imbalance_map.Gamma(1.0, 0.1))
    with pytest.raises(KeyboardInterrupt):
        imbalance_map.record(path)
    assert len(read(path).rows) == 3
    imbalance_map.record(path)
    assert [row.run for row in read(path).rows] == [config.id for config in planned] and len(done) == len(planned) + 1


def test_a_network_that_is_not_trained_in_every_cell_does_not_count() -> None:
    rows = measured(lambda depth, ratio, seed: 0.01 * seed).rows
    assert {cell.n for cell in cells(rows[:-1], "accuracy")} == {2}, "the last row is of the third network"
    assert cells(rows[:-1], "minority")[0].difference == pytest.approx(0.005)
