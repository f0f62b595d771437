"""The lesson on races: two losses from the same start, and what one change does to the result."""

from __future__ import annotations

from igbviz.config import PRESETS
from igbviz.config.interventions import INTERVENTIONS
from igbviz.studies.lessons.parts import (
    RACE,
    Explore,
    Go,
    Guess,
    Lesson,
    Look,
    Picture,
    Results,
    Solution,
    Text,
    count,
    largest_guess,
    learned_at_the_end,
    percent,
)
from igbviz.trajectory.verdict import race_verdict, verdict

CROSS_ENTROPY, PIECEWISE = "cross-entropy", "piecewise-zero"
TOGETHER, NEITHER = "both at the same step", "neither of them"
NEVER, LATER, AS_SOON = "never", "later than cross-entropy", "no later than cross-entropy"

_FIRST = {
    "ce": PRESETS["first-look-cross-entropy"].config,
    "cut": PRESETS["first-look-piecewise-zero"].config,
}
RUNS = _FIRST | {f"{name}_norm": INTERVENTIONS["batch-norm"]().apply(config) for name, config in _FIRST.items()}


def _sentence(results: Results, first: str, second: str) -> str:
    names = {"Cross-entropy": first, "piecewise-zero": second}
    said = race_verdict({title: verdict(results[name]) for title, name in names.items()})
    return f"{said[0].upper()}{said[1:]}"


def _winner(results: Results) -> Solution:
    steps = {name: results[run].escape_step() for name, run in ((CROSS_ENTROPY, "ce"), (PIECEWISE, "cut"))}
    left = {name: step for name, step in steps.items() if step is not None}
    if not left:
        value = NEITHER
    elif len(set(steps.values())) == 1:
        value = TOGETHER
    else:
        value = min(left, key=left.get)
    return Solution(value, _sentence(results, "ce", "cut"))


def _read(results: Results) -> Solution:
    left = [step for name in ("ce", "cut") if (step := results[name].escape_step()) is not None]
    if not left:
        last = int(results["ce"].step[-1])
        return Solution(last, f"Neither has left its guess by the last step, {last:,}.")
    return Solution(min(left), f"The winner left its guess at step {min(left):,}.")


def _why(results: Results) -> str:
    fast, slow = results["ce"].escape_step(), results["cut"].escape_step()
    batch = RUNS["ce"].batch_size
    pace = (
        f"Cross-entropy needed {count(fast, 'step', 'steps')} of {batch} images each: it had seen {fast * batch:,} of "
        "the 10,000 images."
        if fast
        else "Cross-entropy did not have a first guess to leave."
        if fast == 0
        else "Cross-entropy did not leave its first guess here."
    )
    silent = percent(results["cut"].silent_fraction()[0])
    outcome = "never left it" if slow is None else f"left it at step {slow:,}"
    return (
        f"{pace} Piecewise-zero {outcome}.\n\nBoth networks had the same weights at the start, so they made the same "
        "first guesses. What differs is who may object to them. Under cross-entropy every image pulls, and harder "
        f"where the network is wrong. Under piecewise-zero {silent} of the images have zero gradient before the first "
        "step, and they cannot pull."
    )


def _change(results: Results) -> Solution:
    plain, cut = (results[name].escape_step() for name in ("ce_norm", "cut_norm"))
    value = NEVER if cut is None else LATER if plain is not None and cut > plain else AS_SOON
    return Solution(value, f"With BatchNorm: {_sentence(results, 'ce_norm', 'cut_norm')}")


def _what_changed(results: Results) -> str:
    before, after = results["cut"], results["cut_norm"]
    (guess, _), (guess_norm, _) = (largest_guess(run, 0) for run in (before, after))
    silent, silent_norm = (percent(run.silent_fraction()[0]) for run in (before, after))
    found = verdict(after)
    missing = [*found.never_alive, *found.lost]
    named = " and ".join(f"*{name}*" for name in missing) if len(missing) < 4 else count(len(missing))
    accuracies = [percent(results[name].balanced_accuracy()[-1]) for name in ("ce_norm", "cut_norm")]
    if found.stuck:
        moral = "But one change to the start was not enough for this loss."
    elif missing:
        moral = (
            f"**But to leave the first guess is not to hear everybody**: with piecewise-zero, hardly any image of "
            f"{named} is recognized at the end."
        )
    else:
        moral = "And with piecewise-zero, no class is missing at the end."
    return (
        f"The change acts on the start. Before the first step the favourite had {percent(guess)} of the guesses "
        f"without BatchNorm and {percent(guess_norm)} with it, and piecewise-zero ignored {silent} of the images "
        f"without it and {silent_norm} with it.\n\n{moral} Cross-entropy recognizes {accuracies[0]} of the test "
        f"images, piecewise-zero {accuracies[1]}."
    )


THE_RACE = Lesson(
    "The race",
    8,
    "Two losses, the same weights, the same batches: which one leaves its first guess first, and what can change that?",
    RUNS,
    (
        Text(
            "A fair race",
            "To compare two losses, change nothing else. Both networks here begin with **the same weights** and see "
            "**the same images in the same order**. One trains with cross-entropy, the other with piecewise-zero, "
            "which ignores an image while the probability of its label is at most 0.1.\n\nBefore the first step both "
            "give nearly all their guesses to one class. A network has **left its first guess** at the step from which "
            "on its guesses stay spread over the classes. That step is the finishing line.",
        ),
        Guess(
            "winner",
            "Who wins?",
            "Which loss leaves its first guess first, within ten epochs?",
            _winner,
            (CROSS_ENTROPY, PIECEWISE, TOGETHER, NEITHER),
        ),
        Go("Start the race", "Ten epochs each, both at the same time.", ("ce", "cut"), 25, race=True),
        Look(
            "The finish",
            "One lane for each loss, and one cursor for both. The time axis is logarithmic: every factor of ten is "
            "equally wide. Play it again from *Init.*",
            (Picture(RACE, "ce", "The first race", "Who rises when the bold line falls?", beside=("cut",)),),
            ("winner",),
        ),
        Guess(
            "read",
            "Read it off",
            "Choose *Guesses* above the lanes and *Steps* for the axis, and move the cursor to where the guesses of "
            "the winner are spread for good. **At which step** has it left its first guess? (If neither has, enter "
            "3130, the last step.)",
            _read,
            high=3130,
            unit="steps",
            close=3,
        ),
        Look(
            "The finishing line",
            "The same race once more.",
            (Picture(RACE, "ce", "The first race", "The sentence above the lanes names the step.", beside=("cut",)),),
            ("read",),
        ),
        Text("Who may object", _why),
        Guess(
            "change",
            "Change one thing",
            "Now both networks get **BatchNorm** before every ReLU. It rescales what each node sends on, so the large "
            "raw pixels no longer matter, and the learning rate rises from 0.00001 to 0.1. The same race again: when "
            "does piecewise-zero leave its first guess now?",
            _change,
            (NEVER, LATER, AS_SOON),
        ),
        Guess(
            "learned",
            "And at the end?",
            "How many of the ten classes does **piecewise-zero with BatchNorm** learn? (A class counts when at least "
            "one in ten of its images is recognized.)",
            learned_at_the_end("cut_norm"),
            high=10,
            unit="classes",
            close=0.5,
        ),
        Go("Race again", "Ten epochs each, both at the same time.", ("ce_norm", "cut_norm"), 30, race=True),
        Look(
            "The second race",
            "The same two losses, with BatchNorm.",
            (Picture(RACE, "ce_norm", "With BatchNorm", "Which lines stay at the bottom?", beside=("cut_norm",)),),
            ("change", "learned"),
        ),
        Text("Left, but not for all", _what_changed),
        Explore(
            "Your turn",
            "Race cross-entropy against three losses of your own choice (*Other losses*). **Is there one that leaves "
            "its first guess, but later than cross-entropy?** Guess first; the lanes tell.",
            "pages/Race.py",
            "Open a race of three losses",
        ),
    ),
)
