"""Every intervention changes one part of a run, leaves the rest alone, and returns None when nothing would change."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz.config import PRESETS, RunConfig
from igbviz.config.interventions import INTERVENTIONS, applicable, chosen, suggested
from igbviz.ensembles import Ensemble, EnsembleConfig, initialize
from igbviz.spec import ConfigError
from igbviz.training.loop import Training, train
from igbviz.trajectory import Trajectory
from tests.support.tiny import TINY

STUCK = RunConfig(**TINY | {"loss": {"name": "piecewise-zero", "cutoff": 0.4}})
FIRST_LOOK = PRESETS["first-look-piecewise-zero"].config
RESNET = RunConfig(model={"name": "resnet18"}, loss={"name": "mae"}, initialization={"name": "torchvision"})
NORMALIZED = STUCK.with_(model={"name": "mlp", "depth": 2, "width": 16, "normalization": "layer"})
SUBJECTS = {"mlp": STUCK, "first look": FIRST_LOOK, "resnet": RESNET, "layer norm": NORMALIZED, "plain": RunConfig()}
# What an intervention may change.
FIELDS = {
    "cross-entropy-first": {"schedule"},
    "zero-last-layer": {"initialization"},
    "neutral-bias": {"initialization", "probes"},
    "batch-statistics": {"probes"},
    "batch-norm": {"model", "probes", "optimizer"},
    "normalisation-placement": {"model"},
    "label-smoothing": {"loss"},
    "he-normal": {"initialization"},
    "pytorch": {"initialization"},
    "xavier": {"initialization"},
    "standardised-input": {"dataset", "optimizer"},
}


def changed_fields(before: RunConfig, after: RunConfig) -> set[str]:
    return {name for name in RunConfig.model_fields if getattr(before, name) != getattr(after, name)}


@pytest.mark.parametrize("name", INTERVENTIONS)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_change_is_a_change_and_changes_only_its_own(name: str, subject: str) -> None:
    config, kind = SUBJECTS[subject], INTERVENTIONS[name]
    assert kind.title and kind.help.endswith(".") and "\n" not in kind.help
    after = kind().apply(config)
    if after is not None:
        assert after.id != config.id and changed_fields(config, after) <= FIELDS[name]
        assert name in applicable(config) and kind().apply(after) in (None, config), (
            "applied twice: no change, or undone"
        )
        assert kind().explain(config).endswith(".") and "\n" not in kind().explain(config)


def test_which_interventions_apply_where() -> None:
    def names(config: RunConfig) -> set[str]:
        return set(applicable(config))

    everywhere = {"zero-last-layer", "neutral-bias", "label-smoothing", "pytorch", "xavier"}
    assert names(RunConfig()) == everywhere | {"batch-norm"}, "cross-entropy needs no other start"
    assert names(STUCK) == everywhere | {"cross-entropy-first", "batch-norm"}, "noise has no scaling"
    assert names(FIRST_LOOK) == everywhere | {"cross-entropy-first", "batch-norm", "standardised-input"}
    assert names(NORMALIZED) == everywhere | {"cross-entropy-first", "normalisation-placement"}
    assert names(RESNET) == everywhere | {"cross-entropy-first", "batch-statistics", "he-normal"}
    assert "batch-norm" not in names(STUCK.with_(batch_size=1))
    assert "neutral-bias" not in names(RunConfig(model={"name": "mlp", "bias": False})) | names(
        RunConfig(model={"name": "squeezenet1_1"})
    )
    assert names(RunConfig(initialization={"name": "pytorch"})) & {"he-normal", "pytorch", "xavier"} == {
        "he-normal",
        "xavier",
    }


def test_hyperparameters() -> None:
    assert chosen({"name": "cross-entropy-first", "epochs": 1.5}).apply(STUCK).schedule.duration == 1.5
    assert chosen("cross-entropy-first").apply(STUCK).schedule.duration == 0.2, "a tenth of two epochs"
    assert chosen({"name": "cross-entropy-first", "epochs": 2}).apply(STUCK) is None, "the loss would never act"
    assert chosen({"name": "label-smoothing", "epsilon": 0.2}).apply(STUCK).loss.epsilon == 0.2
    with pytest.raises(ConfigError, match="intervention is 'luck', allowed: one of cross-entropy-first"):
        chosen("luck")
    with pytest.raises(ConfigError, match="intervention.epsilon is 1, allowed"):
        chosen({"name": "label-smoothing", "epsilon": 1})


def test_the_last_layer_is_treated_as_before_when_weights_are_drawn_from_another_distribution() -> None:
    scaled = RunConfig(initialization={"name": "he-normal", "last_layer": "scaled", "last_layer_scale": 0.5})
    after = chosen("xavier").apply(scaled).initialization
    assert (after.name, after.last_layer, after.last_layer_scale) == ("xavier", "scaled", 0.5)


def test_the_rate_follows_the_size_of_the_signals() -> None:
    for name in ("standardised-input", "batch-norm"):
        assert chosen(name).apply(FIRST_LOOK).optimizer.learning_rate == pytest.approx(0.1)
        fast = FIRST_LOOK.with_(optimizer={"name": "sgd", "learning_rate": 0.01, "momentum": 0.5})
        assert chosen(name).apply(fast).optimizer == fast.optimizer.model_copy(update={"learning_rate": 1.0})
        adam = FIRST_LOOK.with_(optimizer={"name": "adam"})
        assert chosen(name).apply(adam).optimizer == adam.optimizer
    unit = FIRST_LOOK.with_(dataset={"name": "fashion-mini", "scaling": "unit"})
    assert chosen("standardised-input").apply(unit).optimizer == unit.optimizer
    normalized = FIRST_LOOK.with_(model={"name": "mlp", "normalization": "layer"})
    assert chosen("standardised-input").apply(normalized).optimizer == normalized.optimizer


def trajectory(config: RunConfig) -> Trajectory:
    return Trajectory.of(list(train(config, "cpu")))


def test_a_zero_last_layer_starts_at_one_over_k() -> None:
    start = trajectory(chosen("zero-last-layer").apply(STUCK))
    np.testing.assert_allclose(start.predicted_probability()[0], 1 / 3, atol=1e-6)


def test_cross_entropy_first_learns_as_cross_entropy_does() -> None:
    changed, plain = (
        chosen({"name": "cross-entropy-first", "epochs": 0.5}).apply(STUCK),
        STUCK.with_(loss={"name": "cross-entropy"}),
    )
    first, second = trajectory(changed), trajectory(plain)
    early, late = first.step <= 8, first.step > 8
    assert (first.predicted_probability()[early] == second.predicted_probability()[early]).all()
    assert (first.predicted_probability()[late] != second.predicted_probability()[late]).any()


def test_probing_with_batch_statistics_does_not_change_the_training() -> None:
    before = STUCK.with_(model={"name": "mlp", "depth": 2, "width": 16, "normalization": "batch"})
    ended = []
    for config in (before, chosen("batch-statistics").apply(before)):
        training = Training(config, "cpu")
        assert any(snapshot is not None for snapshot in training.ticks())
        ended.append(training.state()["network"])
    assert all((ended[0][key] == ended[1][key]).all() for key in ended[0] if "weight" in key or "bias" in key)


@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_neutral_biases_leave_no_class_favoured(normalization: str) -> None:
    network = {"name": "mlp", "depth": 4, "width": 64, "normalization": normalization}
    images = {"name": "gaussian-noise", "size": 8, "train_examples": 1000, "test_examples": 1000, "classes": 5}
    config = RunConfig(
        **TINY | {"model": network, "dataset": images, "epochs": 0.1, "probes": {"size": "all", "count": 2}}
    )
    before, after = (
        trajectory(config).predicted_probability()[0],
        trajectory(chosen("neutral-bias").apply(config)).predicted_probability()[0],
    )
    assert before.max() > 0.3 and abs(after - 0.2).max() < 0.03, "the images of the probe are others"


def gamma(config: RunConfig, scaling: str = "") -> float:
    """Of 30 untrained networks, as the probes of this run normalize them."""
    dataset = {"name": "fashion-mini", "scaling": scaling} if scaling else config.dataset
    parts = {"model": config.model, "initialization": config.initialization, "batch_norm": config.probes.batch_norm}
    ensemble = EnsembleConfig(**parts, dataset=dataset, networks=30, inputs=60)
    return Ensemble.of(initialize(ensemble, "cpu")).gamma()[0]


DEEP = STUCK.with_(model={"name": "mlp", "depth": 4, "width": 64})


@pytest.mark.parametrize("statistics", ["eval", "batch"])
@pytest.mark.parametrize("normalization", ["batch", "layer", "rms"])
def test_what_is_said_of_the_placement_of_normalization_is_measured(normalization: str, statistics: str) -> None:
    before = DEEP.with_(
        model=DEEP.model.with_(normalization=normalization), probes=DEEP.probes.with_(batch_norm=statistics)
    )
    move = chosen("normalisation-placement")
    after, text = move.apply(before), move.explain(before)
    ratio = gamma(after) / gamma(before)
    assert ("about as one-sided" in text or "looks the same" in text) == (0.7 < ratio < 1.4), (ratio, text)
    assert ("bias with it" in text and "looks the same" not in text or "little bias is left" in text) == (ratio < 0.1)
    assert "RMSNorm" not in text or normalization == "rms"
    back = {"layer": "then leaves in the mean", "batch": "that of the last activation is left", "rms": "only rescales"}
    assert back[normalization] in move.explain(after)


@pytest.mark.parametrize("scaling", ["standardised", "unit", "raw"])
@pytest.mark.parametrize("changes", [{}, {"bias": False}, {"normalization": "layer"}], ids=str)
def test_what_is_said_of_pytorchs_weights_is_measured(changes: dict, scaling: str) -> None:
    he = FIRST_LOOK.with_(
        model={"name": "mlp", "depth": 4, "width": 64} | changes, dataset={"name": "fashion-mini", "scaling": scaling}
    )
    pytorch = chosen("pytorch")
    ratio, text = gamma(pytorch.apply(he), scaling) / gamma(he, scaling), pytorch.explain(he)
    assert ("it is also more one-sided" in text) == (ratio > 2), (ratio, text)
    assert ("as one-sided" in text or "only in networks so deep" in text) == (0.6 < ratio < 1.6), (ratio, text)


def test_the_sentences_follow_the_configuration() -> None:
    assert "from 1e-05 to 0.1" in chosen("standardised-input").explain(FIRST_LOOK)
    adam = FIRST_LOOK.with_(optimizer={"name": "adam"})
    for name in ("standardised-input", "batch-norm"):
        assert "SGD" not in chosen(name).explain(adam)
    unit = FIRST_LOOK.with_(dataset={"name": "fashion-mini", "scaling": "unit"})
    assert "learning rate" not in chosen("standardised-input").explain(unit)
    after = DEEP.with_(model={"name": "mlp", "placement": "after"})
    assert "removes" in chosen("batch-norm").explain(after) and "removes" not in chosen("batch-norm").explain(DEEP)


@pytest.mark.parametrize("name", ["he-normal", "pytorch", "xavier"])
def test_other_weights_below_a_fixed_last_layer_are_not_said_to_change_the_guess(name: str) -> None:
    base = STUCK.with_(initialization={"name": "orthogonal", "last_layer": "zero"})
    assert "every class still starts at exactly 1/K" in chosen(name).explain(base)
    np.testing.assert_allclose(trajectory(chosen(name).apply(base)).predicted_probability()[0], 1 / 3, atol=1e-6)
    neutral = chosen(name).explain(STUCK.with_(initialization={"name": "orthogonal", "last_layer": "neutral-bias"}))
    assert "no class is favoured" in neutral and "one-sided" not in neutral


def test_the_first_changes_to_try_apply_to_the_run() -> None:
    stuck = RunConfig(loss={"name": "piecewise-zero"})
    assert suggested(stuck) == ["cross-entropy-first", "batch-norm", "zero-last-layer"]
    assert suggested(RunConfig(loss={"name": "cross-entropy"}), 1) == ["batch-norm"]
    assert all(name in applicable(stuck) for name in suggested(stuck))
