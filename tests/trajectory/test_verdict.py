"""The verdict on hand-made trajectories."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.verdict import race_verdict, verdict

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


LEFT_EARLY, LEFT_LATE, STUCK = run(ALL_BAG, RIGHT, RIGHT), run(ALL_BAG, ALL_BAG, RIGHT), run(ALL_BAG, ALL_BAG, ALL_BAG)


@pytest.mark.parametrize(
    ("lanes", "sentence"),
    [
        (
            {"A": verdict(LEFT_LATE), "B": verdict(STUCK), "C": verdict(LEFT_EARLY)},
            "C left its guess at step 1, A at step 10, B never.",
        ),
        (
            {"A": verdict(LEFT_EARLY), "B": verdict(LEFT_EARLY), "C": verdict(STUCK)},
            "A and B left their guess at step 1, C never.",
        ),
        ({"A": verdict(STUCK), "B": verdict(STUCK)}, "A and B never left their guess."),
        ({"A": verdict(LEFT_EARLY)}, "A left its guess at step 1."),
        (
            {"A": verdict(STUCK, ended=False), "B": verdict(LEFT_EARLY, ended=False)},
            "B left its guess at step 1, A not yet.",
        ),
        (
            {"A": verdict(STUCK, ended=False), "B": verdict(STUCK)},
            "A has not left its guess yet, B never.",
        ),
        (
            {"A": verdict(LEFT_EARLY, diverged=True), "B": verdict(STUCK), "C": verdict(LEFT_LATE)},
            "C left its guess at step 10, B never, A diverged.",
        ),
        (
            {"A": verdict(run(EVEN, RIGHT)), "B": verdict(LEFT_EARLY), "C": None},
            "A had even guesses from the start, B left its guess at step 1, C has not started yet.",
        ),
        ({"A": None, "B": None}, "A and B have not started yet."),
    ],
)
def test_the_sentence_over_a_race(lanes: dict, sentence: str) -> None:
    assert race_verdict(lanes) == sentence


def test_each_lane_in_brief() -> None:
    briefs = [verdict(LEFT_EARLY).brief, verdict(STUCK).brief, verdict(STUCK, ended=False).brief]
    assert briefs == ["left its guess at step 1", "never left its guess", "has not left its guess yet"]
    assert verdict(LEFT_EARLY, diverged=True).brief == "diverged"
    assert verdict(run(EVEN, RIGHT)).brief == "even guesses from the start"
