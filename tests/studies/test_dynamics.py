"""Many short runs: the sweeps, their groups and means, and the sentences about differences."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from igbviz.runs.sweep_config import Sweep
from igbviz.spec import ConfigError
from igbviz.studies import dynamics
from igbviz.studies.dynamics import (
    BASE,
    cut,
    kind,
    majorities,
    mean,
    over_majorities,
    over_plane,
    over_seeds,
    plane,
    planned_steps,
    starts,
)
from tests.support.short_trainings import STEP, member, seeds

# Which trainings.


def test_a_point_comes_as_text_and_keeps_the_rest() -> None:
    config = dynamics.at_point({"activation": "relu", "depth": "4", "sigma_w2": "2.0", "sigma_b2": "0"})
    assert (config.model.activation, config.model.depth, config.model.width) == ("relu", 4, BASE.model.width)
    assert (config.initialization.sigma_w2, config.initialization.sigma_b2) == (2.0, 0.0)
    assert dynamics.at_point({}) == BASE
    assert dynamics.at_point({"sigma_b2": "0.3"}).initialization.sigma_w2 == BASE.initialization.sigma_w2


@pytest.mark.parametrize(
    ("point", "sentence"),
    [
        ({"activation": "wishful"}, "activation"),
        ({"depth": "0"}, "depth"),
        ({"sigma_w2": "nan"}, "sigma_w2"),
        ({"sigma_b2": "-1"}, "sigma_b2"),
    ],
)
def test_a_wrong_point_is_one_sentence(point: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=f"{sentence} is .*, allowed: "):
        dynamics.at_point(point)


@pytest.mark.parametrize("steps", [1, 7, 100, 1000])
def test_steps_are_exact(steps: int) -> None:
    assert planned_steps(dynamics.with_steps(BASE, steps)) == steps
    assert dynamics.probed_steps(dynamics.with_steps(BASE, steps))[-1] == steps
    unbalanced = dynamics.with_steps(BASE.with_(imbalance={"ratio": 30}), steps)
    assert planned_steps(unbalanced) == steps and unbalanced.epochs > dynamics.with_steps(BASE, steps).epochs


def test_the_default_takes_a_hundred_steps() -> None:
    assert planned_steps(BASE) == dynamics.STEPS == 100


def test_each_question_is_a_sweep_of_its_kind() -> None:
    many, grid, uneven = (
        over_seeds(BASE, 5),
        over_plane(BASE, 4, 3, largest_w=2.0, largest_b=0.5),
        over_majorities(BASE, 10, 2),
    )
    assert [kind(sweep) for sweep in (many, grid, uneven)] == ["starts", "plane", "majority"]
    assert kind(Sweep(base=BASE, axes={"loss": ["cross-entropy"], "seed": [0, 1]})) is None
    for imbalance in ([{}, {"ratio": 3, "majority": 1}], [{}, {"ratio": 3}, {"ratio": 9}]):
        assert kind(Sweep(base=BASE, axes={"imbalance": imbalance, "seed": [0, 1]})) is None
    assert [config.seed for config in many.configs()] == [0, 1, 2, 3, 4]
    points = {(config.initialization.sigma_w2, config.initialization.sigma_b2) for config in grid.configs()}
    assert len(points) == 12 and (0.5, 0.0) in points and (2.0, 0.5) in points and not any(w == 0 for w, _ in points)
    settings = {
        (config.imbalance.ratio, config.imbalance.majority): planned_steps(config) for config in uneven.configs()
    }
    assert settings[10, "favoured"] == settings[10, "unfavoured"] == 100 < settings[1, "favoured"]
    assert len(uneven.configs()) == 6 and planned_steps(uneven.configs()[-1]) == 100


def test_the_map_is_the_same_from_every_point_of_the_plane() -> None:
    elsewhere = dynamics.at_point({"sigma_w2": "3"})
    assert over_plane(BASE).id == over_plane(elsewhere).id != over_plane(dynamics.at_point({"depth": "5"})).id
    assert over_plane(elsewhere).base.initialization.sigma_w2 == 3, "from the map one comes back to the point"


def test_too_large_a_map_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="600 runs, allowed: at most 500"):
        over_plane(BASE, 30, 20)


# What became of them.


def test_the_cut_is_where_theory_parts_the_regimes() -> None:
    assert cut(2) == pytest.approx(0.75)
    assert cut(10) == pytest.approx(0.4318, abs=1e-4)


def test_starts_are_grouped_by_how_they_began() -> None:
    border = cut(10)
    members = [*seeds([0.5, 0.6], border - 1e-6), *seeds([0.7], border, first=2)]
    neutral, prejudiced, everybody = starts(members)
    assert [m.config.seed for m in neutral.members] == [0, 1] and [m.config.seed for m in prejudiced.members] == [2]
    assert len(everybody.members) == 3


def test_the_mean_and_its_error_count_those_that_came_this_far() -> None:
    members = [*seeds([0.5, 0.7, 0.9], 0.2), replace(member(BASE.with_(seed=9), 0.2, 0.3, "running"), step=STEP[:2])]
    members[-1] = replace(members[-1], measures={name: values[:2] for name, values in members[-1].measures.items()})
    single = mean(members, "balanced_accuracy")
    assert single.step.tolist() == STEP.tolist() and single.n.tolist() == [4, 4, 3, 3]
    assert single.mean[-1] == pytest.approx(0.7) and single.error[-1] == pytest.approx(
        np.std([0.5, 0.7, 0.9], ddof=1) / math.sqrt(3)
    )
    assert np.isnan(mean(members[:1], "balanced_accuracy").error).all()
    assert not len(mean([], "balanced_accuracy").step)


def test_a_value_between_two_probes_lies_between_them_in_log_time() -> None:
    (single,) = seeds([0.7], 0.2)
    at = dynamics.at_step([single, replace(single, step=np.array([0, 1, 2, 3]))], "balanced_accuracy", 32)
    assert at[0] == pytest.approx(0.5 + 0.2 * math.log10(32 / 10)) and np.isnan(at[1])


def test_the_difference_comes_with_its_standard_error() -> None:
    apart = starts_words([0.70, 0.72, 0.74], [0.50, 0.52, 0.54])
    error = math.sqrt(2) * 0.02 / math.sqrt(3)
    assert (
        f"neutral minus prejudiced is +0.200 ± {error:.3f}, {0.2 / error:.1f} standard errors: more than chance"
        in apart
    )
    assert "0.720 ± 0.012 over 3 neutral starts and 0.520 ± 0.012 over 3 prejudiced starts" in apart
    close = starts_words([0.70, 0.74], [0.69, 0.75])
    assert "+0.000" in close and "do not show a difference" in close
    assert "1 neutral start " in starts_words([0.7], [0.5, 0.6]) and "too few to tell" in starts_words(
        [0.7], [0.5, 0.6]
    )


def test_an_empty_group_is_said_in_one_sentence() -> None:
    assert (
        starts_words([0.7, 0.8], [])
        == "None of the 2 networks began prejudiced: all their largest guess fractions are below 0.43."
    )
    assert (
        starts_words([], [0.7])
        == "None of the 1 networks began neutral: all their largest guess fractions are at or above 0.43."
    )


def starts_words(neutral: list[float], prejudiced: list[float]) -> str:
    members = [*seeds(neutral, 0.2), *seeds(prejudiced, 0.9, first=100)]
    return dynamics.describe_starts(members, "balanced_accuracy", 100)


def test_majorities_are_compared_seed_by_seed() -> None:
    configs = over_majorities(BASE, 10, 3).configs()
    # The seeds differ much, favoured and least favoured of the same seed always by about 0.1: in pairs that is beyond
    # doubt.
    members = []
    for config in configs:
        is_favoured = config.imbalance.ratio > 1 and config.imbalance.majority == "favoured"
        members.append(member(config, 0.5, 0.3 + (0.2 + 0.001 * is_favoured) * config.seed + 0.1 * is_favoured))
    equal, favoured, unfavoured = majorities(members)
    assert [len(setting.members) for setting in (equal, favoured, unfavoured)] == [3, 3, 3]
    assert all(m.config.imbalance.ratio == 1 for m in equal.members)
    sentence = dynamics.describe_majorities(members, "balanced_accuracy", 100)
    assert "favoured minus least favoured is +0.101 ± 0.001" in sentence and "more than chance" in sentence
    assert "(n = 3)" in sentence
    first = dynamics.describe_majorities(members[:1], "balanced_accuracy", 100)
    assert "too few" in first and "not measured yet" in first


def test_the_plane_has_what_is_finished_and_marks_what_diverged() -> None:
    sweep = over_plane(BASE, 3, 2, largest_w=3.0, largest_b=0.2)
    states = ["done", "diverged", "running", "stopped", "done"]  # and one of six has not begun
    members = [
        member(config, 0.5, 0.6, state, loss=place)
        for place, (config, state) in enumerate(zip(sweep.configs(), states, strict=False))
    ]
    measured = plane(sweep, members, "train_loss")
    assert measured.sigma_w2.tolist() == [1, 2, 3] and measured.sigma_b2.tolist() == [0, 0.2]
    by_config = {
        (c.initialization.sigma_w2, c.initialization.sigma_b2): place for place, c in enumerate(sweep.configs())
    }
    for (w, b), place in by_config.items():
        at = measured.sigma_b2.tolist().index(b), measured.sigma_w2.tolist().index(w)
        assert measured.diverged[at] == (place == 1)
        assert measured.values[at] == place if place in (0, 4) else np.isnan(measured.values[at])
    assert dynamics.describe_plane(measured, "train_loss", 100) == (
        "Training loss is lowest (**0**) at weight variance 1, bias variance 0 and highest (**4**) at "
        f"{at_4(sweep)}. 3 of 6 points are trained for 100 steps; 1 of them diverged."
    )
    nothing = plane(sweep, members[2:4], "train_loss")
    assert dynamics.describe_plane(nothing, "train_loss", 9).startswith("0 of 6 points are trained for 9 steps")


def at_4(sweep: Sweep) -> str:
    start = sweep.configs()[4].initialization
    return f"{start.sigma_w2:g} and {start.sigma_b2:g}"
