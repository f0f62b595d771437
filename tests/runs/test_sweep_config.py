"""The configuration of a sweep: its runs in order, its identity, and invalid sweeps."""

from __future__ import annotations

import json

import pytest

from igbviz.config import RunConfig
from igbviz.losses import LOSSES
from igbviz.runs.sweep_config import MAX_RUNS, Sweep, intervention_sweep, label, parse_values
from igbviz.spec import ConfigError
from tests.support.tiny import TINY, TWO_BY_TWO


class TestSweep:
    def test_grid_in_order(self, sweep: Sweep, tiny: RunConfig) -> None:
        expected = [
            tiny.with_(loss=loss, seed=seed)
            for loss in (LOSSES["cross-entropy"](), LOSSES["gce"](q=0.7))
            for seed in (0, 1)
        ]
        assert sweep.configs() == expected
        assert sweep.choices()[expected[2].id] == {"loss": {"name": "gce", "q": 0.7}, "seed": 0}

    def test_json_round_trip(self, sweep: Sweep) -> None:
        again = Sweep.from_json(sweep.to_json())
        assert again == sweep and again.id == sweep.id and again.configs() == sweep.configs()

    def test_missing_fields_have_defaults(self, tiny: RunConfig) -> None:
        text = json.dumps({"axes": {"seed": [0, 1], "model.depth": [2, 3]}, "title": "How deep?"})
        assert [config.model.depth for config in Sweep.from_json(text).configs()] == [2, 3, 2, 3]
        assert Sweep.from_json(text).id.startswith("how-deep-")

    def test_specs_ranges_and_names_are_values(self, tiny: RunConfig, sweep: Sweep) -> None:
        losses = [LOSSES["cross-entropy"](), LOSSES["gce"](q=0.7)]
        assert Sweep(base=tiny, axes={"loss": losses, "seed": range(2)}) == sweep.model_copy(
            update={"axes": sweep.axes | {"loss": [loss.model_dump() for loss in losses]}}
        )
        assert Sweep(axes={"loss.name": ["gce"]}).configs() == Sweep(axes={"loss": ["gce"]}).configs()

    def test_the_same_runs_are_the_same_sweep(self, sweep: Sweep) -> None:
        reversed_axes = {path: values[::-1] for path, values in reversed(TWO_BY_TWO.items())}
        assert Sweep(base=TINY, axes=reversed_axes).id == sweep.id
        assert Sweep(base=TINY | {"seed": 7}, axes=TWO_BY_TWO).id == sweep.id
        assert Sweep(base=TINY, axes=TWO_BY_TWO | {"seed": [0, 2]}).id != sweep.id
        assert Sweep(base=TINY, axes=TWO_BY_TWO, title="mine").id != sweep.id

    def test_duplicates_are_one_run(self) -> None:
        assert len(Sweep(base=TINY, axes={"seed": [0, 1, 0], "batch_size": [16, 16]}).configs()) == 2

    def test_a_part_comes_before_its_hyperparameters(self) -> None:
        sweep = Sweep(
            base=TINY, axes={"loss.q": [0.3, 0.5], "loss": ["gce", "truncated-gce"], "optimizer.learning_rate": [0.1]}
        )
        assert [(config.loss.name, config.loss.q) for config in sweep.configs()] == [
            ("gce", 0.3), ("truncated-gce", 0.3), ("gce", 0.5), ("truncated-gce", 0.5)
        ]  # fmt: skip

    def test_no_axis_is_one_run(self, tiny: RunConfig) -> None:
        assert Sweep(base=tiny).configs() == [tiny]

    @pytest.mark.parametrize(
        ("axes", "sentence"),
        [
            (3, "axes is 3, allowed: a list of values for each field"),
            ({"seed": 3}, r"axes.seed is 3, allowed: a list of values, as in \[3\]"),
            ({"loss": "gce"}, "axes.loss is 'gce', allowed: a list of values"),
            ({"seed": []}, r"axes.seed is \[\], allowed: at least one value"),
            ({"seed": [0, -1]}, "axes.seed is -1, allowed: a whole number from 0"),
            ({"optimizer.learning_rate": [0.1, 0]}, "axes.optimizer.learning_rate is 0, allowed: a number above 0"),
            ({"optimizer.learning_rate": ["fast"]}, "axes.optimizer.learning_rate is 'fast', allowed"),
            ({"loss": ["gcee"]}, "axes.loss is 'gcee', allowed: one of cross-entropy"),
            ({"loss": [{"name": "gce", "q": 7}]}, "axes.loss.q is 7, allowed"),
            ({"loss": ["gce", "mae"], "loss.q": [0.5]}, "axes.loss.q is not a field of mae"),
            ({"speed": [1]}, "axes.speed is not a field"),
            ({"speed.limit": [1]}, "axes.speed.limit is not a field of a run"),
            ({"loss.q.r": [1], "loss": ["gce"]}, r"axes.loss.q is {'r': 1}, allowed: a number above 0"),
            ({"model": ["resnet18"], "batch_size": [16, 1]}, "axes.batch_size is 1 with resnet18, allowed: at least 2"),
            (
                {"model": [{"name": "mlp", "normalization": "batch"}]},
                "axes ask for model mlp .normalization batch.: batch_size is 1 with mlp",
            ),
            ({"seed": range(MAX_RUNS), "epochs": [1, 2]}, f"axes ask for 1,000 runs, allowed: at most {MAX_RUNS}"),
            ({"intervention": ["prayer"]}, "axes.intervention is 'prayer', allowed: one of cross-entropy-first"),
            ({"intervention": ["he-normal"]}, "axes.intervention is 'he-normal', which changes nothing"),
        ],
    )
    def test_an_invalid_sweep_is_one_sentence(self, axes, sentence: str) -> None:
        with pytest.raises(ConfigError, match=f"^{sentence}") as caught:
            Sweep(base={"batch_size": 1}, axes=axes)
        assert "\n" not in str(caught.value)

    def test_typed_values(self) -> None:
        assert parse_values("0.01, 1e-3,all ,true,,") == [0.01, 0.001, "all", True]
        assert parse_values('[{"name": "gce", "q": 0.5}, "mae"]') == [{"name": "gce", "q": 0.5}, "mae"]
        assert parse_values(" ") == []

    def test_labels_of_values(self) -> None:
        values = [{"name": "gce", "q": 0.7}, {"name": "mae"}, 1e-05, "all", None, True, {"duration": 2}]
        assert [label(value) for value in values] == [
            "gce (q 0.7)",
            "mae",
            "1e-05",
            "all",
            "as it is",
            "True",
            "duration 2",
        ]


def test_interventions_are_one_group(tiny: RunConfig) -> None:
    sweep = intervention_sweep(
        tiny.with_(loss={"name": "gce"}, seed=3),
        ["zero-last-layer", {"name": "cross-entropy-first", "epochs": 0.5}],
        seeds=2,
    )
    configs = sweep.configs()
    assert configs[0] == tiny.with_(loss={"name": "gce"}, seed=3) and [config.seed for config in configs] == [3, 4] * 3
    assert configs[2].initialization.last_layer == "zero" and configs[5].schedule.duration == 0.5
    assert Sweep.from_json(sweep.to_json()).id == sweep.id
    complete = intervention_sweep(tiny.with_(loss={"name": "gce"}))
    assert len(complete.configs()) == len(complete.axes["intervention"]) > 5
