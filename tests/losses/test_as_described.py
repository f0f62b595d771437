"""What a loss says of itself, where its knobs end, and what it refuses."""

import math
import subprocess
import sys

import pytest
import torch

from igbviz.losses import LOSSES, LossOfP
from igbviz.spec import ConfigError, kinds
from tests.support.losses import CASES, draw, every, value_and_gradient, worst_logits


def test_checks_tell_who_is_ignored_and_who_is_pushed_down():
    def found(name, **knobs):
        return [(kind, round(low, 2), round(high, 2)) for kind, low, high, _ in LOSSES[name](**knobs).checks()]

    assert found("cross-entropy") == found("mae") == found("blurry", detach_weight=True) == []
    assert found("piecewise-zero") == [("silent", 0, 0.1)]
    assert found("truncated-gce") == [("silent", 0, 0.5)]
    assert found("blurry") == [("wrong way", 0, round(math.exp(-1 / 0.7), 2))]


@every([(name, {}) for name in LOSSES])
def test_every_loss_explains_itself(name, knobs):
    cls = LOSSES[name]
    assert all(
        isinstance(text, str) and text for text in (cls.title, cls.formula, cls.source, cls.effect, cls().latex())
    )
    assert cls().canonical() == {"name": name} and cls() == cls() and hash(cls()) == hash(cls())
    assert cls.model_validate(cls().model_dump()) == cls()
    assert issubclass(cls, LossOfP) == cls.depends_on_p_only
    assert all(field.description for field in cls.knobs().values())
    with pytest.raises(ConfigError, match="is not a field of"):
        cls(unheard_of=1)


@pytest.mark.parametrize(
    "name, knob, rule, bound",
    [
        (name, knob, *limit)
        for name, cls in LOSSES.items()
        for knob, field in cls.knobs().items()
        for _, limits in kinds(field)
        for limit in limits.items()
    ],
)
def test_knobs_end_where_they_say(name, knob, rule, bound):
    beyond = {"ge": bound - 1e-6, "gt": bound, "le": bound + 1, "lt": bound}[rule]
    for wrong in (beyond, float("nan"), "much"):
        with pytest.raises(ConfigError, match=f"^{knob} is .*, allowed: a number"):
            LOSSES[name](**{knob: wrong})
    if rule in ("ge", "le"):
        values, gradient = value_and_gradient(
            LOSSES[name](**{knob: bound}), worst_logits()[0].double(), worst_logits()[1]
        )
        assert values.isfinite().all() and gradient.isfinite().all()


@pytest.mark.parametrize(
    "logits, labels, sentence",
    [
        (torch.zeros(3, 4), torch.tensor([0, 1]), "do not fit"),
        (torch.zeros(4), torch.tensor([0, 1, 2, 3]), "do not fit"),
        (torch.zeros(2, 4), torch.tensor([0, 4]), "labels run from 0 to 4, allowed: 0 to 3"),
        (torch.zeros(2, 4), torch.tensor([-1, 0]), "labels run from -1 to 0, allowed: 0 to 3"),
        (torch.zeros(2, 4), torch.tensor([0.0, 1.0]), "labels are of type torch.float32, allowed: whole numbers"),
        (torch.zeros(2, 1), torch.tensor([0, 0]), "logits have 1 classes, allowed: at least 2"),
    ],
)
def test_wrong_labels_are_named(logits, labels, sentence):
    for ask in (
        lambda: LOSSES["nce"]()(logits, labels),
        lambda: LOSSES["nce"]().gradient(logits.numpy(), labels.numpy()),
    ):
        with pytest.raises(ConfigError) as problem:
            ask()
        assert sentence.replace("torch.", "") in str(problem.value).replace("torch.", "")


@every(CASES)
def test_small_label_types_will_do(name, knobs):
    logits, labels = draw()
    torch.testing.assert_close(
        LOSSES[name](**knobs)(logits, labels.to(torch.uint8)), LOSSES[name](**knobs)(logits, labels)
    )


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
