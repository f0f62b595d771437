"""The lessons as data: every step can be taken, every run is small, and whatever comes out of a run, a sentence holds
for it."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from igbviz.config import RunConfig
from igbviz.ensembles import Ensemble, EnsembleConfig, ensemble_dtype
from igbviz.losses import LossOfP
from igbviz.studies.lessons import LESSONS
from igbviz.studies.lessons.escape import gradient_on_true_logit
from igbviz.studies.lessons.parts import (
    FORCE_WITH_IMAGES,
    OF_ENSEMBLES,
    OF_SETTINGS,
    ON_STAGE,
    Explore,
    Go,
    Guess,
    Lesson,
    Look,
    Results,
    Solution,
    Text,
    verdict,
)
from igbviz.trajectory import Trajectory, quantities, snapshot_dtype
from igbviz.trajectory.images import WatchedImages, images_dtype
from igbviz.trajectory.trajectory import P_EDGES, ThinnedTrajectory
from tests.support.pages import PAGES

EVERY = pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)
EVERY_RUN = pytest.mark.parametrize(
    "config", [config for lesson in LESSONS.values() for config in lesson.runs.values()], ids=lambda config: config.id
)
CLASSES = 10


def test_names_are_parts_of_links() -> None:
    assert list(LESSONS) == [
        "before-training",
        "cross-entropy",
        "silent-zone",
        "wrong-push",
        "label-noise",
        "never-heard",
        "race",
        "edge-of-chaos",
    ]


@EVERY
def test_a_lesson_guesses_runs_looks_and_ends_with_a_question(lesson: Lesson) -> None:
    kinds = [type(step) for step in lesson.steps]
    assert 5 <= lesson.minutes <= 10 and kinds[0] is Text and kinds[-1] is Explore and "?" in lesson.steps[-1].body
    assert {Guess, Go, Look} <= set(kinds) and kinds.count(Explore) == 1
    assert kinds.index(Guess) < kinds.index(Go) < len(kinds) - 1 - kinds[::-1].index(Look)
    assert sum(step.seconds for step in lesson.steps if isinstance(step, Go)) <= 60


@EVERY
def test_every_guess_is_made_before_its_answer_and_answered_once(lesson: Lesson) -> None:
    guesses = lesson.guesses()
    answered = [
        (place, name) for place, step in enumerate(lesson.steps) if isinstance(step, Look) for name in step.guesses
    ]
    assert sorted(name for _, name in answered) == sorted(guesses)
    for place, name in answered:
        assert lesson.steps.index(guesses[name]) < place
        assert re.fullmatch(r"[a-z_]+", name)
    for guess in guesses.values():
        assert len(set(guess.choices)) == len(guess.choices) != 1 and guess.low < guess.high and guess.close > 0


@EVERY
def test_nothing_is_shown_before_it_was_guessed_at_and_run(lesson: Lesson) -> None:
    for place, step in enumerate(lesson.steps):
        started = {name for earlier in lesson.steps[:place] if isinstance(earlier, Go) for name in earlier.runs}
        for picture in getattr(step, "pictures", ()):
            assert set(picture.runs) <= set(lesson.runs)
            assert picture.kind in OF_SETTINGS or set(picture.runs) <= started, (step.title, picture.runs)
        assert set(lesson.needs(step)) <= started | set(getattr(step, "runs", ()))
    assert {name for step in lesson.steps if isinstance(step, Go) for name in step.runs} == set(lesson.runs)


@EVERY
def test_every_picture_fits_its_run(lesson: Lesson) -> None:
    for step in lesson.steps:
        for picture in getattr(step, "pictures", ()):
            config, kind = lesson.runs[picture.run], picture.kind
            if kind in ON_STAGE:
                assert all(isinstance(lesson.runs[name], RunConfig) for name in picture.runs)
            elif kind in ("force", "loss over p", FORCE_WITH_IMAGES):
                assert isinstance(config.loss, LossOfP)
            elif kind == "phase map":
                assert config.initialization.name == "gaussian"
            elif kind in OF_ENSEMBLES:
                assert isinstance(config, EnsembleConfig)
            elif kind == "wrong_labels":
                assert config.label_noise.name != "none"
            else:
                assert kind in quantities.QUANTITIES and isinstance(config, RunConfig)


@EVERY
def test_texts_are_there_and_short(lesson: Lesson) -> None:
    texts = [lesson.title, lesson.about]
    for step in lesson.steps:
        texts += [step.title, step.question if isinstance(step, Guess) else step.body]
        texts += [caption for picture in getattr(step, "pictures", ()) for caption in (picture.title, picture.look_for)]
    plain = [text for text in texts if isinstance(text, str)]
    assert all(
        text.strip() and len(text) < 900 and not re.search(r"  |\{|issue", text.replace("{{", "")) or "$$" in text
        for text in plain
    )
    assert len({step.title for step in lesson.steps}) == len(lesson.steps)


@EVERY
def test_the_last_step_leads_somewhere(lesson: Lesson) -> None:
    step = lesson.steps[-1]
    assert step.page.partition("/")[2] in {path.name for path in PAGES}
    if step.run:
        assert step.page == (
            "pages/Initialisation.py" if isinstance(lesson.runs[step.run], EnsembleConfig) else "pages/Train.py"
        )


@EVERY_RUN
def test_runs_are_small_and_offline(config: RunConfig | EnsembleConfig) -> None:
    assert config.dataset.name in ("fashion-mini", "gaussian-noise") and config.seed == 0
    facts = config.dataset.facts()
    assert type(config).model_validate_json(config.to_json()).id == config.id
    flops = config.model.flops((facts.channels, facts.side, facts.side), len(facts.class_names))
    if isinstance(config, EnsembleConfig):
        assert config.inputs <= facts.test_size and config.networks * config.inputs * flops < 2e11
    else:
        assert (
            config.total_steps(facts.train_size) <= 3200
            and 3 * config.total_steps(facts.train_size) * config.batch_size * flops < 2e11
        )


def test_verdicts() -> None:
    number = Guess("n", "t", "q", lambda _: Solution(50, ""), close=5)
    assert [verdict(number, answer, Solution(50, "")) for answer in (55, 56, 65, 66)] == [
        "right",
        "near",
        "near",
        "off",
    ]
    choice = Guess("c", "t", "q", lambda _: Solution("a", ""), ("a", "b"))
    assert [verdict(choice, answer, Solution("a", "")) for answer in ("a", "b")] == ["right", "off"]


def test_the_pull_of_cross_entropy_is_what_p_leaves() -> None:
    assert gradient_on_true_logit(0.5) == pytest.approx(0.5) and gradient_on_true_logit(1e-6) == pytest.approx(1 - 1e-6)


# Whatever a run gives, the words hold: made-up results of every kind, also those nobody expects.


def trained(start: float, end: float, noisy: bool, spread: bool) -> Trajectory:
    """Two probes: the probability of class 3 goes from `start` to `end`, the rest to all others or to class 4. The
    surer, the worse."""
    records = np.zeros(2, snapshot_dtype(CLASSES, noisy))
    for record, share in zip(records, (start, end), strict=True):
        row = np.full(CLASSES, (1 - share) / (CLASSES - 1)) if spread else (1 - share) * np.eye(CLASSES)[4]
        row[3] = share
        record["mean_prob"] = row
        skill = 0.6 * (1 - share)
        record["confusion"] = np.round(100 * ((1 - skill) * row + skill * np.eye(CLASSES)))
        p = 0.0 if share > 0.95 else 0.1 if share > 0.5 else 0.9
        record["p_hist"][:, np.searchsorted(P_EDGES, p) - (p > 0)] = 100
        record["silent"], record["signal"] = share, 1.4 * (1 - share)
        if noisy:
            record["memorised"], record["resisted"], record["otherwise"] = 1 - share, share, 0
    images = np.zeros(2, images_dtype(2 * CLASSES))  # one test image and one wrong label a class
    shares = np.array([[start], [end]])
    labels = np.tile(np.arange(CLASSES), 2)
    given = np.where(np.arange(2 * CLASSES) < CLASSES, -1, (labels + 1) % CLASSES)
    images["p"] = np.where(shares > 0.95, 0, np.where(shares > 0.5, 0.2, 0.9))
    images["guess"] = np.where(shares > 0.5, 3, np.maximum(given, 0))
    last = 20 if spread else 600
    records["step"], records["epoch"] = (0, last), (0, last / 300)
    watched = WatchedImages(images, labels, labels, given)
    return ThinnedTrajectory(records, tuple("abcdefghij"), watched)


def drawn(centres: float, networks: int = 6) -> Ensemble:
    """Networks whose layers have a gamma of about `centres`."""
    records = np.zeros(networks, ensemble_dtype(CLASSES, 5))
    share = centres / (1 + centres)
    for place, record in enumerate(records):
        record["network"], record["guesses"] = place, 10
        record["guesses"][place % CLASSES] += round(900 * share)
        record["centre"], record["spread"] = np.arange(CLASSES) * centres, 1
        record["variance"], record["cosine"], record["nodes"] = 1, min(share, 0.99), 50
        record["layer_centre"], record["layer_variance"], record["layer_cosine"] = (
            centres,
            1,
            np.linspace(0.1, 1, 5) * min(share, 0.99),
        )
    return Ensemble(records, tuple("abcdefghij"))


def results(lesson: Lesson, variant: int) -> Results:
    """Results for every run of a lesson; neighbours differ, so that comparisons come out either way."""
    by_run = {}
    for place, (name, config) in enumerate(lesson.runs.items()):
        ends = [(0.9, 0.1), (0.1, 0.9), (0.97, 1.0), (0.3, 0.3), (1.0, 0.0)][(variant + place * (variant % 3)) % 5]
        if isinstance(config, EnsembleConfig):
            by_run[name] = drawn([0.0, 0.3, 3, 30, 1e6][(variant + place * (1 + variant % 2)) % 5])
        else:
            by_run[name] = trained(*ends, noisy=config.label_noise.name != "none", spread=variant % 2 == 0)
    return by_run


@pytest.mark.parametrize("variant", range(8))
@EVERY
@pytest.mark.filterwarnings("error")
def test_words_hold_for_any_results(lesson: Lesson, variant: int) -> None:
    measured = results(lesson, variant)
    for step in lesson.steps:
        if callable(getattr(step, "body", None)):
            text = step.body(measured)
            assert len(text) > 100 and not re.search(r"\bnan\b|\bNone\b|np\.|  ", text), text
    for guess in lesson.guesses().values():
        solution = guess.solution(measured)
        assert solution.sentence.endswith(".") and not re.search(r"\bnan\b|None", solution.sentence)
        if guess.choices:
            assert solution.value in guess.choices
        else:
            assert guess.low <= solution.value <= guess.high


@EVERY
def test_different_results_give_different_answers(lesson: Lesson) -> None:
    """No solution is written into the lesson: all but those that need no run change with the results."""
    for guess in lesson.guesses().values():
        values = {guess.solution(results(lesson, variant)).value for variant in range(8)}
        assert len(values) > 1 or guess.name in ("pull", "direction"), guess.name


def texts(lesson: Lesson, measured: Results) -> str:
    """Everything that a lesson says about these results."""
    bodies = [getattr(step, "body", "") for step in lesson.steps]
    return "\n".join(body(measured) if callable(body) else body for body in bodies)


def test_rounding_noise_is_shown_once_beside_the_run_that_it_repeats() -> None:
    lesson = LESSONS["cross-entropy"]
    assert lesson.runs["again"] == lesson.runs["ce"].with_(rounding_noise=1) != lesson.runs["ce"]
    noisy = [
        config
        for lesson in LESSONS.values()
        for config in lesson.runs.values()
        if "rounding_noise" in config.canonical()
    ]
    assert noisy == [lesson.runs["again"]]
    apart = trained(0.9, 0.1, False, True)
    same = {"ce": apart, "again": apart}
    guess = lesson.guesses()["rounding"]
    assert guess.solution(same).value == 0 and "within one point" in texts(lesson, same)
    other = {"ce": apart, "again": trained(0.9, 0.4, False, True)}
    assert guess.solution(other).value == pytest.approx(30) and "At step 20 the p̄ of some class" in texts(lesson, other)


@pytest.mark.parametrize("gamma", [0.3, 3, 30])
def test_a_gamma_above_1_does_not_settle_every_guess(gamma: float) -> None:
    """The favourite's fraction is told, and no word says that no image can move the outputs as far."""
    measured = {name: drawn(gamma) for name in LESSONS["before-training"].runs}
    said = texts(LESSONS["before-training"], measured)
    favourite = f"{measured['clothes'].largest_guess().mean():.0%}".replace("%", " %")
    assert f"the favourite gets {favourite} of the guesses" in said
    assert not re.search("than any image|mostly settled|(weak|deep) prejudice", said)


def test_the_scale_of_gamma_is_that_of_ten_classes() -> None:
    said = texts(LESSONS["edge-of-chaos"], results(LESSONS["edge-of-chaos"], 1))
    assert "with ten classes, the favourite gets 43 % of the guesses at γ = 1 and 77 % at γ = 12" in said
    assert "nearly every input gets the same answer" not in said and "nothing in common" not in said


def test_tanh_is_explained_by_the_mean_over_the_data() -> None:
    said = texts(LESSONS["edge-of-chaos"], results(LESSONS["edge-of-chaos"], 1))
    assert "average its output over the data" in said and "mean over many nodes" not in said


def test_a_lesson_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        next(iter(LESSONS.values())).title = "x"
