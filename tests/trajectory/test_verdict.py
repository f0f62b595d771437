"""The verdict on hand-made trajectories."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.verdict import verdict

NAMES = ("Bag", "Coat", "Dress", "Shirt")


def run(*guesses: np.ndarray, step: tuple[int, ...] = (0, 1, 10, 100)) -> Trajectory:
    """Probes of 100 images per class with these tables of guesses [true class, guess], in percent."""
    records = np.zeros(len(guesses), snapshot_dtype(4))
    records["step"] = step[: len(guesses)]
    records["confusion"], records["mean_prob"] = guesses, np.array(guesses) / 100
    return Trajectory(records, NAMES)


ALL_BAG = np.array([[100, 0, 0, 0]] * 4)
RIGHT = 100 * np.eye(4, dtype=int)
NO_SHIRT = np.array([[80, 0, 0, 20], [0, 80, 0, 20], [0, 0, 80, 20], [34, 33, 33, 0]])
ONLY_BAG_AND_COAT = np.array([[100, 0, 0, 0], [40, 60, 0, 0], [100, 0, 0, 0], [100, 0, 0, 0]])
EVEN = np.full((4, 4), 25)


@pytest.mark.parametrize(
    ("trajectory", "sentence"),
    [
        (run(ALL_BAG), "Before the first step, 100 % of the guesses are Bag."),
        (run(ALL_BAG, ALL_BAG), "3 of 4 classes never came alive; 100 % of the guesses are Bag."),
        (run(ALL_BAG, ONLY_BAG_AND_COAT), "2 of 4 classes never came alive; 85 % of the guesses are Bag."),
        (
            run(ALL_BAG, RIGHT, ONLY_BAG_AND_COAT),
            "Dress and Shirt did not stay alive; 85 % of the guesses are Bag.",
        ),
        (
            run(ALL_BAG, NO_SHIRT, ONLY_BAG_AND_COAT),
            "2 of 4 classes are not alive, and 1 of them never were; 85 % of the guesses are Bag.",
        ),
        (
            run(ALL_BAG, RIGHT),
            "The first guess was lost at step 1, and every class is alive; balanced accuracy 1.00.",
        ),
        (
            run(ALL_BAG, NO_SHIRT, NO_SHIRT),
            "The first guess was lost at step 1, but 1 of 4 classes never came alive; balanced accuracy 0.60.",
        ),
        (
            run(EVEN, RIGHT),
            "The guesses were even from the start, and every class is alive; balanced accuracy 1.00.",
        ),
    ],
)
def test_the_sentence(trajectory: Trajectory, sentence: str) -> None:
    assert verdict(trajectory).sentence == sentence


def test_a_run_that_goes_on_has_no_final_verdict() -> None:
    assert verdict(run(ALL_BAG, ALL_BAG), ended=False).sentence.startswith("3 of 4 classes have not come alive")


def test_the_facts() -> None:
    result = verdict(run(ALL_BAG, NO_SHIRT, ONLY_BAG_AND_COAT))
    assert (result.stuck, result.escape_step, result.never_alive, result.lost) == (True, None, ("Shirt",), ("Dress",))
    assert verdict(run(ALL_BAG, RIGHT)).escape_step == 1 and not verdict(run(ALL_BAG, RIGHT)).stuck


def test_a_diverged_run_is_stuck_however_even_its_guesses() -> None:
    result = verdict(run(ALL_BAG, RIGHT), diverged=True)
    assert result.stuck and result.escape_step is None
    assert result.sentence == "Training diverged after step 1; at the last probe, 25 % of the guesses are Bag."


def test_a_class_that_is_hardly_ever_guessed_right_is_not_alive() -> None:
    hardly = ALL_BAG.copy()
    hardly[1] = [99, 1, 0, 0]
    assert "3 of 4 classes never came alive" in verdict(run(ALL_BAG, hardly)).sentence
