"""Descriptions of losses: their texts are true, and hyperparameters end where they say."""

import subprocess
import sys

import numpy as np
import pytest

from igbviz.losses import LOSSES, LossOfP
from igbviz.losses.force import force_at, one_favoured
from igbviz.spec import ConfigError, kinds
from tests.support.losses import every, value_and_gradient, worst_logits


@every([(name, {}) for name in LOSSES])
def test_every_loss_explains_itself(name, hyperparameters):
    cls = LOSSES[name]
    assert all(
        isinstance(text, str) and text for text in (cls.title, cls.formula, cls.source, cls.effect, cls().latex())
    )
    assert cls().canonical() == {"name": name} and cls() == cls() and hash(cls()) == hash(cls())
    assert cls.model_validate(cls().model_dump()) == cls()
    assert issubclass(cls, LossOfP) == cls.depends_on_p_only
    assert all(field.description for field in cls.hyperparameters().values())
    with pytest.raises(ConfigError, match="is not a field of"):
        cls(unheard_of=1)


@pytest.mark.parametrize(
    "name, knob, rule, bound",
    [
        (name, knob, *limit)
        for name, cls in LOSSES.items()
        for knob, field in cls.hyperparameters().items()
        for _, limits in kinds(field)
        for limit in limits.items()
    ],
)
def test_hyperparameters_end_where_they_say(name, knob, rule, bound):
    beyond = {"ge": bound - 1e-6, "gt": bound, "le": bound + 1, "lt": bound}[rule]
    for wrong in (beyond, float("nan"), "much"):
        with pytest.raises(ConfigError, match=f"^{knob} is .*, allowed: a number"):
            LOSSES[name](**{knob: wrong})
    if rule in ("ge", "le"):
        values, gradient = value_and_gradient(
            LOSSES[name](**{knob: bound}), worst_logits()[0].double(), worst_logits()[1]
        )
        assert values.isfinite().all() and gradient.isfinite().all()


def test_effects_are_what_the_gradients_do():
    """The sentences on the page, checked on ten classes: logits of the true class, the favourite and the others."""
    lead, label = np.array([0.0, 2.0, 5.0, 10.0]), np.zeros(4, int)

    def gradient(name):
        return LOSSES[name]().gradient(one_favoured(lead, 10), label)

    plain, nce, nfl = gradient("cross-entropy"), gradient("nce"), gradient("nfl")
    assert (nce[:, 1] > 0).all() and (nce[:, 1] < 0.05 * plain[:, 1]).all(), "hardly, which is not never"
    assert "hardly pushes the favourite down" in LOSSES["nce"].effect
    assert (np.diff(-nce[:, 0]) < 0).all() and (nfl[2:, 1] < nce[2:, 1]).all()
    assert np.allclose(gradient("logit-norm")[1:, 1] / gradient("logit-norm")[1:, 0], 0, atol=1e-6)
    assert 0.75 < (gradient("focal")[:, 0] / plain[:, 0]).min() and (gradient("focal")[:, 0] / plain[:, 0]).max() < 1.25
    assert (gradient("label-smoothing")[2:, 2] < 0).all(), "improbable classes are raised whatever the label"
    assert 0.75 < (gradient("bootstrapping-hard")[1:, 0] / plain[1:, 0]).min()
    for pair, p, nce_is_larger in (("nce-rce", 5e-4, True), ("nce-rce", 0.01, False), ("nfl-rce", 5e-4, True)):
        active, passive = force_at(LOSSES[pair](beta=0.0), p, 10), force_at(LOSSES[pair](alpha=0.0), p, 10)
        assert (active > passive) == nce_is_larger
    anl = LOSSES["anl-ce"](alpha=0.0)
    assert force_at(anl, 1e-9, 10) == 0 < force_at(anl, 1e-3, 10)


def test_losses_are_described_and_drawn_without_torch():
    code = """
import sys
sys.modules["torch"] = sys.modules["sympy"] = None  # importing either would now fail
import numpy as np
from igbviz.losses import LOSSES
for cls in LOSSES.values():
    loss = cls()
    assert np.isfinite(loss.gradient(np.eye(4), np.array([0, 0, 1, 2]))).all()
    assert loss.latex()
    if loss.depends_on_p_only:
        loss.f(np.log([0.1, 0.9]), np), loss.weight(np.log([0.1, 0.9]), np), loss.checks()
"""
    subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        check=True,
        env={"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"},
    )
