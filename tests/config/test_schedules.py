"""Which loss each step descends."""

from __future__ import annotations

import pytest
import torch

from igbviz.config.schedules import SCHEDULES, Immediate, Mix, Switch
from igbviz.losses import CrossEntropy, PiecewiseZero

LOSS = PiecewiseZero(cutoff=0.5)


def test_immediate() -> None:
    assert Immediate().at(0, 10, LOSS) is LOSS and Immediate().mark(10) is None


@pytest.mark.parametrize(
    ("switch", "step"), [(Switch(duration=2), 20), (Switch(duration=0.25), 2), (Switch(duration=7, unit="steps"), 7)]
)
def test_switch(switch: Switch, step: int) -> None:
    assert switch.at(step - 1, 10, LOSS) == CrossEntropy() and switch.at(step, 10, LOSS) is LOSS
    assert switch.mark(10) == (step / 10, "loss switches")


def test_mix_is_linear() -> None:
    mix = Mix(duration=1)
    logits, labels = torch.randn(6, 4), torch.arange(6) % 4
    start, end = CrossEntropy().values(logits, labels), LOSS.values(logits, labels)
    for step, weight in ((0, 0.0), (3, 0.3), (9, 0.9)):
        blend = mix.at(step, 10, LOSS)
        torch.testing.assert_close(blend.values(logits, labels), (1 - weight) * start + weight * end)
        torch.testing.assert_close(blend.batch_loss(logits, labels), blend.values(logits, labels).mean())
    assert mix.at(10, 10, LOSS) is LOSS


@pytest.mark.parametrize("name", SCHEDULES)
def test_zero_duration_is_immediate(name: str) -> None:
    schedule = SCHEDULES[name](**({} if name == "immediate" else {"duration": 0}))
    assert schedule.at(0, 10, LOSS) is LOSS
