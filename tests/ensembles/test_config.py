"""The configuration of an ensemble, and what is refused before it starts."""

from __future__ import annotations

import pytest

from igbviz.datasets import Facts
from igbviz.ensembles import EnsembleConfig, initialize, require_room
from igbviz.spec import ConfigError
from tests.support.untrained import SMALL


class TestConfig:
    def test_round_trip_and_identity(self) -> None:
        config = EnsembleConfig(**SMALL)
        assert EnsembleConfig.from_json(config.to_json()) == config
        assert (
            config.id.startswith("gaussian-noise-mlp-he-normal-n5-s0-")
            and config.id == EnsembleConfig(**SMALL | {"seed": 0}).id
        )
        assert (
            len(
                {
                    EnsembleConfig(**SMALL | change).id
                    for change in ({}, {"seed": 1}, {"inputs": 61}, {"gradients": True})
                }
            )
            == 4
        )

    @pytest.mark.parametrize(
        ("values", "sentence"),
        [
            ({"networks": 1}, "networks is 1, allowed: a whole number from 2 to 100000"),
            ({"inputs": 9}, "inputs is 9, allowed"),
            ({"batch_norm": "train"}, "batch_norm is 'train', allowed: one of eval, batch, after"),
            ({"pretrained": True}, "pretrained is true with mlp, allowed: false"),
            ({"depth": 3}, "depth is not a field"),
        ],
    )
    def test_wrong_values_are_a_sentence(self, values: dict, sentence: str) -> None:
        with pytest.raises(ConfigError, match=sentence):
            EnsembleConfig(**values)
        with pytest.raises(ConfigError, match="not JSON"):
            EnsembleConfig.from_json("{")

    def test_too_few_images_or_too_little_memory_is_refused_before_it_starts(self) -> None:
        with pytest.raises(ConfigError, match="inputs is 301, allowed: at most the 300 test images"):
            next(initialize(EnsembleConfig(**SMALL | {"inputs": 301}), "cpu"))
        huge = EnsembleConfig(model={"name": "mlp", "depth": 100, "width": 8192, "max_pool": 64})
        with pytest.raises(ConfigError, match="model needs about .* GB of memory .* allowed"):
            next(initialize(huge, "cpu"))
        plain, with_gradients = (
            EnsembleConfig(model={"name": "mlp", "depth": 50}, gradients=choice) for choice in (False, True)
        )
        facts = Facts(1, 28, tuple("0123456789"), 10, 1000)
        require_room(plain, facts, free=5e7)
        with pytest.raises(ConfigError):
            require_room(with_gradients, facts, free=5e7)


def test_an_ensemble_keeps_its_bias() -> None:
    with pytest.raises(ConfigError, match="^initialization.last_layer is neutral-bias, allowed: same, zero or scaled"):
        EnsembleConfig(initialization={"name": "he-normal", "last_layer": "neutral-bias"})
